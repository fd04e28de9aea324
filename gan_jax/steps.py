"""The training steps: pure functions from (state, batch, key) to (state, metrics).

`batch` is a dict with 'images', float [n, h, w, c] in [-1, 1] (and 'labels', int32 [n], for the
recogniser); `key` is the root key of the run, the same at every step: the step number is folded in.
With `axis_name` the functions run on each device of a mapped axis, n being the device's share, and
return the same state on all of them. Metrics are scalars named 'group/name'.

Random draws belong to global example indices. A batch may bring them as 'index', int32 [n], so that
what is drawn is laid out over devices as the batch is; otherwise they are counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from gan_jax.axis import bind_axis, example_index, example_keys, global_count, named_key, pmean
from gan_jax.state import GAN, CNNState, GANState, NetState, Recogniser, update_ema

Batch = dict[str, Array]
Metrics = dict[str, Array]


def draw_latents(key: Array, index: Array, dim: int) -> Array:
    """Standard normal latents float32 [n, dim], each from its global example index, int32 [n]."""
    return jax.vmap(lambda k: jax.random.normal(k, (dim,)))(example_keys(key, index))


def discriminator_update(
    state: GANState, batch: Batch, key: Array, *, gan: GAN, axis_name: str | None = None
) -> tuple[GANState, Metrics]:
    """One gradient step of the discriminator on real and freshly generated images.

    Writes the discriminator's parameters, collections and optimiser state. The generator runs in
    training mode, but nothing of it is written.
    """
    key = named_key(jax.random.fold_in(key, state.step), "discriminator")
    real, index = batch["images"], _index(batch, axis_name)
    fake, _ = _generate(state.generator.params, state.generator, index, key, gan, axis_name)
    augment = _augmenter(gan.augment, key, index)
    judge = _judge(gan, key, axis_name)

    def loss_fn(params: Any) -> tuple[Array, tuple[Metrics, Any]]:
        real_logits, fake_logits, collections = _judge_pair(
            judge,
            params,
            state.discriminator.collections,
            augment(real, "real"),
            augment(fake, "fake"),
        )
        loss = jnp.mean(gan.loss.discriminator(real_logits, fake_logits))
        metrics = {
            "loss/discriminator": loss,
            "logits/real": jnp.mean(real_logits),
            "logits/fake": jnp.mean(fake_logits),
        }
        for penalty in gan.penalties:

            def logits_fn(images: Array) -> Array:
                images = augment(images, "real")
                return judge(params, state.discriminator.collections, images, "real")[0]

            value = jnp.mean(penalty(logits_fn, real, fake))
            metrics[f"penalty/{penalty.name}"] = value
            loss = loss + value
        return loss, (metrics, collections)

    grads, (metrics, collections) = jax.grad(loss_fn, has_aux=True)(state.discriminator.params)
    grads, metrics, collections = pmean((grads, metrics, collections), axis_name)
    net = _apply_gradients(state.discriminator, grads, collections, gan.discriminator_optimizer)
    return state.replace(discriminator=net), metrics


def generator_update(
    state: GANState, batch: Batch, key: Array, *, gan: GAN, axis_name: str | None = None
) -> tuple[GANState, Metrics]:
    """One gradient step of the generator against the discriminator, and of its moving average.

    Writes the generator's parameters, collections and optimiser state, `ema` and `step`. The
    discriminator runs in training mode, but nothing of it is written. Of the batch only its
    size and its indices are used.
    """
    key = named_key(jax.random.fold_in(key, state.step), "generator")
    index = _index(batch, axis_name)
    augment = _augmenter(gan.augment, key, index)
    judge = _judge(gan, key, axis_name)

    def loss_fn(params: Any) -> tuple[Array, Any]:
        fake, collections = _generate(params, state.generator, index, key, gan, axis_name)
        logits, _ = judge(
            state.discriminator.params,
            state.discriminator.collections,
            augment(fake, "fake"),
            "fake",
        )
        return jnp.mean(gan.loss.generator(logits)), collections

    (loss, collections), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.generator.params)
    metrics = {"loss/generator": loss}
    grads, metrics, collections = pmean((grads, metrics, collections), axis_name)
    net = _apply_gradients(state.generator, grads, collections, gan.generator_optimizer)
    ema = update_ema(
        state.ema,
        net.variables(),
        step=state.step,
        batch_size=global_count(len(index), axis_name),
        half_life=gan.ema_half_life,
        rampup=gan.ema_rampup,
    )
    return state.replace(step=state.step + 1, generator=net, ema=ema), metrics


def gan_step(
    state: GANState, batch: Batch, key: Array, *, gan: GAN, axis_name: str | None = None
) -> tuple[GANState, Metrics]:
    """One update of the discriminator, then one of the generator (Goodfellow et al. 2014, alg. 1).

    Writes all of the state.
    """
    state, discriminator_metrics = discriminator_update(
        state, batch, key, gan=gan, axis_name=axis_name
    )
    state, generator_metrics = generator_update(state, batch, key, gan=gan, axis_name=axis_name)
    return state, discriminator_metrics | generator_metrics


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
    images = _augmenter(recogniser.augment, key, _index(batch, axis_name))(images, "real")
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
    net = _apply_gradients(state.network, grads, collections, recogniser.optimizer)
    ema = update_ema(
        state.ema,
        net.variables(),
        step=state.step,
        batch_size=global_count(len(images), axis_name),
        half_life=recogniser.ema_half_life,
        rampup=recogniser.ema_rampup,
    )
    return state.replace(step=state.step + 1, network=net, ema=ema), metrics


def _apply_gradients(
    net: NetState, grads: Any, collections: Any, optimizer: optax.GradientTransformation
) -> NetState:
    updates, opt_state = optimizer.update(grads, net.opt_state, net.params)
    return NetState(optax.apply_updates(net.params, updates), collections, opt_state)


def _generate(
    params: Any, net: NetState, index: Array, key: Array, gan: GAN, axis_name: str | None
) -> tuple[Array, Any]:
    """Images from fresh latents in training mode, and the collections as that pass leaves them."""
    latents = draw_latents(named_key(key, "latents"), index, gan.latent_dim)
    return bind_axis(gan.generator, axis_name).apply(
        {"params": params, **net.collections},
        latents,
        train=True,
        mutable=list(net.collections),
        rngs={"dropout": named_key(key, "generator_dropout")},
    )


def _judge(gan: GAN, key: Array, axis_name: str | None) -> Callable[..., tuple[Array, Any]]:
    """(params, collections, images, kind) to (logits, collections); `kind` picks the dropout."""
    network = bind_axis(gan.discriminator, axis_name)

    def judge(params: Any, collections: Any, images: Array, kind: str) -> tuple[Array, Any]:
        return network.apply(
            {"params": params, **collections},
            images,
            train=True,
            mutable=list(collections),
            rngs={"dropout": named_key(key, f"dropout_{kind}")},
        )

    return judge


def _judge_pair(
    judge: Callable[..., tuple[Array, Any]], params: Any, collections: Any, real: Array, fake: Array
) -> tuple[Array, Array, Any]:
    """Logits of real, then of fake images: two passes, as batch statistics must not mix them."""
    real_logits, collections = judge(params, collections, real, "real")
    fake_logits, collections = judge(params, collections, fake, "fake")
    return real_logits, fake_logits, collections


def _index(batch: Batch, axis_name: str | None) -> Array:
    """Global indices int32 [n] of the batch's examples."""
    return batch["index"] if "index" in batch else example_index(len(batch["images"]), axis_name)


def _augmenter(augment: Any, key: Array, index: Array) -> Any:
    """(images, kind) to augmented images, the same each time for the same kind."""
    if augment is None:
        return lambda images, kind: images
    return lambda images, kind: augment(
        images, example_keys(named_key(key, f"augment_{kind}"), index)
    )
