"""Hyper-parameters as traced scalars: one program for GANs that differ in numbers only.

A definition such as `steps.state.GAN` is a tree of frozen dataclasses and tuples. Its numbers are
named by their place in it, such as 'penalties.0.weight'.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
from jax import Array

Number = float | Array


class NotTraceable(ValueError):
    """Definitions differ in more than numbers; the message says where."""


def differing_numbers(definitions: Sequence[Any]) -> dict[str, tuple[float, ...]]:
    """The numbers in which definitions differ, place to the value in each of them.

    Raises:
        NotTraceable: they differ in something else, as networks, whole numbers and names are.
    """
    found: dict[str, tuple[float, ...]] = {}
    _compare(definitions, "", found)
    return found


def _compare(parts: Sequence[Any], place: str, found: dict[str, tuple[float, ...]]) -> None:
    first = parts[0]
    if all(type(part) is type(first) for part in parts):
        if _is_definition(first):
            for name in _field_names(first):
                _compare([getattr(part, name) for part in parts], _inside(place, name), found)
            return
        if isinstance(first, tuple) and all(len(part) == len(first) for part in parts):
            for index in range(len(first)):
                _compare([part[index] for part in parts], _inside(place, index), found)
            return
    if all(part == first for part in parts):
        return
    if not all(type(part) is float for part in parts):
        raise NotTraceable(f"'{place}' is {', '.join(map(str, parts[:4]))}")
    found[place] = tuple(parts)


def with_hyperparameters(definition: Any, values: Mapping[str, Number]) -> Any:
    """The definition with the numbers at these places replaced; they may be traced scalars.

    Raises:
        KeyError: there is no such place.
    """
    groups: dict[str, dict[str, Number]] = {}
    for place, value in values.items():
        name, _, rest = place.partition(".")
        groups.setdefault(name, {})[rest] = value

    def changed(part: Any, inner: dict[str, Number]) -> Any:
        return inner[""] if "" in inner else with_hyperparameters(part, inner)

    if isinstance(definition, tuple):
        names = [str(index) for index in range(len(definition))]
        _check_places(groups, names)
        return tuple(
            changed(part, groups[name]) if name in groups else part
            for name, part in zip(names, definition, strict=True)
        )
    _check_places(groups, _field_names(definition) if _is_definition(definition) else ())
    new = {name: changed(getattr(definition, name), inner) for name, inner in groups.items()}
    return dataclasses.replace(definition, **new) if new else definition


def _check_places(groups: Mapping[str, Any], names: Sequence[str]) -> None:
    for name in groups:
        if name not in names:
            raise KeyError(f"there is no {name!r} in {', '.join(names) or 'a plain value'}")


def _is_definition(value: Any) -> bool:
    """Networks are compared as a whole: their numbers shape the program."""
    return dataclasses.is_dataclass(value) and not isinstance(value, (type, nn.Module))


def _field_names(definition: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(definition)]


def _inside(place: str, name: str | int) -> str:
    return f"{place}.{name}" if place else str(name)
