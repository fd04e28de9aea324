"""A judgement of any kind: its numbers, and what they depend on. eval.json is this and no more."""

from __future__ import annotations

import dataclasses
import html
import itertools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import gan_jax
from gan_jax.data import Dataset
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
from gan_jax.metrics import wilson_interval
from gan_jax.reports.metric_table import metric_table
from gan_jax.reports.words import NOT_TOLD, TOLD, TOO_FEW

Entry = dict[str, Any]
"""One number: 'value', and where they exist 'floor', 'real', 'ci', 'standard_error' and 'n'."""


def make_entry(value: float | None, interval: Sequence[float] | None, n: int, **more: Any) -> Entry:
    """A number of n images or seeds with its 95 % interval, and `more`, such as its 'floor'."""
    return {"value": value, "ci": None if interval is None else list(interval), "n": n, **more}


def share_entry(right: int, count: int, **more: Any) -> Entry:
    """The share of `count` that is right, with its 95 % interval (Wilson 1927)."""
    return make_entry(right / count, wilson_interval(right, count), count, **more)


_NEEDED = ("preprocessing", "reference", "images", "seed", "gan_jax")


def make_protocol(
    about: Mapping[str, Any],
    *,
    seed: int | Sequence[int] | None,
    images: int | None,
    preprocessing: str,
    reference: Dataset | None,
) -> dict[str, Any]:
    """A protocol as result files hold it, JSON values.

    Args:
        about: what else this flow's numbers depend on.
        seed: of all that was drawn, or one for each repetition; None where nothing was.
        images: how many were judged; None where statistics do not say.
        preprocessing: how images were brought to what measures them.
        reference: the real images that they were compared with; None without any.
    """
    return {
        **about,
        "preprocessing": preprocessing,
        "reference": None if reference is None else reference.name,
        "reference_split": None if reference is None else reference.split,
        "reference_fingerprint": None if reference is None else reference.fingerprint,
        "reference_images": 0 if reference is None else len(reference),
        "images": images,
        "seed": seed if seed is None or isinstance(seed, int) else list(seed),
        "gan_jax": gan_jax.__version__,
    }


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """What a judgement found.

    Attributes:
        protocol: what the numbers depend on; from `make_protocol`.
        headline: see `gan_jax.judging.headline.make_headline`; {} where nothing could be tested,
            None of a flow without a test.
        flags: what a reader must know first, see `gan_jax.reports.flags`.
        judges: what further judges say of the same images.
        more: what this flow has besides, such as the 'settings' of a sweep.
        influences: by metric, float [m]: what each reference image adds to it. Kept beside
            eval.json, for comparisons of several results.
    """

    metrics: dict[str, Entry]
    protocol: dict[str, Any]
    headline: dict[str, Any] | None = None
    flags: Sequence[dict[str, Any]] = ()
    judges: Sequence[Result] = ()
    more: dict[str, Any] = dataclasses.field(default_factory=dict)
    influences: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        """Flags, headline and numbers as a table of text."""
        return metric_table(self.content())

    def _repr_html_(self) -> str:
        """The same for a notebook: sentences as paragraphs, rows of numbers as a table of text."""
        lines = str(self).splitlines()
        parts = []
        for is_row, group in itertools.groupby(lines, key=lambda line: "  " in line.strip()):
            texts = [html.escape(line) for line in group]
            table = "\n".join(texts)
            parts += (
                [f'<pre style="white-space:pre;overflow-x:auto">{table}</pre>']
                if is_row
                else [f"<p>{text}</p>" for text in texts if text]
            )
        return "".join(parts)

    def content(self) -> dict[str, Any]:
        """The content of eval.json.

        Raises:
            ValueError: the protocol leaves out what every number depends on.
        """
        missing = [name for name in _NEEDED if name not in self.protocol]
        if missing:
            raise ValueError(f"the protocol lacks {', '.join(missing)}: use make_protocol")
        content: dict[str, Any] = {}
        if self.headline is not None:
            content = {"headline": self.headline, "flags": list(self.flags)}
        content |= {"metrics": self.metrics, "protocol": self.protocol}
        if self.judges:
            content["judges"] = [one.content() for one in self.judges]
        return content | self.more

    @classmethod
    def of(cls, judgement: Any, about: Mapping[str, Any]) -> Result:
        """The result of a `gan_jax.judging.judge.Judgement`, with more to say in its protocol."""
        return cls(
            judgement.metrics,
            judgement.protocol | about,
            judgement.headline,
            judgement.flags,
            influences=judgement.influences,
        )


def read_content(path: pathlib.Path) -> dict[str, Any]:
    """The content of an eval.json of any age, with 'metrics' and 'protocol'.

    Raises:
        InputError: it cannot be read or is something else; the message goes on after the folder's
            name.
    """
    try:
        content = read_checked(path, fields({}), "judge it again")
    except InputError as error:
        raise InputError(f"has no result to compare: {str(error).rstrip('.')}") from error
    _check(_EVALUATION, content, "", path.name)
    return content


def checked_result(content: dict[str, Any], path: pathlib.Path) -> Result:
    """The result whose content `read_content` gave, its numbers fit to be compared.

    Raises:
        InputError: a number, headline or flag is damaged; the message goes on likewise.
    """
    further = content.get("judges", [])
    for index, part in enumerate([content, *further]):
        _check(_check_part, part, f"judges[{index - 1}]" if index else "", path.name)
    known = {"headline", "flags", "metrics", "protocol", "judges"}
    parts = [
        Result(part["metrics"], part["protocol"], part.get("headline"), part.get("flags", []))
        for part in (content, *further)
    ]
    more = {name: value for name, value in content.items() if name not in known}
    return dataclasses.replace(parts[0], judges=parts[1:], more=more)


def _check(check: Any, content: Any, name: str, file: str) -> None:
    try:
        check(content, name)
    except Unfit as error:
        raise InputError(f"has a damaged {file} ({error}): judge it again") from error


def _check_part(part: Any, name: str) -> None:
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
