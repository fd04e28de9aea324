"""Several results side by side, in groups that measure the same, each ranked for itself."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from gan_jax.errors import InputError
from gan_jax.reports.comparison.disagreement import Disagreement, JudgePair, compare_judges
from gan_jax.reports.comparison.judge_result import JudgeResult, judge_result
from gan_jax.reports.comparison.protocol import MAY_DIFFER, by_value, differ, in_groups, why_apart
from gan_jax.reports.comparison.results import JudgedRun, Judgement, read_results
from gan_jax.reports.text import listed

_SAME_FOR_JUDGES = ("reference_fingerprint", "reference_split", "seed")


@dataclasses.dataclass(frozen=True)
class Run:
    """One folder with a result.

    Attributes:
        name: the folder, as far as it differs from those of the other runs.
        folder: as it was given.
        apart: names of the flags for which it has no rank, such as 'copied'; '' if it may have one.
        why: what these flags say.
        record: the fields of MAY_DIFFER that its protocol has.
    """

    name: str
    folder: str
    apart: str
    why: str
    record: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Group:
    """Runs whose numbers measure the same.

    Attributes:
        runs: two or more.
        judges: those that judged every one of them; the first is the headline.
        pairs: agreement of every two judges, by metric.
        disagreements: those of trained judges first, and of these those beyond chance.
        notes: what was left out and what to be careful about.
    """

    runs: tuple[Run, ...]
    judges: tuple[JudgeResult, ...]
    pairs: tuple[JudgePair, ...]
    disagreements: tuple[Disagreement, ...]
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Several runs side by side.

    Attributes:
        groups: the largest first. Numbers of different groups are not compared.
        notes: which folders were left out, and why.
    """

    groups: tuple[Group, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        """The tables of text that eval.py prints."""
        from gan_jax.reports.comparison.terminal import comparison_table  # which needs this module

        return comparison_table(self)

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON values."""
        content = dataclasses.asdict(self)
        for group, written in zip(self.groups, content["groups"], strict=True):
            for found, entry in zip(group.disagreements, written["disagreements"], strict=True):
                entry |= {"trained": found.trained, "beyond_chance": found.beyond_chance}
        return content


def compare(folders: Sequence[str | os.PathLike]) -> Comparison:
    """Compares the eval.json of two or more folders, as far as they measure the same.

    Runs that the same judges judged in the same way are a group. What has no result, or none that
    fits another's, is left out with a note.

    Args:
        folders: as `gan_jax.reports.comparison.results.read_results` takes them.

    Raises:
        InputError: no two results measure the same; it says why, run by run.
    """
    if isinstance(folders, (str, os.PathLike)):
        folders = [folders]
    results, notes = read_results(folders)
    by_judge = in_groups(one for result in results for one in result.judgements.values())
    by_runs: dict[frozenset[str], list[list[Judgement]]] = {}
    for judged in by_judge:
        by_runs.setdefault(frozenset(one.run for one in judged), []).append(judged)
    # A judge of only some of the runs of another group would compare them twice.
    kept = [
        runs for runs in by_runs if len(runs) > 1 and not any(runs < other for other in by_runs)
    ]
    kept.sort(key=len, reverse=True)
    if not kept:
        raise InputError(_why_none(results, notes))
    compared = frozenset.union(*kept)
    by_name = {result.name: result for result in results}
    first = by_runs[kept[0]][0]
    for result in results:
        if result.name not in compared:
            why = why_apart([*first, next(iter(result.judgements.values()))])
            notes.append(f"Left out: '{result.folder}' is judged as no other is: {why}.")
    skipped = [
        str(judged[0].protocol.get("extractor"))
        for runs, judges in by_runs.items()
        for judged in judges
        if runs not in kept and runs <= compared
    ]
    if skipped:
        names = listed(list(dict.fromkeys(skipped)))
        notes.append(f"Left out, because not every run was judged by it: {names}.")
    groups = [_group(by_runs[runs], by_name) for runs in kept]
    for number, runs in enumerate(kept[1:], 2):
        why = why_apart([*first, *by_runs[runs][0]])
        notes.append(f"Numbers of group {number} are not compared with those of group 1: {why}.")
    return Comparison(tuple(groups), tuple(dict.fromkeys(notes)))


def _why_none(results: Sequence[JudgedRun], notes: Sequence[str]) -> str:
    if len(results) < 2:
        there = "".join(f"'{result.folder}' alone has one" for result in results)
        text = (
            f"a comparison needs the results of at least two GANs, and {there or 'there is none'}. "
            "Give two or more folders, such as --compare runs/*."
        )
    else:
        heads = [next(iter(result.judgements.values())) for result in results]
        text = (
            f"no two of these results measure the same: {why_apart(heads)}. Judge the runs again "
            "in one way (python eval.py --workdir RUN --extractor PACK)."
        )
    return " ".join([text, *notes])


def _group(judges: Sequence[Sequence[Judgement]], by_name: dict[str, JudgedRun]) -> Group:
    notes: list[str] = []
    results = [by_name[one.run] for one in judges[0]]
    ranked = [i for i, result in enumerate(results) if not result.apart]
    found = []
    for judged in judges:
        found.append(judge_result(judged, ranked, notes))
        bare = [judged[i].run for i in ranked if not judged[i].influences]
        if bare and len(ranked) > 1:
            notes.append(
                f"Without influences.npz in {listed(bare)} differences are tested as if each run "
                "had a reference of its own, which is cautious."
            )
    _note_differing_judges(found, notes)
    runs = [_run(*pair) for pair in zip(results, judges[0], strict=True)]
    for field, text in (
        ("frechet_n", "Only the size and metrics that do not move with n are compared."),
        ("gan_jax", MAY_DIFFER["gan_jax"]),
    ):
        values = [(run.name, run.record.get(field)) for run in runs]
        if differ(value for _, value in values):
            notes.append(f"Warning: {field} is {by_value(values)}. {text}")
    pairs, disagreements = compare_judges(found, [run.name for run in runs])
    return Group(
        tuple(runs), tuple(found), tuple(pairs), tuple(disagreements), tuple(dict.fromkeys(notes))
    )


def _run(result: JudgedRun, judged: Judgement) -> Run:
    record = {k: judged.protocol[k] for k in MAY_DIFFER if k in judged.protocol}
    apart = ", ".join(flag["name"] for flag in result.apart)
    why = " ".join(flag["text"] for flag in result.apart)
    return Run(result.name, result.folder, apart, why, record)


def _note_differing_judges(judges: Sequence[JudgeResult], notes: list[str]) -> None:
    for field in _SAME_FOR_JUDGES:
        values = [(judge.name, judge.protocol.get(field)) for judge in judges]
        if differ(value for _, value in values):
            notes.append(
                f"Warning: the judges do not differ in the extractor alone, {field} is "
                f"{by_value(values)}."
            )
