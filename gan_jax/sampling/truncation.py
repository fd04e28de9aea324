"""The truncation trick: latents without their tails, for images that are surer and less varied."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.errors import InputError
from gan_jax.sampling.generate import sample_latents
from gan_jax.steps.axis import example_keys, named_key

METHOD = "numbers beyond psi either way are drawn again until they are within"


def truncated_latents(seed: int, count: int, dim: int, psi: float) -> np.ndarray:
    """Latents float32 [count, dim] of a normal distribution cut off at -psi and psi.

    Those of `sample_latents`, whose numbers beyond psi are drawn again until they are within it
    (Brock et al. 2019, "Large scale GAN training for high fidelity natural image synthesis",
    section 3.1): the others stay, so that images of one seed can be compared. Row i depends on
    (seed, i, psi) alone. Nothing is scaled.

    Args:
        seed: 0 or more.
        count: rows.
        dim: columns.
        psi: above 0.

    Raises:
        InputError: psi is not above 0.
    """
    check_truncation(psi)
    latents = sample_latents(seed, count, dim)
    if not (np.abs(latents) > psi).any():
        return latents
    keys = example_keys(named_key(jax.random.key(seed), "truncation"), jnp.arange(count))
    # Drawn by the inverse of the distribution function, which is what drawing until it fits gives.
    again = jax.vmap(lambda key: jax.random.truncated_normal(key, -psi, psi, (dim,)))(keys)
    return np.where(np.abs(latents) > psi, np.asarray(again), latents)


def check_truncation(psi: float) -> None:
    """Raises InputError unless psi is above 0."""
    if not psi > 0:
        raise InputError(
            f"--truncation is {psi}; expected a number above 0, such as 0.7: latents lie within it "
            "either way. Leave it out for all latents."
        )
