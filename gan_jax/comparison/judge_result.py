"""What one judge says of several runs: their numbers by metric, with ranks."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from gan_jax.comparison.protocol import MAY_DIFFER, check_protocols
from gan_jax.comparison.ranking import Score, depends_on_count, direction, places
from gan_jax.comparison.results import Judgement, listed

JUDGED_BY_ALL = ("fd_semantic", "fd_texture")
NOT_GATED = "not run"
_FAILED = "failed"
_FLOOR_TOLERANCE = 1e-3


@dataclasses.dataclass(frozen=True)
class Entry:
    """One metric of one run.

    Attributes:
        value: None if the run has no such number.
        floor: of real against real images, or None.
        ratio: value / floor; None without a floor above 0.
        interval: 95 % (low, high), or None.
        n: number of images, or None.
        rank: 1 is the best; None if the metric is not ranked.
        not_separated_from: names of the runs whose intervals overlap with this one's; None if not
            every run has an interval, so that it is not known.
    """

    value: float | None
    floor: float | None = None
    ratio: float | None = None
    interval: tuple[float, float] | None = None
    n: int | None = None
    rank: int | None = None
    not_separated_from: tuple[str, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Metric:
    """One metric of all runs by one judge.

    Attributes:
        name: such as 'fd_semantic'.
        better: 'lower', 'higher' or None.
        unranked: why there are no ranks; '' if there are.
        entries: one a run.
    """

    name: str
    better: str | None
    unranked: str
    entries: tuple[Entry, ...]

    @property
    def scores(self) -> list[Score]:
        """Value and interval of each run, where all have a value."""
        return [Score(entry.value, entry.interval) for entry in self.entries]


@dataclasses.dataclass(frozen=True)
class JudgeResult:
    """What one judge says of all runs.

    Attributes:
        name: the extractor's stamp.
        control: whether it has learnt nothing: random weights, pixels, their PCA.
        gate: what the degradation gate says of it: 'passed', 'failed: ...', 'not known: ...' or
            'not run'.
        protocol: what all runs have in common.
        metrics: Fréchet distances first, then in the order of eval.json.
    """

    name: str
    control: bool
    gate: str
    protocol: dict[str, Any]
    metrics: tuple[Metric, ...]

    @property
    def failed_gate(self) -> bool:
        """Whether it overlooks a kind of damage, or calls more of it less."""
        return self.gate.startswith(_FAILED)

    def metric(self, name: str) -> Metric | None:
        """The metric of that name, or None."""
        return next((metric for metric in self.metrics if metric.name == name), None)

    def ranks_by(self, name: str) -> bool:
        """Whether it ranks the runs by that metric."""
        metric = self.metric(name)
        return metric is not None and not metric.unranked


def judge_result(judged: Sequence[Judgement], notes: list[str]) -> JudgeResult:
    """One judge on all runs, once their protocols were found to agree.

    Args:
        judged: each run by this judge.
        notes: what to be careful about is appended here.

    Raises:
        InputError: they do not measure the same.
    """
    notes += check_protocols(judged)
    protocol = judged[0].protocol
    name = str(protocol.get("extractor", protocol["extractor_sha256"][:8]))
    gate = _gate(judged)
    if gate.startswith(_FAILED):
        notes.append(
            f"Warning: the judge {name} did not pass the degradation gate ({gate}): runs that "
            "differ in what it overlooks look alike to it."
        )
    metrics = dict.fromkeys(metric for one in judged for metric in one.metrics)
    metrics = sorted(metrics, key=lambda metric: metric not in JUDGED_BY_ALL)
    return JudgeResult(
        name=name,
        # The accuracy of Inception is not known either, but it has learnt.
        control=protocol.get("extractor_accuracy", 0.0) is None
        and not name.startswith("inception"),
        gate=gate,
        protocol={f: v for f, v in protocol.items() if f not in MAY_DIFFER or f == "reference"},
        metrics=tuple(_metric(metric, judged, notes) for metric in metrics),
    )


def _gate(judged: Sequence[Judgement]) -> str:
    """The verdict on the network that the judgements know of; of several the worst."""
    verdicts = [str(one.protocol.get("gate", NOT_GATED)) for one in judged]
    for kind in (_FAILED, "passed", "not known"):
        found = [verdict for verdict in verdicts if verdict.startswith(kind)]
        if found:
            return found[0]
    return NOT_GATED


def _metric(name: str, judged: Sequence[Judgement], notes: list[str]) -> Metric:
    entries = [_entry(one.metrics.get(name, {})) for one in judged]
    better = direction(name)
    lacking = [one.run for one, entry in zip(judged, entries) if entry.value is None]
    counts = {entry.n for entry in entries}
    unranked = ""
    if better is None:
        unranked = "neither more nor less is better by itself"
    elif lacking:
        unranked = f"not measured for {listed(lacking)}"
    elif len(counts) > 1 and depends_on_count(name):
        unranked = f"n differs ({', '.join(map(str, sorted(counts, key=str)))})"
    floors = [entry.floor for entry in entries if entry.floor is not None]
    if floors and max(floors) - min(floors) > _FLOOR_TOLERANCE * max(map(abs, floors)):
        notes.append(
            f"Warning: the floor of {name} is {min(floors):.4g} to {max(floors):.4g}, though the "
            "protocols agree: another machine or version computed it otherwise."
        )
    if not unranked:
        placed = places([Score(entry.value, entry.interval) for entry in entries], better)
        entries = [
            dataclasses.replace(
                entry,
                rank=place.rank,
                not_separated_from=(
                    tuple(judged[i].run for i in place.overlaps) if place.known else None
                ),
            )
            for entry, place in zip(entries, placed, strict=True)
        ]
    return Metric(name, better, unranked, tuple(entries))


def _entry(entry: dict[str, Any]) -> Entry:
    value, floor = entry.get("value"), entry.get("floor")
    interval, error = entry.get("ci"), entry.get("standard_error")
    if interval is None and value is not None and error is not None:
        interval = (value - 1.96 * error, value + 1.96 * error)
    return Entry(
        value=value,
        floor=floor,
        ratio=value / floor if value is not None and floor is not None and floor > 0 else None,
        interval=None if interval is None else (interval[0], interval[1]),
        n=entry.get("n"),
    )
