"""A comparison of runs as text for a terminal."""

from __future__ import annotations

from gan_jax.reports.comparison import cells
from gan_jax.reports.comparison.comparison import Comparison, Group
from gan_jax.reports.comparison.judge_result import JUDGED_BY_ALL
from gan_jax.reports.comparison.results import COMPARISON
from gan_jax.reports.text import aligned

_LISTED = 8  # disagreements


def comparison_table(comparison: Comparison) -> str:
    """The comparison as text for a terminal: what came out, every metric, the judges, notes."""
    parts = [
        part
        for number, group in enumerate(comparison.groups)
        for part in _group_text(group, cells.group_title(comparison, number))
    ]
    return "\n".join([*parts, *comparison.notes])


def _group_text(group: Group, title: str) -> list[str]:
    head = group.judges[0]
    parts = [f"{title}:", *cells.verdict(group), cells.judge_line(head), *cells.warnings(group)]
    parts += [
        "",
        *aligned(cells.metric_rows(group, head.metrics)),
        "",
        cells.legend(group),
        *cells.unranked(head),
    ]
    for name in JUDGED_BY_ALL if len(group.judges) > 1 else ():
        ranks = cells.ranks_by_judge(group, name)
        if len(ranks[0]) > 2:
            parts += ["", f"Ranks by {name}, one column per judge", *aligned(ranks)]
            parts += [
                "",
                f"{cells.AGREEMENT} by {name}",
                *aligned(cells.agreement_rows(group, name)),
            ]
    parts += ["", *_disagreement_lines(group)] if group.pairs else []
    parts += [cells.judge_line(judge) for judge in group.judges[1:] if judge.flags]
    return [*parts, *(note for note in group.notes if note not in cells.warnings(group)), ""]


def _disagreement_lines(group: Group) -> list[str]:
    """Where trained judges disagree, in sentences, and how often a control disagrees with them."""
    trained = [found for found in group.disagreements if found.trained]
    lines = [
        f"{found.metric}: {found.first} before {found.second}. {cells.reasons(found)}"
        for found in trained[:_LISTED]
    ] or [cells.ALIKE]
    if trained:
        lines.append(cells.STARRED)
    if len(trained) > _LISTED:
        lines.append(f"{len(trained) - _LISTED} more disagreements are in {COMPARISON}.")
    others = len(group.disagreements) - len(trained)
    if others:
        lines.append(f"Controls order {others} pairs of runs otherwise: see {COMPARISON}.")
    return lines
