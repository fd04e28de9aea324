"""Adversarial losses: logits in, one value for each example out.

The discriminator's logits are high for real. `softplus(-x)` is -log sigmoid(x), the cross entropy
of logit x against the label 'real', computed without overflow. A discriminator's loss takes
(real_logits [n], fake_logits [n]), a generator's (fake_logits [n]) or, where the loss is
relativistic, both.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from gan_jax.errors import InputError, nearest


@dataclasses.dataclass(frozen=True)
class AdversarialLoss:
    """A pair of losses that play against each other.

    Attributes:
        name: the loss's name in configs.
        discriminator: (real_logits [n], fake_logits [n]) to values [n], minimised by D.
        generator: fake_logits [n] to values [n], minimised by G; with `relativistic`
            (real_logits [n], fake_logits [n]).
        relativistic: whether the generator's loss looks at real images too.
    """

    name: str
    discriminator: Callable[[Array, Array], Array]
    generator: Callable[..., Array]
    relativistic: bool = False


def cross_entropy_discriminator(real_logits: Array, fake_logits: Array) -> Array:
    """softplus(-real) + softplus(fake), [n] (Goodfellow et al. 2014, eq. 1, negated)."""
    return jax.nn.softplus(-real_logits) + jax.nn.softplus(fake_logits)


def minimax_generator(fake_logits: Array) -> Array:
    """-softplus(fake) = log(1 - sigmoid(fake)), [n]: the generator's side of eq. 1."""
    return -jax.nn.softplus(fake_logits)


def non_saturating_generator(fake_logits: Array) -> Array:
    """softplus(-fake) = -log sigmoid(fake), [n] (Goodfellow et al. 2014, section 3)."""
    return jax.nn.softplus(-fake_logits)


def least_squares_discriminator(real_logits: Array, fake_logits: Array) -> Array:
    """(real - 1)^2 / 2 + fake^2 / 2, [n] (Mao et al. 2017, eq. 9: real is 1, generated 0)."""
    return 0.5 * (jnp.square(real_logits - 1) + jnp.square(fake_logits))


def least_squares_generator(fake_logits: Array) -> Array:
    """(fake - 1)^2 / 2, [n] (Mao et al. 2017, eq. 9)."""
    return 0.5 * jnp.square(fake_logits - 1)


def hinge_discriminator(real_logits: Array, fake_logits: Array) -> Array:
    """max(0, 1 - real) + max(0, 1 + fake), [n] (Lim and Ye 2017; Miyato et al. 2018, eq. 16)."""
    return jax.nn.relu(1 - real_logits) + jax.nn.relu(1 + fake_logits)


def wasserstein_discriminator(real_logits: Array, fake_logits: Array) -> Array:
    """fake - real, [n] (Arjovsky et al. 2017, eq. 3): unbounded, needs a penalty or constraint."""
    return fake_logits - real_logits


def critic_generator(fake_logits: Array) -> Array:
    """-fake, [n]: the generator's side of the hinge and Wasserstein losses."""
    return -fake_logits


def relativistic_discriminator(real_logits: Array, fake_logits: Array) -> Array:
    """softplus(fake - real), [n]: each generated image against the real one of its position.

    Relativistic pairing (Jolicoeur-Martineau 2019; in this form Huang et al. 2024, "The GAN is
    dead; long live the GAN!", eq. 2).
    """
    return jax.nn.softplus(fake_logits - real_logits)


def relativistic_generator(real_logits: Array, fake_logits: Array) -> Array:
    """softplus(real - fake), [n]: the other side of `relativistic_discriminator`."""
    return jax.nn.softplus(real_logits - fake_logits)


MINIMAX = AdversarialLoss("minimax", cross_entropy_discriminator, minimax_generator)
NON_SATURATING = AdversarialLoss(
    "non_saturating", cross_entropy_discriminator, non_saturating_generator
)
LEAST_SQUARES = AdversarialLoss(
    "least_squares", least_squares_discriminator, least_squares_generator
)
HINGE = AdversarialLoss("hinge", hinge_discriminator, critic_generator)
WASSERSTEIN = AdversarialLoss("wasserstein", wasserstein_discriminator, critic_generator)
RELATIVISTIC = AdversarialLoss(
    "relativistic", relativistic_discriminator, relativistic_generator, relativistic=True
)
LOSSES = {
    loss.name: loss
    for loss in (MINIMAX, NON_SATURATING, LEAST_SQUARES, HINGE, WASSERSTEIN, RELATIVISTIC)
}


def adversarial_loss(name: str) -> AdversarialLoss:
    """The loss of that name.

    Raises:
        InputError: for another name; the nearest one is offered.
    """
    if name not in LOSSES:
        raise InputError(f"loss {name!r} is not known: {nearest(name, LOSSES)}")
    return LOSSES[name]
