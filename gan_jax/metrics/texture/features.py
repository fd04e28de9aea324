"""Distances between the feature maps of a convolutional layer, wherever in the image they are.

A pooled feature loses texture, and a flattened one asks for the same texture at the same place.
Here every position is a sample (patch Fréchet distance), or the channels' mean products over the
positions describe an image (Gram matrix; Gatys, Ecker & Bethge, "Texture synthesis using
convolutional neural networks", 2015, eq. 1). Both forget where in the image a feature was.

Maps are real arrays [n, h, w, c] of any number of positions, which may differ between the sides.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from gan_jax.errors import InputError
from gan_jax.metrics.frechet import FrechetResult, frechet_distance_from_moments
from gan_jax.metrics.moments import Moments, checked_features

_ENTRIES_AT_ONCE = 1 << 22


def patch_frechet_distance(reference: ArrayLike, generated: ArrayLike) -> float:
    """Fréchet distance of the channel vectors at all positions of all images of two sets.

    Channels are standardised by the reference's mean and deviation over its positions. One image
    a side will do if it has two positions.

    Raises:
      InputError: not real finite maps [n, h, w, c], different numbers of channels, or a side with
        fewer than two positions in all.
    """
    reference, generated = _checked_pair(reference, generated)
    mean, scale = _standardiser(reference)
    sides = []
    for name, maps in (("reference", reference), ("generated", generated)):
        if np.prod(maps.shape[:3]) < 2:
            raise InputError(
                f"the {name} maps have shape {maps.shape}; a patch Fréchet distance needs at least "
                "2 positions. Take an earlier layer or more images."
            )
        sides.append(_weighted_moments(maps, np.ones((1, len(maps))), mean, scale)[0])
    return frechet_distance_from_moments(*sides)


def patch_frechet_with_floor(
    reference: ArrayLike,
    generated: ArrayLike,
    *,
    num_splits: int = 8,
    num_bootstrap: int = 100,
    seed: int = 0,
) -> FrechetResult:
    """`patch_frechet_distance` with its floor and interval, n images a side.

    As `gan_jax.metrics.frechet_with_floor`: n = min(len(reference) // 2, len(generated)); `value`
    and `floor` are means over `num_splits` draws of distances of n generated and of n other
    reference images from n reference images; `ci` is value +- 1.96 standard deviations over
    resamplings. Whole images are drawn and resampled, never positions, because the positions of one
    image depend on one another and would make the interval far too narrow. The reference is
    standardised as a whole, once.

    Memory grows with (num_splits + num_bootstrap) c^2 and with the maps as they are given; they are
    read once.

    Raises:
      InputError: as `patch_frechet_distance`; fewer than 4 reference or 2 generated images, or a
        count out of range.
    """
    reference, generated = _checked_pair(reference, generated)
    if len(reference) < 4 or len(generated) < 2:
        raise InputError(
            f"there are {len(reference)} reference and {len(generated)} generated images; expected "
            "at least 4 and 2. Give more images."
        )
    if num_splits < 1 or num_bootstrap < 0 or num_bootstrap == 1:
        raise InputError(
            f"num_splits is {num_splits} and num_bootstrap {num_bootstrap}; expected at least 1 "
            "split, and 0 (no interval) or at least 2 resamplings."
        )
    size = min(len(reference) // 2, len(generated))
    first, second, drawn = [], [], []
    for split in range(num_splits):
        order = np.random.default_rng([seed, split, 0]).permutation(len(reference))
        first.append(order[:size])
        second.append(order[size : 2 * size])
        order = np.random.default_rng([seed, split, 1]).permutation(len(generated))
        drawn.append(order[:size])
    for i in range(num_bootstrap):
        rng = np.random.default_rng([seed, i, 2])
        for draws, count in ((drawn, len(generated)), (first, len(reference))):
            draws.append(rng.integers(count, size=min(count, size * num_splits)))

    mean, scale = _standardiser(reference)
    real = _weighted_moments(reference, _times(first + second, len(reference)), mean, scale)
    fake = _weighted_moments(generated, _times(drawn, len(generated)), mean, scale)
    real, others = real[: len(first)], real[len(first) :]
    distances = [frechet_distance_from_moments(a, b) for a, b in zip(fake, real)]
    value = float(np.mean(distances[:num_splits]))
    floor = float(np.mean([frechet_distance_from_moments(a, b) for a, b in zip(others, real)]))
    ci = None
    if num_bootstrap:
        half_width = 1.96 * float(np.std(distances[num_splits:], ddof=1))
        ci = (max(value - half_width, 0.0), value + half_width)
    return FrechetResult(value=value, floor=floor, ci=ci, n=size)


def gram_vectors(maps: ArrayLike) -> np.ndarray:
    """The Gram matrix F^T F / (h w) of each image's maps F [h w, c]: float64 [n, c (c + 1) / 2].

    The upper triangle, row by row, with what is off the diagonal times the square root of 2, so
    that the Euclidean distance of two vectors is the Frobenius distance of their matrices.

    Raises:
      InputError: not real finite maps [n, h, w, c].
    """
    maps = _checked_maps(maps, "feature maps")
    rows, columns = np.triu_indices(maps.shape[-1])
    weights = np.where(rows == columns, 1.0, np.sqrt(2.0))
    return np.concatenate(
        [_products(block)[:, rows, columns] * weights for _, block in _blocks(maps)]
    )


def gram_distance(reference: ArrayLike, generated: ArrayLike) -> float:
    """Frobenius distance of the two sets' mean Gram matrices over the norm of the reference's.

    0 for equal means, 1 where the generated maps are all 0; it sees neither the variety within a
    set nor anything but second moments. If the reference's maps are all 0, it is not divided.

    Raises:
      InputError: not real finite maps [n, h, w, c], or different numbers of channels.
    """
    means = []
    for maps in _checked_pair(reference, generated):
        total = sum(_products(block).sum(axis=0) for _, block in _blocks(maps))
        means.append(total / len(maps))
    norm = float(np.linalg.norm(means[0]))
    return float(np.linalg.norm(means[1] - means[0])) / (norm if norm > 0.0 else 1.0)


def _checked_maps(maps: ArrayLike, name: str) -> np.ndarray:
    maps = np.asarray(maps)
    if maps.ndim != 4 or 0 in maps.shape:
        raise InputError(
            f"{name} have shape {maps.shape}; expected [n, h, w, c] with at least one image. Take "
            "a convolutional layer before it is pooled or flattened."
        )
    return checked_features(maps.reshape(len(maps), -1), name=name).reshape(maps.shape)


def _checked_pair(reference: ArrayLike, generated: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    reference = _checked_maps(reference, "reference feature maps")
    generated = _checked_maps(generated, "generated feature maps")
    if reference.shape[-1] != generated.shape[-1]:
        raise InputError(
            f"one side has {reference.shape[-1]} channels and the other {generated.shape[-1]}; "
            "take both from the same extractor and layer."
        )
    return reference, generated


def _blocks(maps: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Some images at a time, float64 [b, h w, c], and which they are."""
    per_block = max(1, _ENTRIES_AT_ONCE // max(maps[0].size, maps.shape[-1] ** 2))
    for start in range(0, len(maps), per_block):
        block = maps[start : start + per_block].astype(np.float64)
        yield slice(start, start + len(block)), block.reshape(len(block), -1, maps.shape[-1])


def _products(block: np.ndarray) -> np.ndarray:
    """Mean products of the channels over the positions of [b, p, c]: [b, c, c]."""
    return block.swapaxes(1, 2) @ block / block.shape[1]


def _standardiser(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each channel over all positions of all images, [c].

    A channel that does not vary is divided by the largest deviation; by 1 if none varies. Two
    passes, so a mean that is large beside the deviation costs no accuracy.
    """
    count = np.prod(maps.shape[:3])
    mean = sum(block.sum(axis=(0, 1)) for _, block in _blocks(maps)) / count
    variance = sum(((block - mean) ** 2).sum(axis=(0, 1)) for _, block in _blocks(maps)) / count
    deviation = np.sqrt(variance)
    constant = deviation <= 1e-12 * np.abs(mean)  # but for round-off
    deviation[constant] = np.max(deviation[~constant], initial=0.0) or 1.0
    return mean, deviation


def _times(draws: list[np.ndarray], count: int) -> np.ndarray:
    """How often each draw took each of `count` images, float64 [draws, count]."""
    return np.array([np.bincount(draw, minlength=count) for draw in draws], np.float64)


def _weighted_moments(
    maps: np.ndarray, weights: np.ndarray, mean: np.ndarray, scale: np.ndarray
) -> list[Moments]:
    """Moments of the standardised positions, with image i taken weights[k, i] times, for every k.

    The products of one image are made once and added to all that hold it, so resampling costs no
    further pass over the positions.
    """
    channels = maps.shape[-1]
    sums = np.zeros((len(weights), channels))
    squares = np.zeros((len(weights), channels * channels))
    for images, block in _blocks(maps):
        block = (block - mean) / scale
        sums += weights[:, images] @ block.sum(axis=1)
        products = _products(block) * block.shape[1]
        squares += weights[:, images] @ products.reshape(len(block), -1)
    counts = weights.sum(axis=1) * maps.shape[1] * maps.shape[2]
    moments = []
    for count, total, square in zip(counts, sums, squares):
        centre = total / count
        scatter = square.reshape(channels, channels) - count * np.outer(centre, centre)
        moments.append(Moments(round(count), centre, scatter))
    return moments
