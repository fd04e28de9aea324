"""A probability of augmentation that follows how far the discriminator has overfitted."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
from jax import Array


@dataclasses.dataclass(frozen=True)
class AdaptiveProbability:
    """Adaptive discriminator augmentation (Karras et al. 2020, "Training generative adversarial
    networks with limited data", section 3.1 and its heuristic r_t).

    The mean sign of the discriminator's logits of real training images, as augmented, is near 0
    where it cannot tell them and near 1 where it knows them by heart. Every `interval` updates of
    the discriminator the probability p goes up by `interval` * `batch_size` / `images` if the mean
    over these updates is above `target`, and down if it is below.

    A logit's sign must tell 'real' from 'generated', as with the minimax, non-saturating and hinge
    losses. Relativistic and Wasserstein losses do not change when a constant is added to all
    logits, and least squares puts them between 0 and 1.

    Attributes:
        batch_size: real images per update, on all devices together.
        target: the mean sign to be held.
        interval: updates of the discriminator from one adjustment to the next.
        images: real images over which p can rise from 0 to 1.
        limit: the largest p.
    """

    batch_size: int
    target: float = 0.6
    interval: int = 4
    images: float = 500_000.0
    limit: float = 0.8

    def start(self) -> dict[str, Array]:
        """What is followed, before the first update: p is 0.

        'p', float32 []; 'mean_sign', float32 [], over the 'updates', int32 [], since the last
        adjustment.
        """
        zero = jnp.zeros((), jnp.float32)
        return {"p": zero, "mean_sign": jnp.copy(zero), "updates": jnp.zeros((), jnp.int32)}

    def update(self, followed: dict[str, Any], mean_sign: Array) -> dict[str, Array]:
        """What is followed after an update whose real logits had this mean sign, in [-1, 1]."""
        updates = followed["updates"] + 1
        mean = followed["mean_sign"] + (mean_sign - followed["mean_sign"]) / updates.astype(
            mean_sign.dtype
        )
        change = jnp.sign(mean - self.target) * (self.interval * self.batch_size / self.images)
        due = updates == self.interval
        return {
            "p": jnp.where(due, jnp.clip(followed["p"] + change, 0.0, self.limit), followed["p"]),
            "mean_sign": jnp.where(due, 0.0, mean),
            "updates": jnp.where(due, 0, updates),
        }
