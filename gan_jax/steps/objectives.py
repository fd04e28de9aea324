"""What the two networks minimise: adversarial losses, penalties and further losses, added up."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array, lax

from gan_jax.steps.passes import Metrics, Outputs, Passes, augmentation_at
from gan_jax.steps.penalties import LogitsFn
from gan_jax.steps.schedules import definition_at
from gan_jax.steps.state import GAN, averages_of, changing_probability


def penalty(
    passes: Passes, params: Any, collections: Any, real: Array, fake: Array
) -> tuple[Array, Metrics]:
    """`total_penalty` on the discriminator with these parameters and collections."""

    def logits_fn(images: Array, kind: str) -> Array:
        return passes.discriminate(params, collections, images, kind)[0].logits

    gan, step, keys = passes.gan, passes.state.step, passes.penalty_keys()
    return total_penalty(gan, logits_fn, real, fake, keys, step, passes.axis_name)


def total_penalty(
    gan: GAN,
    logits_fn: LogitsFn,
    real: Array,
    fake: Array,
    keys: Array,
    step: Array,
    axis_name: str | None = None,
) -> tuple[Array, Metrics]:
    """The sum of the gradient penalties' means, and each by name; 0 between their steps."""
    penalties = [definition_at(one, step) for one in gan.penalties]

    def compute() -> Metrics:
        return {
            f"penalty/{one.name}": gan.penalty_interval
            * jnp.mean(one(logits_fn, real, fake, keys, axis_name))
            for one in penalties
        }

    if gan.penalty_interval == 1 or not gan.penalties:
        values = compute()
    else:
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(compute))
        values = lax.cond(step % gan.penalty_interval == 0, compute, lambda: zeros)
    return sum(values.values(), jnp.zeros((), jnp.float32)), values


def discriminator_loss(passes: Passes, real: Outputs, fake: Outputs) -> tuple[Array, Metrics]:
    """The mean loss of the outputs for real and generated images, and its parts by name.

    The auxiliary classifier learns from real images only (Odena et al. 2017, section 3, has it
    learn from generated ones too, however poor these are).
    """
    gan, state = passes.gan, passes.state
    loss = jnp.mean(gan.loss.discriminator(real.logits, fake.logits))
    metrics = {
        "loss/discriminator": loss,
        "logits/real": jnp.mean(real.logits),
        "logits/fake": jnp.mean(fake.logits),
    }
    if changing_probability(gan) is not None:
        augment: Any = augmentation_at(gan, state)
        metrics["augment/p"] = augment.probability
        metrics["augment/real_signs"] = jnp.mean(jnp.sign(real.logits))
    if real.class_logits is not None:
        metrics["loss/auxiliary_real"] = _auxiliary_loss(real, *passes.labels)
        loss += gan.auxiliary_weight * metrics["loss/auxiliary_real"]
    if gan.lecam is None:
        return loss, metrics
    lecam = jnp.mean(gan.lecam(real.logits, fake.logits, averages_of(state)["lecam"]))
    return loss + lecam, metrics | {"penalty/lecam": lecam}


def generator_loss(passes: Passes, real: Outputs | None, fake: Outputs) -> tuple[Array, Metrics]:
    """The mean loss of the outputs for generated images, and its parts by name.

    Only relativistic losses need the outputs for real images. An auxiliary classifier is to find
    the classes that were asked for (Odena et al. 2017, section 3).
    """
    gan = passes.gan
    pair: tuple[Array, ...] = (fake.logits,)
    if gan.loss.relativistic:
        assert real is not None
        pair = (real.logits, fake.logits)
    loss = jnp.mean(gan.loss.generator(*pair))
    metrics = {"loss/generator": loss}
    if gan.adversarial_weight != 1.0:
        loss = gan.adversarial_weight * loss
    if fake.class_logits is not None:
        metrics["loss/auxiliary_fake"] = _auxiliary_loss(fake, *passes.labels)
        loss += gan.auxiliary_weight * metrics["loss/auxiliary_fake"]
    return loss, metrics


def further_losses(passes: Passes, fake: Array, loss: Array | None = None) -> tuple[Array, Metrics]:
    """`loss` (None: 0) plus the generator's further losses of images [n, h, w, c]; each by name."""
    loss = jnp.zeros((), jnp.float32) if loss is None else loss
    metrics = {}
    for further in passes.gan.generator_losses:
        value = further(fake, passes.batch["images"], passes.axis_name)
        metrics[f"loss/{further.name}"] = value
        loss += further.weight * value
    return loss, metrics


def _auxiliary_loss(outputs: Outputs, labels: Array) -> Array:
    """The mean cross entropy, in nats, of an auxiliary classifier for labels int32 [n]."""
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(outputs.class_logits, labels))
