"""A comparison of runs in sentences and cells of tables, for the terminal and the page."""

from __future__ import annotations

import operator
from collections.abc import Sequence

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
from gan_jax.reports.comparison.ranking import LEVEL
from gan_jax.reports.text import NONE, between, listed, number

AGREEMENT = "Kendall’s tau / Spearman’s rho of each two judges"
STARRED = "* marks a judge that tells the two runs from each other."
ALIKE = "The trained judges order all runs alike."
_TOLD = "told from real?"
COLUMNS = ["metric", "rank", "run", "value", "95 % interval", "real", "n", "not told from"]


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
    """Sentences: who ranks first, the order, the test, and who has no rank and why."""
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
        said = f"{names} rank first in {metric.name}, as equals."
    else:
        how = _certainty(metric.entries[first[0]])
        said = f"{group.runs[first[0]].name} ranks first in {metric.name}; {how}."
    return [said, *_ordered(metric, group), *_test(metric), *sentences]


def ranking_metrics(judge: JudgeResult) -> list[Metric]:
    """Those that rank the runs, the distances that all judges have before others."""
    ranking = [metric for metric in judge.metrics if not metric.unranked]
    return sorted(ranking, key=lambda metric: metric.name not in JUDGED_BY_ALL)


def _ordered(metric: Metric, group: Group) -> list[str]:
    """One sentence with the order of three ranked runs or more; those not told apart together."""
    tiers: list[list[int]] = []
    for index in best_first(metric, group):
        if metric.entries[index].rank is None:
            continue
        near = set(metric.entries[index].not_told_from)
        if tiers and near & {group.runs[other].name for other in tiers[-1]}:
            tiers[-1].append(index)
        else:
            tiers.append([index])
    if sum(map(len, tiers)) < 3:
        return []
    return [f"Best first: {'; '.join(_tier(tier, metric, group) for tier in tiers)}."]


def _tier(tier: list[int], metric: Metric, group: Group) -> str:
    names = [group.runs[index].name for index in tier]
    if len(tier) == 1:
        return names[0]
    apart = any(
        set(names) - {name} - set(metric.entries[index].not_told_from)
        for index, name in zip(tier, names)
    )
    which = "each not told from the next" if apart else "not told apart"
    return f"{' and '.join([', '.join(names[:-1]), names[-1]])} ({which})"


def _test(metric: Metric) -> list[str]:
    """One sentence: by which test the order is, and at which n; none where nothing was tested."""
    ranked = [entry for entry in metric.entries if entry.rank is not None]
    if all(p is None for entry in ranked for p in entry.p.values()):
        return []
    counts = [entry.n for entry in ranked if entry.n]
    low, high = min(counts, default=0), max(counts, default=0)
    images = f", n = {low:,}" + f" to {high:,}" * (high > low) if counts else ""
    return [
        f"Tested is the difference of each two runs on their shared reference{images}; "
        f"{100 * LEVEL:.0f} % for all pairs together (Holm)."
    ]


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
    """A heading and one row per metric and run, best first; before them the verdicts."""
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
        of_real = number(real.pop()) if len(real) == 1 else NONE
        rows.append([name, of_real, *map(operator.add, values, ranks)])
        if metric.name == SIZE:
            rows.append(["or as real ones in pieces", NONE, *(one.broken for one in verdicts)])
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


def agreement_rows(group: Group, name: str) -> list[list[str]]:
    """A heading and one row per judge: how far it agrees with each other judge."""
    judges = [judge for judge in group.judges if judge.ranking(name)]
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
    """A heading and one row per run: its rank by each judge that ranks by this metric."""
    ranking = [(judge, metric) for judge in group.judges if (metric := judge.ranking(name))]
    if not ranking:
        return [["run"]]
    rows = [["run", *(_judge_name(judge) for judge, _ in ranking)]]
    for index in best_first(ranking[0][1], group):
        ranks = [rank_mark(metric.entries[index], group.runs[index]) for _, metric in ranking]
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
        return NONE
    if None in entry.p.values():
        return f"{entry.rank} ?"
    assert entry.between is not None
    low, high = entry.between
    return str(low) if low == high else f"{low}–{high}"


def number_cells(entry: Entry) -> list[str]:
    """Value, interval, that of real images, n and the runs it is not told from."""
    return [
        ("> " if entry.beyond else "") + number(entry.value),
        between(entry.interval),
        number(entry.real),
        NONE if entry.n is None else f"{entry.n:,}",
        _near(entry) or NONE,
    ]


def _signed(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}"
