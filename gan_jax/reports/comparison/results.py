"""The results of several folders, read and checked."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from gan_jax.errors import InputError
from gan_jax.reports.influences import load_influences
from gan_jax.reports.result import Result, checked_result, read_content
from gan_jax.runtime import workdir

COMPARISON = "comparison.json"

_OTHERS = {
    COMPARISON: "holds a comparison",
    "study.json": "holds a study",
    "gan_train_test.json": "holds GAN-train and GAN-test",
    "recognition.json": "holds what recognisers read",
}
# Without these a result cannot say what it measures.
_NEEDED = {
    "extractor_sha256": "was evaluated without a judge",
    "reference_fingerprint": "does not say its reference_fingerprint",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Judgement(Result):
    """A run's result by one judge; its metrics are the single numbers, finite or None."""

    headline: dict[str, Any] = dataclasses.field(default_factory=dict)
    run: str = ""


@dataclasses.dataclass(frozen=True)
class JudgedRun:
    """The results of one run.

    Attributes:
        name: its folder, as far as it differs from those of the other runs.
        folder: as it was given.
        judgements: by the digest of the extractor; the headline judge is the first.
        apart: the flags, by the headline judge, for which it is not ranked with others.
    """

    name: str
    folder: str
    judgements: dict[str, Judgement]
    apart: tuple[dict[str, Any], ...]


def read_results(folders: Sequence[str | os.PathLike]) -> tuple[list[JudgedRun], list[str]]:
    """The results in these folders, and notes that name the folders without one, and why.

    Args:
        folders: of runs, or their eval.json files.
    """
    found: dict[pathlib.Path, Result] = {}
    notes = []
    seen = set()
    for given in folders:
        folder = pathlib.Path(given)
        folder = folder.parent if folder.name == workdir.EVALUATION else folder
        place = os.path.abspath(folder)
        if place in seen:
            notes.append(f"'{folder}' was given more than once.")
            continue
        seen.add(place)
        try:
            found[folder] = _read(folder)
        except InputError as error:
            notes.append(f"Left out: '{folder}' {error}.")
    runs = []
    for name, (folder, result) in zip(_names(list(found)), found.items(), strict=True):
        runs.append(_judged_run(name, folder, result))
        if "settings" in result.more:
            notes.append(
                f"Warning: the numbers of {name} are means over seeds, and its intervals cover "
                f"seeds; its trainings are in {folder}/{workdir.MEMBERS}."
            )
    return runs, notes


def _read(folder: pathlib.Path) -> Result:
    """The result in eval.json; InputError says why there is none to compare."""
    path = folder / workdir.EVALUATION
    if not path.is_file():
        other = next((what for name, what in _OTHERS.items() if (folder / name).is_file()), None)
        raise InputError(other or f"has no {path.name}: python eval.py --workdir {folder}")
    content = read_content(path)
    if "accuracy" in content["metrics"] and "fd_semantic" not in content["metrics"]:
        raise InputError("is the run of a recogniser")
    for part in (content, *content.get("judges", [])):
        for field, why in _NEEDED.items():
            if not part["protocol"].get(field):
                raise InputError(f"{why}: python eval.py --workdir {folder} --extractor PACK")
    return checked_result(content, path)


def _judged_run(name: str, folder: pathlib.Path, result: Result) -> JudgedRun:
    judgements: dict[str, Judgement] = {}
    for part in (result, *result.judges):
        digest = part.protocol["extractor_sha256"]
        metrics = {
            metric: entry
            for metric, entry in part.metrics.items()
            if not isinstance(entry["value"], (list, dict, str))
        }
        judged = Judgement(
            metrics,
            # Results of our own runs, which are never resized, do not say so.
            {"resize": "none"} | part.protocol,
            part.headline or {},
            part.flags,
            influences=load_influences(folder, digest),
            run=name,
        )
        judgements.setdefault(digest, judged)
    # Of the headline judge alone: to a control the images of a good GAN can look all alike.
    apart = tuple(flag for flag in result.flags if flag["apart"])
    return JudgedRun(name, str(folder), judgements, apart)


def _names(folders: Sequence[pathlib.Path]) -> list[str]:
    """The part of each path in which it differs from the others."""
    if not folders:
        return []
    places = [os.path.abspath(folder) for folder in folders]
    common = os.path.commonpath(places)
    return [
        os.path.basename(place) if place == common else os.path.relpath(place, common)
        for place in places
    ]
