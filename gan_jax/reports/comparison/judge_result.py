"""What one judge says of several runs: verdicts, and their numbers by metric, with ranks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from gan_jax.metrics import Z, normal_interval
from gan_jax.reports.comparison.protocol import MAY_DIFFER, unrecorded
from gan_jax.reports.comparison.ranking import LEVEL, Score, depends_on_count, direction, places
from gan_jax.reports.comparison.results import Judgement
from gan_jax.reports.flags import judge_flags
from gan_jax.reports.text import NONE, listed
from gan_jax.reports.words import NOT_TOLD, TOLD, TOO_FEW, percent

SIZE = "size"
JUDGED_BY_ALL = ("fd_semantic", "fd_texture")
_NOT_GATED = "not run"
_FAILED = "failed"
_FLOOR_TOLERANCE = 1e-3
_LINES = {"fd_infinity"}  # their error says how straight a line is, nothing of fresh images
_UNITS = {"blur": " px"}
_ANSWERS = {TOLD: "yes", NOT_TOLD: "no", TOO_FEW: "too few"}


@dataclasses.dataclass(frozen=True)
class Entry:
    """One metric of one run.

    Attributes:
        value: None if the run has no such number.
        real: the same of real images against real ones, or None.
        interval: 95 % (low, high) over the images of this one training, or None.
        n: number of images, or None.
        beyond: whether `value` is only the most that can be said: it is larger.
        rank: 1 is the best; None if the metric or the run is not ranked.
        between: the ranks (best, worst) that tests of the differences leave open; None without.
        p: by the name of each other ranked run, that the difference is chance, corrected for the
            number of pairs; None where an error is not known.
        not_told_from: the runs that may be equal to this one, by these tests.
    """

    value: float | None
    real: float | None = None
    interval: tuple[float, float] | None = None
    n: int | None = None
    beyond: bool = False
    rank: int | None = None
    between: tuple[int, int] | None = None
    p: dict[str, float | None] = dataclasses.field(default_factory=dict)
    not_told_from: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Metric:
    """One metric of all runs by one judge.

    Attributes:
        name: such as 'fd_semantic'.
        unit: what its values are strengths of; '' of others than the size.
        better: 'lower', 'higher' or None.
        unranked: why there are no ranks; '' if there are.
        entries: one per run.
    """

    name: str
    unit: str
    better: str | None
    unranked: str
    entries: tuple[Entry, ...]


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a judge says of one run before any comparison; '–' for what is not known.

    Attributes:
        told: whether it can tell the images from real ones, with p.
        size: the strength of damage to real images that is as far from real.
        broken: the share of them in shuffled pieces that is.
    """

    told: str
    size: str = NONE
    broken: str = NONE


@dataclasses.dataclass(frozen=True)
class JudgeResult:
    """What one judge says of all runs.

    Attributes:
        name: the extractor's stamp.
        control: whether it has learnt nothing: random weights, pixels, their PCA.
        gate: what the degradation gate says of it: 'passed', 'failed: ...', 'not known: ...' or
            'not run'.
        flags: what to be wary of in it, in sentences.
        protocol: what all runs have in common.
        verdicts: one per run.
        metrics: those with ranks first, of these the size and two Fréchet distances.
    """

    name: str
    control: bool
    gate: str
    flags: tuple[str, ...]
    protocol: dict[str, Any]
    verdicts: tuple[Verdict, ...]
    metrics: tuple[Metric, ...]

    @property
    def failed_gate(self) -> bool:
        """Whether it overlooks a kind of damage, or calls more of it less."""
        return self.gate.startswith(_FAILED)

    def metric(self, name: str) -> Metric | None:
        """The metric of that name, or None."""
        return next((metric for metric in self.metrics if metric.name == name), None)

    def ranking(self, name: str) -> Metric | None:
        """The metric of that name if it ranks the runs, or None."""
        metric = self.metric(name)
        return None if metric is None or metric.unranked else metric


def judge_result(
    judged: Sequence[Judgement], ranked: Sequence[int], notes: list[str]
) -> JudgeResult:
    """One judge on runs that measure the same.

    Args:
        judged: each run by this judge.
        ranked: indices of the runs that are ranked.
        notes: what to be careful about is appended here.
    """
    notes += unrecorded(judged)
    protocol = judged[0].protocol
    name = str(protocol.get("extractor", protocol["extractor_sha256"][:8]))
    gate = _gate(judged)
    # The accuracy of Inception is not known either, but it has learnt.
    control = protocol.get("extractor_accuracy", 0.0) is None and not name.startswith("inception")
    flags = judge_flags(
        {},
        protocol | {"gate": gate},
        control=control,
        share_trained_on=float(protocol.get("extractor_trained_on_reference", False)),
    )
    told: dict[str, str] = {flag["name"]: flag["text"] for one in judged for flag in one.flags}
    names = dict.fromkeys(metric for one in judged for metric in one.metrics)
    metrics = [_metric(metric, judged, ranked, notes) for metric in names]
    metrics = [*_size(judged, ranked), *metrics]
    metrics.sort(key=lambda one: (bool(one.unranked), one.name not in (SIZE, *JUDGED_BY_ALL)))
    return JudgeResult(
        name=name,
        control=control,
        gate=gate,
        flags=tuple(told.get(flag["name"], str(flag["text"])) for flag in flags),
        protocol={f: v for f, v in protocol.items() if f not in MAY_DIFFER or f == "reference"},
        verdicts=tuple(_verdict(one.headline) for one in judged),
        metrics=tuple(metrics),
    )


def _gate(judged: Sequence[Judgement]) -> str:
    """The verdict on the network that the judgements know of; of several the worst."""
    verdicts = [str(one.protocol.get("gate", _NOT_GATED)) for one in judged]
    for kind in (_FAILED, "passed", "not known"):
        found = [verdict for verdict in verdicts if verdict.startswith(kind)]
        if found:
            return found[0]
    return _NOT_GATED


def _verdict(headline: Mapping[str, Any]) -> Verdict:
    if not headline:
        return Verdict(NONE)
    answer = f"{_ANSWERS[headline['verdict']]} (p {p_text(headline['test']['p'])})"
    if SIZE not in headline:
        return Verdict(answer)
    size, broken = headline[SIZE], headline[SIZE].get("broken")
    told = headline["verdict"] == TOLD
    sign, end = ("", "strength") if told else ("≤ ", "high")
    strength = f"{'> ' if size['beyond'] else sign}{size[end]:.2g}{_UNITS.get(size['damage'], '')}"
    share = NONE if broken is None else sign + percent(broken["share" if told else "high"])
    return Verdict(answer, strength, share)


def p_text(p: float) -> str:
    """A p value with its sign, such as '= 0.03'."""
    return "< 0.0001" if p < 0.0001 else f"= {p:.2g}"


def _size(judged: Sequence[Judgement], ranked: Sequence[int]) -> list[Metric]:
    """The distance as a strength on the ladder of damages; none where no run has it.

    Shown is the strength. Ranked and tested is the distance behind it, which grows with it and goes
    on where the ladder ends.
    """
    headlines = [one.headline if SIZE in one.headline else {} for one in judged]
    damages = {headline[SIZE]["damage"] for headline in headlines if headline}
    if not damages:
        return []
    entries = [
        Entry(
            value=headline[SIZE]["strength"],
            interval=(headline[SIZE]["low"], headline[SIZE]["high"]),
            n=headline["distance"]["n"],
            beyond=headline[SIZE]["beyond"],
        )
        if headline
        else Entry(None)
        for headline in headlines
    ]
    why = "" if len(damages) == 1 else "the ladders differ"
    metric = Metric(SIZE, " or ".join(sorted(damages)), direction(SIZE), why, tuple(entries))
    scores = _scores(SIZE, [one.get("distance", {}) for one in headlines], judged)
    return [_ranked(metric, scores, judged, ranked)]


def _metric(
    name: str, judged: Sequence[Judgement], ranked: Sequence[int], notes: list[str]
) -> Metric:
    found = [one.metrics.get(name, {}) for one in judged]
    if name in _LINES:
        found = [{k: v for k, v in entry.items() if k != "standard_error"} for entry in found]
    entries = tuple(map(_entry, found))
    floors = {(entry.n, entry.real) for entry in entries if entry.real is not None}
    values = [real for _, real in floors]
    same_n = len({n for n, _ in floors}) == 1
    if same_n and max(values) - min(values) > _FLOOR_TOLERANCE * max(map(abs, values)):
        notes.append(
            f"Warning: {name} of real images is {min(values):.4g} to {max(values):.4g}, though the "
            "protocols agree: another machine or version computed it otherwise."
        )
    scores = _scores(name, found, judged)
    return _ranked(Metric(name, "", direction(name), "", entries), scores, judged, ranked)


def _ranked(
    metric: Metric,
    scores: Sequence[Score | None],
    judged: Sequence[Judgement],
    ranked: Sequence[int],
) -> Metric:
    """The metric with ranks of the runs `ranked`, or why there are none."""
    lacking = [judged[i].run for i in ranked if scores[i] is None]
    measured = [score for i in ranked if (score := scores[i]) is not None]
    counts = {metric.entries[i].n for i in ranked}
    if not ranked:
        why = "all runs are flagged"
    elif metric.better is None:
        why = "neither more nor less is better by itself"
    elif lacking:
        why = f"not measured for {listed(lacking)}"
    elif len(counts) > 1 and depends_on_count(metric.name):
        why = f"n differs ({', '.join(map(str, sorted(counts, key=str)))})"
    elif all(score.standard_error is None for score in measured):
        why = "their error is not known"
    else:
        why = metric.unranked
    if why or metric.better is None:
        return dataclasses.replace(metric, unranked=why)
    entries = list(metric.entries)
    found = places(measured, metric.better)
    for i, place in zip(ranked, found, strict=True):
        tests = {judged[ranked[j]].run: p for j, p in place.p.items()}
        entries[i] = dataclasses.replace(
            entries[i],
            rank=place.rank,
            between=place.between,
            p=tests,
            not_told_from=tuple(run for run, p in tests.items() if p is None or p > LEVEL),
        )
    return dataclasses.replace(metric, entries=tuple(entries))


def _entry(entry: Mapping[str, Any]) -> Entry:
    interval = entry.get("ci")
    if interval is None and None not in (entry.get("value"), entry.get("standard_error")):
        interval = normal_interval(entry["value"], entry["standard_error"])
    return Entry(
        value=entry.get("value"),
        real=entry.get("floor", entry.get("real")),
        interval=None if interval is None else (interval[0], interval[1]),
        n=entry.get("n"),
    )


def _scores(
    name: str, found: Sequence[Mapping[str, Any]], judged: Sequence[Judgement]
) -> list[Score | None]:
    """Of each run; None of one without such a number."""
    arrays = [one.influences.get(name) for one in judged]
    if len({array.shape for array in arrays if array is not None}) > 1:  # a file of another result
        arrays = [None] * len(found)
    scores: list[Score | None] = []
    for entry, array in zip(found, arrays, strict=True):
        error, interval = entry.get("standard_error"), entry.get("ci")
        if error is None and interval is not None:
            error = (interval[1] - interval[0]) / (2 * Z)
        value = entry.get("value")
        scores.append(None if value is None else Score(value, error, array))
    return scores
