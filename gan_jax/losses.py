"""Adversarial losses: logits in, one value an example out.

The discriminator's logits are high for real. `softplus(-x)` is -log sigmoid(x), the cross entropy
of logit x against the label 'real', computed without overflow.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
from jax import Array

from gan_jax.errors import InputError, nearest


@dataclasses.dataclass(frozen=True)
class AdversarialLoss:
    """A pair of losses that play against each other.

    Attributes:
        name: the loss's name in configs.
        discriminator: (real_logits [n], fake_logits [n]) to values [n], minimised by D.
        generator: fake_logits [n] to values [n], minimised by G.
    """

    name: str
    discriminator: Callable[[Array, Array], Array]
    generator: Callable[[Array], Array]


def cross_entropy_discriminator(real_logits: Array, fake_logits: Array) -> Array:
    """softplus(-real) + softplus(fake), [n] (Goodfellow et al. 2014, eq. 1, negated)."""
    return jax.nn.softplus(-real_logits) + jax.nn.softplus(fake_logits)


def minimax_generator(fake_logits: Array) -> Array:
    """-softplus(fake) = log(1 - sigmoid(fake)), [n]: the generator's side of eq. 1."""
    return -jax.nn.softplus(fake_logits)


def non_saturating_generator(fake_logits: Array) -> Array:
    """softplus(-fake) = -log sigmoid(fake), [n] (Goodfellow et al. 2014, section 3)."""
    return jax.nn.softplus(-fake_logits)


MINIMAX = AdversarialLoss("minimax", cross_entropy_discriminator, minimax_generator)
NON_SATURATING = AdversarialLoss(
    "non_saturating", cross_entropy_discriminator, non_saturating_generator
)
LOSSES = {loss.name: loss for loss in (MINIMAX, NON_SATURATING)}


def adversarial_loss(name: str) -> AdversarialLoss:
    """The loss of that name.

    Raises:
        InputError: for another name; the nearest one is offered.
    """
    if name not in LOSSES:
        raise InputError(f"loss {name!r} is not known: {nearest(name, LOSSES)}")
    return LOSSES[name]
