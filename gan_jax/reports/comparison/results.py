"""The eval.json files of several folders, read and checked."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from gan_jax.data.schema import (
    Unfit,
    anything,
    fields,
    flag,
    list_of,
    map_of,
    number,
    one_of,
    or_null,
    read_checked,
    text,
    whole,
)
from gan_jax.errors import InputError
from gan_jax.reports.words import NOT_TOLD, TOLD, TOO_FEW
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
        content = read_checked(path, fields({}), "judge it again")
    except InputError as error:
        raise InputError(f"has no result to compare: {str(error).rstrip('.')}") from error
    try:
        _EVALUATION(content, "")
    except Unfit as error:
        raise _damaged(error) from error
    if "accuracy" in content["metrics"] and "fd_semantic" not in content["metrics"]:
        raise InputError("is the run of a recogniser")
    parts = [content, *content.get("judges", [])]
    for part in parts:
        for field, why in _NEEDED.items():
            if not part["protocol"].get(field):
                raise InputError(f"{why}: python eval.py --workdir {folder} --extractor PACK")
    try:
        for number, part in enumerate(parts):
            _check_part(part, f"judges[{number - 1}]" if number else "")
    except Unfit as error:
        raise _damaged(error) from error
    return parts


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
    apart = tuple(one for one in parts[0].get("flags", []) if one["apart"])
    return Result(name, str(folder), judgements, apart)


def _check_part(part: Any, name: str) -> None:
    """Raises `Unfit` unless the numbers and the headline of a judgement can be compared."""
    _PART(part, name)
    if "size" in part.get("headline", {}) and "distance" not in part["headline"]:
        raise Unfit("headline has a size and no distance")


def _check_metric(entry: Any, name: str) -> None:
    fields({"value": anything})(entry, name)
    if not isinstance(entry["value"], list | dict | str):  # such as a histogram, which is not read
        _METRIC(entry, name)


def _check_interval(value: Any, name: str) -> None:
    list_of(number(), 2, 2)(value, name)
    if value[0] > value[1]:
        raise Unfit(f"{name} is {value}; expected [low, high]")


def _check_headline(value: Any, name: str) -> None:
    if value != {}:
        _HEADLINE(value, name)


def _damaged(why: Unfit) -> InputError:
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


_METRIC = fields(
    {"value": or_null(number())},
    {
        "floor": or_null(number()),
        "real": or_null(number()),
        "standard_error": or_null(number()),
        "ci": or_null(_check_interval),
        "n": or_null(whole()),
    },
)
_SIZE = fields(
    {"damage": text(), "strength": number(), "low": number(), "high": number(), "beyond": flag},
    {"broken": or_null(fields({"share": number(), "high": number()}))},
)
_HEADLINE = fields(
    {"verdict": one_of(TOLD, NOT_TOLD, TOO_FEW), "test": fields({"p": number(0, 1)})},
    {"size": _SIZE, "distance": fields({"value": number(), "ci": _check_interval, "n": whole()})},
)
_PROTOCOL = fields(
    {},
    {
        "extractor": text(),
        "extractor_sha256": text(),
        "extractor_accuracy": or_null(number(0, 1)),
        "extractor_trained_on_reference": flag,
        "reference_fingerprint": text(),
    },
)
_PART = fields(
    {"metrics": map_of(_check_metric), "protocol": _PROTOCOL},
    {
        "headline": _check_headline,
        "flags": list_of(fields({"name": text(), "text": text(), "apart": flag})),
    },
)
# Enough to say whether it is of a judge; what it says in numbers is looked at then.
_SHAPE = {"metrics": map_of(anything), "protocol": map_of(anything)}
_EVALUATION = fields(_SHAPE, {"judges": list_of(fields(_SHAPE), most=1000)})
