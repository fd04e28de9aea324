"""Images from a trained generator."""

from __future__ import annotations

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gan_jax.axis import named_key
from gan_jax.parallel import map_batches
from gan_jax.passes import draw_latents
from gan_jax.pixels import to_uint8


def sample_latents(seed: int, count: int, dim: int) -> np.ndarray:
    """Standard normal latents float32 [count, dim]; row i depends on (seed, i) alone."""
    key = named_key(jax.random.key(seed), "samples")
    return np.asarray(draw_latents(key, jnp.arange(count), dim))


def generate_images(
    generator: nn.Module, variables: Any, latents: np.ndarray, *, batch_size: int = 500
) -> np.ndarray:
    """Images uint8 [n, h, w, c] of latents [n, latent_dim], as they would be stored as PNG.

    Args:
        generator: the module.
        variables: its parameters and batch statistics (use the moving average), on the host or
            one device.
        latents: float [n, latent_dim].
        batch_size: images a call.
    """
    return map_batches(_apply(generator), variables, latents, batch_size=batch_size)


@functools.lru_cache(maxsize=8)
def _apply(generator: nn.Module):
    return jax.jit(
        lambda variables, latents: to_uint8(generator.apply(variables, latents, train=False))
    )


def interpolate(start: Array, end: Array, count: int) -> np.ndarray:
    """`count` latents [count, dim] on the great circle from `start` to `end`, both [dim].

    Spherical, as a straight line between normal vectors passes through lengths that the generator
    never saw (White 2016, "Sampling generative networks").
    """
    start, end = np.asarray(start, np.float64), np.asarray(end, np.float64)
    cosine = start @ end / max(np.linalg.norm(start) * np.linalg.norm(end), 1e-12)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    share = np.linspace(0.0, 1.0, count)[:, None]
    if np.sin(angle) < 1e-6:
        return ((1 - share) * start + share * end).astype(np.float32)
    rows = (np.sin((1 - share) * angle) * start + np.sin(share * angle) * end) / np.sin(angle)
    return rows.astype(np.float32)
