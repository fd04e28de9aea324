"""Configs as JSON keeps them beside a run: written, checked, filled up and compared.

A run or a pack may come from anybody. What its config says is checked against the types of the
defaults and against limits, and nothing that touches the machine is taken from it.
"""

from __future__ import annotations

import functools
import json
import math
import pathlib
from typing import Any

from ml_collections import ConfigDict

from gan_jax.config.defaults import KINDS, TRAININGS
from gan_jax.data import schema
from gan_jax.data.schema import Unfit
from gan_jax.errors import InputError

# Fields that may differ when a run is resumed: they change how long it goes on, what is watched, or
# where it runs, not what it computes at each step.
RESUMABLE = (
    "num_steps",
    "num_epochs",
    "parallel",
    "num_devices",
    "steps_per_call",
    "log_every",
    "log_to",
    "compilation_cache",
    "checkpoint",
    "evaluation",
    "judge",
    "collapse",
)
# These say where and on what a run works: they are this machine's own, whoever saved the config.
MACHINE = ("parallel", "num_devices", "compilation_cache")
# Of a study: these add cells, or leave some out of the tables, and change none.
STUDY_RESUMABLE = ("sizes", "ratios", "num_seeds")

# Far above what anybody trains: what a stranger's config may ask of memory and of loops. Whether a
# network fits is found out from its shapes, before it is made.
_LARGEST_OF_A_MODEL = 1 << 14
_LARGEST = {
    name: most
    for most, names in (
        (12, ("levels", "halvings", "discriminator_scales")),
        (16, ("scales",)),
        (64, ("coarse_layers", "kernel_size", "channels")),
        (256, ("blocks", "size")),
        (10**4, ("discriminator_steps", "num_seeds")),
        (1 << 14, ("width", "filters", "image_size")),
        (10**5, ("grid",)),
        (1 << 20, ("batch_size", "accumulation")),
        (10**7, ("num_crops", "num_test_crops", "num_stacks", "num_test_stacks")),
        (10**7, ("num_samples", "num_final_samples")),
    )
    for name in names
}
_LONGEST_LIST = 1000
_MOST_MEMBERS = 10**4


def plain(config: ConfigDict) -> dict[str, Any]:
    """The config as JSON has it: dicts, lists, numbers, strings."""
    return json.loads(json.dumps(config.to_dict()))


def with_defaults(saved: dict[str, Any], name: str = "the saved config") -> dict[str, Any]:
    """A plain config as it was saved, checked, with the defaults of fields that came later.

    Of the fields in `MACHINE` the defaults are taken, but for a compilation cache of '', none.

    Raises:
        InputError: no config, sections or values of another type than the defaults, or sizes that
            nobody means. `name` is that of the config, such as its file's.
    """
    try:
        return checked(saved, "config")
    except Unfit as error:
        raise InputError(f"{name} cannot be used: {error}.") from error


def checked(saved: Any, name: str) -> dict[str, Any]:
    """As `with_defaults`, for what is part of a larger file.

    Raises:
        gan_jax.data.schema.Unfit: where that raises InputError; `name` goes before each field's.
    """
    schema.fields({"kind": schema.one_of(*KINDS)})(saved, name)
    default = plain(KINDS[saved["kind"]]())
    _check_section(saved, default, name)
    filled = _fill(saved, default)
    for field in MACHINE:
        if field in default and not (field == "compilation_cache" and filled[field] == ""):
            filled[field] = default[field]
    if saved["kind"] == "gan":
        _check_sweep(filled, name)
        for path in TRAININGS:
            *sections, field = path.split(".")
            part = functools.reduce(dict.__getitem__, sections, filled)
            if part[field]:
                part[field] = checked(part[field], f"{name}.{path}")
                schema.one_of("cnn")(part[field]["kind"], f"{name}.{path}.kind")
    return filled


def _fill(part: dict[str, Any], default: dict[str, Any]) -> dict[str, Any]:
    filled = dict(default) | part
    for name, value in part.items():
        if isinstance(value, dict) and isinstance(default.get(name), dict):
            filled[name] = _fill(value, default[name])
    return filled


def _check_section(part: Any, default: dict[str, Any], name: str) -> None:
    """Raises `Unfit` unless all values are of the types of the defaults, and within limits."""
    schema.fields({})(part, name)
    for field, value in part.items():
        place = f"{name}.{field}"
        # What a ConfigDict cannot hold, or holds as something else.
        if not field.isidentifier() or hasattr(ConfigDict, field):
            raise Unfit(f"{name} has a field {field[:100]!r}, which no config can have")
        if isinstance(default.get(field), dict):
            _check_section(value, default[field], place)
        else:
            _check_of(field, default.get(field), name, field in default)(value, place)


def _check_of(field: str, default: Any, section: str, known: bool) -> schema.Check:
    """What a field must be, by its default; of a field that is not known, any JSON value."""
    most = _LARGEST.get(field, _LARGEST_OF_A_MODEL if section.endswith(".model") else 2**53)
    if not known:
        return schema.anything
    if isinstance(default, bool):
        return schema.flag
    if isinstance(default, int):
        return schema.whole(0, most)
    if isinstance(default, float):
        return schema.number()
    if isinstance(default, str):
        return schema.text(4096)
    if isinstance(default, list):
        return schema.list_of(schema.number(-most, most), most=_LONGEST_LIST)
    return schema.or_null(schema.number())


def _check_sweep(config: dict[str, Any], name: str) -> None:
    def lengths(section: dict[str, Any]) -> int:
        found = section.values()
        listed = math.prod(max(len(value), 1) for value in found if isinstance(value, list))
        return listed * math.prod(lengths(value) for value in found if isinstance(value, dict))

    count = lengths(config["sweep"]) * max(config["num_seeds"], 1)
    if count > _MOST_MEMBERS:
        raise Unfit(f"{name}.sweep has {count} GANs; expected {_MOST_MEMBERS} at most")


def portable(saved: Any) -> Any:
    """A plain config without what tells of a machine: fields of `MACHINE`, and places in its disk.

    Of a path from the root or from the home folder the last name is left.
    """
    if isinstance(saved, dict):
        return {name: portable(value) for name, value in saved.items() if name not in MACHINE}
    if isinstance(saved, list | tuple):
        return [portable(value) for value in saved]
    if isinstance(saved, str) and saved.startswith(("/", "~")):
        return pathlib.PurePath(saved).name
    return saved


def differences(saved: dict[str, Any], current: dict[str, Any]) -> list[str]:
    """What keeps a run of config `saved` from being resumed with `current`, one line per field."""
    found = []
    resumable = {*RESUMABLE, *(STUDY_RESUMABLE if current.get("kind") == "study" else ())}

    def compare(old: Any, new: Any, path: str) -> None:
        if isinstance(old, dict) and isinstance(new, dict):
            for name in sorted((old.keys() | new.keys()) - set(MACHINE)):
                compare(old.get(name), new.get(name), f"{path}.{name}")
        elif old != new:
            found.append(f"{path} was {old!r} and is now {new!r}")

    for name in sorted(saved.keys() | current.keys()):
        if name not in resumable:
            compare(saved.get(name), current.get(name), f"config.{name}")
    return found
