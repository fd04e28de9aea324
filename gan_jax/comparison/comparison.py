"""Several results side by side: read, refused where they do not measure the same, and ranked."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from gan_jax.comparison.disagreement import Disagreement, JudgePair, compare_judges
from gan_jax.comparison.judge_result import JudgeResult, judge_result
from gan_jax.comparison.protocol import MAY_DIFFER, by_value, differ, refuse
from gan_jax.comparison.results import Result, listed, read_results

_SAME_FOR_JUDGES = ("reference_fingerprint", "reference_split", "frechet_n", "seed")


@dataclasses.dataclass(frozen=True)
class Run:
    """One folder with a result.

    Attributes:
        name: the folder, as far as it differs from those of the other runs.
        folder: as it was given.
        record: the fields of MAY_DIFFER that its protocol has.
    """

    name: str
    folder: str
    record: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Several runs side by side.

    Attributes:
        runs: two or more.
        judges: those that judged every run; the first is the headline.
        pairs: agreement of every two judges, by metric.
        disagreements: those of trained judges first, and of these those beyond chance.
        notes: what was left out and what to be careful about.
    """

    runs: tuple[Run, ...]
    judges: tuple[JudgeResult, ...]
    pairs: tuple[JudgePair, ...]
    disagreements: tuple[Disagreement, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON values."""
        content = dataclasses.asdict(self)
        for found, written in zip(self.disagreements, content["disagreements"], strict=True):
            written |= {"trained": found.trained, "beyond_chance": found.beyond_chance}
        return content


def compare(folders: Sequence[str | os.PathLike]) -> Comparison:
    """Compares the eval.json of two or more folders.

    Where runs were judged by several judges, those that judged every run are compared.

    Args:
        folders: as `gan_jax.comparison.results.read_results` takes them.

    Raises:
        InputError: fewer than two results, one that is missing or damaged, or results that do not
            measure the same.
    """
    if isinstance(folders, (str, os.PathLike)):
        folders = [folders]
    results, notes = read_results(folders)
    first, *others = (result.judgements for result in results)
    common = [digest for digest in first if all(digest in other for other in others)]
    if not common:
        heads = [next(iter(result.judgements.values())) for result in results]
        refuse(heads, ["extractor", "extractor_sha256"])
    left_out = {
        judged.protocol.get("extractor", digest): None
        for result in results
        for digest, judged in result.judgements.items()
        if digest not in common
    }
    if left_out:
        notes.append(f"Left out, because not every run was judged by it: {listed([*left_out])}.")
    judges = [
        judge_result([result.judgements[digest] for result in results], notes) for digest in common
    ]
    _note_differing_judges(judges, notes)
    names = [result.name for result in results]
    pairs, disagreements = compare_judges(judges, names)
    runs = [_run(result, common[0]) for result in results]
    versions = [(run.name, run.record.get("gan_jax")) for run in runs]
    if differ(version for _, version in versions):
        notes.append(f"Warning: gan_jax is {by_value(versions)}. {MAY_DIFFER['gan_jax']}")
    return Comparison(
        tuple(runs), tuple(judges), tuple(pairs), tuple(disagreements), tuple(dict.fromkeys(notes))
    )


def _run(result: Result, digest: str) -> Run:
    protocol = result.judgements[digest].protocol
    return Run(result.name, result.folder, {k: protocol[k] for k in MAY_DIFFER if k in protocol})


def _note_differing_judges(judges: Sequence[JudgeResult], notes: list[str]) -> None:
    for field in _SAME_FOR_JUDGES:
        values = [(judge.name, judge.protocol.get(field)) for judge in judges]
        if differ(value for _, value in values):
            notes.append(
                f"Warning: the judges do not differ in the extractor alone, {field} is "
                f"{by_value(values)}."
            )
