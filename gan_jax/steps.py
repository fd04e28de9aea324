"""The training steps: pure functions from (state, batch, key) to (state, metrics).

`batch` is a dict with 'images', float [n, h, w, c] in [-1, 1] (and 'labels', int32 [n], for the
recogniser); `key` is the root key of the run, the same at every step: the step number is folded in.
With `axis_name` the functions run on each device of a mapped axis, n being the device's share, and
return the same state on all of them. Metrics are scalars named 'group/name'.

Random draws belong to global example indices. A batch may bring them as 'index', int32 [n], so that
what is drawn is laid out over devices as the batch is; otherwise they are counted.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from gan_jax.axis import bind_axis, example_keys, global_count, named_key, pmean
from gan_jax.passes import (
    Batch,
    Metrics,
    accumulate,
    apply_gradients,
    augment_probability,
    discriminator_loss,
    draw_latents,
    finish_discriminator,
    finish_generator,
    generate,
    generator_loss,
    global_index,
    in_turn,
    make_augmenter,
    make_judge,
    total_penalty,
)
from gan_jax.state import GAN, CNNState, GANState, Recogniser, update_ema


def discriminator_update(
    state: GANState, batch: Batch, key: Array, *, gan: GAN, axis_name: str | None = None
) -> tuple[GANState, Metrics]:
    """One gradient step of the discriminator on real and freshly generated images.

    Writes the discriminator's parameters, collections and optimiser state. The generator runs in
    training mode, but nothing of it is written.
    """
    key = named_key(jax.random.fold_in(key, state.step), "discriminator")

    def gradients(batch: Batch, collections: Any, own: Array) -> tuple[Any, Metrics, Any]:
        judge = make_judge(gan, own, axis_name)
        real, index = batch["images"], batch["index"]
        latents = draw_latents(named_key(key, "latents"), index, gan.latent_dim)
        fake, _ = generate(state.generator.params, state.generator, latents, own, gan, axis_name)
        augment = make_augmenter(gan.augment, key, index, augment_probability(gan, state))

        def loss_fn(params: Any) -> tuple[Array, tuple[Metrics, Any]]:
            # Two passes, as batch statistics must not mix real and generated images.
            logits, after = judge(params, collections, augment(real, "real"), "real")
            fake_logits, after = judge(params, after, augment(fake, "fake"), "fake")
            loss, metrics = discriminator_loss(gan, state, logits, fake_logits)
            penalty, values = total_penalty(
                gan,
                lambda images, kind: judge(params, collections, augment(images, kind), kind)[0],
                real,
                fake,
                example_keys(named_key(key, "penalty"), index),
                state.step,
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
    discriminator runs in training mode, but nothing of it is written. Of the batch only its
    size and its indices are used, unless the loss is relativistic.
    """
    key = named_key(jax.random.fold_in(key, state.step), "generator")
    discriminator = state.discriminator

    def gradients(batch: Batch, collections: Any, own: Array) -> tuple[Any, Metrics, Any]:
        judge = make_judge(gan, own, axis_name)
        index = batch["index"]
        augment = make_augmenter(gan.augment, key, index, augment_probability(gan, state))
        net = state.generator.replace(collections=collections)
        latents = draw_latents(named_key(key, "latents"), index, gan.latent_dim)
        real_logits = None
        if gan.loss.relativistic:
            real = augment(batch["images"], "real")
            real_logits, _ = judge(discriminator.params, discriminator.collections, real, "real")

        def loss_fn(params: Any) -> tuple[Array, Any]:
            fake, after = generate(params, net, latents, own, gan, axis_name)
            fake = augment(fake, "fake")
            logits, _ = judge(discriminator.params, discriminator.collections, fake, "fake")
            return generator_loss(gan, real_logits, logits), after

        (loss, after), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.generator.params)
        return grads, {"loss/generator": loss}, after

    used = {"index": global_index(batch, axis_name)}
    if gan.loss.relativistic:
        used["images"] = batch["images"]
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
        judge = make_judge(gan, own, axis_name)
        real, index = batch["images"], batch["index"]
        augment = make_augmenter(gan.augment, key, index, augment_probability(gan, state))
        net = state.generator.replace(collections=collections[0])
        latents = draw_latents(named_key(key, "latents"), index, gan.latent_dim)

        fake, generator_vjp, after_generator = jax.vjp(
            lambda params: generate(params, net, latents, own, gan, axis_name),
            state.generator.params,
            has_aux=True,
        )

        def judge_real(params: Any) -> tuple[tuple[Array, Array], tuple[Metrics, Any]]:
            logits, after = judge(params, collections[1], augment(real, "real"), "real")
            penalty, values = total_penalty(
                gan,
                lambda images, kind: judge(params, collections[1], augment(images, kind), kind)[0],
                real,
                fake,
                example_keys(named_key(key, "penalty"), index),
                state.step,
            )
            return (logits, penalty), (values, after)

        def judge_fake(params: Any, fake: Array) -> tuple[Array, Any]:
            return judge(params, after_real, augment(fake, "fake"), "fake")

        params = state.discriminator.params
        (logits, penalty), real_vjp, (values, after_real) = jax.vjp(
            judge_real, params, has_aux=True
        )
        fake_logits, fake_vjp, after = jax.vjp(judge_fake, params, fake, has_aux=True)
        (_, metrics), (on_real, on_fake) = jax.value_and_grad(
            lambda *pair: discriminator_loss(gan, state, *pair), (0, 1), has_aux=True
        )(logits, fake_logits)
        metrics["loss/generator"], on_generated = jax.value_and_grad(
            lambda fake_logits: generator_loss(gan, logits, fake_logits)
        )(fake_logits)
        discriminator_grads = jax.tree.map(
            jnp.add, real_vjp((on_real, jnp.ones_like(penalty)))[0], fake_vjp(on_fake)[0]
        )
        generator_grads = generator_vjp(fake_vjp(on_generated)[1])[0]
        return (generator_grads, discriminator_grads), metrics | values, (after_generator, after)

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
            jax.nn.one_hot(labels, logits.shape[-1]), recogniser.label_smoothing
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
