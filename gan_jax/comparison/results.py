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
from gan_jax.files import read_json

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
_FORM = '{"metrics": {...}, "protocol": {...}}'


@dataclasses.dataclass(frozen=True)
class Judgement:
    """One run by one judge.

    Attributes:
        run: name of the run.
        metrics: those that are single numbers, name to {'value', and where they exist 'floor',
            'real', 'ci', 'standard_error', 'n'}, all finite or None.
        protocol: what the numbers depend on.
        headline: see `gan_jax.judging.headline.make_headline`; {} where there is none.
        flags: {'name', 'text', 'apart'}, what a reader must know first.
    """

    run: str
    metrics: dict[str, dict[str, Any]]
    protocol: dict[str, Any]
    headline: dict[str, Any]
    flags: list[dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of one run.

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


def read_results(folders: Sequence[str | os.PathLike]) -> tuple[list[Result], list[str]]:
    """The results in these folders, and notes that name the folders without one, and why.

    Args:
        folders: of runs, or their eval.json files.
    """
    found: dict[pathlib.Path, list[dict[str, Any]]] = {}
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
    names = _names(list(found))
    results = [
        _result(name, folder, parts)
        for name, (folder, parts) in zip(names, found.items(), strict=True)
    ]
    for result, parts in zip(results, found.values(), strict=True):
        if "settings" in parts[0]:
            notes.append(
                f"Warning: the numbers of {result.name} are means over seeds, and its intervals "
                f"cover seeds; its trainings are in {result.folder}/{workdir.MEMBERS}."
            )
    return results, notes


def listed(names: Sequence[str]) -> str:
    """Names in a sentence, six at most."""
    shown = ", ".join(names[:6])
    return f"{shown} and {len(names) - 6} more" if len(names) > 6 else shown


def shortened(text: str, most: int) -> str:
    """The beginning of a text that is longer than `most` characters, with an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _read(folder: pathlib.Path) -> list[dict[str, Any]]:
    """The parts of eval.json, one a judge; InputError says why there are none to compare."""
    path = folder / workdir.EVALUATION
    if not path.is_file():
        other = next((what for name, what in _OTHERS.items() if (folder / name).is_file()), None)
        raise InputError(other or f"has no {path.name}: python eval.py --workdir {folder}")
    try:
        content = read_json(path)
    except InputError as error:
        raise _damaged("it is no JSON") from error
    if not _well_formed(content):
        raise _damaged(f"it is not {_FORM}")
    if "accuracy" in content["metrics"] and "fd_semantic" not in content["metrics"]:
        raise InputError("is the run of a recogniser")
    others = content.get("judges", [])
    if not isinstance(others, list) or not all(map(_well_formed, others)):
        raise _damaged(f'"judges" is not a list of {_FORM}')
    for part in (content, *others):
        for field, why in _NEEDED.items():
            if not part["protocol"].get(field):
                raise InputError(f"{why}: python eval.py --workdir {folder} --extractor PACK")
        _check_headline(part)
        for metric, entry in part["metrics"].items():
            _check_entry(metric, entry)
    return [content, *others]


def _well_formed(content: Any) -> bool:
    return isinstance(content, dict) and all(
        isinstance(content.get(part), dict) for part in ("metrics", "protocol")
    )


def _result(name: str, folder: pathlib.Path, parts: Sequence[dict[str, Any]]) -> Result:
    judgements: dict[str, Judgement] = {}
    for part in parts:
        # Results of our own runs, which are never resized, do not say so.
        protocol = {"resize": "none"} | part["protocol"]
        metrics = {
            metric: entry
            for metric, entry in part["metrics"].items()
            if not isinstance(entry["value"], (list, dict, str))
        }
        flags = part.get("flags", [])
        judged = Judgement(name, metrics, protocol, part.get("headline", {}), flags)
        judgements.setdefault(protocol["extractor_sha256"], judged)
    # Of the headline judge alone: to a control the images of a good GAN can look all alike.
    apart = tuple(flag for flag in parts[0].get("flags", []) if flag["apart"])
    return Result(name, str(folder), judgements, apart)


def _check_headline(part: dict[str, Any]) -> None:
    headline = part.get("headline") or {}
    size = headline.get("size")
    try:
        needed = [(flag, ("name", "text", "apart")) for flag in part.get("flags", ())]
        if headline:
            needed += [(headline, ("verdict", "test")), (headline["test"], ("p",))]
        if size:
            needed += [(size, ("damage", "strength", "low", "high", "beyond"))]
            needed += [(headline["distance"], ("value", "ci", "n"))]
        for found, names in needed:
            for name in names:
                found[name]
    except (KeyError, TypeError) as error:
        raise _damaged(f"headline or flags: {error!r}") from error


def _check_entry(metric: str, entry: Any) -> None:
    if not isinstance(entry, dict) or "value" not in entry:
        raise _damaged(f'{metric} has no "value"')
    if isinstance(entry["value"], (list, dict, str)):
        return
    for key in ("value", "floor", "real", "standard_error"):
        if entry.get(key) is not None and not _is_number(entry[key]):
            raise _damaged(f"{key} of {metric} is {entry[key]!r}, not a finite number")
    interval = entry.get("ci")
    if interval is not None and not (
        isinstance(interval, list)
        and len(interval) == 2
        and all(map(_is_number, interval))
        and interval[0] <= interval[1]
    ):
        raise _damaged(f"ci of {metric} is {interval!r}, not [low, high]")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _damaged(why: str) -> InputError:
    return InputError(f"has a damaged {workdir.EVALUATION} ({why}): judge it again")


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
