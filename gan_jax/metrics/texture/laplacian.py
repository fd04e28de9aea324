"""The sliced Wasserstein distance between patches of Laplacian pyramids, level by level.

Karras et al., "Progressive growing of GANs for improved quality, stability, and variation", 2018,
section 5: 128 patches of 7x7 pixels an image and level, standardised a channel, and distances along
512 random directions. A level shows structure of one size, the finest sharp edges and noise.

As published, each set is standardised by its own moments, which hides a difference in contrast or
colour; here both are by the reference's.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import ArrayLike

from gan_jax.errors import InputError
from gan_jax.metrics.sliced import random_projections, sliced_wasserstein
from gan_jax.metrics.texture.statistics import check_images

_COARSEST = 16  # px
_SIDE = 7  # of a patch, px
_PATCHES = 128  # of an image and level
_PIXELS_AT_ONCE = 1 << 19
_BINOMIAL = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0


def laplacian_distances(
    reference: ArrayLike,
    generated: ArrayLike,
    *,
    num_projections: int = 512,
    max_patches: int = 1 << 17,
    seed: int = 0,
) -> np.ndarray:
    """Sliced Wasserstein distances of two sets of images uint8 [n, h, w, c] and [m, h, w, c].

    A finite sample does not reach 0, so read the value beside that of two halves of the reference.
    Equal sets in the same order give exactly 0, as the i-th image of both is cut at the same
    places.

    Args:
      reference, generated: sides at least 16; below 31 the only level is the image itself.
      num_projections: directions, the same for every level.
      max_patches: bound, at least 1, on the patches of a set and level, so on memory (0.15 GB a set
        at 7x7x3) and time: a larger set gets fewer than 128 patches an image, at least one.

    Returns:
      Distances by level, finest first, float64 [levels], in standard deviations of a channel of the
      reference's level.
    """
    reference = check_images(reference, least_side=_COARSEST)
    generated = check_images(generated, least_side=_COARSEST)
    if reference.shape[1:] != generated.shape[1:]:
        raise InputError(
            f"the reference's images are {list(reference.shape[1:])} and the generated ones "
            f"{list(generated.shape[1:])} (h, w, c); give both sets the same size and channels."
        )
    channels = reference.shape[-1]
    projections = random_projections(_SIDE**2 * channels, num_projections, seed=seed)
    distances = []
    for level in range(len(level_sides(*reference.shape[1:3]))):
        real, fake = (
            laplacian_patches(
                images,
                level,
                per_image=min(_PATCHES, max(1, max_patches // len(images))),
                seed=seed,
            )
            for images in (reference, generated)
        )
        values = real.reshape(-1, channels)
        mean, deviation = values.mean(axis=0), values.std(axis=0)
        deviation = np.where(deviation > 1e-12, deviation, 1.0)  # of a channel that does not vary
        for patches in (real, fake):
            values = patches.reshape(-1, channels)
            values -= mean
            values /= deviation
        distances.append(sliced_wasserstein(real, fake, projections=projections, p=1.0))
    return np.array(distances)


def level_sides(height: int, width: int) -> list[tuple[int, int]]:
    """Sides of the levels: halved, rounding up, as long as both are at least 16."""
    sides = [(height, width)]
    while (min(sides[-1]) + 1) // 2 >= _COARSEST:
        sides.append(((sides[-1][0] + 1) // 2, (sides[-1][1] + 1) // 2))
    return sides


def laplacian_pyramid(images: np.ndarray) -> list[np.ndarray]:
    """Levels [n, h_l, w_l, c] of images [n, h, w, c], finest first, float64.

    Burt & Adelson, "The Laplacian pyramid as a compact image code", 1983, with the binomial filter
    (1, 4, 6, 4, 1) / 16 and edges mirrored at the last pixel. Each level is an image less the
    enlarged next one; the last is the smallest image itself.
    """
    images = images.astype(np.float64)
    levels = []
    for _ in level_sides(*images.shape[1:3])[1:]:
        smaller = _blurred(images)[:, ::2, ::2]
        spread = np.zeros_like(images)
        spread[:, ::2, ::2] = smaller
        levels.append(images - 4.0 * _blurred(spread))
        images = smaller
    return [*levels, images]


def laplacian_patches(
    images: np.ndarray, level: int, *, per_image: int, seed: int = 0
) -> np.ndarray:
    """Patches of one level of images uint8 [n, h, w, c]: float64 [n per_image, 7 7 c].

    A patch is flattened in the order row, column, channel. Its place depends on the seed, the
    level, `per_image` and the image's number.
    """
    count, height, width, channels = images.shape
    rows, columns = level_sides(height, width)[level]
    corners = np.random.default_rng([seed, level]).random((count, per_image, 2))
    corners = (corners * (rows - _SIDE + 1, columns - _SIDE + 1)).astype(np.int64)
    reach = np.arange(_SIDE)
    patches = np.empty((count, per_image, _SIDE, _SIDE, channels))
    per_block = max(1, _PIXELS_AT_ONCE // (height * width * channels))
    for start in range(0, count, per_block):
        block = slice(start, start + per_block)
        pixels = laplacian_pyramid(images[block] / 255)[level]
        top, left = np.moveaxis(corners[block], -1, 0)[..., None, None]
        image = np.arange(len(pixels))[:, None, None, None]
        patches[block] = pixels[image, top + reach[:, None], left + reach]
    return patches.reshape(count * per_image, -1)


def _blurred(images: np.ndarray) -> np.ndarray:
    for axis in (1, 2):
        size = images.shape[axis]
        pad = [(2, 2) if i == axis else (0, 0) for i in range(4)]
        padded = np.moveaxis(np.pad(images, pad, mode="reflect"), axis, 0)
        total = functools.reduce(
            np.add, (weight * padded[i : i + size] for i, weight in enumerate(_BINOMIAL))
        )
        images = np.moveaxis(total, 0, axis)
    return images
