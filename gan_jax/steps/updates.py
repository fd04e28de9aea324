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

from gan_jax.steps.axis import bind_axis, global_count, named_key, pmean
from gan_jax.steps.gradients import (
    accumulate,
    apply_gradients,
    finish_discriminator,
    finish_generator,
    in_turn,
)
from gan_jax.steps.objectives import (
    discriminator_loss,
    further_losses,
    generator_loss,
    penalty,
)
from gan_jax.steps.passes import (
    Batch,
    Metrics,
    Outputs,
    Passes,
    augmented,
    generator_batch,
    with_index,
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
        passes = Passes(gan, state, batch, key, own, axis_name)
        real = batch["images"]
        fake, _ = passes.generate(state.generator.params, state.generator.collections)

        def loss_fn(params: Any) -> tuple[Array, tuple[Metrics, Any]]:
            # Two passes, as batch statistics must not mix real and generated images.
            on_real, after = passes.discriminate(params, collections, real, "real")
            on_fake, after = passes.discriminate(params, after, fake, "fake")
            loss, metrics = discriminator_loss(passes, on_real, on_fake)
            total, values = penalty(passes, params, collections, real, fake)
            return loss + total, (metrics | values, after)

        grads, (metrics, after) = jax.grad(loss_fn, has_aux=True)(state.discriminator.params)
        return grads, metrics, after

    batch = with_index(batch, axis_name)
    results = accumulate(gradients, batch, state.discriminator.collections, key, gan.accumulation)
    grads, metrics, collections = pmean(results, axis_name)
    return finish_discriminator(state, grads, collections, metrics, gan), metrics


def generator_update(
    state: GANState, batch: Batch, key: Array, *, gan: GAN, axis_name: str | None = None
) -> tuple[GANState, Metrics]:
    """One gradient step of the generator against the discriminator, and of its moving average.

    Writes the generator's parameters, collections and optimiser state, `ema` and `step`. The
    discriminator runs in training mode, but nothing of it is written. `passes.generator_batch`
    lists the fields of the batch that it reads.
    """
    key = named_key(jax.random.fold_in(key, state.step), "generator")

    def gradients(batch: Batch, collections: Any, own: Array) -> tuple[Any, Metrics, Any]:
        passes = Passes(gan, state, batch, key, own, axis_name)
        against = state.discriminator.params, state.discriminator.collections
        on_real = None
        if gan.loss.relativistic:
            on_real, _ = passes.discriminate(*against, batch["images"], "real")

        def loss_fn(params: Any) -> tuple[Array, tuple[Metrics, Any]]:
            fake, after = passes.generate(params, collections)
            loss: Array | None = None
            metrics: Metrics = {}
            if gan.adversarial_weight:
                on_fake, _ = passes.discriminate(*against, fake, "fake")
                loss, metrics = generator_loss(passes, on_real, on_fake)
            loss, further = further_losses(passes, fake, loss)
            return loss, (metrics | further, after)

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
        passes = Passes(gan, state, batch, key, own, axis_name)
        real = batch["images"]
        fake, generator_vjp, after_generator = jax.vjp(
            lambda params: passes.generate(params, collections[0]),
            state.generator.params,
            has_aux=True,
        )

        def on_real_images(params: Any) -> tuple[tuple[Outputs, Array], tuple[Metrics, Any]]:
            outputs, after = passes.discriminate(params, collections[1], real, "real")
            total, values = penalty(passes, params, collections[1], real, fake)
            return (outputs, total), (values, after)

        def on_fake_images(params: Any, fake: Array) -> tuple[Outputs, Any]:
            return passes.discriminate(params, after_real, fake, "fake")

        params = state.discriminator.params
        (on_real, total), real_vjp, (values, after_real) = jax.vjp(
            on_real_images, params, has_aux=True
        )
        on_fake, fake_vjp, after = jax.vjp(on_fake_images, params, fake, has_aux=True)
        (real_pull, fake_pull), metrics = jax.grad(
            lambda *pair: discriminator_loss(passes, *pair), (0, 1), has_aux=True
        )(on_real, on_fake)
        generated_pull, generator_metrics = jax.grad(
            lambda fake: generator_loss(passes, on_real, fake), has_aux=True
        )(on_fake)
        discriminator_grads = jax.tree.map(
            jnp.add, real_vjp((real_pull, jnp.ones_like(total)))[0], fake_vjp(fake_pull)[0]
        )
        pull, further = fake_vjp(generated_pull)[1], {}
        if gan.generator_losses:
            further_pull, further = jax.grad(
                lambda fake: further_losses(passes, fake), has_aux=True
            )(fake)
            pull = pull + further_pull
        metrics |= generator_metrics | further | values
        grads = generator_vjp(pull)[0], discriminator_grads
        return grads, metrics, (after_generator, after)

    batch = with_index(batch, axis_name)
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
    index = with_index(batch, axis_name)["index"]
    images = augmented(recogniser.augment, images, key, index, "real")
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


UPDATES = {"alternating": gan_step, "simultaneous": simultaneous_step}
