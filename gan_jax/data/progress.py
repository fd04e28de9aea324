"""A progress bar that shows only for work of over a second."""

from __future__ import annotations

import io
from typing import Any

import tqdm

from gan_jax.errors import printable

_CHUNK = 2**22


def progress_bar(description: str, total: int, unit: str) -> tqdm.tqdm:
    """A bar on standard error that appears after one second, and never where it is no terminal."""
    return tqdm.tqdm(
        desc=description,
        total=total,
        unit=unit,
        unit_scale=unit == "B",
        delay=1.0,
        disable=None,
        leave=False,
    )


def read_into(file: io.BufferedIOBase, values: Any, name: str) -> int:
    """Reads an open file into bytes, uint8 [n], with a bar; returns how many there were."""
    filled = 0
    with progress_bar(f"reading {printable(name)}", len(values), "B") as bar:
        while count := file.readinto(memoryview(values)[filled : filled + _CHUNK]):
            filled += count
            bar.update(count)
    return filled
