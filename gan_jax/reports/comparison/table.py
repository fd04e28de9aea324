"""A comparison of runs in words and cells: the text for a terminal, and what the page shares."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from gan_jax.reports import webpage
from gan_jax.reports.comparison.comparison import Comparison, Group, Run
from gan_jax.reports.comparison.disagreement import Disagreement, Opinion
from gan_jax.reports.comparison.judge_result import (
    JUDGED_BY_ALL,
    SIZE,
    Entry,
    JudgeResult,
    Metric,
    p_text,
)
from gan_jax.reports.comparison.results import COMPARISON, listed

_LISTED = 8
AGREEMENT = "Kendall’s tau / Spearman’s rho of each two judges"
STARRED = "* marks a judge that tells the two runs from each other."
ALIKE = "The trained judges order all runs alike."
_TOLD = "told from real?"
COLUMNS = ["metric", "rank", "run", "value", "95 % interval", "real", "n", "not told from"]


def comparison_table(comparison: Comparison) -> str:
    """The comparison as text for a terminal: what came out, every metric, the judges, notes."""
    parts = [
        part
        for number, group in enumerate(comparison.groups)
        for part in _group_text(group, group_title(comparison, number))
    ]
    return "\n".join([*parts, *comparison.notes])


def _group_text(group: Group, title: str) -> list[str]:
    head = group.judges[0]
    parts = [f"{title}:", *verdict(group), judge_line(head), *warnings(group)]
    parts += ["", _aligned(metric_rows(group, head.metrics)), "", legend(group), *unranked(head)]
    for name in JUDGED_BY_ALL if len(group.judges) > 1 else ():
        ranks = ranks_by_judge(group, name)
        if len(ranks[0]) > 2:
            parts += ["", f"Ranks by {name}, one column a judge", _aligned(ranks)]
            parts += ["", f"{AGREEMENT} by {name}", _aligned(agreement_rows(group, name))]
    parts += ["", *_disagreement_lines(group)] if group.pairs else []
    parts += [judge_line(judge) for judge in group.judges[1:] if judge.flags]
    return [*parts, *(note for note in group.notes if note not in warnings(group)), ""]


def warnings(group: Group) -> list[str]:
    """The notes that a reader must know before the numbers."""
    return [note for note in group.notes if note.startswith("Warning")]


def group_title(comparison: Comparison, number: int) -> str:
    """'2 runs compared', or which runs the group of that index is of."""
    runs = comparison.groups[number].runs
    if len(comparison.groups) == 1:
        return f"{len(runs)} runs compared"
    names = listed([run.name for run in runs])
    return f"Group {number + 1} of {len(comparison.groups)}: {names}"


def verdict(group: Group) -> list[str]:
    """Sentences: who ranks first and how certainly, and who has no rank and why."""
    apart = [run for run in group.runs if run.apart]
    sentences = [f"{named(run)}: {run.why}" for run in apart]
    if len(apart) == len(group.runs):
        return ["No run has a rank: all are flagged.", *sentences]
    if len(apart) == len(group.runs) - 1:
        (left,) = (run.name for run in group.runs if not run.apart)
        return [f"{left} is compared with nothing: all others are flagged.", *sentences]
    metric = next(iter(ranking_metrics(group.judges[0])), None)
    if metric is None:
        return ["No metric ranks these runs.", *sentences]
    first = [i for i in best_first(metric, group) if metric.entries[i].rank == 1]
    if len(first) > 1:
        names = listed([group.runs[i].name for i in first])
        return [f"{names} rank first in {metric.name}, as equals.", *sentences]
    how = _certainty(metric.entries[first[0]])
    return [f"{group.runs[first[0]].name} ranks first in {metric.name}; {how}.", *sentences]


def ranking_metrics(judge: JudgeResult) -> list[Metric]:
    """Those that rank the runs, the distances that all judges have before others."""
    ranking = [metric for metric in judge.metrics if not metric.unranked]
    return sorted(ranking, key=lambda metric: metric.name not in JUDGED_BY_ALL)


def _certainty(entry: Entry) -> str:
    known = [p for p in entry.p.values() if p is not None]
    if not known:
        return "how certainly is not known, as an error is not"
    if not entry.not_told_from:
        return f"told from all others (p {p_text(max(known)).replace('=', '≤')})"
    return f"not told from {_near(entry)}: the order of these may be chance"


def _near(entry: Entry) -> str:
    """'b (p = 0.3), c (?)': the runs that may be equal."""
    tests = [(run, entry.p[run]) for run in entry.not_told_from]
    return listed([f"{run} ({'?' if p is None else f'p {p_text(p)}'})" for run, p in tests])


def judge_line(judge: JudgeResult) -> str:
    """A judge with the reference, and what to be wary of in it, in sentences."""
    known = judge.protocol
    about = f"Judge {judge.name}, reference {known.get('reference', '')}"
    split = f" ({known['reference_split']})" if "reference_split" in known else ""
    return " ".join([f"{about}{split}.", *(judge.flags or ["It passed its gate."])])


def unranked(judge: JudgeResult) -> list[str]:
    """Why metrics have no ranks, one sentence a reason."""
    reasons: dict[str, list[str]] = {}
    for metric in judge.metrics:
        if metric.unranked:
            reasons.setdefault(metric.unranked, []).append(metric.name)
    return [f"No ranks in {', '.join(names)}: {why}." for why, names in reasons.items()]


def legend(group: Group) -> str:
    """What ranks and intervals mean, as far as there are such."""
    entries = [entry for metric in group.judges[0].metrics for entry in metric.entries]
    text = "Intervals cover the images of this one training; another seed can differ by more."
    if any(entry.between and entry.between[0] < entry.between[1] for entry in entries):
        text = (
            "A rank such as 1–2 is one of these: the test of the difference on the shared "
            "reference (5 % for all pairs of a metric, Holm) leaves it open. " + text
        )
    if any(None in entry.p.values() for entry in entries):
        text += " A ? stands where an error is not known."
    return text


def metric_rows(group: Group, metrics: Sequence[Metric]) -> list[list[str]]:
    """A heading and one row a metric and run, best first; before them the judge's own verdicts."""
    rows = [COLUMNS]
    for place, index in enumerate(order(group)):
        run, verdict = group.runs[index], group.judges[0].verdicts[index]
        first = "" if place else _TOLD
        rows.append([first, rank_mark(Entry(None), run), run.name, verdict.told, *[""] * 4])
    for metric in metrics:
        for place, index in enumerate(best_first(metric, group)):
            entry, run = metric.entries[index], group.runs[index]
            first = "" if place else label(metric)
            rows.append([first, rank_mark(entry, run), run.name, *number_cells(entry)])
    return rows


def glance_rows(group: Group) -> list[list[str]]:
    """A heading of the runs, best first; and rows: the judge's verdict, the size, each metric."""
    shown, head = order(group), group.judges[0]
    runs = [group.runs[index] for index in shown]
    verdicts = [head.verdicts[index] for index in shown]
    rows = [["", "real", *map(named, runs)], [_TOLD, "", *(one.told for one in verdicts)]]
    for metric in head.metrics:
        entries = [metric.entries[index] for index in shown]
        name, values = metric.name, [number_cells(entry)[0] for entry in entries]
        if name == SIZE:
            name = f"as far from real as {metric.unit} of"
            values = [one.size for one in verdicts]
        ranks = [f" ({rank_mark(*pair)})" if pair[0].rank else "" for pair in zip(entries, runs)]
        real = {entry.real for entry in entries}
        of_real = webpage.number(real.pop()) if len(real) == 1 else "–"
        rows.append([name, of_real, *map(operator.add, values, ranks)])
        if metric.name == SIZE:
            rows.append(["or as real ones in pieces", "–", *(one.broken for one in verdicts)])
    return rows


def named(run: Run) -> str:
    """The run's name, with the flags for which it has no rank."""
    return f"{run.name} (no rank: {run.apart})" if run.apart else run.name


def label(metric: Metric) -> str:
    """The metric's name, with its unit."""
    return f"{metric.name} ({metric.unit})" if metric.unit else metric.name


def _side(opinions: Sequence[Opinion]) -> str:
    return ", ".join(f"{one.judge}{_marks(one)}{'*' if one.told else ''}" for one in opinions)


def _weight(found: Disagreement) -> str:
    if any(one.told is None for one in (*found.for_first, *found.for_second)):
        weight = "How certainly is not known, as an error is not"
    elif found.beyond_chance:
        weight = "Beyond chance: judges on both sides tell them apart"
    else:
        weight = "May be chance: not on both sides does a judge tell them apart"
    return weight if found.trained else f"{weight}; only controls are on one side"


def reasons(found: Disagreement) -> str:
    """Who says so, who says the reverse, and how certainly."""
    return (
        f"So say {_side(found.for_first)}; the reverse says {_side(found.for_second)}. "
        f"{_weight(found)}."
    )


def _disagreement_lines(group: Group) -> list[str]:
    """Where trained judges disagree, in sentences, and how often a control disagrees with them."""
    trained = [found for found in group.disagreements if found.trained]
    lines = [
        f"{found.metric}: {found.first} before {found.second}. {reasons(found)}"
        for found in trained[:_LISTED]
    ] or [ALIKE]
    if trained:
        lines.append(STARRED)
    if len(trained) > _LISTED:
        lines.append(f"{len(trained) - _LISTED} more disagreements are in {COMPARISON}.")
    others = len(group.disagreements) - len(trained)
    if others:
        lines.append(f"Controls order {others} pairs of runs otherwise: see {COMPARISON}.")
    return lines


def agreement_rows(group: Group, name: str) -> list[list[str]]:
    """A heading and one row a judge: how far it agrees with each other judge."""
    judges = [judge for judge in group.judges if judge.ranks_by(name)]
    found = {pair.judges: pair.agreement for pair in group.pairs if pair.metric == name}
    rows = [["", *map(_judge_name, judges[1:])]]
    for one in judges[:-1]:
        pairs = [found.get((one.name, other.name)) for other in judges[1:]]
        rows.append(
            [_judge_name(one)]
            + [f"{_signed(a.kendall)} / {_signed(a.spearman)}" if a else "" for a in pairs]
        )
    return rows


def ranks_by_judge(group: Group, name: str) -> list[list[str]]:
    """A heading and one row a run: its rank by each judge that ranks by this metric."""
    judges = [judge for judge in group.judges if judge.ranks_by(name)]
    if not judges:
        return [["run"]]
    rows = [["run", *map(_judge_name, judges)]]
    for index in best_first(judges[0].metric(name), group):
        ranks = [
            rank_mark(judge.metric(name).entries[index], group.runs[index]) for judge in judges
        ]
        rows.append([group.runs[index].name, *ranks])
    return rows


def _judge_name(judge: JudgeResult) -> str:
    return f"{judge.name}{_marks(judge)}"


def _marks(judge: JudgeResult | Opinion) -> str:
    """What to be wary of in a judge, in brackets; '' where there is nothing."""
    marks = ["control"] * judge.control + ["gate failed"] * judge.failed_gate
    return f" ({', '.join(marks)})" if marks else ""


def best_first(metric: Metric, group: Group) -> list[int]:
    """Indices of the runs, best first, those without a rank last; else as they were given."""

    def key(index: int) -> tuple[bool, int]:
        return bool(group.runs[index].apart), metric.entries[index].rank or 0

    return sorted(range(len(group.runs)), key=key)


def order(group: Group) -> list[int]:
    """Indices of the runs by the first metric that ranks them."""
    head = group.judges[0]
    metric = next(iter([*ranking_metrics(head), *head.metrics]), None)
    return best_first(metric, group) if metric else list(range(len(group.runs)))


def rank_mark(entry: Entry, run: Run) -> str:
    """The rank, or the ranks that are left open; of a flagged run the flag."""
    if run.apart:
        return f"no rank: {run.apart}"
    if entry.rank is None:
        return "–"
    if None in entry.p.values():
        return f"{entry.rank} ?"
    low, high = entry.between
    return str(low) if low == high else f"{low}–{high}"


def number_cells(entry: Entry) -> list[str]:
    """Value, interval, that of real images, n and the runs it is not told from."""
    low_high = "–"
    if entry.interval is not None:
        low_high = " to ".join(webpage.number(end) for end in entry.interval)
    return [
        ("> " if entry.beyond else "") + webpage.number(entry.value),
        low_high,
        webpage.number(entry.real),
        "–" if entry.n is None else f"{entry.n:,}",
        _near(entry) or "–",
    ]


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
