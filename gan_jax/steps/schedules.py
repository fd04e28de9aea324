"""Values that change while a GAN trains, as a function of the images that it has seen."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
from jax import Array

SHAPES = ("cosine", "linear")


@dataclasses.dataclass(frozen=True)
class Ramp:
    """A value that goes from `start` to `end` over so many images, and stays there.

    It is (1 - s) * start + s * end, where s is the share of `images` seen so far, t, at most 1; or,
    as half a cosine, (1 - cos(pi * t)) / 2 (Loshchilov and Hutter 2017, eq. 5, without restarts).
    A value that does not change is written as a plain number instead.

    Attributes:
        start: before the first step.
        end: once `images` images have been seen, and from then on.
        images: above 0.
        batch_size: images a step on all devices together.
        shape: 'cosine' or 'linear'.
    """

    start: float
    end: float
    images: float
    batch_size: int
    shape: str = "cosine"

    def __call__(self, step: Array) -> Array:
        """The value after `step` steps, a whole or broken number []; float32 []."""
        # int32 would overflow after two thousand million images.
        seen = jnp.asarray(step).astype(jnp.float32) * self.batch_size
        share = jnp.minimum(seen / self.images, 1.0)
        if self.shape == "cosine":
            share = 0.5 - 0.5 * jnp.cos(jnp.pi * share)
        return (1 - share) * self.start + share * self.end


def value_at(value: Any, step: Array) -> Any:
    """A ramp's value after `step` steps; anything else as it is."""
    return value(step) if isinstance(value, Ramp) else value


def definition_at(definition: Any, step: Array) -> Any:
    """A dataclass with the fields that are ramps replaced by their values after `step` steps.

    Anything else, and a dataclass without ramps, comes back as it is.
    """
    if not dataclasses.is_dataclass(definition):
        return definition
    fields = {
        field.name: getattr(definition, field.name) for field in dataclasses.fields(definition)
    }
    ramps = {name: value(step) for name, value in fields.items() if isinstance(value, Ramp)}
    return dataclasses.replace(definition, **ramps) if ramps else definition
