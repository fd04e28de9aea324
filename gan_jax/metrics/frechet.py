"""The Fréchet distance between two sets of features, its floor, and its interval.

With mean m and covariance S (ddof 1) of each side (Dowson & Landau 1982; Heusel et al. 2017, eq. 6)

    FD = |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2).

Two finite samples of one distribution are not at distance 0: for n vectors of N(0, I_d) a side it
is about (2 d + d (d + 1) / 2) / n. So read a distance beside its floor, the distance of real from
real images at the same n.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from gan_jax.data.content import order_of
from gan_jax.errors import InputError
from gan_jax.metrics.draws import Draw, draw_rows
from gan_jax.metrics.gaussians import Gaussian, Pair, gaussian_distance
from gan_jax.metrics.moments import Moments, checked_features, checked_pair
from gan_jax.metrics.spread import Influences, spread_of_mean

_FEWEST = 3  # images a side that an interval needs


@dataclasses.dataclass(frozen=True)
class FrechetResult:
    """A Fréchet distance that can be read by itself, of n images a side.

    Attributes:
      value: generated against real.
      floor: real against real.
      n: number of images on each side of both distances.
      interval, standard_error, real_influence: see `Estimate`; of the expectation of `value` over
        fresh images of both sides. None if none were asked for, or at fewer than 3 images a side.
      floor_spread: standard deviation (ddof 1) of the floor over its halvings; None for one.
    """

    value: float
    floor: float
    n: int
    interval: tuple[float, float] | None = None
    standard_error: float | None = None
    floor_spread: float | None = None
    real_influence: np.ndarray | None = dataclasses.field(default=None, repr=False, compare=False)

    @property
    def ratio(self) -> float:
        """value / floor; 1 is as good as real images; NaN if the floor is 0."""
        return self.value / self.floor if self.floor > 0 else math.nan


def frechet_distance_from_moments(a: Moments, b: Moments) -> float:
    """Fréchet distance of two sets, n, m >= 2, by their moments only: of any size, streamed.

    Never NaN; round-off below 0, of about 1e-13 (tr S1 + tr S2) x d, is returned as 0.
    """
    if len(a.mean) != len(b.mean):
        raise InputError(
            f"one side has {len(a.mean)} features an image and the other {len(b.mean)}; take both "
            "from the same extractor and layer."
        )
    return gaussian_distance(Gaussian.of_moments(a), Gaussian.of_moments(b))


def frechet_distance(real, fake) -> float:
    """Fréchet distance of the features [n, d] and [m, d] of two sets, n, m >= 2, never NaN.

    If a side has no more rows than columns, its covariance is singular and its centred rows serve
    as the root, so no small eigenvalue is computed.
    """
    real, fake = _checked_pair(real, fake)
    return gaussian_distance(Gaussian.of_features(real), Gaussian.of_features(fake))


@dataclasses.dataclass(frozen=True)
class FrechetInfinity:
    """A Fréchet distance extrapolated to infinitely many generated images."""

    value: float  # intercept of the line through the distances against 1/n; can be below 0
    standard_error: float  # of the intercept, by least squares; less than over fresh images
    slope: float  # the bias at n images is about slope / n
    sizes: tuple[int, ...]  # numbers of generated images n
    distances: tuple[float, ...]  # at these numbers


def frechet_infinity(
    real,
    fake,
    *,
    num_points: int = 15,
    smallest: int | None = None,
    seed: int = 0,
    in_order: bool = False,
) -> FrechetInfinity:
    """FD-infinity: the distance from all of `real` [m, d] of more and more of `fake` [n, d].

    Chong & Forsyth, "Effectively unbiased FID and Inception score and where to find them", 2020,
    section 3. Distances at `num_points` >= 3 numbers of images, evenly from `smallest` to n, are
    fitted by a line in 1/n, which is straight for n well above d. The images are prefixes of one
    permutation by the seed. The bias from a finite real set stays, so compare results of the same
    real set only.

    Args:
      real, fake: features; n >= 2 * num_points or so.
      smallest: fewest images, at least 2; the lesser of 5000 and n // 2 if None.
      in_order: whether the rows are in the order of content; see `gan_jax.data.content.order_of`.
    """
    real, fake = _checked_pair(real, fake)
    count = len(fake)
    smallest = min(5000, count // 2) if smallest is None else smallest
    if num_points < 3 or smallest < 2 or count - smallest < num_points - 1:
        raise InputError(
            f"{num_points} points from {smallest} to n = {count} fake images; expected at least 3 "
            "different numbers of at least 2 images. Give more images or fewer points."
        )
    sizes = np.linspace(smallest, count, num_points).astype(int)
    order = np.random.default_rng([seed, count, 5]).permutation(count)
    fake = fake[order_of(fake, in_order)][order]
    anchor = Gaussian.of_features(real[order_of(real, in_order)])
    moments = Moments.empty(fake.shape[1])
    distances = []
    for size in sizes:
        if size > fake.shape[1]:
            moments = moments.merge(Moments.of(fake[moments.count : size]))
            gaussian = Gaussian.of_moments(moments)
        else:
            gaussian = Gaussian.of_features(fake[:size])
        distances.append(gaussian_distance(gaussian, anchor))
    inverse = 1.0 / sizes
    spread = inverse - inverse.mean()
    slope = float(spread @ distances / (spread @ spread))
    value = float(np.mean(distances) - slope * inverse.mean())
    residuals = np.array(distances) - value - slope * inverse
    variance = float(residuals @ residuals) / (num_points - 2)
    error = math.sqrt(variance * (1.0 / num_points + inverse.mean() ** 2 / (spread @ spread)))
    return FrechetInfinity(value, error, slope, tuple(sizes.tolist()), tuple(distances))


def frechet_floor(
    reference, *, num_splits: int = 8, seed: int = 0, in_order: bool = False
) -> float:
    """Mean distance of one half of `reference` [n, d], n >= 4, from the other over halvings."""
    reference = np.asarray(checked_features(reference, name="reference features"), np.float64)
    reference = reference[order_of(reference, in_order)]
    count = len(reference)
    floors = []
    for draw in draw_rows(count, max(count, 2), num_splits=num_splits, seed=seed):
        other, one = (Gaussian.of_features(reference[half]) for half in (draw.other, draw.one))
        floors.append(gaussian_distance(other, one))
    return float(np.mean(floors))


def frechet_with_floor(
    reference,
    generated,
    *,
    num_splits: int = 8,
    interval: bool = True,
    standardised: bool = False,
    seed: int = 0,
    in_order: bool = False,
) -> FrechetResult:
    """The headline value: generated against real, real against real, both at the same n.

    n = min(len(reference) // 2, len(generated)). Each of `num_splits` seeded draws takes two
    disjoint sets A and B of n reference rows and a set G of n generated rows; `value` is the mean
    of FD(G, A) and `floor` the mean of FD(B, A), with the same bias of a finite sample. The order
    of rows changes nothing. The interval (`gan_jax.metrics.spread`) rests on the exact distance
    without each row in turn, and about doubles the time.

    Args:
      reference: features [m, d] of real images, m >= 4.
      generated: features [k, d] of generated images, k >= 2.
      num_splits: >= 1, and >= 2 for an interval.
      interval: whether to find `interval`, `standard_error` and `real_influence`.
      standardised: whether the columns of both sides were divided by the deviations of this very
        reference, whose error is then part of the interval. `value` and `floor` are the same.
      seed: of the draws.
      in_order: whether the rows are in the order of content; see `gan_jax.data.content.order_of`.
    """
    names = ("reference", "generated")
    reference, generated = _checked_pair(reference, generated, names=names, least=0)
    draws = draw_rows(len(reference), len(generated), num_splits=num_splits, seed=seed)
    order = order_of(reference, in_order)
    reference, generated = reference[order], generated[order_of(generated, in_order)]
    influences = influences_of(draws, len(reference), len(generated)) if interval else None
    all_generated = len(draws[0].generated) == len(generated)
    whole = Gaussian.of_features(generated) if all_generated else None

    values, floors, by_scale = [], [], np.zeros(reference.shape[1])
    for draw in draws:
        real, fake = reference[draw.one], generated[draw.generated]
        one, other = Gaussian.of_features(real), Gaussian.of_features(reference[draw.other])
        of_fake = whole or Gaussian.of_features(fake)
        values.append(gaussian_distance(of_fake, one))
        floors.append(gaussian_distance(other, one))
        if influences is None:
            continue
        pair = Pair.of(one, of_fake)
        influences.of_rows.append(pair.leave_one_out(real, fake))
        by_scale += pair.by_scale() / num_splits
        halves = reference[draw.null_one], reference[draw.null_other]
        if draw.null_one is not draw.one:
            one, other = map(Gaussian.of_features, halves)
        influences.of_halves.append(Pair.of(one, other).leave_one_out(*halves))
    if influences is not None and standardised:
        influences.common = _of_deviations(reference, by_scale)
    return result_of(values, floors, draws, influences, order)


def _of_deviations(reference: np.ndarray, by_scale: np.ndarray) -> np.ndarray:
    """What each row [m] made of a distance through the deviations of the columns."""
    squares = (reference - reference.mean(axis=0)) ** 2
    usual = squares.mean(axis=0)
    per_square = np.divide(by_scale, -2.0 * usual, out=np.zeros_like(usual), where=usual > 0.0)
    common = squares @ per_square
    return common - common.mean()


def influences_of(draws: Sequence[Draw], num_real: int, num_generated: int) -> Influences | None:
    """Influences yet to be filled in; None below 3 images a side; InputError for a single draw."""
    if len(draws) < 2:
        raise InputError(
            f"num_splits is {len(draws)}; an interval needs 2. Give more, or interval=False."
        )
    if len(draws[0].one) < _FEWEST:
        return None
    return Influences(draws, num_real, num_generated)


def result_of(
    values: Sequence[float],
    floors: Sequence[float],
    draws: Sequence[Draw],
    influences: Influences | None,
    order: np.ndarray,
) -> FrechetResult:
    """The result of several draws from reference rows in the order `order` [m]."""
    value, floor, size = float(np.mean(values)), float(np.mean(floors)), len(draws[0].one)
    floor_spread = float(np.std(floors, ddof=1)) if len(floors) > 1 else None
    result = FrechetResult(value, floor, size, floor_spread=floor_spread)
    if influences is None:
        return result
    spread, influence = spread_of_mean(value, floor, influences)
    low, high = spread.interval(value)
    return dataclasses.replace(
        result,
        interval=(max(low, 0.0), max(high, 0.0)),
        standard_error=math.sqrt(spread.variance(value)),
        real_influence=influence[np.argsort(order)],
    )


def _checked_pair(
    a, b, *, names: tuple[str, str] = ("real", "fake"), least: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    a, b = checked_pair(a, b, names=names, metric="a Fréchet distance", least=least)
    return a.astype(np.float64), b.astype(np.float64)
