"""Which of several results is the best by one number, and whether two judges agree on it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

Interval = tuple[float, float]

# Which way is better, by the beginning of a metric's name: 'precision' stands for
# 'precision_semantic' too. What is not here (a histogram, AuthPct, C_T: their best value is not an
# extreme) is shown without a rank.
_DIRECTIONS = {
    "fd": "lower",
    "fid": "lower",
    "kid": "lower",
    "kernel_distance": "lower",
    "sliced_wasserstein": "lower",
    "class_kl": "lower",
    "modes": "higher",
    "modes_kl": "lower",
    "unsure_digits": "lower",
    "vendi": "higher",
    "coverage": "higher",
    "precision": "higher",
    "recall": "higher",
    "density": "higher",
    "classifier_score": "higher",
    "confidence": "higher",
    "class_agreement": "higher",
}
# Their expectation does not depend on how many images were judged: a mean, a U-statistic, and a
# distance extrapolated to infinitely many.
_UNBIASED = (
    "class_agreement",
    "confidence",
    "fd_infinity",
    "kernel_distance",
    "kid",
    "unsure_digits",
)


@dataclasses.dataclass(frozen=True)
class Score:
    """One number of one run: its value, and its 95 % interval where there is one."""

    value: float
    interval: Interval | None = None


@dataclasses.dataclass(frozen=True)
class Place:
    """Where one of k scores stands.

    Attributes:
        rank: 1 is the best; equal values share the better rank.
        overlaps: indices of the other scores whose intervals overlap with this one's.
        known: whether all have intervals, without which `overlaps` says nothing.
    """

    rank: int
    overlaps: tuple[int, ...]
    known: bool


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How alike two orders are: 1 the same, 0 unrelated, -1 reversed; None if one has no order.

    Attributes:
        kendall: tau-b (Kendall 1945).
        spearman: correlation of the ranks.
    """

    kendall: float | None
    spearman: float | None


def direction(metric: str) -> str | None:
    """'lower' or 'higher', whichever is better; None for a metric that has no better side."""
    fitting = [name for name in _DIRECTIONS if _begins(metric, name)]
    return _DIRECTIONS[max(fitting, key=len)] if fitting else None


def depends_on_count(metric: str) -> bool:
    """Whether the metric's expectation changes with the number of images."""
    return not any(_begins(metric, name) for name in _UNBIASED)


def places(scores: Sequence[Score], better: str) -> list[Place]:
    """The place of each score; `better` is 'lower' or 'higher'."""
    known = all(score.interval is not None for score in scores)
    return [
        Place(
            rank=1 + sum(preferred(other, score, better) > 0 for other in scores),
            overlaps=tuple(
                j for j, other in enumerate(scores) if j != i and separated(score, other) is False
            ),
            known=known,
        )
        for i, score in enumerate(scores)
    ]


def preferred(a: Score, b: Score, better: str) -> int:
    """1 where a is better than b, -1 where b is, 0 where they are equal."""
    sign = 1 if better == "lower" else -1
    return sign * (int(b.value > a.value) - int(b.value < a.value))


def separated(a: Score, b: Score) -> bool | None:
    """Whether the intervals leave a gap between them; None where one is missing.

    Two 95 % intervals apart are stronger evidence than a 95 % test of the difference (Schenker &
    Gentleman 2001): intervals that overlap a little may still differ.
    """
    if a.interval is None or b.interval is None:
        return None
    return a.interval[1] < b.interval[0] or b.interval[1] < a.interval[0]


def agreement(a: Sequence[float], b: Sequence[float]) -> Agreement:
    """Of the orders in which two judges put the same k >= 2 runs."""
    if len(set(a)) < 2 or len(set(b)) < 2:
        return Agreement(None, None)
    from scipy import stats

    return Agreement(
        kendall=_finite(stats.kendalltau(a, b).statistic),
        spearman=_finite(stats.spearmanr(a, b).statistic),
    )


def _begins(metric: str, name: str) -> bool:
    return metric == name or metric.startswith(name + "_")


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
