"""The Fréchet distance between two sets of features, its floor, and its interval.

With mean m and covariance S (ddof 1) of each side (Dowson & Landau 1982; Heusel et al. 2017, eq. 6)

    FD = |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2).

A root of S is any matrix F of r rows with F^T F = S. The last trace is the sum of the square roots
of the eigenvalues of S1^(1/2) S2 S1^(1/2), and these square roots are the singular values of
F1 F2^T. The singular values are taken directly: squaring first would lose half of the digits where
a covariance is near singular, which is where a general matrix square root returns NaN or complex
numbers. All algebra is numpy float64.

The distance of two finite samples of the same distribution is not zero: for n vectors of N(0, I_d)
a side it is about (2 d + d (d + 1) / 2) / n. A distance is therefore to be read beside the distance
of real from real images at the same n: its floor.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from gan_jax.errors import InputError
from gan_jax.metrics.moments import Moments, checked_features

_LARGE = 256  # singular values of smaller matrices take no time worth saving


@dataclasses.dataclass(frozen=True)
class FrechetResult:
    """A Fréchet distance that can be read by itself.

    Attributes:
      value: generated against real, n images a side.
      floor: real against real, n images a side.
      ci: 95 % interval (low, high) around `value`; None if no bootstrap was asked for.
      n: number of images on each side of both distances.
    """

    value: float
    floor: float
    ci: tuple[float, float] | None
    n: int

    @property
    def ratio(self) -> float:
        """value / floor; 1 is as good as real images; NaN if the floor is 0."""
        return self.value / self.floor if self.floor > 0 else math.nan


@dataclasses.dataclass(frozen=True, eq=False)
class _Gaussian:
    """Mean [d], trace of the covariance, and a root [r, d] of it with r <= d."""

    mean: np.ndarray
    trace: float
    root: np.ndarray

    @classmethod
    def of_features(cls, features: np.ndarray) -> _Gaussian:
        count, num_features = features.shape
        if count > num_features:
            return cls.of_moments(Moments.of(features))
        mean = features.mean(axis=0)
        root = (features - mean) / math.sqrt(count - 1)
        return cls(mean, float(np.sum(root**2)), root)

    @classmethod
    def of_moments(cls, moments: Moments) -> _Gaussian:
        covariance = moments.covariance()
        root = _triangular_root(covariance) if moments.count > len(covariance) else None
        if root is not None:
            return cls(moments.mean, float(np.trace(covariance)), root)
        eigenvalues, vectors = np.linalg.eigh(covariance)
        # Below this an eigenvalue is round-off: its root would add directions that do not exist.
        threshold = len(eigenvalues) * np.finfo(np.float64).eps * max(eigenvalues[-1], 0.0)
        kept = eigenvalues > threshold
        root = np.sqrt(eigenvalues[kept])[:, None] * vectors[:, kept].T
        return cls(moments.mean, float(np.trace(covariance)), root)


def _triangular_root(covariance: np.ndarray) -> np.ndarray | None:
    """The Cholesky factor, twenty times as fast as eigenvectors; None near singularity."""
    try:
        factor = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return None
    pivots = np.diag(factor) ** 2
    if pivots.min() <= 100 * len(pivots) * np.finfo(np.float64).eps * pivots.max():
        return None
    return factor.T


def _distance(a: _Gaussian, b: _Gaussian) -> float:
    product = a.root @ b.root.T
    apart = float(np.sum((a.mean - b.mean) ** 2)) + a.trace + b.trace
    if min(product.shape) >= _LARGE:
        overlap, error = _fast_nuclear_norm(product)
        if 2.0 * error < 1e-10 * (apart - 2.0 * overlap):
            return apart - 2.0 * overlap
    overlap = float(np.linalg.svd(product, compute_uv=False).sum()) if product.size else 0.0
    return max(apart - 2.0 * overlap, 0.0)


def _fast_nuclear_norm(product: np.ndarray) -> tuple[float, float]:
    """Sum of the singular values as roots of the eigenvalues of P P^T, and its probable error.

    Several times as fast as singular values at d 2048. A square root divides the round-off of an
    eigenvalue by twice the root, so the error is known from the roots; infinite if one is 0.
    """
    gram = product @ product.T if len(product) <= product.shape[1] else product.T @ product
    eigenvalues = np.linalg.eigvalsh(gram)
    if eigenvalues[0] <= 0.0:
        return 0.0, math.inf
    roots = np.sqrt(eigenvalues)
    round_off = 10 * np.finfo(np.float64).eps * eigenvalues[-1]
    return float(roots.sum()), float(np.sum(round_off / (2.0 * roots)))


def frechet_distance_from_moments(a: Moments, b: Moments) -> float:
    """Fréchet distance of two sets known by their moments only: for sets of any size, streamed.

    Never NaN. True distances are >= 0; round-off below zero, which stays within about
    1e-13 (tr S1 + tr S2) x d, is returned as 0.

    Raises:
      InputError: fewer than two images on a side, or different numbers of features.
    """
    _check_same_width(len(a.mean), len(b.mean))
    return _distance(_Gaussian.of_moments(a), _Gaussian.of_moments(b))


def frechet_distance(real, fake) -> float:
    """Fréchet distance of the features [n, d] and [m, d] of two sets of images.

    Where a side has no more rows than columns its covariance is singular and its centred rows
    serve as the root, so no small eigenvalue is ever computed. Same promises as
    `frechet_distance_from_moments`.

    Raises:
      InputError: fewer than two rows, different numbers of columns, or a non-finite feature.
    """
    real, fake = _checked_pair(real, fake, "real features", "fake features")
    for name, features in (("real", real), ("fake", fake)):
        if len(features) < 2:
            raise InputError(
                f"a Fréchet distance needs n >= 2 images a side, but the {name} side has "
                f"n = {len(features)}; give more images."
            )
    return _distance(_Gaussian.of_features(real), _Gaussian.of_features(fake))


@dataclasses.dataclass(frozen=True)
class FrechetInfinity:
    """A Fréchet distance extrapolated to infinitely many generated images.

    Attributes:
      value: intercept of the line through the distances against 1/n; can be below 0.
      standard_error: of the intercept, by least squares. It measures how straight the line is: the
        prefixes share images, so the spread over fresh images is larger.
      slope: of the line; the bias at n images is about slope / n.
      sizes: numbers of generated images n.
      distances: their distances.
    """

    value: float
    standard_error: float
    slope: float
    sizes: tuple[int, ...]
    distances: tuple[float, ...]


def frechet_infinity(
    real, fake, *, num_points: int = 15, smallest: int | None = None, seed: int = 0
) -> FrechetInfinity:
    """FD-infinity: the distance from all of `real` [m, d] of more and more of `fake` [n, d].

    Chong & Forsyth, "Effectively unbiased FID and Inception score and where to find them", 2020,
    section 3. Distances at `num_points` numbers of images, evenly from `smallest` to n, are fitted
    by a line in 1/n. The images are nested prefixes of one seeded permutation. The bias from a
    finite real set stays, so compare results of the same real set only.

    Args:
      real, fake: features; n >= 2 * num_points or so, and n well above d for a straight line.
      num_points: at least 3.
      smallest: fewest images, at least 2; the lesser of 5000 and n // 2 if None.
      seed: of the permutation.

    Raises:
      InputError: too few rows for that many different sizes, different numbers of columns, or a
        non-finite feature.
    """
    real, fake = _checked_pair(real, fake, "real features", "fake features")
    count = len(fake)
    if len(real) < 2:
        raise InputError(
            f"a Fréchet distance needs n >= 2 images a side, but the real side has n = {len(real)};"
            " give more images."
        )
    smallest = min(5000, count // 2) if smallest is None else smallest
    if num_points < 3 or smallest < 2 or count - smallest < num_points - 1:
        raise InputError(
            f"{num_points} points from {smallest} to n = {count} fake images; expected at least 3 "
            "different numbers of at least 2 images. Give more images or fewer points."
        )
    sizes = np.linspace(smallest, count, num_points).astype(int)
    fake = fake[np.random.default_rng([seed, count, 5]).permutation(count)]
    anchor = _Gaussian.of_features(real)
    moments = Moments.empty(fake.shape[1])
    distances = []
    for size in sizes:
        if size > fake.shape[1]:
            moments = moments.merge(Moments.of(fake[moments.count : size]))
            gaussian = _Gaussian.of_moments(moments)
        else:
            gaussian = _Gaussian.of_features(fake[:size])
        distances.append(_distance(gaussian, anchor))
    inverse = 1.0 / sizes
    spread = inverse - inverse.mean()
    slope = float(spread @ distances / (spread @ spread))
    value = float(np.mean(distances) - slope * inverse.mean())
    residuals = np.array(distances) - value - slope * inverse
    variance = float(residuals @ residuals) / (num_points - 2)
    error = math.sqrt(variance * (1.0 / num_points + inverse.mean() ** 2 / (spread @ spread)))
    return FrechetInfinity(value, error, slope, tuple(sizes.tolist()), tuple(distances))


def frechet_floor(reference, *, num_splits: int = 8, seed: int = 0) -> float:
    """Mean distance of one half of `reference` [n, d] from the other, over seeded halvings.

    Raises:
      InputError: fewer than four rows, or a non-finite feature.
    """
    reference = np.asarray(checked_features(reference, name="reference features"), np.float64)
    half = _images_a_side(len(reference), None)
    floors = []
    for split in range(_checked_splits(num_splits)):
        first, second = _halves(len(reference), half, seed=seed, split=split)
        anchor = _Gaussian.of_features(reference[first])
        floors.append(_distance(_Gaussian.of_features(reference[second]), anchor))
    return float(np.mean(floors))


def frechet_with_floor(
    reference, generated, *, num_splits: int = 8, num_bootstrap: int = 100, seed: int = 0
) -> FrechetResult:
    """The headline value: generated against real, real against real, both at the same n.

    n = min(len(reference) // 2, len(generated)). For each of `num_splits` seeded draws, the
    reference gives two disjoint sets A and B of n rows and the generated set gives G of n rows;
    `value` is the mean of FD(G, A) and `floor` the mean of FD(B, A). The two share A and n, so the
    bias of a finite sample is the same in both.

    `ci` is value +- 1.96 standard deviations of the distance over `num_bootstrap` resamplings, with
    replacement, of the images of both sides (as many as the draws can use: n x num_splits at most);
    it is cut at 0. The deviation is used, not the quantiles, because repeated images bias each
    resampled distance upwards. On gamma-distributed features (d 16 to 128, n 150 to 500) it was
    0.95 to 1.2 times the true spread of `value` over fresh data. `num_bootstrap=0` leaves it out,
    as is done during training.

    Args:
      reference: features [m, d] of real images, m >= 4.
      generated: features [k, d] of generated images, k >= 2.
      num_splits: number of draws, >= 1.
      num_bootstrap: number of resamplings: 0, or at least 2.
      seed: of the draws and resamplings; the same seed and features give the same numbers.

    Raises:
      InputError: too few images, different numbers of columns, a non-finite feature, or a count
        out of range.
    """
    reference, generated = _checked_pair(
        reference, generated, "reference features", "generated features"
    )
    size = _images_a_side(len(reference), len(generated))
    if num_bootstrap < 0 or num_bootstrap == 1:
        raise InputError(f"num_bootstrap is {num_bootstrap}; expected 0 (no interval) or >= 2.")

    values, floors = [], []
    for split in range(_checked_splits(num_splits)):
        first, second = _halves(len(reference), size, seed=seed, split=split)
        drawn = np.random.default_rng([seed, split, 1]).permutation(len(generated))[:size]
        anchor = _Gaussian.of_features(reference[first])
        values.append(_distance(_Gaussian.of_features(generated[drawn]), anchor))
        floors.append(_distance(_Gaussian.of_features(reference[second]), anchor))
    value = float(np.mean(values))
    ci = None
    if num_bootstrap:
        real = _centred(reference, size * num_splits, seed)
        fake = _centred(generated, size * num_splits, seed)
        resampled = []
        for i in range(num_bootstrap):
            rng = np.random.default_rng([seed, i, 2])
            resampled.append(_distance(_resampled(*fake, rng), _resampled(*real, rng)))
        half_width = 1.96 * float(np.std(resampled, ddof=1))
        ci = (max(value - half_width, 0.0), value + half_width)
    return FrechetResult(value=value, floor=float(np.mean(floors)), ci=ci, n=size)


def _centred(features: np.ndarray, most: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """At most `most` random rows less their mean, and that mean."""
    if len(features) > most:
        order = np.random.default_rng([seed, len(features), 3]).permutation(len(features))
        features = features[order[:most]]
    mean = features.mean(axis=0)
    return features - mean, mean


def _resampled(centred: np.ndarray, mean: np.ndarray, rng: np.random.Generator) -> _Gaussian:
    """The Gaussian of as many rows as there are, drawn with replacement.

    A row drawn w times is one row of weight w, so a third of the rows need no work; the rows are
    centred for the whole set, so taking the new mean out of the scatter cancels next to nothing.
    """
    count = len(centred)
    times = np.bincount(rng.integers(count, size=count), minlength=count)
    weighted = centred[times > 0]
    shift = times @ centred / count
    if len(weighted) <= weighted.shape[1]:  # singular: the rows themselves are a root
        weighted = (weighted - shift) * np.sqrt(times[times > 0] / (count - 1))[:, None]
        return _Gaussian(mean + shift, float(np.sum(weighted**2)), weighted)
    weighted *= np.sqrt(times[times > 0])[:, None]
    scatter = weighted.T @ weighted - count * np.outer(shift, shift)
    return _Gaussian.of_moments(Moments(count, mean + shift, scatter))


def _checked_pair(a, b, name_a: str, name_b: str):
    """Both feature arrays as float64, checked alone and against one another."""
    a, b = checked_features(a, name=name_a), checked_features(b, name=name_b)
    _check_same_width(a.shape[1], b.shape[1])
    return a.astype(np.float64), b.astype(np.float64)


def _check_same_width(width_a: int, width_b: int) -> None:
    if width_a != width_b:
        raise InputError(
            f"one side has {width_a} features an image and the other {width_b}; take both from the "
            "same extractor and layer."
        )


def _checked_splits(num_splits: int) -> int:
    if num_splits < 1:
        raise InputError(f"num_splits is {num_splits}; expected at least 1.")
    return num_splits


def _images_a_side(num_reference: int, num_generated: int | None) -> int:
    """n of both distances; two images a side are the least that has a covariance."""
    if num_reference < 4:
        raise InputError(
            f"the reference has {num_reference} images; a floor needs at least 4, two for each "
            "half. Give more real images."
        )
    if num_generated is None:
        return num_reference // 2
    if num_generated < 2:
        raise InputError(
            f"there are {num_generated} generated images; a Fréchet distance needs at least 2. "
            "Generate more."
        )
    return min(num_reference // 2, num_generated)


def _halves(num_rows: int, size: int, *, seed: int, split: int):
    """Two disjoint seeded random sets of `size` row numbers."""
    order = np.random.default_rng([seed, split, 0]).permutation(num_rows)
    return order[:size], order[size : 2 * size]
