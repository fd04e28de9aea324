"""What several seeds say together: means, standard deviations, intervals, and which setting leads.

Seeds are independent draws of one experiment, so their mean has the interval of Student's t
(Student 1908, "The probable error of a mean"). Where they share what they are measured on, test
images, these are a draw too, and `crossed_interval` covers both. Nothing here knows of training.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import special, stats

from gan_jax.metrics import holm
from gan_jax.reports.result import Entry, make_entry

CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Summary:
    """Several values of one metric, a seed each.

    Attributes:
        std: sample standard deviation (divided by n - 1); None of a single value.
        interval: (low, high), 95 %, of the mean by Student's t; None of a single value.
    """

    mean: float
    std: float | None
    n: int
    interval: tuple[float, float] | None

    def entry(self, **more: Any) -> Entry:
        """It as result files hold it: 'value', 'ci' and 'n', with `more`."""
        return make_entry(self.mean, self.interval, self.n, **more)


def summarise(values: Sequence[float] | np.ndarray) -> Summary:
    """The summary of one or more finite values."""
    numbers = np.asarray(values, np.float64)
    mean, count = float(np.mean(numbers)), len(numbers)
    if count == 1:
        return Summary(mean, None, 1, None)
    std = float(np.std(numbers, ddof=1))
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, count - 1)) * std / math.sqrt(count)
    return Summary(mean, std, count, (mean - half, mean + half))


def crossed_interval(values: np.ndarray, *, comparisons: int = 1) -> tuple[float, float] | None:
    """The 95 % interval of the mean of values [seeds, images] over other seeds and other images.

    Seeds and images are crossed random effects (Searle, Casella and McCulloch 1992, "Variance
    components", section 4.2): value (s, i) is the mean, an effect of the seed, one of the image and
    a rest. With S seeds, I images and the mean squares MS of seeds, images and rest, the variance
    of the mean is estimated by

        V = (MS_seeds + max(MS_images - MS_rest, 0)) / (S I).

    The half-width is c V^(1/2). With a share r of V that is the seeds' (MS_seeds), c goes from the
    t quantile of I - 1 degrees of freedom, T, to that of S - 1, t:

        c^2 = T^2 + (t^2 - T^2) max(0, (r - a) / (1 - a)).

    With a = 0 the intervals over seeds and over images add up in quadrature, which is too wide
    with a few seeds; Satterthwaite's degrees of freedom (1946, "An approximate distribution of
    estimates of variance components") are too many, and miss the mean 13 % of the time with two
    seeds and 8 % with three. So a is the largest for which the interval of a normal mean misses it
    at most 5 % of the time, whatever the true share.

    Args:
        values: float [seeds, images], such as 1, 0 or -1.
        comparisons: among which this one was picked for its result: the interval is that of the
            Bonferroni correction for so many.

    Returns:
        (low, high); None with fewer than two seeds or images, and where all seeds have the same
        mean: so few distinct values say nothing of how far seeds differ.
    """
    values = np.asarray(values, np.float64)
    seeds, images = values.shape
    if min(seeds, images) < 2:
        return None
    mean, by_seed, by_image = values.mean(), values.mean(1), values.mean(0)
    of_seeds = images * (by_seed.var(ddof=1) + 1 / (12 * images**2))
    of_images = seeds * by_image.var(ddof=1)
    rest = values - by_seed[:, None] - by_image + mean
    of_rest = np.sum(rest**2) / ((seeds - 1) * (images - 1))
    total = of_seeds + max(of_images - of_rest, 0.0)
    tail = 0.5 * (1 - CONFIDENCE) / comparisons
    few, many = (float(stats.t.isf(tail, count - 1)) for count in (seeds, images))
    slack = _slack(seeds - 1, tail)
    critical = _critical_squared(of_seeds / total, slack, few, many)
    half = math.sqrt(critical * total / (seeds * images))
    return float(mean - half), float(mean + half)


_MISSES = 1.05  # the false-clear rate that `_slack` allows, over the nominal one


def _critical_squared(share, slack: float, few: float, many: float):
    return many**2 + (few**2 - many**2) * np.maximum(0.0, (share - slack) / (1 - slack))


@functools.cache
def _slack(degrees: int, tail: float) -> float:
    """The a of `crossed_interval`, given the seeds' degrees of freedom and one tail's probability.

    By bisection, images without number: then their part of the variance is known.
    """
    # The true share of the seeds, and the quantiles of their mean square with their weights: some
    # more of the lowest, where a small mean square makes the interval too narrow.
    true = np.concatenate([[0.003, 0.01, 0.03], np.arange(0.1, 0.96, 0.05), [0.97, 0.985, 0.995]])
    levels = np.concatenate([0.01 * _midpoints(500), 0.01 + 0.99 * _midpoints(2500)])
    weights = np.repeat([0.01 / 500, 0.99 / 2500], [500, 2500])
    square = true[:, None] * stats.chi2.ppf(levels, degrees) / degrees
    total = square + 1 - true[:, None]
    few, many = float(stats.t.isf(tail, degrees)), float(stats.norm.isf(tail))

    def worst(slack: float) -> float:
        critical = _critical_squared(square / total, slack, few, many)
        return float(np.max(special.ndtr(-np.sqrt(critical * total)) @ weights))

    low, high = 0.0, 0.9
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if worst(middle) <= _MISSES * tail else (low, middle)
    return low


def _midpoints(count: int) -> np.ndarray:
    return (np.arange(count) + 0.5) / count


@dataclasses.dataclass(frozen=True)
class Rival:
    """A setting beside the one with the best mean.

    Attributes:
        index: of the setting.
        behind: by how much its mean is worse, 0 or more.
        paired: whether the test is of paired seeds; Welch's of two samples otherwise.
        p: of a two-sided t test of the difference, by Holm's correction for all rivals; None where
            there is no test, of single seeds and of values without any spread.
    """

    index: int
    behind: float
    paired: bool
    p: float | None

    @property
    def beaten(self) -> bool:
        """Whether it is clearly worse than the best one, at 5 %."""
        return self.p is not None and self.p <= 1 - CONFIDENCE


@dataclasses.dataclass(frozen=True)
class Choice:
    """The setting with the best mean of a metric, and how surely.

    Attributes:
        best: index of the setting.
        rivals: the others that are ranked, the nearest mean first.
        complete: whether all seeds of the best setting were trained to the end.
        left_out: settings that were passed over because seeds of theirs were lost.
    """

    best: int
    rivals: tuple[Rival, ...]
    complete: bool
    left_out: tuple[int, ...]

    @property
    def clear(self) -> bool:
        """Whether every rival is clearly worse; False without any, or where not `complete`."""
        return self.complete and bool(self.rivals) and all(one.beaten for one in self.rivals)


def choose(values: Sequence[Mapping[int, float]], seeds: Sequence[int]) -> Choice | None:
    """Which setting has the lowest mean, and what it beats.

    A setting of which seeds were lost is passed over while there is one without such losses: the
    mean of those that are left is that of the lucky ones.

    The one with the best mean is tested against each of the others: paired by seed where both have
    the same seeds, which began alike, and otherwise by Welch's test (1947, "The generalization of
    'Student's' problem"). It was picked for its mean, so all tests count, with Holm's correction
    (1979, "A simple sequentially rejective multiple test procedure"); that they then say 'best'
    wrongly at most 5 % of the time is Hsu's result (1984, "Constrained simultaneous confidence
    intervals for multiple comparisons with the best").

    Args:
        values: of the metric by seed, a setting each; empty where no seed has one.
        seeds: how many were begun, a setting each.

    Returns:
        None where no setting has a value.
    """
    there = [index for index, own in enumerate(values) if own]
    whole = [index for index in there if len(values[index]) == seeds[index]]
    means = [float(np.mean(list(own.values()))) if own else math.nan for own in values]
    ranked = sorted(whole or there, key=means.__getitem__)
    if not ranked:
        return None
    left_out = tuple(index for index in range(len(values)) if index not in ranked)
    best, *others = ranked
    raw = [_test(values[best], values[other]) for other in others]
    corrected = holm([1.0 if p is None else p for p in raw])
    rivals = tuple(
        Rival(
            index=other,
            behind=means[other] - means[best],
            paired=values[best].keys() == values[other].keys(),
            p=None if own is None else float(p),
        )
        for other, own, p in zip(others, raw, corrected, strict=True)
    )
    return Choice(best, rivals, bool(whole), left_out)


def _test(first: Mapping[int, float], second: Mapping[int, float]) -> float | None:
    """The p value of a difference of means; None where there is no telling."""
    if min(len(first), len(second)) < 2:
        return None
    if first.keys() == second.keys():
        gaps = np.array([first[seed] - second[seed] for seed in first], np.float64)
        error = float(gaps.std(ddof=1)) / math.sqrt(len(gaps))
        gap, degrees = float(gaps.mean()), len(gaps) - 1.0
    else:
        one, two = (np.array(list(own.values()), np.float64) for own in (first, second))
        parts = [float(own.var(ddof=1)) / len(own) for own in (one, two)]
        error, gap = math.sqrt(sum(parts)), float(one.mean() - two.mean())
        weights = sum(part**2 / (len(own) - 1) for part, own in zip(parts, (one, two), strict=True))
        degrees = sum(parts) ** 2 / weights if weights else 1.0
    if error <= _NO_SPREAD * abs(gap):
        return None
    return float(2 * stats.t.sf(abs(gap) / error, degrees))


# Of the standard error over the difference: below, the values differ by rounding only.
_NO_SPREAD = 1e-9
