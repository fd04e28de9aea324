"""Which of several results is the best by one number, and how certainly; how far judges agree."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from gan_jax.metrics.paired import holm, paired_difference

LEVEL = 0.05
"""Of all tests of one metric together: below it two results are told from each other."""

# Which way is better, by the beginning of a metric's name: 'precision' stands for
# 'precision_semantic' too. What is not here (a histogram, AuthPct, C_T: their best value is not an
# extreme) is shown without a rank.
_DIRECTIONS = {
    "size": "lower",
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
    "size",
    "unsure_digits",
)


@dataclasses.dataclass(frozen=True, eq=False)
class Score:
    """One number of one run.

    Attributes:
        standard_error: its spread over fresh images of both sides; None if not known.
        real_influence: float [m], what each image of the shared reference adds to it, or None.
    """

    value: float
    standard_error: float | None = None
    real_influence: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Place:
    """Where one of k scores stands.

    Attributes:
        rank: 1 is the best; equal values share the better rank.
        between: the ranks (best, worst) that the tests leave open.
        p: that its difference from each other score is chance, by the other's index, corrected for
            the number of pairs; None where a standard error is not known.
    """

    rank: int
    between: tuple[int, int]
    p: dict[int, float | None]


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
    """The place of each score; `better` is 'lower' or 'higher'.

    Every pair is tested by the difference on the shared reference
    (`gan_jax.metrics.paired_difference`), and the p values are corrected for their number (Holm
    1979). Those told apart bound the ranks of all scores at once (Mogstad et al. 2024).
    """
    certain = [i for i, score in enumerate(scores) if score.standard_error is not None]
    pairs = list(itertools.combinations(certain, 2))
    adjusted = holm([paired_difference(scores[i], scores[j]).p for i, j in pairs])
    found = dict(zip(pairs, map(float, adjusted), strict=True))
    sign = 1.0 if better == "lower" else -1.0
    badness = [sign * score.value for score in scores]
    return [_place(i, badness, found) for i in range(len(scores))]


def _place(i: int, badness: Sequence[float], found: Mapping[tuple[int, int], float]) -> Place:
    p = {j: found.get((min(i, j), max(i, j))) for j in range(len(badness)) if j != i}
    told = [badness[j] for j, chance in p.items() if chance is not None and chance <= LEVEL]
    return Place(
        rank=1 + sum(other < badness[i] for other in badness),
        between=(
            1 + sum(other < badness[i] for other in told),
            len(badness) - sum(other > badness[i] for other in told),
        ),
        p=p,
    )


def agreement(a: Sequence[float], b: Sequence[float]) -> Agreement:
    """Of the orders in which two judges put the same runs."""
    if len(set(a)) < 2 or len(set(b)) < 2:
        return Agreement(None, None)
    from scipy import stats

    return Agreement(
        kendall=float(stats.kendalltau(a, b).statistic),
        spearman=float(stats.spearmanr(a, b).statistic),
    )


def _begins(metric: str, name: str) -> bool:
    return metric == name or metric.startswith(name + "_")
