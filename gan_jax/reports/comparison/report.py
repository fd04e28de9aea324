"""What a comparison of runs leaves behind: a JSON file and a page."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from gan_jax.data.disk import open_folder
from gan_jax.errors import InputError
from gan_jax.reports import page
from gan_jax.reports.charts.basic import interval_chart
from gan_jax.reports.comparison import cells
from gan_jax.reports.comparison.comparison import Comparison, Group, compare
from gan_jax.reports.comparison.judge_result import JUDGED_BY_ALL, Metric
from gan_jax.reports.comparison.protocol import MAY_DIFFER
from gan_jax.reports.comparison.results import COMPARISON
from gan_jax.reports.numbers_first import expendable, publish
from gan_jax.reports.text import NONE, shortened
from gan_jax.reports.words import Words
from gan_jax.runtime.workdir import EVALUATION, REPORT

_LONGEST_CELL = 24
_HOW_TO_READ = "A dot is a value, a bar its 95 % interval; an open dot has none, or no rank."


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
    sections = [
        part
        for number, group in enumerate(comparison.groups)
        for part in (
            page.headline(cells.group_title(comparison, number), _words(group)),
            _chart(group),
            _overview(group),
            _judges(group),
            _metrics(group),
            _stamps(group),
        )
    ]
    sections += [
        page.section("Left out and kept apart", "", page.paragraphs(comparison.notes)),
        page.folded(f"All of it, as in {COMPARISON}", comparison.to_dict()),
    ]
    runs = sum(len(group.runs) for group in comparison.groups)
    page.write(path, f"{runs} runs compared", sections)


def _words(group: Group) -> Words:
    first, *rest = cells.verdict(group)
    note = " ".join([*rest, cells.judge_line(group.judges[0]), *cells.warnings(group)])
    numbers = []
    if len(group.judges) > 1:
        beyond = sum(found.trained and found.beyond_chance for found in group.disagreements)
        numbers = [
            (str(len(group.judges)), "judges, each on all runs"),
            (str(beyond), "times trained judges disagree on two runs beyond chance"),
        ]
    return Words(first, note, numbers)


def _overview(group: Group) -> str:
    heads, *rows = cells.glance_rows(group)
    why = cells.unranked(group.judges[0])
    return page.section(
        "At a glance",
        f"In brackets the rank, 1 is the best. {cells.legend(group)} Real: as many real images.",
        page.table(heads, rows),
        page.paragraphs([" ".join(why)] if why else [], muted=True),
    )


def _chart(group: Group) -> str:
    return page.section(
        "Values and intervals",
        _HOW_TO_READ,
        page.columns(
            *(_intervals(group, metric) for metric in cells.ranking_metrics(group.judges[0])[:1])
        ),
    )


def _intervals(group: Group, metric: Metric) -> str:
    shown = cells.order(group)
    entries = [metric.entries[index] for index in shown]
    real = [entry.real for entry in entries if entry.real is not None]
    return interval_chart(
        cells.label(metric),
        [cells.named(group.runs[index]) for index in shown],
        [entry.value for entry in entries],
        [entry.interval if entry.rank else None for entry in entries],
        xlabel=f"{cells.label(metric)}, {metric.better} is better",
        floor=real[0] if real else None,
    )


def _metrics(group: Group) -> str:
    ranking = cells.ranking_metrics(group.judges[0])
    return page.section(
        "Each metric with ranks",
        "Confidence, precision and density look at single images: a generator that draws one good "
        "image again and again can rank first in them.",
        page.table(cells.COLUMNS, cells.metric_rows(group, ranking)[1:], full=True),
        page.paragraphs([_HOW_TO_READ] if ranking[1:] else []),
        page.columns(*(_intervals(group, metric) for metric in ranking[1:])),
    )


def _judges(group: Group) -> str:
    if len(group.judges) < 2:
        return ""
    parts = []
    for name in JUDGED_BY_ALL:
        ranks = cells.ranks_by_judge(group, name)
        if len(ranks[0]) > 2:
            agreement = cells.agreement_rows(group, name)
            parts += [
                page.heading(f"Ranks by {name}, one column per judge"),
                page.table(ranks[0], ranks[1:]),
            ]
            parts += [page.heading(cells.AGREEMENT), page.table(agreement[0], agreement[1:])]
    if group.pairs:
        parts.append(page.heading("Disagreements"))
        rows = [
            [f"{found.first} before {found.second}", found.metric, cells.reasons(found)]
            for found in group.disagreements
        ]
        parts.append(
            page.table(["order", "metric", ""], rows, full=True) or page.paragraphs([cells.ALIKE])
        )
    wary = [cells.judge_line(judge) for judge in group.judges[1:] if judge.flags]
    return page.section(
        "Judges",
        "Does the order depend on the network that looks? 1 is the same order, -1 the reverse. A "
        f"control shows how much of the order needs no learning. {cells.STARRED}",
        *parts,
        page.paragraphs(wary),
    )


def _stamps(group: Group) -> str:
    fields = [
        field for field in MAY_DIFFER if len({str(run.record.get(field)) for run in group.runs}) > 1
    ]
    rows = [
        [
            run.name,
            *(shortened(str(run.record.get(field, NONE)), _LONGEST_CELL) for field in fields),
        ]
        for run in group.runs
    ]
    head = group.judges[0]
    return page.section(
        "What was compared",
        "All runs agree in what their numbers depend on. What differs is listed with the reason "
        "why it may.",
        page.list_of_facts(head.protocol | {"gate of the judge": head.gate}),
        page.table(["run", *fields], rows) if fields else "",
        page.list_of_facts({field: MAY_DIFFER[field] for field in fields}),
        page.paragraphs(group.notes),
    )
