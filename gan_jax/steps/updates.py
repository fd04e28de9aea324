"""The training steps: pure functions from (state, batch, key) to (state, metrics).

`batch` is a dict with 'images', float [n, h, w, c] in [-1, 1] (and 'labels', int32 [n], for the
recogniser and for class-conditional GANs); `key` is the root key of the run: the step number is
folded in. With `axis_name` the functions run on each device of a mapped axis, n being the device's
share, and return the same state on all of them. Metrics are scalars named 'group/name'.

Random draws belong to global example indices: 'index', int32 [n], of the batch, or else counted.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from gan_jax.steps.axis import bind_axis, example_keys, global_count, named_key, pmean
from gan_jax.steps.parts import (
    Batch,
    Metrics,
    Verdict,
    accumulate,
    apply_gradients,
    conditions,
    discriminator_loss,
    finish_discriminator,
    finish_generator,
    gan_augmenter,
    generate,
    generator_batch,
    generator_inputs,
    generator_loss,
    global_index,
    in_turn,
    make_augmenter,
    make_judge,
    total_penalty,
    with_further_losses,
    with_further_pulls,
)
from gan_jax.steps.state import GAN, CNNState, GANState, Recogniser, update_ema


def discriminator_update(
    state: GANState, batch: Batch, key: Array, *, gan: GAN, axis_name: str | None = None
) -> tuple[GANState, Metrics]:
    """One gradient step of the discriminator on real and freshly generated images.

    Writes the discriminator's parameters, collections and optimiser state. The generator runs in
    training mode, but nothing of it is written.
    """
    key = named_key(jax.random.fold_in(key, state.step), "discriminator")

    def gradients(batch: Batch, collections: Any, own: Array) -> tuple[Any, Metrics, Any]:
        real, index, given = batch["images"], batch["index"], conditions(batch, gan)
        judge = make_judge(gan, given, gan_augmenter(gan, state, key, index), own, axis_name)
        inputs = generator_inputs(batch, key, gan)
        net = state.generator
        fake, _ = generate(net.params, net, inputs, own, gan, axis_name)

        def loss_fn(params: Any) -> tuple[Array, tuple[Metrics, Any]]:
            # Two passes, as batch statistics must not mix real and generated images.
            on_real, after = judge(params, collections, real, "real")
            on_fake, after = judge(params, after, fake, "fake")
            loss, metrics = discriminator_loss(gan, state, on_real, on_fake, given)
            penalty, values = total_penalty(
                gan,
                lambda images, kind: judge(params, collections, images, kind)[0].logits,
                real,
                fake,
                example_keys(named_key(key, "penalty"), index),
                state.step,
                axis_name,
            )
            return loss + penalty, (metrics | values, after)

        grads, (metrics, after) = jax.grad(loss_fn, has_aux=True)(state.discriminator.params)
        return grads, metrics, after

    batch = batch | {"index": global_index(batch, axis_name)}
    results = accumulate(gradients, batch, state.discriminator.collections, key, gan.accumulation)
    grads, metrics, collections = pmean(results, axis_name)
    return finish_discriminator(state, grads, collections, metrics, gan), metrics


def generator_update(
    state: GANState, batch: Batch, key: Array, *, gan: GAN, axis_name: str | None = None
) -> tuple[GANState, Metrics]:
    """One gradient step of the generator against the discriminator, and of its moving average.

    Writes the generator's parameters, collections and optimiser state, `ema` and `step`. The
    discriminator runs in training mode, but nothing of it is written. `parts.generator_batch`
    lists the fields of the batch that it reads.
    """
    key = named_key(jax.random.fold_in(key, state.step), "generator")
    discriminator = state.discriminator

    def gradients(batch: Batch, collections: Any, own: Array) -> tuple[Any, Metrics, Any]:
        index, given = batch["index"], conditions(batch, gan)
        judge = make_judge(gan, given, gan_augmenter(gan, state, key, index), own, axis_name)
        judge = functools.partial(judge, discriminator.params, discriminator.collections)
        net = state.generator.replace(collections=collections)
        inputs = generator_inputs(batch, key, gan)
        on_real = judge(batch["images"], "real")[0] if gan.loss.relativistic else None

        def loss_fn(params: Any) -> tuple[Array, tuple[Metrics, Any]]:
            fake, after = generate(params, net, inputs, own, gan, axis_name)
            verdict = judge(fake, "fake")[0] if gan.adversarial_weight else None
            total = generator_loss(gan, on_real, verdict, given)
            loss, metrics = with_further_losses(gan, total, fake, batch, axis_name)
            return loss, (metrics, after)

        grads, (metrics, after) = jax.grad(loss_fn, has_aux=True)(state.generator.params)
        return grads, metrics, after

    used = generator_batch(batch, gan, axis_name)
    results = accumulate(gradients, used, state.generator.collections, key, gan.accumulation)
    grads, metrics, collections = pmean(results, axis_name)
    count = len(used["index"])
    return finish_generator(state, grads, collections, count, gan, axis_name), metrics


def gan_step(
    state: GANState, batch: Batch, key: Array, *, gan: GAN, axis_name: str | None = None
) -> tuple[GANState, Metrics]:
    """Updates of the discriminator, then one of the generator (Goodfellow et al. 2014, alg. 1).

    The batch holds the real images of `gan.discriminator_steps` updates. Writes all of the state.
    """
    update = functools.partial(discriminator_update, gan=gan, axis_name=axis_name)
    times = gan.discriminator_steps
    state, batch, discriminator_metrics = in_turn(update, state, batch, key, times, axis_name)
    state, generator_metrics = generator_update(state, batch, key, gan=gan, axis_name=axis_name)
    return state, discriminator_metrics | generator_metrics


def simultaneous_step(
    state: GANState, batch: Batch, key: Array, *, gan: GAN, axis_name: str | None = None
) -> tuple[GANState, Metrics]:
    """One update of both networks, each against the other as it was before the step.

    The generated images and the discriminator's logits of them are computed once and serve both
    losses (simultaneous gradient descent, Mescheder et al. 2017, "The numerics of GANs", alg. 1).
    The gradients are those of the two losses taken apart. Writes all of the state.
    """
    key = named_key(jax.random.fold_in(key, state.step), "simultaneous")

    def gradients(batch: Batch, collections: Any, own: Array) -> tuple[Any, Metrics, Any]:
        real, index, given = batch["images"], batch["index"], conditions(batch, gan)
        judge = make_judge(gan, given, gan_augmenter(gan, state, key, index), own, axis_name)
        net = state.generator.replace(collections=collections[0])
        inputs = generator_inputs(batch, key, gan)

        fake, generator_vjp, after_generator = jax.vjp(
            lambda params: generate(params, net, inputs, own, gan, axis_name),
            state.generator.params,
            has_aux=True,
        )

        def judge_real(params: Any) -> tuple[tuple[Verdict, Array], tuple[Metrics, Any]]:
            on_real, after = judge(params, collections[1], real, "real")
            penalty, values = total_penalty(
                gan,
                lambda images, kind: judge(params, collections[1], images, kind)[0].logits,
                real,
                fake,
                example_keys(named_key(key, "penalty"), index),
                state.step,
                axis_name,
            )
            return (on_real, penalty), (values, after)

        def judge_fake(params: Any, fake: Array) -> tuple[Verdict, Any]:
            return judge(params, after_real, fake, "fake")

        params = state.discriminator.params
        (on_real, penalty), real_vjp, (values, after_real) = jax.vjp(
            judge_real, params, has_aux=True
        )
        on_fake, fake_vjp, after = jax.vjp(judge_fake, params, fake, has_aux=True)
        (real_pull, fake_pull), metrics = jax.grad(
            lambda *pair: discriminator_loss(gan, state, *pair, given), (0, 1), has_aux=True
        )(on_real, on_fake)
        generated_pull, generator_metrics = jax.grad(
            lambda fake: generator_loss(gan, on_real, fake, given), has_aux=True
        )(on_fake)
        discriminator_grads = jax.tree.map(
            jnp.add, real_vjp((real_pull, jnp.ones_like(penalty)))[0], fake_vjp(fake_pull)[0]
        )
        pull, further = with_further_pulls(gan, fake_vjp(generated_pull)[1], fake, batch, axis_name)
        generator_grads = generator_vjp(pull)[0]
        metrics |= generator_metrics | further | values
        return (generator_grads, discriminator_grads), metrics, (after_generator, after)

    batch = batch | {"index": global_index(batch, axis_name)}
    collections = (state.generator.collections, state.discriminator.collections)
    results = accumulate(gradients, batch, collections, key, gan.accumulation)
    grads, metrics, collections = pmean(results, axis_name)
    state = finish_discriminator(state, grads[1], collections[1], metrics, gan)
    count = len(batch["index"])
    return finish_generator(state, grads[0], collections[0], count, gan, axis_name), metrics


def cnn_update(
    state: CNNState,
    batch: Batch,
    key: Array,
    *,
    recogniser: Recogniser,
    axis_name: str | None = None,
) -> tuple[CNNState, Metrics]:
    """One gradient step of the recogniser on the cross entropy. Writes all of the state."""
    key = named_key(jax.random.fold_in(key, state.step), "recogniser")
    images, labels = batch["images"], batch["labels"]
    images = make_augmenter(recogniser.augment, key, global_index(batch, axis_name))(images, "real")
    network = bind_axis(recogniser.network, axis_name)

    def loss_fn(params: Any) -> tuple[Array, tuple[Array, Any]]:
        outputs, collections = network.apply(
            {"params": params, **state.network.collections},
            images,
            train=True,
            mutable=list(state.network.collections),
            rngs={"dropout": named_key(key, "dropout")},
        )
        logits = outputs["logits"]
        targets = optax.smooth_labels(
            jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype), recogniser.label_smoothing
        )
        loss = jnp.mean(optax.softmax_cross_entropy(logits, targets))
        return loss, (jnp.mean(jnp.argmax(logits, -1) == labels), collections)

    grad_fn = jax.value_and_grad(loss_fn, has_aux=True)
    (loss, (accuracy, collections)), grads = grad_fn(state.network.params)
    metrics = {"loss/cross_entropy": loss, "accuracy/train": accuracy}
    grads, metrics, collections = pmean((grads, metrics, collections), axis_name)
    net = apply_gradients(state.network, grads, collections, recogniser.optimizer)
    ema = update_ema(
        state.ema,
        net.variables(),
        step=state.step,
        batch_size=global_count(len(images), axis_name),
        half_life=recogniser.ema_half_life,
        rampup=recogniser.ema_rampup,
    )
    return state.replace(step=state.step + 1, network=net, ema=ema), metrics
