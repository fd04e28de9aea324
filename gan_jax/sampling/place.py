"""Where exports go: a folder that appears in one piece, or a file with its record."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator
from typing import IO, Any

from gan_jax.data.disk import new_file, path_of, write_json
from gan_jax.errors import InputError


def check_new(out: str | pathlib.Path) -> pathlib.Path:
    """The folder of --out; InputError for a file, or a folder that holds files."""
    place = path_of(out)
    if place.is_file():
        raise InputError(f"--out '{place}' is a file: give a new folder.")
    if place.is_dir() and any(place.iterdir()):
        raise InputError(
            f"--out '{place}' holds files already, which would be taken for the new ones: give a "
            "new folder, or empty it."
        )
    return place


@contextlib.contextmanager
def recorded_file(path: pathlib.Path, record: dict[str, Any]) -> Iterator[IO[bytes]]:
    """An open file that takes its place when the block ends, after its record in NAME.json.

    An older file goes before its record does: no file ever stands beside another's record.
    """
    with new_file(path) as file:
        yield file
        path.unlink(missing_ok=True)
        write_json(path.with_suffix(".json"), record)
