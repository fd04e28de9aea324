"""A number of n images with the interval that says how far another n images would take it."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

Z = 1.96
"""Standard errors from the middle of a normal 95 % interval to its ends."""


def normal_interval(value: float, standard_error: float) -> tuple[float, float]:
    """95 % interval of a number whose error is normal."""
    return value - Z * standard_error, value + Z * standard_error


def wilson_interval(successes: float, trials: float) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927), which stays inside [0, 1] near its ends."""
    z, share = Z, successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials)
    half *= math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    low, high = max(centre - half, 0.0), min(centre + half, 1.0)
    # Exactly the ends, where rounding would leave the share itself outside.
    return (low if successes else 0.0), (high if successes < trials else 1.0)


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number and how sure it is; `paired_difference` takes two.

    Attributes:
      value: of these images.
      standard_error: deviation of the value over fresh images of the same kinds, as many of them.
      interval: 95 % interval (low, high) of the mean of such values at this n, within the range of
        the number.
      real_influence: float64 [m] of zero mean, what each row of the reference, in the order of the
        input, made of the value; None without a reference.
    """

    value: float
    standard_error: float
    interval: tuple[float, float]
    real_influence: np.ndarray | None = dataclasses.field(default=None, compare=False, repr=False)


def number_estimate(
    value: float, variance: float, *, low: float = -math.inf, high: float = math.inf
) -> Estimate:
    """An estimate of a number in [low, high]: value +- 1.96 standard errors, cut to the range."""
    error = math.sqrt(variance)
    ends = normal_interval(value, error)
    return Estimate(value, error, (max(ends[0], low), min(ends[1], high)))


def without_spread(value: float, interval: tuple[float, float]) -> Estimate:
    """An estimate from images that do not differ, by a given interval."""
    return Estimate(value, (interval[1] - interval[0]) / (2.0 * Z), interval)


def share_estimate(share: float, variance: float, trials: int) -> Estimate:
    """An estimate of a share of n images whose variance may be more than that of n coin flips.

    The interval is Wilson's for as many independent images as would have this variance, n at most
    (the effective sample size of Kish, "Survey sampling", 1965). At shares of 0 and 1 it has a
    width too, and gives the standard error.
    """
    smoothed = (share * trials + 2.0) / (trials + 4.0)
    effective: float = trials
    if variance > 0.0:
        effective = float(min(smoothed * (1.0 - smoothed) / variance, trials))
    interval = wilson_interval(share * effective, effective)
    if share in (0.0, 1.0):
        return without_spread(share, interval)
    return Estimate(share, math.sqrt(variance), interval)


def varied_estimate(value: float, log_variance: float, trials: int, most: float) -> Estimate:
    """An estimate of how many kinds n images amount to, in [1, most], by the variance of its log.

    If all images have the same influence, the images of a further kind that may be unseen (the
    upper end of Wilson's interval of 0 in n) give the width.
    """
    most = max(most, value)
    error = value * math.sqrt(log_variance)
    if error > 1e-9 * value:
        return number_estimate(value, error**2, low=1.0, high=most)
    unseen = wilson_interval(0, trials)[1]
    entropy = -unseen * math.log(unseen) - (1.0 - unseen) * math.log1p(-unseen)
    low, high = value * math.exp(-entropy), value * math.exp(entropy)
    return without_spread(value, (max(low, 1.0), min(high, most)))
