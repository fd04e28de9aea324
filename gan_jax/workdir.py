"""A run's folder: what is kept in it, and whether a config may go on in it."""

from __future__ import annotations

import pathlib
from typing import Any

from ml_collections import ConfigDict

from gan_jax.errors import InputError
from gan_jax.files import read_json, write_json
from gan_jax.saved_config import differences, plain, with_defaults

CONFIG = "config.json"
EVALUATION = "eval.json"
REPORT = "report.html"
SAMPLES = "samples"
CHECKPOINTS = "checkpoints"
PACK = "pack"
GANS = "gans"  # of a study: a run each
MEMBERS = "members"  # of a run of several seeds: a folder each


def open_workdir(workdir: pathlib.Path, config: ConfigDict, *, write: bool = True) -> None:
    """Makes the folder, or checks that it holds a run of this config; then keeps the config there.

    Raises:
        InputError: the folder belongs to a run of another config (what differs is named), or
            cannot be written.
    """
    path = workdir / CONFIG
    if path.exists():
        found = differences(with_defaults(read_json(path)), plain(config))
        if found:
            listed = "; ".join(found[:6]) + ("; ..." if len(found) > 6 else "")
            raise InputError(
                f"'{workdir}' holds a run of another config: {listed}. Give another --workdir, or "
                "the config it was begun with, or remove the folder to begin anew."
            )
    elif (workdir / CHECKPOINTS).exists():
        raise InputError(
            f"'{workdir}' holds checkpoints but no {CONFIG}: it is not known which config they "
            "belong to. Give another --workdir."
        )
    if write:
        try:
            workdir.mkdir(parents=True, exist_ok=True)
            write_json(path, plain(config))
        except OSError as error:
            raise InputError(
                f"--workdir '{workdir}' cannot be written ({error.strerror}): give another one, or "
                "free some space."
            ) from error


def read_config(workdir: pathlib.Path) -> ConfigDict:
    """The config of a run.

    Raises:
        InputError: no run there.
    """
    path = workdir / CONFIG
    if not path.exists():
        raise InputError(
            f"'{workdir}' is not the folder of a run (there is no {CONFIG} in it): give the "
            "--workdir that train.py wrote to."
        )
    return restore_config(read_json(path))


def restore_config(saved: dict[str, Any]) -> ConfigDict:
    """A config from its JSON, such as a pack keeps; fields that came later have their defaults."""
    return _with_tuples(with_defaults(saved))


def _with_tuples(saved: dict[str, Any]) -> ConfigDict:
    """A config read from JSON, with lists as the tuples they were."""
    config = ConfigDict()
    for name, value in saved.items():
        if isinstance(value, dict):
            value = _with_tuples(value)
        config[name] = tuple(value) if isinstance(value, list) else value
    return config
