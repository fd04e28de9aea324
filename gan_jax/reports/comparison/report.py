"""What a comparison of runs leaves behind: a JSON file and a page."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from gan_jax.data.disk import open_folder
from gan_jax.errors import InputError
from gan_jax.reports import webpage
from gan_jax.reports.comparison.comparison import Comparison, Group, compare
from gan_jax.reports.comparison.judge_result import JUDGED_BY_ALL
from gan_jax.reports.comparison.protocol import MAY_DIFFER
from gan_jax.reports.comparison.results import COMPARISON, shortened
from gan_jax.reports.comparison.table import (
    AGREEMENT,
    ALIKE,
    COLUMNS,
    STARRED,
    agreement_rows,
    glance_rows,
    group_title,
    judge_line,
    label,
    legend,
    metric_rows,
    named,
    order,
    ranking_metrics,
    ranks_by_judge,
    reasons,
    unranked,
    verdict,
    warnings,
)
from gan_jax.reports.comparison.table import comparison_table as comparison_table
from gan_jax.reports.figures import interval_chart
from gan_jax.reports.numbers_first import expendable, publish
from gan_jax.runtime.workdir import EVALUATION, REPORT

_LONGEST_CELL = 24


def compare_runs(
    folders: Sequence[str | os.PathLike],
    out: str | os.PathLike | None = None,
    *,
    tell: Callable[[Comparison], None] = lambda comparison: None,
) -> Comparison:
    """Compares the eval.json of several folders; writes comparison.json, then report.html.

    Args:
        folders: of runs, as `gan_jax.reports.comparison.comparison.compare` takes them.
        out: the folder to write into, made if it is not there; None to write nothing.
        tell: takes the comparison before the page is made.

    Raises:
        InputError: no two results that measure the same, or a folder that cannot be written.
    """
    comparison = compare(folders)
    if out is None:
        tell(comparison)
        return comparison
    folder = open_folder(out, "--out")
    if (folder / EVALUATION).exists():
        raise InputError(
            f"--out '{folder}' holds the {EVALUATION} and {REPORT} of something else: give another "
            "folder."
        )
    content = comparison.to_dict()
    publish(folder / COMPARISON, content, folder / REPORT, tell=lambda _: tell(comparison))
    with expendable(REPORT):
        write_comparison(folder / REPORT, comparison)
    return comparison


def write_comparison(path: str | os.PathLike, comparison: Comparison) -> None:
    """Writes the comparison as one HTML file that needs nothing else."""
    content = [
        part
        for number, group in enumerate(comparison.groups)
        for part in (
            _header(group, group_title(comparison, number)),
            _overview(group),
            _charts(group),
            _judges(group),
            _metrics(group),
            _stamps(group),
        )
    ]
    notes = "".join(f"<p>{webpage.escape(note)}</p>" for note in comparison.notes)
    content += [
        webpage.section("Left out and kept apart", "", notes),
        webpage.folded(f"All of it, as in {COMPARISON}", comparison.to_dict()),
    ]
    runs = sum(len(group.runs) for group in comparison.groups)
    webpage.write_page(path, f"{runs} runs compared", content)


def _header(group: Group, title: str) -> str:
    note = " ".join([judge_line(group.judges[0]), *warnings(group)])
    numbers = []
    if len(group.judges) > 1:
        beyond = sum(found.trained and found.beyond_chance for found in group.disagreements)
        numbers = [
            (str(len(group.judges)), "judges, each on all runs"),
            (str(beyond), "times trained judges disagree on two runs beyond chance"),
        ]
    return webpage.header(title, " ".join(verdict(group)), note, numbers)


def _overview(group: Group) -> str:
    heading, *rows = glance_rows(group)
    why = " ".join(unranked(group.judges[0]))
    return webpage.section(
        "At a glance",
        f"In brackets the rank, 1 is the best. {legend(group)} Real: as many real images.",
        webpage.table(heading, rows),
        f'<p class="muted">{webpage.escape(why)}</p>' if why else "",
    )


def _charts(group: Group) -> str:
    shown = order(group)
    names = [named(group.runs[index]) for index in shown]
    charts = []
    for metric in ranking_metrics(group.judges[0]):
        entries = [metric.entries[index] for index in shown]
        real = [entry.real for entry in entries if entry.real is not None]
        charts.append(
            interval_chart(
                label(metric),
                names,
                [entry.value for entry in entries],
                [entry.interval if entry.rank else None for entry in entries],
                xlabel=f"{label(metric)}, {metric.better} is better",
                floor=real[0] if real else None,
            )
        )
    return webpage.section(
        "Values and intervals",
        "A dot is a value, a bar its 95 % interval; an open dot has none, or no rank.",
        webpage.columns(*charts),
    )


def _metrics(group: Group) -> str:
    return webpage.section(
        "Each metric with ranks",
        "Confidence, precision and density look at single images: a generator that draws one good "
        "image again and again can rank first in them.",
        webpage.table(COLUMNS, metric_rows(group, ranking_metrics(group.judges[0]))[1:], full=True),
    )


def _judges(group: Group) -> str:
    if len(group.judges) < 2:
        return ""
    parts = []
    for name in JUDGED_BY_ALL:
        ranks = ranks_by_judge(group, name)
        if len(ranks[0]) > 2:
            parts.append(f"<h3>Ranks by {webpage.escape(name)}, one column a judge</h3>")
            parts.append(webpage.table(ranks[0], ranks[1:]))
            agreement = agreement_rows(group, name)
            parts.append(f"<h3>{AGREEMENT}</h3>")
            parts.append(webpage.table(agreement[0], agreement[1:]))
    if group.pairs:
        parts.append("<h3>Disagreements</h3>")
        rows = [
            [f"{found.first} before {found.second}", found.metric, reasons(found)]
            for found in group.disagreements
        ]
        columns = ["order", "metric", ""]
        parts.append(webpage.table(columns, rows, full=True) if rows else f"<p>{ALIKE}</p>")
    wary = [judge_line(judge) for judge in group.judges[1:] if judge.flags]
    parts += [f"<p>{webpage.escape(line)}</p>" for line in wary]
    return webpage.section(
        "Judges",
        "Does the order depend on the network that looks? 1 is the same order, -1 the reverse. A "
        f"control shows how much of the order needs no learning. {STARRED}",
        *parts,
    )


def _stamps(group: Group) -> str:
    fields = [
        field for field in MAY_DIFFER if len({str(run.record.get(field)) for run in group.runs}) > 1
    ]
    rows = [
        [run.name, *(shortened(str(run.record.get(field, "–")), _LONGEST_CELL) for field in fields)]
        for run in group.runs
    ]
    head = group.judges[0]
    notes = "".join(f"<p>{webpage.escape(note)}</p>" for note in group.notes)
    return webpage.section(
        "What was compared",
        "All runs agree in what their numbers depend on. What differs is listed with the reason "
        "why it may.",
        webpage.facts(head.protocol | {"gate of the judge": head.gate}),
        webpage.table(["run", *fields], rows) if fields else "",
        webpage.facts({field: MAY_DIFFER[field] for field in fields}),
        notes,
    )
