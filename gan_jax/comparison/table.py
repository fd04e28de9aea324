"""A comparison of runs in words and cells: the table for a terminal, and what the page shares."""

from __future__ import annotations

from collections.abc import Sequence

from gan_jax.comparison.comparison import Comparison
from gan_jax.comparison.disagreement import Disagreement, Opinion
from gan_jax.comparison.judge_result import JUDGED_BY_ALL, NOT_GATED, Entry, JudgeResult, Metric
from gan_jax.comparison.results import COMPARISON
from gan_jax.reports import webpage

_LISTED = 8
AGREEMENT = "Kendall’s tau / Spearman’s rho of each two judges"
LEGEND = (
    "~ the 95 % interval overlaps with that of another run: their order is not certain. "
    "? without intervals: how certain the order is, is not known."
)
STARRED = "* marks a judge whose 95 % intervals of the two runs do not overlap."
ALIKE = "The trained judges order all runs alike."


def comparison_table(comparison: Comparison) -> str:
    """The comparison as text for a terminal: every metric, the judges beside each other, notes."""
    head = comparison.judges[0]
    rows = [["metric", "rank", "run", "value", "ratio", "95 % interval", "n"]]
    for metric in head.metrics:
        for place, index in enumerate(best_first(metric, comparison)):
            entry = metric.entries[index]
            first = metric.name if place == 0 else ""
            rows.append(
                [first, rank_mark(entry), comparison.runs[index].name, *number_cells(entry)]
            )
    parts = [_aligned(rows), judge_line(comparison), LEGEND]
    parts += [
        f"{metric.name} has no ranks: {metric.unranked}."
        for metric in head.metrics
        if metric.unranked
    ]
    if len(comparison.judges) > 1:
        for name in JUDGED_BY_ALL:
            ranks = ranks_by_judge(comparison, name)
            if len(ranks[0]) > 2:
                parts += ["", f"Ranks by {name}, one column a judge", _aligned(ranks)]
                parts += ["", f"{AGREEMENT} by {name}", _aligned(agreement_rows(comparison, name))]
        parts += ["", *_disagreement_lines(comparison)] if comparison.pairs else []
    return "\n".join([*parts, *comparison.notes])


def _side(opinions: Sequence[Opinion]) -> str:
    return ", ".join(f"{one.judge}{_marks(one)}{'*' if one.separated else ''}" for one in opinions)


def _weight(found: Disagreement) -> str:
    if any(one.separated is None for one in (*found.for_first, *found.for_second)):
        weight = "Without intervals, how certainly is not known"
    elif found.beyond_chance:
        weight = "Beyond chance: on both sides the intervals are apart"
    else:
        weight = "May be chance: not on both sides are the intervals apart"
    return weight if found.trained else f"{weight}; only controls are on one side"


def reasons(found: Disagreement) -> str:
    """Who says so, who says the reverse, and how certainly."""
    return (
        f"So say {_side(found.for_first)}; the reverse says {_side(found.for_second)}. "
        f"{_weight(found)}."
    )


def _disagreement_lines(comparison: Comparison) -> list[str]:
    """Where trained judges disagree, in sentences, and how often a control disagrees with them."""
    trained = [found for found in comparison.disagreements if found.trained]
    lines = [
        f"{found.metric}: {found.first} before {found.second}. {reasons(found)}"
        for found in trained[:_LISTED]
    ] or [ALIKE]
    if trained:
        lines.append(STARRED)
    if len(trained) > _LISTED:
        lines.append(f"{len(trained) - _LISTED} more disagreements are in {COMPARISON}.")
    others = len(comparison.disagreements) - len(trained)
    if others:
        lines.append(f"Controls order {others} pairs of runs otherwise: see {COMPARISON}.")
    return lines


def agreement_rows(comparison: Comparison, name: str) -> list[list[str]]:
    """A heading and one row a judge: how far it agrees with each other judge."""
    judges = [judge for judge in comparison.judges if judge.ranks_by(name)]
    found = {pair.judges: pair.agreement for pair in comparison.pairs if pair.metric == name}
    rows = [["", *map(_named, judges[1:])]]
    for one in judges[:-1]:
        pairs = [found.get((one.name, other.name)) for other in judges[1:]]
        rows.append(
            [_named(one)]
            + [f"{_signed(a.kendall)} / {_signed(a.spearman)}" if a else "" for a in pairs]
        )
    return rows


def ranks_by_judge(comparison: Comparison, name: str) -> list[list[str]]:
    """A heading and one row a run: its rank by each judge that ranks by this metric."""
    judges = [judge for judge in comparison.judges if judge.ranks_by(name)]
    if not judges:
        return [["run"]]
    rows = [["run", *map(_named, judges)]]
    for index in best_first(judges[0].metric(name), comparison):
        ranks = [rank_mark(judge.metric(name).entries[index]) for judge in judges]
        rows.append([comparison.runs[index].name, *ranks])
    return rows


def judge_line(comparison: Comparison) -> str:
    """The headline judge with its gate, the reference, and n, in a sentence."""
    head = comparison.judges[0]
    gate = "" if head.control and head.gate == NOT_GATED else f"gate {head.gate}"
    about = ", ".join(filter(None, ["control" if head.control else "", gate]))
    known = head.protocol
    return (
        f"Judge {head.name} ({about}), reference {known.get('reference', '')} "
        f"({known.get('reference_split', '')}), {known['frechet_n']:,} images a side of each "
        "Fréchet distance."
    )


def _named(judge: JudgeResult) -> str:
    return f"{judge.name}{_marks(judge)}"


def _marks(judge: JudgeResult | Opinion) -> str:
    """What to be wary of in a judge, in brackets; '' where there is nothing."""
    marks = ["control"] * judge.control + ["gate failed"] * judge.failed_gate
    return f" ({', '.join(marks)})" if marks else ""


def best_first(metric: Metric, comparison: Comparison) -> list[int]:
    """Indices of the runs, best first; as they were given where there are no ranks."""
    indices = range(len(comparison.runs))
    return sorted(indices, key=lambda index: metric.entries[index].rank or 0)


def rank_mark(entry: Entry) -> str:
    """The rank, with ~ where another run is not separated and ? where that is not known."""
    if entry.rank is None:
        return "–"
    if entry.not_separated_from is None:
        return f"{entry.rank} ?"
    return f"{entry.rank} ~" if entry.not_separated_from else str(entry.rank)


def number_cells(entry: Entry) -> list[str]:
    """Value, value over floor, interval and n of one metric of one run."""
    low_high = "–"
    if entry.interval is not None:
        low_high = " to ".join(webpage.number(end, 4) for end in entry.interval)
    return [
        webpage.number(entry.value, 4),
        "–" if entry.ratio is None else f"{webpage.number(entry.ratio)} ×",
        low_high,
        "–" if entry.n is None else f"{entry.n:,}",
    ]


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
