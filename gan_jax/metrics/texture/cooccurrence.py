"""Grey-level co-occurrence matrices, and their properties.

The matrix of an offset counts how often level i lies at a pixel and level j at the offset from it
(Haralick, Shanmugam & Dinstein, "Textural features for image classification", 1973). Each level of
an image is a plane of bits, 32 rows to a word, so a count is the population count of one plane and
another one moved: ten times as fast on a CPU as products of one-hot matrices.

Grey values are rounded to 0..255 and cut into levels of equal width on that fixed range, so
contrast shows. Angles and offsets are those of scikit-image, rows counted downwards: at distance d
the offset is d sin(angle) rows and d cos(angle) columns, rounded; 45 degrees is the lower right.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import ArrayLike

from gan_jax.metrics.texture.statistics import TextureStatistics, blocks, check_images, grey_images

ANGLES = (0, 45, 90, 135)
DISTANCES = (1, 2, 4, 8)
LEVELS = 16
PROPERTIES = ("contrast", "dissimilarity", "homogeneity", "ASM", "energy", "correlation")
_BITS = 32
_IMAGES = 8  # in one pass over the counts, which then stays in a CPU's first-level cache
_GROUPS = 8  # of as many images, one after the other in a call
_PIXELS = 2**21  # at a time, where images are large
_WORDS = 16  # added up in one pass over the counts


def _properties(matrices: np.ndarray) -> np.ndarray:
    """The six `PROPERTIES` float64 [..., 6] of counts float64 [..., levels, levels], not all 0.

    With p the matrix normalised and means and variances those of its margins,

        contrast        sum p (i - j)^2          ASM          sum p^2
        dissimilarity   sum p |i - j|            energy       sqrt(ASM)
        homogeneity     sum p / (1 + (i - j)^2)  correlation  covariance / sqrt(variances)

    as in scikit-image's `graycoprops`; the correlation is 1 if only one level occurs, which is met
    exactly, as counts are summed before they are divided.
    """
    levels = matrices.shape[-1]
    i, j = np.indices((levels, levels), np.float64)
    apart = np.abs(i - j)
    weights = (i * 0 + 1, apart**2, apart, 1 / (1 + apart**2), i, j, i * i, j * j, i * j)
    flat = matrices.reshape(*matrices.shape[:-2], levels**2)
    sums = np.moveaxis(flat @ np.stack(weights, axis=-1).reshape(levels**2, -1), -1, 0)
    total, contrast, dissimilarity, homogeneity, *moments = sums
    of_i, of_j, of_ii, of_jj, of_ij = moments
    second_moment = np.einsum("...k,...k->...", flat, flat) / total**2
    variances = (total * of_ii - of_i**2) * (total * of_jj - of_j**2)
    varied = variances > 0
    correlation = np.where(
        varied, (total * of_ij - of_i * of_j) / np.sqrt(np.where(varied, variances, 1)), 1.0
    )
    return np.stack(
        [
            contrast / total,
            dissimilarity / total,
            homogeneity / total,
            second_moment,
            np.sqrt(second_moment),
            correlation,
        ],
        axis=-1,
    )


def cooccurrence_statistics(images: ArrayLike) -> TextureStatistics:
    """The six properties at distances 1, 2, 4, 8 and four angles: d = 96, 16 levels.

    Of images uint8 [n, h, w, c], at least 9x9. Names are such as 'contrast_d1_45'. Angles are not
    averaged: turning a texture must show.
    """
    counts = _counts(images)
    properties = np.concatenate([_properties(part.astype(np.float64)) for part in counts])
    names = tuple(
        f"{name}_d{distance}_{angle}"
        for name, distance, angle in itertools.product(PROPERTIES, DISTANCES, ANGLES)
    )
    return TextureStatistics(names, np.moveaxis(properties, -1, 1).reshape(len(properties), -1))


def _counts(images: ArrayLike) -> Iterator[np.ndarray]:
    """Counts int32 [<= tile, distances, 4, levels, levels], each pair from both ends, in parts."""
    images = check_images(images, least_side=max(DISTANCES) + 1)
    group = max(1, min(_IMAGES, _PIXELS // (images.shape[1] * images.shape[2])))
    steps = [_offset(d, angle) for d, angle in itertools.product(DISTANCES, ANGLES)]
    offsets = np.array(steps, np.int32)
    for block, count in blocks(images, group * _GROUPS):
        grey = block[..., 0]
        if images.shape[-1] > 1:
            grey = np.rint(grey_images(block) * 255).astype(np.uint8)
        grey = grey.reshape(_GROUPS, group, *grey.shape[1:])
        counts = np.asarray(_count_pairs(grey, offsets))
        shape = (-1, len(DISTANCES), len(ANGLES), LEVELS, LEVELS)
        yield counts.reshape(shape)[:count]


def _offset(distance: int, angle: int) -> tuple[int, int]:
    radians = math.radians(angle)
    return round(distance * math.sin(radians)), round(distance * math.cos(radians))


@jax.jit
def _count_pairs(grey, offsets):
    """Counts int32 [g, n, k, levels, levels] of grey uint8 [g, n, h, w] at offsets int32 [k, 2].

    An offset is rows >= 0 and columns, neither beyond the largest distance. One loop counts all
    offsets, as starting each small operation takes longer than it.
    """
    return lax.map(lambda group: _count_in_group(group, offsets), grey)


def _count_in_group(grey, offsets):
    reach = max(DISTANCES)
    planes = lax.optimization_barrier(_bit_planes(grey))
    _, words, width, _ = planes.shape
    # Empty around, so that no pair leaves the image.
    padding = ((0, 0), (0, reach // _BITS + 1), (reach, reach), (0, 0))
    around = lax.optimization_barrier(jnp.pad(planes, padding))

    def move(offset):
        down, right = offset
        moved = lax.dynamic_slice_in_dim(around, reach + right, width, 2)
        low = lax.dynamic_slice_in_dim(moved, down // _BITS, words, 1)
        high = lax.dynamic_slice_in_dim(moved, down // _BITS + 1, words, 1)
        bits = (down % _BITS).astype(jnp.uint32)
        # Shifted up in two steps: by 32 at once is undefined.
        return (low >> bits) | ((high << 1) << (_BITS - 1 - bits))

    counts = _common_bits(planes, lax.map(move, offsets))
    return jnp.transpose(counts + counts.swapaxes(1, 2), (3, 0, 1, 2))


def _bit_planes(grey):
    """uint32 [levels, ceil(h / 32), w, n]: bit r of word g says that row 32 g + r has the level.

    Images come last, along which a CPU takes several words at once. The levels' binary digits are
    packed and then compared with each level's: packing the planes themselves took most of the time.
    """
    n, height, width = grey.shape
    words = -(-height // _BITS)
    grey = jnp.pad(grey, ((0, 0), (0, words * _BITS - height), (0, 0)))
    rows = jnp.transpose(grey.reshape(n, words, _BITS, width), (1, 2, 3, 0))
    level = rows.astype(jnp.uint32) * LEVELS >> 8
    row = jnp.arange(_BITS, dtype=jnp.uint32)[:, None, None]
    place = jnp.arange((LEVELS - 1).bit_length(), dtype=jnp.uint32)[:, None, None, None, None]
    digits = jnp.sum(((level >> place) & 1) << row, axis=2, dtype=jnp.uint32)
    inside = np.arange(words * _BITS).reshape(words, _BITS) < height
    planes = jnp.asarray(inside @ (1 << np.arange(_BITS)), jnp.uint32)[:, None, None]
    for digit, mask in zip(digits, _digit_masks()):
        planes = planes & (digit ^ mask[:, None, None, None])
    return planes


def _digit_masks() -> np.ndarray:
    """uint32 [digits, levels]: all bits where a level's binary digit is 0, else none."""
    places = np.arange((LEVELS - 1).bit_length())[:, None]
    return ((np.arange(LEVELS) >> places & 1) - 1).astype(np.uint32)


def _common_bits(here, there):
    """int32 [k, levels, levels, n]: bits that a plane of `here` shares with one of there[k]."""
    levels, rows, columns, n = here.shape
    words = rows * columns
    empty = -words % _WORDS
    here = jnp.pad(here.reshape(levels, words, n), ((0, 0), (0, empty), (0, 0)))
    there = there.reshape(-1, levels, words, n)
    there = jnp.pad(there, ((0, 0), (0, 0), (0, empty), (0, 0)))

    def add(step, counts):
        a = lax.dynamic_slice_in_dim(here, step * _WORDS, _WORDS, 1)
        b = lax.dynamic_slice_in_dim(there, step * _WORDS, _WORDS, 2)
        # One sum written out: XLA's reductions are not vectorised on a CPU, this is.
        for word in range(_WORDS):
            both = a[:, None, word] & b[:, None, :, word]
            counts = counts + lax.population_count(both).astype(jnp.int32)
        return counts

    start = jnp.zeros((len(there), levels, levels, n), jnp.int32)
    return lax.fori_loop(0, (words + empty) // _WORDS, add, start)
