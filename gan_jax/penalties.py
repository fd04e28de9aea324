"""Gradient penalties on the discriminator: they take a callable and know no model."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

LogitsFn = Callable[[Array], Array]


def squared_gradient_norm(logits_fn: LogitsFn, images: Array) -> Array:
    """||dD(x)/dx||^2 of each example, [n]: squares summed over height, width and channels.

    Args:
        logits_fn: images [n, h, w, c] to logits [n], each logit a function of its own image only
            (no batch normalisation).
        images: float [n, h, w, c].
    """
    gradient = jax.grad(lambda x: jnp.sum(logits_fn(x)))(images)
    return jnp.sum(jnp.square(gradient), axis=tuple(range(1, images.ndim)))


@dataclasses.dataclass(frozen=True)
class R1:
    """weight/2 * ||dD(x)/dx||^2 on real images (Mescheder et al. 2018, eq. 9).

    Called with (logits_fn, real [n, h, w, c], fake [n, h, w, c]); returns values [n].
    """

    weight: float
    name = "r1"

    def __call__(self, logits_fn: LogitsFn, real: Array, fake: Array) -> Array:
        del fake
        return 0.5 * self.weight * squared_gradient_norm(logits_fn, real)
