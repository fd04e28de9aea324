"""Grey-level co-occurrence matrices, their properties, and Haralick's features.

The matrix of an offset counts how often level i lies at a pixel and level j at the offset from it
(Haralick, Shanmugam & Dinstein, "Textural features for image classification", 1973). Each level of
an image is a plane of bits, 32 rows to a word, so a count is the population count of one plane and
another one moved: integers, the same on every device. A product of one-hot matrices took ten times
as long on a CPU.

Grey values are rounded to 0..255 and cut into levels of equal width on that fixed range, so
contrast shows. Angles and offsets are those of scikit-image, rows counted downwards: at distance d
the offset is d sin(angle) rows and d cos(angle) columns, rounded; 45 degrees is the lower right.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import ArrayLike

from gan_jax.errors import InputError
from gan_jax.metrics.texture.statistics import TextureStatistics, blocks, check_images, grey_images

ANGLES = (0, 45, 90, 135)
DISTANCES = (1, 2, 4, 8)
LEVELS = 16
PROPERTIES = ("contrast", "dissimilarity", "homogeneity", "ASM", "energy", "correlation")
HARALICK_FEATURES = (
    "angular_second_moment",
    "contrast",
    "correlation",
    "variance",
    "inverse_difference_moment",
    "sum_average",
    "sum_variance",
    "sum_entropy",
    "entropy",
    "difference_variance",
    "difference_entropy",
    "information_1",
    "information_2",
)

_BITS = 32
_IMAGES = 8  # in one pass over the counts, which then stays in a CPU's first-level cache
_GROUPS = 8  # of as many images, one after the other in a call
_PIXELS = 2**21  # at a time, where images are large
_WORDS = 16  # added up in one pass over the counts


def cooccurrence_matrices(
    images: ArrayLike,
    *,
    distances: Sequence[int] = DISTANCES,
    levels: int = LEVELS,
    symmetric: bool = True,
    normalised: bool = True,
) -> np.ndarray:
    """Co-occurrence matrices float64 [n, len(distances), 4, levels, levels] at 0, 45, 90, 135°.

    Entry i, j belongs to level i at a pixel and level j at the offset; pairs that leave the image
    are not counted. The counts are exact.

    Args:
        images: uint8 [n, h, w, c].
        distances: in pixels, each at least 1 and below h and w.
        levels: number of grey levels, 2 to 256; time grows with its square.
        symmetric: the pair is counted from both of its ends.
        normalised: each matrix sums to 1; otherwise it holds counts.
    """
    parts = []
    for counts in _counts(images, distances, levels, symmetric):
        counts = counts.astype(np.float64)
        if normalised:
            counts /= counts.sum(axis=(-1, -2), keepdims=True)
        parts.append(counts)
    return np.concatenate(parts)


def cooccurrence_properties(matrices: ArrayLike) -> np.ndarray:
    """The six `PROPERTIES` float64 [..., 6] of matrices [..., levels, levels] >= 0, not all 0.

    With p the matrix normalised and means and variances those of its margins,

        contrast        sum p (i - j)^2          ASM          sum p^2
        dissimilarity   sum p |i - j|            energy       sqrt(ASM)
        homogeneity     sum p / (1 + (i - j)^2)  correlation  covariance / sqrt(variances)

    as in scikit-image's `graycoprops`; the correlation is 1 if only one level occurs, which is met
    exactly, as counts are summed before they are divided.
    """
    return _properties(_checked_matrices(matrices))


def _properties(matrices: np.ndarray) -> np.ndarray:
    """`cooccurrence_properties` of matrices float64 that are known to be sound."""
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
    counts = _counts(images, DISTANCES, LEVELS, symmetric=True)
    properties = np.concatenate([_properties(part.astype(np.float64)) for part in counts])
    names = tuple(
        f"{name}_d{distance}_{angle}"
        for name, distance, angle in itertools.product(PROPERTIES, DISTANCES, ANGLES)
    )
    return TextureStatistics(names, np.moveaxis(properties, -1, 1).reshape(len(properties), -1))


def haralick_features(matrices: ArrayLike) -> np.ndarray:
    """The thirteen `HARALICK_FEATURES` float64 [..., 13] of matrices [..., levels, levels] >= 0.

    Haralick et al. 1973, appendix, features 1 to 13, with the conventions of mahotas: levels count
    from 0, logarithms are to base 2 (so the exponent of the 13th is in bits), the sum variance is
    taken around the sum average, the correlation of one level is 1. The difference variance is that
    of |i - j|, in mahotas `use_x_minus_y_variance=True`.
    """
    matrices = _checked_matrices(matrices)
    levels = matrices.shape[-1]
    properties = dict(zip(PROPERTIES, np.moveaxis(_properties(matrices), -1, 0)))
    p = matrices / matrices.sum(axis=(-1, -2), keepdims=True)
    rows, columns = p.sum(axis=-1), p.sum(axis=-2)
    i, j = np.indices((levels, levels))
    flat = p.reshape(*p.shape[:-2], levels**2)
    sums = flat @ np.eye(2 * levels - 1)[(i + j).ravel()]
    differences = flat @ np.eye(levels)[np.abs(i - j).ravel()]
    entropy, independent = _entropy(flat), _entropy(rows) + _entropy(columns)
    widest = np.maximum(_entropy(rows), _entropy(columns))
    return np.stack(
        [
            properties["ASM"],
            properties["contrast"],
            properties["correlation"],
            _mean_and_variance(columns)[1],
            properties["homogeneity"],
            *_mean_and_variance(sums),
            _entropy(sums),
            entropy,
            _mean_and_variance(differences)[1],
            _entropy(differences),
            (entropy - independent) / np.where(widest > 0, widest, 1.0),
            np.sqrt(-np.expm1(-2 * np.maximum(independent - entropy, 0.0))),
        ],
        axis=-1,
    )


def _entropy(shares: np.ndarray) -> np.ndarray:
    """In bits, over the last axis."""
    return -np.sum(shares * np.log2(np.where(shares > 0, shares, 1.0)), axis=-1)


def _mean_and_variance(shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = np.arange(shares.shape[-1])
    mean = shares @ values
    return mean, np.sum(shares * (values - mean[..., None]) ** 2, axis=-1)


def _checked_matrices(matrices: ArrayLike) -> np.ndarray:
    matrices = np.asarray(matrices, np.float64)
    if matrices.ndim < 2 or matrices.shape[-1] != matrices.shape[-2]:
        raise InputError(
            f"the co-occurrence matrices have shape {list(matrices.shape)}; expected "
            "[..., levels, levels], as cooccurrence_matrices gives them."
        )
    # NaN fails both comparisons.
    if not (np.all(matrices >= 0) and np.all(matrices.sum(axis=(-1, -2)) > 0)):
        raise InputError(
            "a co-occurrence matrix has a negative entry, NaN, or no entry above 0; expected "
            "counts or shares, as cooccurrence_matrices gives them."
        )
    return matrices


def _counts(
    images: ArrayLike, distances: Sequence[int], levels: int, symmetric: bool
) -> Iterator[np.ndarray]:
    """Counts int32 [<= tile, distances, 4, levels, levels], part by part."""
    if not (isinstance(levels, int) and 2 <= levels <= 256):
        raise InputError(f"levels is {levels!r}; expected a whole number from 2 to 256.")
    distances = tuple(distances)
    if not distances or not all(isinstance(d, int) and d >= 1 for d in distances):
        raise InputError(f"distances is {distances!r}; expected whole numbers of pixels >= 1.")
    images = check_images(images, least_side=max(distances) + 1)
    pixels = images.shape[1] * images.shape[2]
    group = max(1, min(_IMAGES, _PIXELS * LEVELS // (pixels * levels)))
    offsets = [_offset(d, angle) for d, angle in itertools.product(distances, ANGLES)]
    offsets = np.array(offsets, np.int32)
    for block, count in blocks(images, group * _GROUPS):
        grey = block[..., 0]
        if images.shape[-1] > 1:
            grey = np.rint(grey_images(block) * 255).astype(np.uint8)
        grey = grey.reshape(_GROUPS, group, *grey.shape[1:])
        counts = np.asarray(_count_pairs(grey, offsets, max(distances), levels, symmetric))
        shape = (-1, len(distances), len(ANGLES), levels, levels)
        yield counts.reshape(shape)[:count]


def _offset(distance: int, angle: int) -> tuple[int, int]:
    radians = math.radians(angle)
    return round(distance * math.sin(radians)), round(distance * math.cos(radians))


@functools.partial(jax.jit, static_argnums=(2, 3, 4))
def _count_pairs(grey, offsets, reach: int, levels: int, symmetric: bool):
    """Counts int32 [g, n, k, levels, levels] of grey uint8 [g, n, h, w] at offsets int32 [k, 2].

    An offset is rows >= 0 and columns, neither beyond `reach`. One loop counts all offsets, as
    starting each small operation takes longer than it.
    """
    return lax.map(lambda group: _count_in_group(group, offsets, reach, levels, symmetric), grey)


def _count_in_group(grey, offsets, reach: int, levels: int, symmetric: bool):
    planes = lax.optimization_barrier(_bit_planes(grey, levels))
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
    if symmetric:
        counts = counts + counts.swapaxes(1, 2)
    return jnp.transpose(counts, (3, 0, 1, 2))


def _bit_planes(grey, levels: int):
    """uint32 [levels, ceil(h / 32), w, n]: bit r of word g says that row 32 g + r has the level.

    Images come last, along which a CPU takes several words at once. The levels' binary digits are
    packed and then compared with each level's: packing the planes themselves took most of the time.
    """
    n, height, width = grey.shape
    words = -(-height // _BITS)
    grey = jnp.pad(grey, ((0, 0), (0, words * _BITS - height), (0, 0)))
    rows = jnp.transpose(grey.reshape(n, words, _BITS, width), (1, 2, 3, 0))
    level = rows.astype(jnp.uint32) * levels >> 8
    row = jnp.arange(_BITS, dtype=jnp.uint32)[:, None, None]
    place = jnp.arange((levels - 1).bit_length(), dtype=jnp.uint32)[:, None, None, None, None]
    digits = jnp.sum(((level >> place) & 1) << row, axis=2, dtype=jnp.uint32)
    inside = np.arange(words * _BITS).reshape(words, _BITS) < height
    planes = jnp.asarray(inside @ (1 << np.arange(_BITS)), jnp.uint32)[:, None, None]
    for digit, mask in zip(digits, _digit_masks(levels)):
        planes = planes & (digit ^ mask[:, None, None, None])
    return planes


def _digit_masks(levels: int) -> np.ndarray:
    """uint32 [digits, levels]: all bits where a level's binary digit is 0, else none."""
    places = np.arange((levels - 1).bit_length())[:, None]
    return ((np.arange(levels) >> places & 1) - 1).astype(np.uint32)


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
