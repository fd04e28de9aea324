"""What a comparison of runs leaves behind: a JSON file and a page."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence

from gan_jax import workdir
from gan_jax.comparison.comparison import Comparison, compare
from gan_jax.comparison.judge_result import JUDGED_BY_ALL, Entry
from gan_jax.comparison.protocol import MAY_DIFFER
from gan_jax.comparison.results import COMPARISON, listed, shortened
from gan_jax.comparison.table import (
    AGREEMENT,
    ALIKE,
    LEGEND,
    STARRED,
    agreement_rows,
    best_first,
    judge_line,
    number_cells,
    rank_mark,
    ranks_by_judge,
    reasons,
)
from gan_jax.comparison.table import comparison_table as comparison_table
from gan_jax.errors import InputError
from gan_jax.reports import webpage
from gan_jax.reports.figures import interval_chart

PAGE = "comparison.html"
_LONGEST_CELL = 24
_BEST = {"lower": "the lowest", "higher": "the highest"}
_GATE = (
    "A judge whose gate failed overlooks a kind of damage to real images, or calls more of it less."
)
_INTERVALS = (
    "Intervals are over the images judged. Another training of the same config, with another seed, "
    "can differ by more."
)


def compare_runs(
    folders: Sequence[str | os.PathLike], out: str | os.PathLike | None = None
) -> Comparison:
    """Compares the eval.json of several folders; writes comparison.json and comparison.html.

    Args:
        folders: of runs, as `gan_jax.comparison.comparison.compare` takes them.
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
        best = best_first(metric, comparison)[0]
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
    return webpage.header(title, verdict, f"{judge_line(comparison)} {warnings}".strip(), numbers)


def _certainty(entry: Entry) -> str:
    if entry.not_separated_from is None:
        return "how certainly is not known without intervals"
    if entry.not_separated_from:
        return f"not separated from {listed(entry.not_separated_from)} by the 95 % intervals"
    return "separated from all others by the 95 % intervals"


def _overview(comparison: Comparison) -> str:
    head = comparison.judges[0]
    order = best_first(head.metrics[0], comparison)
    rows = []
    for metric in head.metrics:
        entries = [metric.entries[index] for index in order]
        cells = [f"{webpage.number(entry.value)}{_in_brackets(entry)}" for entry in entries]
        rows.append([metric.name, *cells])
    return webpage.section(
        "At a glance",
        f"Value and, in brackets, rank: 1 is the best. {LEGEND}",
        webpage.table(["", *(comparison.runs[index].name for index in order)], rows),
    )


def _in_brackets(entry: Entry) -> str:
    return f" ({rank_mark(entry)})" if entry.rank is not None else ""


def _charts(comparison: Comparison) -> str:
    head = comparison.judges[0]
    order = best_first(head.metrics[0], comparison)
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
        for index in best_first(metric, comparison):
            entry = metric.entries[index]
            others = entry.not_separated_from
            near = "not known" if others is None else ", ".join(others) or "–"
            near = "–" if entry.rank is None else near
            rows.append([comparison.runs[index].name, rank_mark(entry), *number_cells(entry), near])
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
        ranks = ranks_by_judge(comparison, name)
        if len(ranks[0]) > 2:
            parts.append(f"<h3>Ranks by {webpage.escape(name)}, one column a judge</h3>")
            parts.append(webpage.table(ranks[0], ranks[1:]))
            agreement = agreement_rows(comparison, name)
            parts.append(f"<h3>{AGREEMENT}</h3>")
            parts.append(webpage.table(agreement[0], agreement[1:]))
    if comparison.pairs:
        parts.append("<h3>Disagreements</h3>")
        rows = [
            [f"{found.first} before {found.second}", found.metric, reasons(found)]
            for found in comparison.disagreements
        ]
        columns = ["order", "metric", ""]
        parts.append(webpage.table(columns, rows, full=True) if rows else f"<p>{ALIKE}</p>")
    return webpage.section(
        "Judges",
        "Does the order depend on the network that looks? 1 is the same order, -1 the reverse. A "
        "control has learnt nothing: it shows how much of the order needs no learning. "
        f"{STARRED} {_GATE}",
        *parts,
    )


def _stamps(comparison: Comparison) -> str:
    fields = [
        field
        for field in MAY_DIFFER
        if len({str(run.record.get(field)) for run in comparison.runs}) > 1
    ]
    rows = [
        [run.name, *(shortened(str(run.record.get(field, "–")), _LONGEST_CELL) for field in fields)]
        for run in comparison.runs
    ]
    head = comparison.judges[0]
    notes = "".join(f"<p>{webpage.escape(note)}</p>" for note in comparison.notes)
    return webpage.section(
        "What was compared",
        "All runs agree in what their numbers depend on. What differs is listed with the reason "
        "why it may.",
        webpage.facts(head.protocol | {"gate of the judge": head.gate}),
        webpage.table(["run", *fields], rows) if fields else "",
        webpage.facts({field: MAY_DIFFER[field] for field in fields}),
        notes,
        webpage.folded(f"All of it, as in {COMPARISON}", comparison.to_dict()),
    )
