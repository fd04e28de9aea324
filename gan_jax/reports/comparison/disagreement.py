"""Where judges order runs differently, and how far they agree in all."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

from gan_jax.reports.comparison.judge_result import JUDGED_BY_ALL, JudgeResult, Metric
from gan_jax.reports.comparison.ranking import LEVEL, Agreement, agreement


@dataclasses.dataclass(frozen=True)
class JudgePair:
    """How far two judges order the runs alike, by one metric."""

    metric: str
    judges: tuple[str, str]
    agreement: Agreement


@dataclasses.dataclass(frozen=True)
class Opinion:
    """What one judge says of two runs.

    Attributes:
        judge: its stamp.
        control: whether it has learnt nothing.
        failed_gate: whether the degradation gate found it blind to something.
        told: whether it tells the runs from each other; None where an error is not known.
    """

    judge: str
    control: bool
    failed_gate: bool
    told: bool | None


@dataclasses.dataclass(frozen=True)
class Disagreement:
    """Two runs that judges order differently, by one metric.

    Attributes:
        first: the run that the headline judge finds better, or else the first judge on this.
        for_first: the judges that find `first` better.
        for_second: those that find `second` better.
    """

    metric: str
    first: str
    second: str
    for_first: tuple[Opinion, ...]
    for_second: tuple[Opinion, ...]

    @property
    def trained(self) -> bool:
        """Whether judges that have learnt something are on both sides."""
        sides = (self.for_first, self.for_second)
        return all(any(not one.control for one in side) for side in sides)

    @property
    def beyond_chance(self) -> bool:
        """Whether a judge on each side, a trained one if `trained`, tells the runs apart."""
        sides = (self.for_first, self.for_second)
        return all(
            any(one.told and not (self.trained and one.control) for one in side) for side in sides
        )


def compare_judges(
    judges: Sequence[JudgeResult], names: Sequence[str]
) -> tuple[list[JudgePair], list[Disagreement]]:
    """How far every two judges agree, and the pairs of runs on which judges do not.

    Args:
        judges: on the same k runs.

    Returns:
        The pairs of judges, and disagreements: those of trained judges first, and of these those
        beyond chance. Runs without a rank are left out.
    """
    pairs, disagreements = [], []
    for name in JUDGED_BY_ALL:
        ranking = [(judge, metric) for judge in judges if (metric := judge.ranking(name))]
        for (one, by_one), (other, by_other) in itertools.combinations(ranking, 2):
            alike = agreement(_ranked_values(by_one), _ranked_values(by_other))
            pairs.append(JudgePair(name, (one.name, other.name), alike))
        for i, j in itertools.combinations(range(len(names)), 2):
            sides: dict[int, list[Opinion]] = {}
            for judge, metric in ranking:
                a, b = (metric.entries[k] for k in (i, j))
                if a.rank is None or b.rank is None or a.rank == b.rank:
                    continue
                p = a.p[names[j]]
                told = None if p is None else p <= LEVEL
                opinion = Opinion(judge.name, judge.control, judge.failed_gate, told)
                sides.setdefault(1 if a.rank < b.rank else -1, []).append(opinion)
            if len(sides) == 2:
                first, second = (i, j) if next(iter(sides)) > 0 else (j, i)
                disagreements.append(
                    Disagreement(name, names[first], names[second], *map(tuple, sides.values()))
                )
    return pairs, sorted(disagreements, key=lambda d: (not d.trained, not d.beyond_chance))


def _ranked_values(metric: Metric) -> list[float]:
    return [one.value for one in metric.entries if one.rank and one.value is not None]
