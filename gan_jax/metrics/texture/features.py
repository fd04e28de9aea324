"""Distances between the feature maps of a convolutional layer, wherever in the image they are.

A pooled feature loses texture, a flattened one ties it to its place. Here every position is a
sample (patch Fréchet distance), or an image is the channels' mean products over the positions (Gram
matrix; Gatys, Ecker & Bethge, "Texture synthesis using convolutional neural networks", 2015).

Maps are real finite arrays [n, h, w, c], with as many channels on both sides; the numbers of
positions may differ.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from gan_jax.data.content import order_of
from gan_jax.errors import InputError
from gan_jax.metrics.draws import Draw, draw_rows
from gan_jax.metrics.frechet import (
    FrechetResult,
    frechet_distance_from_moments,
    influences_of,
    result_of,
)
from gan_jax.metrics.gaussians import Gaussian, Pair
from gan_jax.metrics.moments import Moments, checked_features
from gan_jax.metrics.spread import Influences

ENTRIES_AT_ONCE = 1 << 22  # of maps in a block, which bounds the memory


def patch_frechet_distance(reference: ArrayLike, generated: ArrayLike) -> float:
    """Fréchet distance of the channel vectors at all positions of all images of two sets.

    Channels are standardised by the reference's mean and deviation over its positions. One image
    a side will do if it has two positions.
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
    interval: bool = True,
    seed: int = 0,
    in_order: bool = False,
) -> FrechetResult:
    """`patch_frechet_distance` with its floor and interval; see `metrics.frechet_with_floor`.

    Whole images are drawn, of at least 4 reference and 2 generated ones, and the interval rests on
    each image's contribution (to second order), as the positions of one image depend on one
    another. The reference is standardised as a whole, once. Memory grows with num_splits c^2.
    """
    reference, generated = _checked_pair(reference, generated)
    counts = len(reference), len(generated)
    draws = draw_rows(*counts, num_splits=num_splits, seed=seed)
    influences = influences_of(draws, *counts) if interval else None
    order = order_of(reference, in_order)
    real_maps, fake_maps = reference[order], generated[order_of(generated, in_order)]

    standardiser = _standardiser(real_maps)
    parts = [np.arange(len(real_maps))]
    for name in ("one", "other", "null_one", "null_other")[: 2 if influences is None else 4]:
        parts += [getattr(draw, name) for draw in draws]
    whole_real, *real = _weighted_moments(real_maps, _times(parts, counts[0]), *standardiser)
    parts = [np.arange(len(fake_maps)), *(draw.generated for draw in draws)]
    whole_fake, *fake = _weighted_moments(fake_maps, _times(parts, counts[1]), *standardiser)
    one, other, *null = (real[i : i + num_splits] for i in range(0, len(real), num_splits))
    values = list(map(frechet_distance_from_moments, fake, one))
    floors = list(map(frechet_distance_from_moments, other, one))
    if influences is not None:
        pairs = [
            Pair.of(Gaussian.of_moments(a), Gaussian.of_moments(b))
            for a, b in (*zip(one, fake), *zip(*null))
        ]
        _note_influences(
            influences, draws, pairs, (real_maps, fake_maps), (whole_real, whole_fake), standardiser
        )
    return result_of(values, floors, draws, influences, order)


def gram_distance(reference: ArrayLike, generated: ArrayLike) -> float:
    """Frobenius distance of the two sets' mean Gram matrices over the norm of the reference's.

    0 for equal means, 1 where the generated maps are all 0; it sees neither the variety within a
    set nor anything but second moments. If the reference's maps are all 0, it is not divided.
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


def _blocks(
    maps: np.ndarray, mean: np.ndarray | float = 0.0, scale: np.ndarray | float = 1.0
) -> Iterator[tuple[slice, np.ndarray]]:
    """Some images at a time, standardised, float64 [b, h w, c], and which they are."""
    per_block = max(1, ENTRIES_AT_ONCE // max(maps[0].size, maps.shape[-1] ** 2))
    for start in range(0, len(maps), per_block):
        block = maps[start : start + per_block].astype(np.float64)
        block = block.reshape(len(block), -1, maps.shape[-1])
        yield slice(start, start + len(block)), (block - mean) / scale


def _products(block: np.ndarray) -> np.ndarray:
    """Mean products of the channels over the positions of [b, p, c]: [b, c, c]."""
    return block.swapaxes(1, 2) @ block / block.shape[1]


def _standardiser(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each channel over all positions of all images, [c], in two passes.

    A channel that does not vary has the largest deviation; 1 if none varies.
    """
    count = np.prod(maps.shape[:3])
    total = functools.reduce(np.add, (block.sum(axis=(0, 1)) for _, block in _blocks(maps)))
    mean = total / count
    squares = (((block - mean) ** 2).sum(axis=(0, 1)) for _, block in _blocks(maps))
    deviation = np.sqrt(functools.reduce(np.add, squares) / count)
    constant = deviation <= 1e-12 * np.abs(mean)  # but for round-off
    deviation[constant] = np.max(deviation[~constant], initial=0.0) or 1.0
    return mean, deviation


def _times(draws: list[np.ndarray], count: int) -> np.ndarray:
    """How often each draw took each of `count` images, float64 [draws, count]."""
    return np.array([np.bincount(draw, minlength=count) for draw in draws], np.float64)


def _weighted_moments(
    maps: np.ndarray, weights: np.ndarray, mean: np.ndarray, scale: np.ndarray
) -> list[Moments]:
    """Moments of the standardised positions, image i taken weights[k, i] times, for every k."""
    channels = maps.shape[-1]
    sums = np.zeros((len(weights), channels))
    squares = np.zeros((len(weights), channels * channels))
    for images, block in _blocks(maps, mean, scale):
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


def _note_influences(
    influences: Influences,
    draws: list[Draw],
    pairs: list[Pair],
    sides: tuple[np.ndarray, np.ndarray],
    whole: tuple[Moments, Moments],
    standardiser: tuple[np.ndarray, np.ndarray],
) -> None:
    """Fills in what is missing without each image, as `Pair.leave_one_out` does for rows.

    `pairs` are real and generated ones of each draw, then both real halves of each; `sides` the
    maps of the reference and the generated ones, `whole` their moments.
    """
    count, fewer = len(draws), len(draws[0].one) - 1
    gradients = [_gradients(pair) for pair in pairs]
    on_real = [g[0] for g in gradients] + [g[1] for g in gradients[count:]]
    # The reference's deviations are measured too: a channel is divided by the root of its square.
    by_scale = np.mean([pair.by_scale() for pair in pairs[:count]], axis=0)
    on_real.append(np.append(np.diag(-by_scale / 2.0), np.zeros_like(by_scale)))
    *of_real, common = _applied(sides[0], on_real, *standardiser)
    of_fake = _applied(sides[1], [g[1] for g in gradients[:count]], *standardiser)
    curved = [_curvatures(side, own, whole, standardiser) for side, own in zip(sides, whole)]
    of_real, of_fake = of_real - curved[0] / fewer, of_fake - curved[1] / fewer

    def centred(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return values[rows] - values[rows].mean()

    for split, draw in enumerate(draws):
        one, null_one, null_other = of_real[split::count]
        influences.of_rows.append((centred(one, draw.one), centred(of_fake[split], draw.generated)))
        influences.of_halves.append(
            (centred(null_one, draw.null_one), centred(null_other, draw.null_other))
        )
    influences.common = common - common.mean()


def _gradients(pair: Pair) -> list[np.ndarray]:
    """Of the distance by an image's weight on each side, float64 [c c + c], constants left out.

    They are multiplied by an image's mean products and its channels' means.
    """
    apart = 2.0 * (pair.a.mean - pair.b.mean)
    gradients = []
    for own, optimal, sign in zip((pair.a, pair.b), pair.maps(), (1.0, -1.0)):
        by_covariance = np.eye(len(optimal)) - optimal
        by_mean = sign * apart - 2.0 * by_covariance @ own.mean
        gradients.append(np.concatenate([by_covariance.ravel(), by_mean]))
    return gradients


def _applied(
    maps: np.ndarray, gradients: list[np.ndarray], mean: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    """Each of [c c + c] numbers by each image's mean products and means: [gradients, n]."""
    found = np.empty((len(gradients), len(maps)))
    for images, block in _blocks(maps, mean, scale):
        products = _products(block).reshape(len(block), -1)
        parts = np.concatenate([products, block.mean(axis=1)], axis=1)
        found[:, images] = np.array(gradients) @ parts.T
    return found


def _curvatures(
    maps: np.ndarray,
    own: Moments,
    whole: tuple[Moments, Moments],
    standardiser: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Half the second derivative of the distance by each image's weight, where both sides are one.

    |m_i - m|^2 + 1/2 sum_kl E_kl^2 / (e_k + e_l), with an image's mean m_i and the excess E of its
    covariance about m, along the eigenvectors of the sides' mean covariance, of eigenvalues e.
    """
    eigenvalues, axes = np.linalg.eigh(sum(side.covariance() for side in whole) / len(whole))
    kept = eigenvalues > 1e-10 * max(eigenvalues[-1], 0.0)
    eigenvalues, axes = eigenvalues[kept], axes[:, kept]
    usual = axes.T @ own.covariance() @ axes
    found = np.empty(len(maps))
    for images, block in _blocks(maps, *standardiser):
        block = block - own.mean
        excess = _products(block @ axes) - usual
        excess *= excess
        excess /= eigenvalues + eigenvalues[:, None]
        found[images] = 0.5 * excess.sum(axis=(1, 2)) + np.sum(block.mean(axis=1) ** 2, axis=1)
    return found
