"""A trained generator's inputs, latents and classes, and the images that it makes from them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gan_jax.errors import InputError
from gan_jax.runtime.parallel import map_batches
from gan_jax.runtime.pixels import to_uint8
from gan_jax.steps.axis import draw_latents, example_keys, named_key

TRUNCATION = "numbers beyond psi either way are drawn again until they are within"
"""The method of `truncated_latents`, for records."""


def sample_latents(seed: int, count: int, dim: int) -> np.ndarray:
    """Standard normal latents float32 [count, dim]; row i depends on (seed, i) alone."""
    key = named_key(jax.random.key(seed), "samples")
    return np.asarray(draw_latents(key, jnp.arange(count, dtype=jnp.int32), dim))


def truncated_latents(seed: int, count: int, dim: int, psi: float) -> np.ndarray:
    """Latents float32 [count, dim] of a normal distribution cut off at -psi and psi.

    The truncation trick: images become surer and less varied (Brock et al. 2019, "Large scale GAN
    training for high fidelity natural image synthesis", section 3.1). The latents are those of
    `sample_latents`, but numbers beyond psi are drawn again until they are within it. The others
    stay, so that images of one seed can be compared. Row i depends on (seed, i, psi) alone. Nothing
    is scaled. Raises InputError unless psi is above 0.
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


def sample_labels(
    seed: int, count: int, num_classes: int, frequencies: Sequence[float] | np.ndarray | None = None
) -> np.ndarray:
    """Random labels int32 [count] in [0, num_classes); row i depends on (seed, i) alone.

    They are independent of the latents of the same seed. `frequencies` [num_classes] are to any
    scale, such as the counts of a training set; None for all alike. Raises InputError for no
    classes, or frequencies of another number, negative, or all zero.
    """
    if num_classes < 1:
        raise InputError(f"num_classes is {num_classes}; expected 1 or more to draw labels of.")
    shares = np.ones(num_classes) if frequencies is None else np.asarray(frequencies, np.float64)
    if shares.shape != (num_classes,) or not (shares >= 0).all() or not 0 < shares.sum() < np.inf:
        raise InputError(
            f"frequencies are {shares.tolist()}; expected {num_classes} numbers, 0 or more and not "
            "all 0, one a class."
        )
    keys = example_keys(
        named_key(jax.random.key(seed), "labels"), jnp.arange(count, dtype=jnp.int32)
    )
    places = np.asarray(jax.vmap(jax.random.uniform)(keys), np.float64)  # in [0, 1)
    borders = np.cumsum(shares)
    # `right`: a class of no share has no place of its own.
    return np.searchsorted(borders, places * borders[-1], side="right").astype(np.int32)


def generate_images(
    generator: nn.Module,
    variables: Any,
    latents: np.ndarray,
    *,
    labels: np.ndarray | None = None,
    batch_size: int = 500,
) -> np.ndarray:
    """Images uint8 [n, h, w, c] of latents [n, latent_dim], as they would be stored as PNG.

    Args:
        generator: the module.
        variables: its parameters and batch statistics (use the moving average).
        latents: float [n, latent_dim].
        labels: int32 [n], the classes to draw, for a conditional generator; else None.
        batch_size: images per call.

    Raises:
        InputError: labels of another number than latents.
    """
    if labels is None:
        inputs: tuple[np.ndarray, ...] = (latents,)
    elif len(labels) == len(latents):
        inputs = (latents, np.asarray(labels, np.int32))
    else:
        raise InputError(f"{len(labels)} labels for {len(latents)} latents: expected one each.")
    return map_batches(_apply(generator), variables, inputs, batch_size=batch_size)


@functools.lru_cache(maxsize=8)
def _apply(generator: nn.Module):
    @jax.jit
    def apply(variables: Any, inputs: tuple[Array, ...]) -> Array:
        images: Any = generator.apply(variables, *inputs, train=False)
        return to_uint8(images)

    return apply


def interpolate(start: np.ndarray, end: np.ndarray, count: int) -> np.ndarray:
    """`count` latents [count, dim] on the great circle from `start` to `end`, both [dim].

    A straight line between normal vectors would pass through lengths that the generator never saw
    (White 2016, "Sampling generative networks").
    """
    start, end = np.asarray(start, np.float64), np.asarray(end, np.float64)
    cosine = start @ end / max(np.linalg.norm(start) * np.linalg.norm(end), 1e-12)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    share = np.linspace(0.0, 1.0, count)[:, None]
    if np.sin(angle) < 1e-6:
        return ((1 - share) * start + share * end).astype(np.float32)
    rows = (np.sin((1 - share) * angle) * start + np.sin(share * angle) * end) / np.sin(angle)
    return rows.astype(np.float32)


def blend_classes(variables: Any, start: int, end: int, share: float) -> Any:
    """A conditional generator's variables in which class `start` lies on the way to class `end`.

    Labels are whole numbers, but a network looks them up in tables: row `start` of each parameter
    'embedding' [num_classes, ...] becomes (1 - share) * itself + share * row `end`, linearly as
    Brock et al. (2019) mix class embeddings; `share` is in [0, 1]. Images of label `start` are then
    between the two. Raises InputError if there is no such table: the generator is not conditional.
    """
    if not can_blend_classes(variables):
        raise InputError(
            "the generator has no parameter 'embedding' with a row a class to blend: it is not "
            "conditional, or one of textures, which blends them across space."
        )

    def blend(path: tuple[Any, ...], leaf: Any) -> Any:
        if not _is_class_table(path):
            return leaf
        table = np.array(leaf)
        table[start] = (1 - share) * table[start] + share * table[end]
        return table

    blended = jax.tree_util.tree_map_with_path(blend, variables["params"])
    return {**variables, "params": blended}


def can_blend_classes(variables: Any) -> bool:
    """Whether a generator's variables have a table of classes, which `blend_classes` needs."""
    leaves = jax.tree_util.tree_leaves_with_path(variables["params"])
    return any(_is_class_table(path) for path, _ in leaves)


def _is_class_table(path: tuple[Any, ...]) -> bool:
    return getattr(path[-1], "key", None) == "embedding"
