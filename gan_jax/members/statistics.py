"""What several seeds say together: means, standard deviations, intervals, and which setting leads.

Seeds are independent draws of one experiment, so their mean has the interval of Student's t
(Student 1908, "The probable error of a mean"). Nothing here knows of training.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

_CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Summary:
    """Several values of one metric, a seed each.

    Attributes:
        mean: arithmetic.
        std: sample standard deviation (divided by n - 1); None of a single value.
        n: how many values.
        interval: (low, high), 95 %, of the mean by Student's t; None of a single value.
    """

    mean: float
    std: float | None
    n: int
    interval: tuple[float, float] | None


def summarise(values: Sequence[float]) -> Summary | None:
    """The summary of finite values; None of none."""
    values = np.asarray(values, np.float64)
    if not len(values):
        return None
    mean, count = float(np.mean(values)), len(values)
    if count == 1:
        return Summary(mean, None, 1, None)
    std = float(np.std(values, ddof=1))
    half = float(stats.t.ppf(0.5 + _CONFIDENCE / 2, count - 1)) * std / math.sqrt(count)
    return Summary(mean, std, count, (mean - half, mean + half))


@dataclasses.dataclass(frozen=True)
class Choice:
    """The setting with the best mean of a metric, and how surely.

    Attributes:
        best, runner_up: indices of settings; the latter None where there is but one.
        overlap: whether the intervals of the two means overlap; None where one has no interval.
        complete: whether all seeds of the best setting were trained to the end.
        left_out: settings that were passed over because seeds of theirs were lost.
    """

    best: int
    runner_up: int | None
    overlap: bool | None
    complete: bool
    left_out: tuple[int, ...]


def choose(
    summaries: Sequence[Summary | None], seeds: Sequence[int], *, higher: bool = False
) -> Choice | None:
    """Which setting has the lowest mean, or with `higher` the highest.

    A setting of which seeds were lost is passed over while there is one without such losses: the
    mean of those that are left is that of the lucky ones.

    Args:
        summaries: of the metric, a setting each; None where no seed has a value.
        seeds: how many were begun, a setting each.

    Returns:
        None where no setting has a value.
    """
    there = [index for index, summary in enumerate(summaries) if summary is not None]
    whole = [index for index in there if summaries[index].n == seeds[index]]
    ranked = sorted(
        whole or there, key=lambda index: summaries[index].mean * (-1.0 if higher else 1.0)
    )
    if not ranked:
        return None
    left_out = tuple(index for index in range(len(summaries)) if index not in ranked)
    if len(ranked) == 1:
        return Choice(ranked[0], None, None, bool(whole), left_out)
    best, second = (summaries[index].interval for index in ranked[:2])
    overlap = None
    if best is not None and second is not None:
        overlap = best[0] <= second[1] and second[0] <= best[1]
    return Choice(ranked[0], ranked[1], overlap, bool(whole), left_out)
