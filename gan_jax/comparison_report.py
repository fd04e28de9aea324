"""What a comparison of runs leaves behind: a table for the terminal, a JSON file and a page."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence
from typing import Any

from gan_jax import webpage, workdir
from gan_jax.comparison import (
    JUDGED_BY_ALL,
    MAY_DIFFER,
    Comparison,
    Disagreement,
    Entry,
    JudgeResult,
    Metric,
    Opinion,
    compare,
)
from gan_jax.errors import InputError
from gan_jax.figures import interval_chart
from gan_jax.results import COMPARISON, listed

PAGE = "comparison.html"
_LISTED = 8
_BEST = {"lower": "the lowest", "higher": "the highest"}
_AGREEMENT = "Kendall’s tau / Spearman’s rho of each two judges"
_LEGEND = (
    "~ the 95 % interval overlaps with that of another run: their order is not certain. "
    "? without intervals: how certain the order is, is not known."
)
_STARRED = "* marks a judge whose 95 % intervals of the two runs do not overlap."
_ALIKE = "The trained judges order all runs alike."
_INTERVALS = (
    "Intervals are over the images judged. Another training of the same config, with another seed, "
    "can differ by more."
)


def compare_runs(
    folders: Sequence[str | os.PathLike], out: str | os.PathLike | None = None
) -> Comparison:
    """Compares the eval.json of several folders; writes comparison.json and comparison.html.

    Args:
        folders: of runs, as `gan_jax.comparison.compare` takes them.
        out: the folder to write into, made if it is not there; None to write nothing.

    Raises:
        InputError: results that are missing, damaged or do not measure the same, or a folder that
            cannot be written.
    """
    comparison = compare(folders)
    if out is not None:
        folder = pathlib.Path(out)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            workdir.write_json(folder / COMPARISON, comparison.to_dict())
            write_comparison(folder / PAGE, comparison)
        except OSError as error:
            raise InputError(
                f"--out '{out}' cannot be written ({error.strerror}): give another folder."
            ) from error
    return comparison


def comparison_table(comparison: Comparison) -> str:
    """The comparison as text for a terminal: every metric, the judges beside each other, notes."""
    head = comparison.judges[0]
    rows = [["metric", "rank", "run", "value", "ratio", "95 % interval", "n"]]
    for metric in head.metrics:
        for place, index in enumerate(_order(metric, comparison)):
            entry = metric.entries[index]
            first = metric.name if place == 0 else ""
            rows.append([first, _mark(entry), comparison.runs[index].name, *_cells(entry)])
    parts = [_aligned(rows), _judge_line(comparison), _LEGEND]
    parts += [
        f"{metric.name} has no ranks: {metric.unranked}."
        for metric in head.metrics
        if metric.unranked
    ]
    if len(comparison.judges) > 1:
        for name in JUDGED_BY_ALL:
            ranks = _ranks_by_judge(comparison, name)
            if len(ranks[0]) > 2:
                parts += ["", f"Ranks by {name}, one column a judge", _aligned(ranks)]
                parts += ["", f"{_AGREEMENT} by {name}", _aligned(_agreement(comparison, name))]
        parts += ["", *_disagreement_lines(comparison)] if comparison.pairs else []
    return "\n".join([*parts, *comparison.notes])


def write_comparison(path: str | os.PathLike, comparison: Comparison) -> None:
    """Writes the comparison as one HTML file that needs nothing else."""
    content = [
        _header(comparison),
        _overview(comparison),
        _charts(comparison),
        _judges(comparison),
        _metrics(comparison),
        _stamps(comparison),
    ]
    webpage.write_page(path, f"{len(comparison.runs)} runs compared", content)


def _header(comparison: Comparison) -> str:
    head = comparison.judges[0]
    verdict, numbers = "No metric ranks these runs.", []
    for metric in head.metrics:
        if metric.unranked:
            continue
        best = _order(metric, comparison)[0]
        entry, name = metric.entries[best], comparison.runs[best].name
        if not numbers:
            verdict = f"{name} ranks first in {metric.name}, {_certainty(entry)}."
        if metric.name in JUDGED_BY_ALL:
            ratio = "–" if entry.ratio is None else f"{webpage.number(entry.ratio)} ×"
            meaning = f"the floor in {metric.name} is the best, of {name}"
            numbers.append((ratio, meaning))
    if len(comparison.judges) > 1:
        beyond = sum(found.trained and found.beyond_chance for found in comparison.disagreements)
        numbers.append((str(len(comparison.judges)), "judges, each on all runs"))
        numbers.append((str(beyond), "times trained judges disagree on two runs beyond chance"))
    warnings = " ".join(note for note in comparison.notes if note.startswith("Warning"))
    title = f"{len(comparison.runs)} runs compared"
    return webpage.header(title, verdict, f"{_judge_line(comparison)} {warnings}".strip(), numbers)


def _certainty(entry: Entry) -> str:
    if entry.not_separated_from is None:
        return "how certainly is not known without intervals"
    if entry.not_separated_from:
        return f"not separated from {listed(entry.not_separated_from)} by the 95 % intervals"
    return "separated from all others by the 95 % intervals"


def _overview(comparison: Comparison) -> str:
    head = comparison.judges[0]
    order = _order(head.metrics[0], comparison)
    rows = []
    for metric in head.metrics:
        entries = [metric.entries[index] for index in order]
        cells = [f"{webpage.number(entry.value)}{_in_brackets(entry)}" for entry in entries]
        rows.append([metric.name, *cells])
    return webpage.section(
        "At a glance",
        f"Value and, in brackets, rank: 1 is the best. {_LEGEND}",
        webpage.table(["", *(comparison.runs[index].name for index in order)], rows),
    )


def _in_brackets(entry: Entry) -> str:
    return f" ({_mark(entry)})" if entry.rank is not None else ""


def _charts(comparison: Comparison) -> str:
    head = comparison.judges[0]
    order = _order(head.metrics[0], comparison)
    names = [comparison.runs[index].name for index in order]
    charts = []
    for metric in head.metrics:
        entries = [metric.entries[index] for index in order]
        floors = [entry.floor for entry in entries if entry.floor is not None]
        side = f", {metric.better} is better" if metric.better else ""
        charts.append(
            interval_chart(
                metric.name,
                names,
                [entry.value for entry in entries],
                [entry.interval for entry in entries],
                xlabel=f"{metric.name}{side}",
                floor=floors[0] if floors else None,
            )
        )
    return webpage.section(
        "Values and intervals",
        "A dot is a value, a bar its 95 % interval; open dots have none. The dashed line is what "
        f"real images score against real ones. {_INTERVALS}",
        webpage.columns(*charts),
    )


def _metrics(comparison: Comparison) -> str:
    columns = ["run", "rank", "value", "value / floor", "95 % interval", "n", "not separated from"]
    parts = []
    for metric in comparison.judges[0].metrics:
        rows = []
        for index in _order(metric, comparison):
            entry = metric.entries[index]
            others = entry.not_separated_from
            near = "not known" if others is None else ", ".join(others) or "–"
            near = "–" if entry.rank is None else near
            rows.append([comparison.runs[index].name, _mark(entry), *_cells(entry), near])
        why = (
            f"No ranks: {metric.unranked}."
            if metric.unranked
            else f"Best is {_BEST[metric.better]}."
        )
        heading = f"<h3>{webpage.escape(metric.name)}</h3>"
        parts.append(f'{heading}<p class="muted">{webpage.escape(why)}</p>')
        parts.append(webpage.table(columns, rows))
    return webpage.section(
        "Each metric",
        "Two intervals that do not overlap are strong evidence of a difference; two that do may "
        "still hide one. Confidence, precision and density look at single images: a generator that "
        "draws one good image again and again can rank first in them.",
        *parts,
    )


def _judges(comparison: Comparison) -> str:
    if len(comparison.judges) < 2:
        return ""
    parts = []
    for name in JUDGED_BY_ALL:
        ranks = _ranks_by_judge(comparison, name)
        if len(ranks[0]) > 2:
            parts.append(f"<h3>Ranks by {webpage.escape(name)}, one column a judge</h3>")
            parts.append(webpage.table(ranks[0], ranks[1:]))
            agreement = _agreement(comparison, name)
            parts.append(f"<h3>{_AGREEMENT}</h3>")
            parts.append(webpage.table(agreement[0], agreement[1:]))
    if comparison.pairs:
        parts.append("<h3>Disagreements</h3>")
        rows = [
            [f"{found.first} before {found.second}", found.metric, _sides(found)]
            for found in comparison.disagreements
        ]
        columns = ["order", "metric", ""]
        parts.append(webpage.table(columns, rows, full=True) if rows else f"<p>{_ALIKE}</p>")
    return webpage.section(
        "Judges",
        "Does the order depend on the network that looks? 1 is the same order, -1 the reverse. A "
        "control has learnt nothing: it shows how much of the order needs no learning. "
        f"{_STARRED}",
        *parts,
    )


def _side(opinions: Sequence[Opinion]) -> str:
    return ", ".join(
        f"{one.judge}{' (control)' if one.control else ''}{'*' if one.separated else ''}"
        for one in opinions
    )


def _weight(found: Disagreement) -> str:
    if any(one.separated is None for one in (*found.for_first, *found.for_second)):
        weight = "Without intervals, how certainly is not known"
    elif found.beyond_chance:
        weight = "Beyond chance: on both sides the intervals are apart"
    else:
        weight = "May be chance: not on both sides are the intervals apart"
    return weight if found.trained else f"{weight}; only controls are on one side"


def _sides(found: Disagreement) -> str:
    return (
        f"So say {_side(found.for_first)}; the reverse says {_side(found.for_second)}. "
        f"{_weight(found)}."
    )


def _disagreement_lines(comparison: Comparison) -> list[str]:
    """Where trained judges disagree, in sentences, and how often a control disagrees with them."""
    trained = [found for found in comparison.disagreements if found.trained]
    lines = [
        f"{found.metric}: {found.first} before {found.second}. {_sides(found)}"
        for found in trained[:_LISTED]
    ] or [_ALIKE]
    if trained:
        lines.append(_STARRED)
    if len(trained) > _LISTED:
        lines.append(f"{len(trained) - _LISTED} more disagreements are in {COMPARISON}.")
    others = len(comparison.disagreements) - len(trained)
    if others:
        lines.append(f"Controls order {others} pairs of runs otherwise: see {COMPARISON}.")
    return lines


def _agreement(comparison: Comparison, name: str) -> list[list[str]]:
    """A heading and one row a judge: how far it agrees with each other judge."""
    judges = [judge.name for judge in comparison.judges if judge.ranks_by(name)]
    found = {pair.judges: pair.agreement for pair in comparison.pairs if pair.metric == name}
    rows = [["", *(_name(comparison, judge) for judge in judges[1:])]]
    for one in judges[:-1]:
        cells = [found.get((one, other)) for other in judges[1:]]
        rows.append(
            [_name(comparison, one)]
            + [f"{_signed(a.kendall)} / {_signed(a.spearman)}" if a else "" for a in cells]
        )
    return rows


def _stamps(comparison: Comparison) -> str:
    fields = [
        field
        for field in MAY_DIFFER
        if len({str(run.record.get(field)) for run in comparison.runs}) > 1
    ]
    rows = [
        [run.name, *(_short(run.record.get(field, "–")) for field in fields)]
        for run in comparison.runs
    ]
    notes = "".join(f"<p>{webpage.escape(note)}</p>" for note in comparison.notes)
    return webpage.section(
        "What was compared",
        "All runs agree in what their numbers depend on. What differs is listed with the reason "
        "why it may.",
        webpage.facts(comparison.judges[0].protocol),
        webpage.table(["run", *fields], rows) if fields else "",
        webpage.facts({field: MAY_DIFFER[field] for field in fields}),
        notes,
        webpage.folded(f"All of it, as in {COMPARISON}", comparison.to_dict()),
    )


def _ranks_by_judge(comparison: Comparison, name: str) -> list[list[str]]:
    """A heading and one row a run: its rank by each judge that ranks by this metric."""
    judges = [judge for judge in comparison.judges if judge.ranks_by(name)]
    if not judges:
        return [["run"]]
    rows = [["run", *(_name(comparison, judge.name) for judge in judges)]]
    for index in _order(judges[0].metric(name), comparison):
        ranks = [_mark(judge.metric(name).entries[index]) for judge in judges]
        rows.append([comparison.runs[index].name, *ranks])
    return rows


def _name(comparison: Comparison, judge: str) -> str:
    found: JudgeResult = next(one for one in comparison.judges if one.name == judge)
    return f"{judge} (control)" if found.control else judge


def _judge_line(comparison: Comparison) -> str:
    head = comparison.judges[0]
    known: dict[str, Any] = head.protocol
    return (
        f"Judge {_name(comparison, head.name)}, reference {known.get('reference', '')} "
        f"({known.get('reference_split', '')}), {known['frechet_n']:,} images a side of each "
        "Fréchet distance."
    )


def _order(metric: Metric, comparison: Comparison) -> list[int]:
    """Indices of the runs, best first; as they were given where there are no ranks."""
    indices = range(len(comparison.runs))
    return sorted(indices, key=lambda index: metric.entries[index].rank or 0)


def _mark(entry: Entry) -> str:
    """The rank, with ~ where another run is not separated and ? where that is not known."""
    if entry.rank is None:
        return "–"
    if entry.not_separated_from is None:
        return f"{entry.rank} ?"
    return f"{entry.rank} ~" if entry.not_separated_from else str(entry.rank)


def _cells(entry: Entry) -> list[str]:
    low_high = "–"
    if entry.interval is not None:
        low_high = " to ".join(webpage.number(end, 4) for end in entry.interval)
    return [
        webpage.number(entry.value, 4),
        "–" if entry.ratio is None else f"{webpage.number(entry.ratio)} ×",
        low_high,
        "–" if entry.n is None else f"{entry.n:,}",
    ]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 24 else text[:12] + "…"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
