"""The passes that the training steps are made of: draw, generate, judge, augment, apply gradients.

Pure functions like the steps themselves. `index`, int32 [n], names the global examples that a pass
draws for, `key` is the key of one update, and `axis_name` that of the mapped axis, or None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array, lax

from gan_jax.errors import InputError
from gan_jax.steps.adaptive import AdaptiveProbability
from gan_jax.steps.axis import bind_axis, example_index, example_keys, global_count, named_key
from gan_jax.steps.penalties import LogitsFn
from gan_jax.steps.schedules import definition_at, value_at
from gan_jax.steps.state import GAN, GANState, NetState, update_ema

Batch = dict[str, Array]
Metrics = dict[str, Array]
Judge = Callable[..., tuple["Verdict", Any]]
Augmenter = Callable[[Array, str], Array]


class Verdict(NamedTuple):
    """What a discriminator says of images.

    Attributes:
        logits: [n], high for real; [n, positions] of a texture's discriminator that is not pooled.
        class_logits: [n, num_classes] of its auxiliary classifier, or None without one.
    """

    logits: Array
    class_logits: Array | None = None


def draw_latents(key: Array, index: Array, dim: int) -> Array:
    """Standard normal latents float32 [n, dim], each from its global example index, int32 [n]."""
    return jax.vmap(lambda k: jax.random.normal(k, (dim,), jnp.float32))(example_keys(key, index))


def global_index(batch: Batch, axis_name: str | None) -> Array:
    """Global indices int32 [n] of the batch's examples: those it brings, or else a count."""
    return batch["index"] if "index" in batch else example_index(len(batch["images"]), axis_name)


def conditions(batch: Batch, gan: GAN) -> tuple[Array, ...]:
    """What the networks take beside latents or images: the batch's labels int32 [n], or nothing.

    Generated images are asked for with the labels of the real images of their positions, so that
    the mix of classes is the data's, and pairs of a relativistic loss are of one class.

    Raises:
        InputError: a conditional GAN and a batch without labels.
    """
    if not gan.num_classes:
        return ()
    if "labels" not in batch:
        raise InputError(
            f"the GAN is conditional on {gan.num_classes} classes and the batch has no 'labels': "
            "give them, int32 [n], or networks with num_classes=0."
        )
    return (batch["labels"],)


def generator_inputs(batch: Batch, key: Array, gan: GAN) -> tuple[Array, ...]:
    """What the generator is given: latents, or what is made of the real images; `conditions`."""
    given = conditions(batch, gan)
    if gan.conditioning is not None:
        return (gan.conditioning(batch["images"]), *given)
    return (draw_latents(named_key(key, "latents"), batch["index"], gan.latent_dim), *given)


def generator_batch(batch: Batch, gan: GAN, axis_name: str | None) -> Batch:
    """The part of a batch that an update of the generator alone looks at."""
    used = {"index": global_index(batch, axis_name)}
    if gan.num_classes:
        used["labels"] = conditions(batch, gan)[0]
    if gan.loss.relativistic or gan.conditioning is not None or gan.generator_losses:
        used["images"] = batch["images"]
    return used


def generate(
    params: Any,
    net: NetState,
    inputs: tuple[Array, ...],
    key: Array,
    gan: GAN,
    axis_name: str | None,
) -> tuple[Array, Any]:
    """Images in training mode, and the collections as that pass leaves them.

    `inputs` are those of `generator_inputs`.
    """
    return bind_axis(gan.generator, axis_name).apply(
        {"params": params, **net.collections},
        *inputs,
        train=True,
        mutable=list(net.collections),
        rngs={"dropout": named_key(key, "generator_dropout")},
    )


def make_judge(
    gan: GAN, given: tuple[Array, ...], augment: Augmenter, key: Array, axis_name: str | None
) -> Judge:
    """(params, collections, images, kind) to (verdict, collections).

    `given` are the `conditions` of the images; `kind`, 'real' or 'fake', picks the augmentation and
    the dropout.
    """
    network = bind_axis(gan.discriminator, axis_name)

    def judge(params: Any, collections: Any, images: Array, kind: str) -> tuple[Verdict, Any]:
        outputs, collections = network.apply(
            {"params": params, **collections},
            augment(images, kind),
            *given,
            train=True,
            mutable=list(collections),
            rngs={"dropout": named_key(key, f"dropout_{kind}")},
        )
        return Verdict(*outputs) if isinstance(outputs, tuple) else Verdict(outputs), collections

    return judge


def make_augmenter(
    augment: Any, key: Array, index: Array, probability: Array | None = None
) -> Augmenter:
    """(images, kind) to augmented images, the same each time for the same kind.

    A `probability`, [], is handed on to `augment`; without one it is not called with any.
    """
    if augment is None:
        return lambda images, kind: images
    options = {} if probability is None else {"probability": probability}
    return lambda images, kind: augment(
        images, example_keys(named_key(key, f"augment_{kind}"), index), **options
    )


def gan_augmenter(gan: GAN, state: GANState, key: Array, index: Array) -> Augmenter:
    """`make_augmenter` with a GAN's augmentation and the probability of this step."""
    return make_augmenter(gan.augment, key, index, augment_probability(gan, state))


def augment_probability(gan: GAN, state: GANState) -> Array | None:
    """The probability [] of augmentation in this step, if it is one that changes."""
    if isinstance(gan.augment_probability, AdaptiveProbability):
        return state.averages["augment"]["p"]
    return value_at(gan.augment_probability, state.step)


def apply_gradients(
    net: NetState, grads: Any, collections: Any, optimizer: optax.GradientTransformation
) -> NetState:
    """The network after one step of its optimiser, with new collections."""
    updates, opt_state = optimizer.update(grads, net.opt_state, net.params)
    return NetState(optax.apply_updates(net.params, updates), collections, opt_state)


def accumulate(
    gradients: Callable[[Batch, Any, Array], tuple[Any, Metrics, Any]],
    batch: Batch,
    collections: Any,
    key: Array,
    parts: int,
) -> tuple[Any, Metrics, Any]:
    """Gradients and metrics averaged over equal parts of a batch, one after another.

    Takes the memory of one part. Equal to the whole batch at once where examples do not meet:
    batch statistics are those of a part, handed from each part to the next, and dropout draws
    from each part's own key.

    Args:
        gradients: (batch, collections, dropout key) to (gradients, metrics, collections); means
            over its batch.
        batch: arrays [n, ...], n a multiple of `parts`.
        collections: before the first part.
        key: for dropout.
        parts: how many.
    """
    if parts == 1:
        return gradients(batch, collections, key)
    # Strided rows, so that a batch that is sharded over devices stays so in each part.
    split = jax.tree.map(
        lambda x: x.reshape(len(x) // parts, parts, *x.shape[1:]).swapaxes(0, 1), batch
    )

    keys = jax.random.split(key, parts)

    def add(carry: Any, part: tuple[Batch, Array]) -> tuple[Any, None]:
        collections, *sums = carry
        grads, metrics, collections = gradients(part[0], collections, part[1])
        return (collections, *jax.tree.map(jnp.add, sums, [grads, metrics])), None

    shapes = jax.eval_shape(gradients, jax.tree.map(lambda x: x[0], split), collections, key)
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes[:2])
    (collections, *sums), _ = lax.scan(add, (collections, *zeros), (split, keys))
    grads, metrics = jax.tree.map(lambda x: x / parts, sums)
    return grads, metrics, collections


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
    penalties = [definition_at(penalty, step) for penalty in gan.penalties]

    def compute() -> Metrics:
        return {
            f"penalty/{penalty.name}": gan.penalty_interval
            * jnp.mean(penalty(logits_fn, real, fake, keys, axis_name))
            for penalty in penalties
        }

    if gan.penalty_interval == 1 or not gan.penalties:
        values = compute()
    else:
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(compute))
        values = lax.cond(step % gan.penalty_interval == 0, compute, lambda: zeros)
    return sum(values.values(), jnp.zeros((), jnp.float32)), values


def discriminator_loss(
    gan: GAN, state: GANState, real: Verdict, fake: Verdict, given: tuple[Array, ...]
) -> tuple[Array, Metrics]:
    """The mean loss of verdicts on real and generated images, and its parts by name.

    The auxiliary classifier learns from real images only (Odena et al. 2017, section 3, has it
    learn from generated ones too, however poor these are).
    """
    loss = jnp.mean(gan.loss.discriminator(real.logits, fake.logits))
    metrics = {
        "loss/discriminator": loss,
        "logits/real": jnp.mean(real.logits),
        "logits/fake": jnp.mean(fake.logits),
    }
    if gan.augment_probability is not None:
        metrics["augment/p"] = augment_probability(gan, state)
        metrics["augment/real_signs"] = jnp.mean(jnp.sign(real.logits))
    if real.class_logits is not None:
        metrics["loss/auxiliary_real"] = auxiliary_loss(real, *given)
        loss += gan.auxiliary_weight * metrics["loss/auxiliary_real"]
    if gan.lecam is None:
        return loss, metrics
    penalty = jnp.mean(gan.lecam(real.logits, fake.logits, state.averages["lecam"]))
    return loss + penalty, metrics | {"penalty/lecam": penalty}


def generator_loss(
    gan: GAN, real: Verdict | None, fake: Verdict | None, given: tuple[Array, ...]
) -> tuple[Array, Metrics]:
    """The mean loss of a verdict on generated images, and its parts by name; 0 without a verdict.

    The verdict on real images is needed by relativistic losses only. An auxiliary classifier is to
    find the classes that were asked for (Odena et al. 2017, section 3).
    """
    if fake is None:
        return jnp.zeros((), jnp.float32), {}
    pair = (real.logits, fake.logits) if gan.loss.relativistic else (fake.logits,)
    loss = jnp.mean(gan.loss.generator(*pair))
    metrics = {"loss/generator": loss}
    if gan.adversarial_weight != 1.0:
        loss = gan.adversarial_weight * loss
    if fake.class_logits is not None:
        metrics["loss/auxiliary_fake"] = auxiliary_loss(fake, *given)
        loss += gan.auxiliary_weight * metrics["loss/auxiliary_fake"]
    return loss, metrics


def with_further_losses(
    gan: GAN, total: tuple[Array, Metrics], fake: Array, batch: Batch, axis_name: str | None
) -> tuple[Array, Metrics]:
    """The generator's loss and metrics with `gan.generator_losses` of its images added."""
    loss, metrics = total
    for further in gan.generator_losses:
        value = further(fake, batch["images"], axis_name)
        metrics = metrics | {f"loss/{further.name}": value}
        loss += further.weight * value
    return loss, metrics


def with_further_pulls(
    gan: GAN, pull: Array, fake: Array, batch: Batch, axis_name: str | None
) -> tuple[Array, Metrics]:
    """The gradient [n, h, w, c] by generated images with that of the further losses added."""
    if not gan.generator_losses:
        return pull, {}
    further, metrics = jax.grad(
        lambda fake: with_further_losses(
            gan, (jnp.zeros((), jnp.float32), {}), fake, batch, axis_name
        ),
        has_aux=True,
    )(fake)
    return pull + further, metrics


def auxiliary_loss(verdict: Verdict, labels: Array) -> Array:
    """The mean cross entropy, in nats, of an auxiliary classifier for labels int32 [n]."""
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(verdict.class_logits, labels))


def finish_discriminator(
    state: GANState, grads: Any, collections: Any, metrics: Metrics, gan: GAN
) -> GANState:
    """The state after the discriminator's optimiser, and the averages that its loss follows."""
    net = apply_gradients(state.discriminator, grads, collections, gan.discriminator_optimizer)
    state = state.replace(discriminator=net)
    followed = {}
    if gan.lecam is not None:
        means = (metrics["logits/real"], metrics["logits/fake"])
        followed["lecam"] = gan.lecam.update(state.averages["lecam"], *means)
    if isinstance(gan.augment_probability, AdaptiveProbability):
        followed["augment"] = gan.augment_probability.update(
            state.averages["augment"], metrics["augment/real_signs"]
        )
    return state.replace(averages=followed) if followed else state


def finish_generator(
    state: GANState, grads: Any, collections: Any, count: int, gan: GAN, axis_name: str | None
) -> GANState:
    """The state after the generator's optimiser: its average moved, the step counted."""
    net = apply_gradients(state.generator, grads, collections, gan.generator_optimizer)
    ema = update_ema(
        state.ema,
        net.variables(),
        step=state.step,
        batch_size=global_count(count, axis_name),
        half_life=value_at(gan.ema_half_life, state.step),
        rampup=gan.ema_rampup,
    )
    return state.replace(step=state.step + 1, generator=net, ema=ema)


def in_turn(
    update: Callable[[GANState, Batch, Array], tuple[GANState, Metrics]],
    state: GANState,
    batch: Batch,
    key: Array,
    count: int,
    axis_name: str | None,
) -> tuple[GANState, Batch, Metrics]:
    """An update done `count` times, each time on other examples of a batch and with another key.

    Returns the state, the last time's part of the batch, and the means of the metrics. Which
    examples go together does not depend on the number of devices.

    Raises:
        InputError: a batch that cannot be cut into `count` equal parts.
    """
    if count == 1:
        state, metrics = update(state, batch, key)
        return state, batch, metrics
    if len(batch["images"]) % count:
        raise InputError(
            f"a batch of {len(batch['images'])} images on a device cannot be shared by {count} "
            f"updates of the discriminator: give a multiple of {count}."
        )
    whole = batch | {"index": global_index(batch, axis_name) // count}
    collected = []
    for number in range(count):
        # Strided rows, so that a batch that is sharded over devices stays so in each part.
        part = {k: x.reshape(-1, count, *x.shape[1:])[:, number] for k, x in whole.items()}
        own = key if number == 0 else named_key(key, f"turn_{number}")
        state, metrics = update(state, part, own)
        collected.append(metrics)
    return state, part, jax.tree.map(lambda *values: sum(values) / count, *collected)
