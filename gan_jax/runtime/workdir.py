"""A run's folder: its files, and whether a config may go on in it."""

from __future__ import annotations

import contextlib
import logging
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

from ml_collections import ConfigDict

from gan_jax.config.saved import differences, plain, with_defaults
from gan_jax.data import Dataset
from gan_jax.data.disk import clear_leftovers, in_words, read_json, write_json
from gan_jax.errors import InputError
from gan_jax.runtime import parallel
from gan_jax.runtime.checkpoint import Checkpoints
from gan_jax.runtime.lock import held

_log = logging.getLogger(__name__)

CONFIG = "config.json"
DATA = "data.json"  # which images a run was begun with
EVALUATION = "eval.json"
REPORT = "report.html"
SAMPLES = "samples"
EVENTS = "tensorboard"
CHECKPOINTS = "checkpoints"
PACK = "pack"
GANS = "gans"  # of a study: a run each
MEMBERS = "members"  # of a run of several seeds: a folder each


def open_workdir(workdir: pathlib.Path, config: ConfigDict, *, write: bool = True) -> None:
    """Makes the folder, or checks that it holds a run of this config; then keeps the config there.

    Raises:
        InputError: the folder belongs to a run of another config (the differences are named), or
            cannot be written.
    """
    path = workdir / CONFIG
    for place in (workdir / CHECKPOINTS, workdir / SAMPLES, workdir / EVENTS, workdir / MEMBERS):
        if place.exists() and not place.is_dir():
            raise InputError(f"'{place}' is a file; a folder is to lie there. Move it away.")
    for home in (workdir, *(workdir / MEMBERS).glob("*")):
        clear_leftovers(home, home / SAMPLES)
    wanted = plain(config)
    with_defaults(wanted, "the config")  # one that could not be read again is refused now
    saved = _saved_config(workdir)
    if saved is not None:
        found = differences(with_defaults(saved, f"'{path}'"), wanted)
        if found:
            listed = "; ".join(found[:6]) + ("; ..." if len(found) > 6 else "")
            raise InputError(
                f"'{workdir}' holds a run of another config: {listed}. Give another --workdir, or "
                "the config it was begun with, or remove the folder to begin anew."
            )
    elif any((workdir / CHECKPOINTS).glob("[0-9]*")):
        raise InputError(
            f"'{workdir}' holds checkpoints but no {CONFIG}: it is not known which config they "
            "belong to. Give another --workdir."
        )
    if write:
        try:
            workdir.mkdir(parents=True, exist_ok=True)
            write_json(path, wanted)
        except OSError as error:
            raise InputError(
                f"--workdir '{workdir}' cannot be written ({in_words(error)}): give another one, "
                "or free some space."
            ) from error


def _saved_config(workdir: pathlib.Path) -> dict[str, Any] | None:
    """The config that the folder was begun with; None for a folder without a run.

    If the file is lost or damaged, the copy in the newest checkpoint is taken.
    """
    path, lost = workdir / CONFIG, "is not there."
    try:
        if path.exists():
            return read_json(path)
    except InputError as error:
        lost = str(error)
    with Checkpoints(workdir / CHECKPOINTS, read_only=True) as checkpoints:
        steps = checkpoints.steps()
        kept = checkpoints.notes(steps[-1]).get(CONFIG) if steps else None
    if isinstance(kept, dict):
        _log.warning("%s: %s That of the checkpoint of step %d is taken.", path, lost, steps[-1])
        return kept
    if path.exists():
        _log.warning("%s It is written anew.", lost)
    return None


def check_data(workdir: pathlib.Path, train: Dataset, test: Dataset, *, write: bool = True) -> None:
    """Notes which images a run was begun with; InputError if they are others than noted before."""
    path = workdir / DATA
    found = {name: _identity(part) for name, part in (("train", train), ("test", test))}
    begun = read_json(path) if path.exists() else found
    for name, part in (("training", "train"), ("held-out", "test")):
        if begun.get(part) != found[part]:
            raise InputError(
                f"the {name} images are not those that '{workdir}' was begun with: "
                f"{_told(begun.get(part))} then, {_told(found[part])} now. Bring them back, or "
                f"give another --workdir; if the change is meant, remove {path}."
            )
    if write and not path.exists():
        write_json(path, found)


def _identity(part: Dataset) -> dict[str, Any]:
    return {
        "images": len(part),
        "shape": list(part.image_shape),
        "classes": part.num_classes,
        "fingerprint": part.fingerprint,
    }


def _told(identity: Any) -> str:
    if not isinstance(identity, dict):
        return "unknown ones"
    shape = identity.get("shape")
    size = "x".join(map(str, shape)) if isinstance(shape, list) else "?"
    classes = f", {identity['classes']} classes" if identity.get("classes") else ""
    which = str(identity.get("fingerprint", ""))[:8]
    return f"{identity.get('images')} of {size}{classes} (fingerprint {which})"


def read_config(workdir: pathlib.Path) -> ConfigDict:
    """The config of a run; InputError if the folder holds none."""
    saved = _saved_config(workdir)
    if saved is None:
        raise InputError(
            f"'{workdir}' is not the folder of a run (there is no {CONFIG} in it that can be "
            "read): give the --workdir that train.py wrote to."
        )
    return _with_tuples(with_defaults(saved, f"'{workdir / CONFIG}'"))


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


@contextlib.contextmanager
def held_by_all(
    workdir: pathlib.Path, *, waiting: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Holds a folder on a disk that all processes share: the first holds it for all of them."""
    with contextlib.ExitStack() as stack:
        error: InputError | None = None
        if parallel.is_main_process():
            try:
                stack.enter_context(held(workdir, waiting=waiting))
            except InputError as refusal:
                error = refusal
        parallel.raise_together(error)
        if not workdir.is_dir():
            error = InputError(
                f"'{workdir}' is not there in process {parallel.process_index()}: give a --workdir "
                "on a disk that all processes share."
            )
        parallel.raise_together(error)
        yield
