"""What is done with gradients: averaged over parts of a batch, and applied to the state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array, lax

from gan_jax.errors import InputError
from gan_jax.steps.adaptive import AdaptiveProbability
from gan_jax.steps.axis import global_count, named_key
from gan_jax.steps.passes import Batch, Metrics, with_index
from gan_jax.steps.schedules import value_at
from gan_jax.steps.state import (
    GAN,
    GANState,
    NetState,
    averages_of,
    changing_probability,
    update_ema,
)


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


def finish_discriminator(
    state: GANState, grads: Any, collections: Any, metrics: Metrics, gan: GAN
) -> GANState:
    """The state after the discriminator's optimiser, and the averages that its loss follows."""
    net = apply_gradients(state.discriminator, grads, collections, gan.discriminator_optimizer)
    state = state.replace(discriminator=net)
    followed = {}
    if gan.lecam is not None:
        means = (metrics["logits/real"], metrics["logits/fake"])
        followed["lecam"] = gan.lecam.update(averages_of(state)["lecam"], *means)
    probability = changing_probability(gan)
    if isinstance(probability, AdaptiveProbability):
        signs = metrics["augment/real_signs"]
        followed["augment"] = probability.update(averages_of(state)["augment"], signs)
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
    batch = with_index(batch, axis_name)
    whole = batch | {"index": batch["index"] // count}
    collected = []
    for number in range(count):
        # Strided rows, so that a batch that is sharded over devices stays so in each part.
        part = {k: x.reshape(-1, count, *x.shape[1:])[:, number] for k, x in whole.items()}
        own = key if number == 0 else named_key(key, f"turn_{number}")
        state, metrics = update(state, part, own)
        collected.append(metrics)
    return state, part, jax.tree.map(lambda *values: sum(values) / count, *collected)
