"""Penalties on the discriminator: they take callables and logits, and know no model.

A gradient penalty is called with

    logits_fn: (images [n, h, w, c], kind) to logits [n], each logit a function of its own image
        only (no batch normalisation); `kind`, 'real' or 'fake', says whose random augmentation and
        dropout the images get;
    real, fake: float [n, h, w, c], before augmentation;
    keys: one for each example, [n];
    axis_name: of the mapped axis over which the batch is shared, or None

and returns values [n].
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from gan_jax.steps.axis import standard_deviation

LogitsFn = Callable[[Array, str], Array]


def squared_gradient_norm(logits_fn: Callable[[Array], Array], images: Array) -> Array:
    """||dD(x)/dx||^2 of each example, [n]: squares summed over height, width and channels.

    Where an example has logits at several positions, [n, positions], D(x) is their mean.
    """

    def total(x: Array) -> Array:
        logits = logits_fn(x)
        return jnp.sum(jnp.mean(logits.reshape(len(logits), -1), 1))

    gradient = jax.grad(total)(images)
    return jnp.sum(jnp.square(gradient), axis=tuple(range(1, images.ndim)))


@dataclasses.dataclass(frozen=True)
class Penalty:
    """Base of the gradient penalties: a number of ||dD(x)/dx||^2 at images x of its own.

    Attributes:
        weight: that the penalty is multiplied by.
        name: under which it is logged.
    """

    weight: float
    name: ClassVar[str]

    def __call__(
        self,
        logits_fn: LogitsFn,
        real: Array,
        fake: Array,
        keys: Array,
        axis_name: str | None = None,
    ) -> Array:
        kind, images = self._images(real, fake, keys, axis_name)
        return self._value(squared_gradient_norm(lambda x: logits_fn(x, kind), images))

    def _images(
        self, real: Array, fake: Array, keys: Array, axis_name: str | None
    ) -> tuple[str, Array]:
        """The kind of the images x, and these."""
        raise NotImplementedError

    def _value(self, squared_norm: Array) -> Array:
        # The square root has no derivative at 0, where a discriminator that is still flat stands.
        return self.weight * jnp.square(jnp.sqrt(squared_norm + 1e-12) - 1)


@dataclasses.dataclass(frozen=True)
class R1(Penalty):
    """weight/2 * ||dD(x)/dx||^2 on real images (Mescheder et al. 2018, eq. 9)."""

    name = "r1"

    def _images(self, real, fake, keys, axis_name):
        return "real", real

    def _value(self, squared_norm: Array) -> Array:
        return 0.5 * self.weight * squared_norm


@dataclasses.dataclass(frozen=True)
class R2(R1):
    """weight/2 * ||dD(x)/dx||^2 on generated images (Mescheder et al. 2018, eq. 10)."""

    name = "r2"

    def _images(self, real, fake, keys, axis_name):
        return "fake", fake


@dataclasses.dataclass(frozen=True)
class GradientPenalty(Penalty):
    """weight * (||dD(x)/dx|| - 1)^2 between real and generated (Gulrajani et al. 2017, eq. 3).

    x lies on the straight line between the images of one position, at a place drawn evenly.
    """

    name = "gradient"

    def _images(self, real, fake, keys, axis_name):
        share = jax.vmap(lambda key: jax.random.uniform(key, (1, 1, 1), real.dtype))(keys)
        return "real", real + share * (fake - real)


@dataclasses.dataclass(frozen=True)
class DRAGAN(Penalty):
    """weight * (||dD(x)/dx|| - 1)^2 around real images (Kodali et al. 2017, "On convergence and
    stability of GANs", algorithm 1).

    x is a real image moved by even noise in [0, spread * s] per pixel, where s is the standard
    deviation of its batch on all devices together; under gradient accumulation, of its part.
    """

    spread: float = 0.5
    name = "dragan"

    def _images(self, real, fake, keys, axis_name):
        noise = jax.vmap(lambda key: jax.random.uniform(key, real.shape[1:], real.dtype))(keys)
        return "real", real + self.spread * standard_deviation(real, axis_name) * noise


@dataclasses.dataclass(frozen=True)
class LeCam:
    """Keeps logits near what the other side's used to be (Tseng et al. 2021, eq. 5).

    weight * (max(0, D(x) - a_fake)^2 + max(0, a_real - D(G(z)))^2), where a_real and a_fake are
    moving averages of the mean logits; one-sided, as the authors' code has it. For little data.

    Attributes:
        weight: of the penalty.
        decay: of the averages, per update.
    """

    weight: float
    decay: float = 0.99
    name = "lecam"

    def __call__(self, real_logits: Array, fake_logits: Array, averages: dict) -> Array:
        """Values [n] of logits [n], given {'real', 'fake'}: the averages before this update."""
        above = jax.nn.relu(real_logits - averages["fake"])
        below = jax.nn.relu(averages["real"] - fake_logits)
        return self.weight * (jnp.square(above) + jnp.square(below))

    def update(self, averages: dict, real_mean: Array, fake_mean: Array) -> dict:
        """The averages after an update in which the logits had these means."""
        means = {"real": real_mean, "fake": fake_mean}
        return {
            side: self.decay * averages[side] + (1 - self.decay) * means[side] for side in means
        }
