"""Values that change while a GAN trains, as a function of the steps that were done.

A weight, a learning rate, a decay, a half-life or a probability is either a plain number or a
`Schedule`. Definitions hold schedules in their fields; a step asks `value_at` or `definition_at`.
A probability that follows the discriminator instead is in `gan_jax.steps.adaptive`.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
import optax
from jax import Array

SHAPES = ("cosine", "linear")
DECAYS = {
    "constant": lambda start, updates: optax.constant_schedule(start),
    "linear": lambda start, updates: optax.linear_schedule(start, 0.0, updates),
    "cosine": optax.cosine_decay_schedule,
}


class Schedule:
    """Base of the schedules: called with the steps done, or an optimiser's updates done, []."""

    def __call__(self, count: Array) -> Array:
        """The value [] after so many."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class BurnIn(Schedule):
    """A value that goes from `start` to `end` over so many images, and stays there.

    It is (1 - s) * start + s * end, where s is the share of `images` seen so far, t, at most 1; or,
    as half a cosine, (1 - cos(pi * t)) / 2 (Loshchilov and Hutter 2017, eq. 5, without restarts).

    Attributes:
        start: before the first step.
        end: once `images` images have been seen, and from then on.
        images: above 0.
        batch_size: images per step on all devices together.
        shape: 'cosine' or 'linear'.
        calls_per_step: 1, or an optimiser's updates per step if it is called with updates.
    """

    start: float
    end: float
    images: float
    batch_size: int
    shape: str = "cosine"
    calls_per_step: int = 1

    def __call__(self, count: Array) -> Array:
        """The value, float32 [], after `count` calls, a whole or broken number []."""
        # int32 would overflow after two thousand million images.
        step = (jnp.asarray(count) / self.calls_per_step).astype(jnp.float32)
        share = jnp.minimum(step * self.batch_size / self.images, 1.0)
        if self.shape == "cosine":
            share = 0.5 - 0.5 * jnp.cos(jnp.pi * share)
        return (1 - share) * self.start + share * self.end


@dataclasses.dataclass(frozen=True)
class Decay(Schedule):
    """A learning rate that goes down to 0, as optax has it, after an even rise from 0.

    Attributes:
        start: the rate after the rise.
        shape: 'linear' or 'cosine' down to 0 at the last update; or 'constant'.
        updates: in all.
        warmup: updates in which the rate rises.
    """

    start: float
    shape: str
    updates: int
    warmup: int = 0

    def __call__(self, count: Array) -> Array:
        """The rate [] after `count` updates, int32 []."""
        decay = DECAYS[self.shape](self.start, max(self.updates - self.warmup, 1))
        if not self.warmup:
            return decay(count)
        rise = optax.linear_schedule(0.0, self.start, self.warmup)
        return optax.join_schedules([rise, decay], [self.warmup])(count)


def value_at(value: Any, count: Array) -> Any:
    """A schedule's value after so many calls; anything else as it is."""
    return value(count) if isinstance(value, Schedule) else value


def definition_at(definition: Any, step: Array) -> Any:
    """A dataclass with the fields that are schedules replaced by their values after `step` steps.

    Anything else, and a dataclass without schedules, comes back as it is.
    """
    if not dataclasses.is_dataclass(definition) or isinstance(definition, type):
        return definition
    fields = {f.name: getattr(definition, f.name) for f in dataclasses.fields(definition)}
    values = {name: value(step) for name, value in fields.items() if isinstance(value, Schedule)}
    return dataclasses.replace(definition, **values) if values else definition
