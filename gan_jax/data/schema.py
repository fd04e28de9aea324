"""What a JSON file must hold: one description for each kind of file, checked before it is used.

A description is a function of a value and its name, such as 'protocol.seed'; it raises `Unfit` for
the first thing that does not fit. Files come from anybody, so every number and length has a limit.
"""

from __future__ import annotations

import math
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from gan_jax.data.disk import in_words, read_json
from gan_jax.errors import InputError

Check = Callable[[Any, str], None]

MOST_BYTES = 64 << 20
"""Of a JSON file that is read; ours have a few MiB at most."""
_MOST = 1_000_000
_DEEPEST = 32
_LONGEST = 10_000
_SHOWN = 60


class Unfit(InputError):
    """A value in a file is not what it must be; the message names both, without the file."""


def read_checked(path: pathlib.Path, check: Check, advice: str) -> dict[str, Any]:
    """The object in a JSON file that fits a description.

    Raises:
        InputError: it cannot be read, is too large, or holds something else; `advice` says how to
            mend the file, such as 'judge it again'.
    """
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise InputError(f"'{path}' is no file: remove it, and {advice}.")
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {in_words(error)}.") from error
    if size > MOST_BYTES:
        raise InputError(
            f"'{path}' has {size / 2**20:,.0f} MiB; expected {MOST_BYTES >> 20} MiB at most: "
            f"{advice}."
        )
    content = read_json(path)
    try:
        check(content, "")
    except Unfit as error:
        raise InputError(f"'{path}' is damaged ({error}): {advice}.") from error
    return content


def anything(value: Any, name: str) -> None:
    """Any JSON value, up to 32 levels deep."""
    _check_depth(value, name, _DEEPEST)


def flag(value: Any, name: str) -> None:
    """true or false."""
    if not isinstance(value, bool):
        raise _unfit(value, name, "true or false")


def whole(least: int = 0, most: int = 2**63 - 1) -> Check:
    """A whole number within limits."""

    def check(value: Any, name: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise _unfit(value, name, f"a whole number from {least} to {most}")

    return check


def number(least: float = -math.inf, most: float = math.inf) -> Check:
    """A finite number within limits."""

    def check(value: Any, name: str) -> None:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        # An integer may be too large for a float.
        if not fits or not abs(value) < 1e308 or not least <= value <= most:
            within = "" if least == -math.inf else f" of {least:g} or more"
            within = within if most == math.inf else f" from {least:g} to {most:g}"
            raise _unfit(value, name, f"a finite number{within}")

    return check


def text(longest: int = _LONGEST) -> Check:
    """A text of limited length."""

    def check(value: Any, name: str) -> None:
        if not isinstance(value, str) or len(value) > longest:
            raise _unfit(value, name, f"a text of at most {longest} characters")

    return check


def one_of(*choices: Any) -> Check:
    """One of these values."""

    def check(value: Any, name: str) -> None:
        if not any(type(value) is type(choice) and value == choice for choice in choices):
            raise _unfit(value, name, " or ".join(map(repr, choices)))

    return check


def or_null(check: Check) -> Check:
    """null, or what `check` asks for."""

    def check_value(value: Any, name: str) -> None:
        if value is not None:
            check(value, name)

    return check_value


def list_of(check: Check, least: int = 0, most: int = _MOST) -> Check:
    """A list whose values all fit."""
    count = f"{least}" if least == most else f"{least} to {most:,}"

    def check_list(value: Any, name: str) -> None:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise _unfit(value, name, f"a list of {count}")
        for index, entry in enumerate(value):
            check(entry, f"{name}[{index}]")

    return check_list


def map_of(check: Check, most: int = _MOST) -> Check:
    """An object with any names, whose values all fit."""

    def check_map(value: Any, name: str) -> None:
        if not isinstance(value, dict) or len(value) > most:
            raise _unfit(value, name, "an object")
        for key, entry in value.items():
            check(entry, _inner(name, key))

    return check_map


def fields(
    needed: Mapping[str, Check], others: Mapping[str, Check] | None = None, *, closed: bool = False
) -> Check:
    """An object with fields: those needed, others that may be missing, and more unless closed."""
    others = others or {}

    def check_fields(value: Any, name: str) -> None:
        if not isinstance(value, dict):
            raise _unfit(value, name or "it", "an object")
        for key, check in needed.items():
            if key not in value:
                raise Unfit(f"it has no {_inner(name, key)}")
            check(value[key], _inner(name, key))
        for key, entry in value.items():
            if key in others:
                others[key](entry, _inner(name, key))
            elif key not in needed and closed:
                raise Unfit(f"{_inner(name, key)} is not known")
            elif key not in needed:
                anything(entry, _inner(name, key))

    return check_fields


def _check_depth(value: Any, name: str, levels: int) -> None:
    if isinstance(value, dict | list):
        if not levels:
            raise Unfit(f"{name} is nested more than {_DEEPEST} levels deep")
        for inner in value.values() if isinstance(value, dict) else value:
            _check_depth(inner, name, levels - 1)


def _inner(name: str, key: str) -> str:
    key = key if len(key) <= _SHOWN else key[:_SHOWN] + "…"
    key = key if key.isprintable() else repr(key)
    return f"{name}.{key}" if name else key


def _unfit(value: Any, name: str, expected: str) -> Unfit:
    if isinstance(value, dict):
        found = "an object"
    elif isinstance(value, list):
        found = f"a list of {len(value)}"
    elif value is None:
        found = "null"
    else:
        found = repr(value) if not isinstance(value, str) else repr(value[:_SHOWN])
        found = found if len(found) <= _SHOWN + 2 else f"{found[:_SHOWN]}…"
    return Unfit(f"{name} is {found}; expected {expected}")
