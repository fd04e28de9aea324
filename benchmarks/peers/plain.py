"""Plain Flax: networks and training step as one would first write them in JAX.

Also the measure of arithmetic: XLA's cost analysis of this step, before any optimisation, counts
the operations of the networks without products with padding. All peers' shares of the machine's
peak are taken from that count.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from benchmarks.peers import plain_networks
from benchmarks.peers.jax_trainer import jax_trainer, random_batch
from benchmarks.peers.serving import Trainer, serve
from benchmarks.works import Task, Work

Step = Callable[[Any, dict[str, Array], Array], tuple[Any, Array]]


class Net(NamedTuple):
    """A network in training: parameters, batch statistics and the state of Adam."""

    params: Any
    statistics: Any
    adam: Any


class Networks(NamedTuple):
    """The two networks of a GAN."""

    generator: Net
    discriminator: Net


def make_adam(work: Work) -> optax.GradientTransformation:
    """The optimiser that a work asks for."""
    return optax.adam(work.learning_rate, b1=work.b1, b2=work.b2)


def create_net(module: Any, work: Work, key: Array, example: Array) -> Net:
    """Initialises a network."""
    variables = module.init({"params": key, "dropout": key}, example)
    statistics = variables.get("batch_stats", {})
    return Net(variables["params"], statistics, make_adam(work).init(variables["params"]))


def make_modules(task: Task) -> list[Any]:
    """The work's networks: generator and discriminator, or the recogniser."""
    dtype = jnp.bfloat16 if task.dtype == "bfloat16" else None
    kinds = plain_networks.GANS[task.work.model] if task.work.is_gan else (plain_networks.CNN,)
    return [kind(task.work, dtype) for kind in kinds]


def create(task: Task, key: Array) -> Any:
    """The state before the first step: `Networks`, or a `Net` for the recogniser."""
    work, modules = task.work, make_modules(task)
    images = jnp.zeros((1, *work.image_shape))
    if not work.is_gan:
        return create_net(modules[0], work, key, images)
    latents = jnp.zeros((1, work.latent_dim))
    return Networks(
        create_net(modules[0], work, key, latents), create_net(modules[1], work, key, images)
    )


def make_step(task: Task) -> Step:
    """(state, batch, key) to (state, loss) for the work and update of a task.

    The batch holds 'images' [n, h, w, c] in [-1, 1]; for the recogniser 'labels' int32 [n]. A GAN's
    batch may bring 'latents' float [2, n, latent_dim]; otherwise they are drawn.
    """
    work, modules = task.work, make_modules(task)
    adam = make_adam(work)

    def run(module: Any, params: Any, net: Net, inputs: Array, key: Array) -> tuple[Array, Any]:
        outputs, changed = module.apply(
            {"params": params, "batch_stats": net.statistics},
            inputs,
            mutable=["batch_stats"],
            rngs={"dropout": key},
        )
        return outputs, changed.get("batch_stats", {})

    def descend(net: Net, grads: Any, statistics: Any) -> Net:
        updates, state = adam.update(grads, net.adam, net.params)
        return Net(optax.apply_updates(net.params, updates), statistics, state)

    if not work.is_gan:
        return functools.partial(_recogniser_step, module=modules[0], run=run, descend=descend)

    relativistic = work.loss == "relativistic"
    generate, judge = (functools.partial(run, module) for module in modules)

    def discriminator_loss(
        params: Any, net: Net, real: Array, fake: Array, keys: Array
    ) -> tuple[Array, Any]:
        penalty, outputs = 0.0, []
        for images, weight, own in (
            (real, work.r1_weight, keys[0]),
            (fake, work.r2_weight, keys[1]),
        ):
            if weight:
                logits, pull = jax.vjp(lambda x: judge(params, net, x, own)[0], images)  # noqa: B023
                squares = jnp.sum(jnp.square(pull(jnp.ones_like(logits))[0]))
                penalty += 0.5 * weight * squares / len(images)
            else:
                logits, statistics = judge(params, net, images, own)
                net = net._replace(statistics=statistics)
            outputs.append(logits)
        logits, fake_logits = outputs
        if relativistic:
            losses = jax.nn.softplus(fake_logits - logits)
        else:
            losses = jax.nn.softplus(-logits) + jax.nn.softplus(fake_logits)
        return jnp.mean(losses) + penalty, net.statistics

    def generator_loss(fake: Array, real: Array, net: Net, keys: Array) -> Array:
        logits = judge(net.params, net, fake, keys[1])[0]
        if relativistic:
            logits -= judge(net.params, net, real, keys[0])[0]
        return jnp.mean(jax.nn.softplus(-logits))

    def update_discriminator(nets: Networks, real: Array, fake: Array, keys: Array) -> Networks:
        net = nets.discriminator
        grads, statistics = jax.grad(discriminator_loss, has_aux=True)(
            net.params, net, real, fake, keys
        )
        return nets._replace(discriminator=descend(net, grads, statistics))

    def step(nets: Networks, batch: dict[str, Array], key: Array) -> tuple[Networks, Array]:
        real = batch["images"]
        keys = jax.random.split(key, 4)
        latents = batch.get("latents")
        if latents is None:
            latents = jax.random.normal(keys[3], (2, len(real), work.latent_dim))
        if task.update == "alternating":
            fake, _ = generate(nets.generator.params, nets.generator, latents[0], keys[0])
            nets = update_discriminator(nets, real, fake, keys)
        net = nets.generator
        fake, pull, statistics = jax.vjp(
            lambda params: generate(params, net, latents[1], keys[2]), net.params, has_aux=True
        )
        before = nets
        if task.update != "alternating":
            nets = update_discriminator(nets, real, fake, keys)
        opponent = (before if task.update == "simultaneous" else nets).discriminator
        loss, on_fake = jax.value_and_grad(generator_loss)(fake, real, opponent, keys)
        return nets._replace(generator=descend(net, pull(on_fake)[0], statistics)), loss

    return step


def _recogniser_step(
    net: Net, batch: dict[str, Array], key: Array, *, module: Any, run: Any, descend: Any
) -> tuple[Net, Array]:
    def loss_fn(params: Any) -> tuple[Array, Any]:
        logits, statistics = run(module, params, net, batch["images"], key)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch["labels"])
        return jnp.mean(losses), statistics

    (loss, statistics), grads = jax.value_and_grad(loss_fn, has_aux=True)(net.params)
    return descend(net, grads, statistics), loss


def count_flops(task: Task) -> float:
    """Operations of one step: XLA's cost analysis of the plain step before optimisation."""
    key = jax.random.key(0)
    state = jax.eval_shape(lambda: create(task, key))
    lowered = jax.jit(make_step(task)).lower(state, random_batch(task), key)
    return float(lowered.cost_analysis()["flops"])


def parameter_counts(task: Task) -> dict[str, int]:
    """Trainable numbers by network."""
    state = jax.eval_shape(lambda: create(task, jax.random.key(0)))
    nets = state._asdict() if isinstance(state, Networks) else {"recogniser": state}
    return {
        name: sum(leaf.size for leaf in jax.tree.leaves(net.params)) for name, net in nets.items()
    }


def build(task: Task) -> Trainer:
    """The compiled step on random images."""
    key = jax.random.key(0)
    step = make_step(task)

    def numbered(carry: tuple[Any, Array], batch: Any, key: Array) -> tuple[Any, Array]:
        state, number = carry
        state, loss = step(state, batch, jax.random.fold_in(key, number))
        return (state, number + 1), loss

    return jax_trainer(
        task, numbered, (create(task, key), jnp.zeros((), jnp.int32)), parameter_counts(task)
    )


if __name__ == "__main__":
    serve(build)
