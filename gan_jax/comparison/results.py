"""The eval.json files of several folders, read and checked."""

from __future__ import annotations

import dataclasses
import math
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from gan_jax import workdir
from gan_jax.errors import InputError

COMPARISON = "comparison.json"

# Without these a result cannot say what it measures.
_NEEDED = ("extractor_sha256", "reference_fingerprint", "frechet_n")


@dataclasses.dataclass(frozen=True)
class Judgement:
    """One run by one judge.

    Attributes:
        run: name of the run.
        metrics: those that are single numbers, name to {'value', and where they exist 'floor',
            'ci', 'standard_error', 'n'}, all finite or None.
        protocol: what the numbers depend on.
    """

    run: str
    metrics: dict[str, dict[str, Any]]
    protocol: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of one run.

    Attributes:
        name: its folder, as far as it differs from those of the other runs.
        folder: as it was given.
        judgements: by the digest of the extractor; the headline judge is the first.
    """

    name: str
    folder: str
    judgements: dict[str, Judgement]


def read_results(folders: Sequence[str | os.PathLike]) -> tuple[list[Result], list[str]]:
    """The results of two or more GANs, and notes on what was left out.

    Runs of recognisers, folders of earlier comparisons and folders given twice are left out with a
    note, so that `runs/*` can be given.

    Args:
        folders: of runs, or their eval.json files.

    Raises:
        InputError: fewer than two results, or one that is missing, damaged or without a judge.
    """
    found: dict[pathlib.Path, dict[str, Any]] = {}
    notes, missing = [], []
    seen = set()
    for given in folders:
        folder = pathlib.Path(given)
        folder = folder.parent if folder.name == workdir.EVALUATION else folder
        place = os.path.abspath(folder)
        if place in seen:
            notes.append(f"'{folder}' was given more than once.")
        elif (folder / workdir.EVALUATION).is_file():
            content = _read(folder)
            if _is_recogniser(content):
                notes.append(f"Left out: '{folder}' is the run of a recogniser.")
            else:
                found[folder] = content
        elif (folder / COMPARISON).is_file():
            notes.append(f"Left out: '{folder}' holds a comparison.")
        else:
            missing.append(f"'{folder}'")
        seen.add(place)
    if missing:
        raise InputError(
            f"there is no {workdir.EVALUATION} in {listed(missing)}: judge it first with "
            "python eval.py --workdir RUN, or leave it out."
        )
    if len(found) < 2:
        there = "".join(f"'{folder}' alone has one" for folder in found) or "there is none"
        raise InputError(
            f"a comparison needs the results of at least two GANs, and {there}. Give two or more "
            f"folders, such as --compare runs/*. {' '.join(notes)}".rstrip()
        )
    names = _names(list(found))
    results = [
        Result(name, str(folder), _judgements(folder, name, content))
        for name, (folder, content) in zip(names, found.items(), strict=True)
    ]
    return results, notes


def listed(names: Sequence[str]) -> str:
    """Names in a sentence, six at most."""
    shown = ", ".join(names[:6])
    return f"{shown} and {len(names) - 6} more" if len(names) > 6 else shown


def shortened(text: str, most: int) -> str:
    """The beginning of a text that is longer than `most` characters, with an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _read(folder: pathlib.Path) -> dict[str, Any]:
    content = workdir.read_json(folder / workdir.EVALUATION)
    if not _well_formed(content):
        raise _damaged(folder, 'it is not {"metrics": {...}, "protocol": {...}}')
    return content


def _well_formed(content: Any) -> bool:
    return isinstance(content, dict) and all(
        isinstance(content.get(part), dict) for part in ("metrics", "protocol")
    )


def _is_recogniser(content: dict[str, Any]) -> bool:
    metrics = content["metrics"]
    return "accuracy" in metrics and not any(name.startswith("fd_") for name in metrics)


def _judgements(folder: pathlib.Path, name: str, content: dict[str, Any]) -> dict[str, Judgement]:
    """The headline judge and the others of one run, checked."""
    others = content.get("judges", [])
    if not isinstance(others, list) or not all(map(_well_formed, others)):
        raise _damaged(folder, '"judges" is not a list of {"metrics": {...}, "protocol": {...}}')
    judgements: dict[str, Judgement] = {}
    for part in [content, *others]:
        if not any(metric.startswith("fd_") for metric in part["metrics"]):
            raise InputError(
                f"'{folder}' was evaluated without a judge, its {workdir.EVALUATION} has no "
                f"fd_semantic: python eval.py --workdir {folder} --extractor PACK, or leave it out."
            )
        # Results of our own runs, which are never resized, do not say so.
        protocol = {"resize": "none"} | part["protocol"]
        for field in _NEEDED:
            if protocol.get(field) is None:
                raise InputError(
                    f"the {workdir.EVALUATION} in '{folder}' does not say its {field}, so it is "
                    "not known what its numbers measure: judge it again, or leave it out."
                )
        metrics = {}
        for metric, entry in part["metrics"].items():
            if not isinstance(entry, dict) or "value" not in entry:
                raise _damaged(folder, f'{metric} has no "value"')
            if not isinstance(entry["value"], (list, dict, str)):
                _check_numbers(folder, metric, entry)
                metrics[metric] = entry
        judgements.setdefault(protocol["extractor_sha256"], Judgement(name, metrics, protocol))
    return judgements


def _check_numbers(folder: pathlib.Path, metric: str, entry: dict[str, Any]) -> None:
    for key in ("value", "floor", "standard_error"):
        if entry.get(key) is not None and not _is_number(entry[key]):
            raise _damaged(folder, f"{key} of {metric} is {entry[key]!r}, not a finite number")
    interval = entry.get("ci")
    if interval is not None and not (
        isinstance(interval, list)
        and len(interval) == 2
        and all(map(_is_number, interval))
        and interval[0] <= interval[1]
    ):
        raise _damaged(folder, f"ci of {metric} is {interval!r}, not [low, high]")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _damaged(folder: pathlib.Path, why: str) -> InputError:
    return InputError(
        f"the {workdir.EVALUATION} in '{folder}' is damaged ({why}): judge it again, or leave it "
        "out."
    )


def _names(folders: Sequence[pathlib.Path]) -> list[str]:
    """The part of each path in which it differs from the others."""
    places = [os.path.abspath(folder) for folder in folders]
    common = os.path.commonpath(places)
    return [
        os.path.basename(place) if place == common else os.path.relpath(place, common)
        for place in places
    ]
