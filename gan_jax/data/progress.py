"""A progress bar that shows only for work of over a second."""

from __future__ import annotations

import tqdm


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
