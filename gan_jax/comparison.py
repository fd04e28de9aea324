"""Several results side by side: read, refused where they do not measure the same, and ranked.

Two numbers can be compared only where extractor, layers, preprocessing, reference, number of images
and seed are the same: every field of the protocol has to agree but for those that a comparison is
about.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

from gan_jax.errors import InputError
from gan_jax.ranking import (
    Agreement,
    Score,
    agreement,
    depends_on_count,
    direction,
    places,
    preferred,
    separated,
)
from gan_jax.results import Judgement, Result, listed, read_results

JUDGED_BY_ALL = ("fd_semantic", "fd_texture")

# Fields of the protocol that may differ between runs, and why that is no harm.
MAY_DIFFER = {
    "step": "How long a run was trained is part of what is compared.",
    "samples": "Whose images were judged is what is compared.",
    "samples_fingerprint": "Whose images were judged is what is compared.",
    "images": "A Fréchet distance takes frechet_n of them, which agrees; a metric over all of them "
    "is not ranked where its n differs.",
    "reference": "A name only: the fingerprint of the reference images agrees.",
    "gate": "The gate may have been run on the extractor between two judgements.",
    "skipped": "What could not be computed of a run is missing in its column.",
    "training": "Only the metrics of copying look at training images.",
    "training_images": "Only the metrics of copying look at training images.",
    "gan_jax": "The definitions of metrics may differ between versions: judge all runs with one "
    "version before relying on a small difference.",
}
# These follow from the extractor's digest, which has to agree.
_FOLLOWING = {"extractor", "extractor_accuracy", "extractor_trained_on_reference"}
# A result that lacks one of these differs from one that has it; a field that is new in a later
# version and lacks in older results is only noted.
_STAMP = {
    "extractor_sha256",
    "layers",
    "preprocessing",
    "resize",
    "reference_fingerprint",
    "reference_split",
    "frechet_n",
    "frechet_halvings",
    "seed",
}
_ABSENT = "not recorded"
_SAME_FOR_JUDGES = ("reference_fingerprint", "reference_split", "frechet_n", "seed")
_FLOOR_TOLERANCE = 1e-3


@dataclasses.dataclass(frozen=True)
class Run:
    """One folder with a result.

    Attributes:
        name: the folder, as far as it differs from those of the other runs.
        folder: as it was given.
        record: the fields of MAY_DIFFER that its protocol has.
    """

    name: str
    folder: str
    record: dict[str, Any]


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
        protocol: what all runs have in common.
        metrics: Fréchet distances first, then in the order of eval.json.
    """

    name: str
    control: bool
    protocol: dict[str, Any]
    metrics: tuple[Metric, ...]

    def metric(self, name: str) -> Metric | None:
        """The metric of that name, or None."""
        return next((metric for metric in self.metrics if metric.name == name), None)

    def ranks_by(self, name: str) -> bool:
        """Whether it ranks the runs by that metric."""
        metric = self.metric(name)
        return metric is not None and not metric.unranked


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
        separated: whether its intervals leave a gap between the runs; None without intervals.
    """

    judge: str
    control: bool
    separated: bool | None


@dataclasses.dataclass(frozen=True)
class Disagreement:
    """Two runs that judges order differently, by one metric.

    Attributes:
        metric: its name.
        first: the run that the headline judge finds better, or else the first judge on this.
        second: the other run.
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
        """Whether a judge on each side, a trained one if `trained`, separates the runs."""
        sides = (self.for_first, self.for_second)
        return all(
            any(one.separated and not (self.trained and one.control) for one in side)
            for side in sides
        )


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Several runs side by side.

    Attributes:
        runs: two or more.
        judges: those that judged every run; the first is the headline.
        pairs: agreement of every two judges, by metric.
        disagreements: those of trained judges first, and of these those beyond chance.
        notes: what was left out and what to be careful about.
    """

    runs: tuple[Run, ...]
    judges: tuple[JudgeResult, ...]
    pairs: tuple[JudgePair, ...]
    disagreements: tuple[Disagreement, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON values."""
        content = dataclasses.asdict(self)
        for found, written in zip(self.disagreements, content["disagreements"], strict=True):
            written |= {"trained": found.trained, "beyond_chance": found.beyond_chance}
        return content


def compare(folders: Sequence[str | os.PathLike]) -> Comparison:
    """Compares the eval.json of two or more folders.

    Where runs were judged by several judges, those that judged every run are compared.

    Args:
        folders: as `gan_jax.results.read_results` takes them.

    Raises:
        InputError: fewer than two results, one that is missing or damaged, or results that do not
            measure the same.
    """
    if isinstance(folders, (str, os.PathLike)):
        folders = [folders]
    results, notes = read_results(folders)
    first, *others = (result.judgements for result in results)
    common = [digest for digest in first if all(digest in other for other in others)]
    if not common:
        heads = [next(iter(result.judgements.values())) for result in results]
        _refuse(heads, ["extractor", "extractor_sha256"])
    left_out = {
        judged.protocol.get("extractor", digest): None
        for result in results
        for digest, judged in result.judgements.items()
        if digest not in common
    }
    if left_out:
        notes.append(f"Left out, because not every run was judged by it: {listed([*left_out])}.")
    judges = [_judge([result.judgements[digest] for result in results], notes) for digest in common]
    _note_differing_judges(judges, notes)
    names = [result.name for result in results]
    pairs, disagreements = _compare_judges(judges, names)
    runs = [_run(result, common[0]) for result in results]
    versions = [(run.name, run.record.get("gan_jax")) for run in runs]
    if len({_plain(version) for _, version in versions}) > 1:
        notes.append(f"Warning: gan_jax is {_by_value(versions)}. {MAY_DIFFER['gan_jax']}")
    return Comparison(
        tuple(runs), tuple(judges), tuple(pairs), tuple(disagreements), tuple(dict.fromkeys(notes))
    )


def _run(result: Result, digest: str) -> Run:
    protocol = result.judgements[digest].protocol
    return Run(result.name, result.folder, {k: protocol[k] for k in MAY_DIFFER if k in protocol})


def _judge(judged: Sequence[Judgement], notes: list[str]) -> JudgeResult:
    """One judge on all runs, once their protocols were found to agree."""
    fields = dict.fromkeys(field for one in judged for field in one.protocol)
    strict = [field for field in fields if field not in MAY_DIFFER and field not in _FOLLOWING]
    differing = []
    for field in strict:
        lacking = [one.run for one in judged if field not in one.protocol]
        if lacking and field not in _STAMP:
            notes.append(
                f"Warning: {field} is not recorded in {listed(lacking)}, so it was not compared."
            )
        elif len({_plain(one.protocol.get(field)) for one in judged}) > 1:
            differing.append(field)
    if differing:
        _refuse(judged, differing)
    protocol = judged[0].protocol
    name = str(protocol.get("extractor", protocol["extractor_sha256"][:8]))
    metrics = dict.fromkeys(metric for one in judged for metric in one.metrics)
    metrics = sorted(metrics, key=lambda metric: metric not in JUDGED_BY_ALL)
    return JudgeResult(
        name=name,
        # The accuracy of Inception is not known either, but it has learnt.
        control=protocol.get("extractor_accuracy", 0.0) is None
        and not name.startswith("inception"),
        protocol={f: v for f, v in protocol.items() if f not in MAY_DIFFER or f == "reference"},
        metrics=tuple(_metric(metric, judged, notes) for metric in metrics),
    )


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


def _compare_judges(judges: Sequence[JudgeResult], names: Sequence[str]) -> tuple[list, list]:
    """How far every two judges agree, and the pairs of runs on which judges do not."""
    pairs, disagreements = [], []
    for name in JUDGED_BY_ALL:
        ranking = [judge for judge in judges if judge.ranks_by(name)]
        for one, other in itertools.combinations(ranking, 2):
            values = ([s.value for s in judge.metric(name).scores] for judge in (one, other))
            pairs.append(JudgePair(name, (one.name, other.name), agreement(*values)))
        for i, j in itertools.combinations(range(len(names)), 2):
            sides: dict[int, list[Opinion]] = {}
            for judge in ranking:
                a, b = (judge.metric(name).scores[k] for k in (i, j))
                side = preferred(a, b, judge.metric(name).better)
                if side:
                    opinion = Opinion(judge.name, judge.control, separated(a, b))
                    sides.setdefault(side, []).append(opinion)
            if len(sides) == 2:
                first, second = (i, j) if next(iter(sides)) > 0 else (j, i)
                disagreements.append(
                    Disagreement(name, names[first], names[second], *map(tuple, sides.values()))
                )
    return pairs, sorted(disagreements, key=lambda d: (not d.trained, not d.beyond_chance))


def _note_differing_judges(judges: Sequence[JudgeResult], notes: list[str]) -> None:
    for field in _SAME_FOR_JUDGES:
        values = [(judge.name, judge.protocol.get(field)) for judge in judges]
        if len({_plain(value) for _, value in values}) > 1:
            notes.append(
                f"Warning: the judges do not differ in the extractor alone, {field} is "
                f"{_by_value(values)}."
            )


def _refuse(judged: Sequence[Judgement], fields: Sequence[str]) -> None:
    told = []
    for field in fields:
        values = [(one.run, one.protocol.get(field, _ABSENT)) for one in judged]
        told.append(f"{field} is {_by_value(values)}")
    raise InputError(
        f"these results do not measure the same and cannot be compared: {'; '.join(told)}. Judge "
        "the runs again in one way (python eval.py --workdir RUN --extractor PACK), or compare "
        "only those that agree."
    )


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _by_value(values: Iterable[tuple[str, Any]]) -> str:
    """'500 in a, b and 250 in c' of pairs (run, value)."""
    groups: dict[str, list[str]] = {}
    for run, value in values:
        groups.setdefault(_plain(value), []).append(run)
    return " and ".join(f"{_short(value)} in {listed(runs)}" for value, runs in groups.items())


def _short(text: str) -> str:
    return text if len(text) <= 90 else text[:89] + "…"
