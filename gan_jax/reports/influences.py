"""What each reference image adds to a number, kept beside eval.json.

Two runs that were judged by one reference share its luck: their numbers rise and fall together with
the images that it happens to hold. With these arrays a comparison can take that out (a paired
difference, `gan_jax.metrics.paired`) without any image or feature.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from gan_jax.data.array_files import ArrayFile
from gan_jax.data.disk import new_file
from gan_jax.errors import InputError

INFLUENCES = "influences.npz"


def save_influences(
    folder: str | pathlib.Path, by_judge: Mapping[str, Mapping[str, np.ndarray]]
) -> None:
    """Writes them into a folder, as float32; nothing where there are none.

    Args:
        by_judge: the extractor's SHA-256 to metric to float [m].
    """
    arrays: dict[str, Any] = {
        _key(extractor_sha256, metric): values.astype(np.float32)
        for extractor_sha256, influences in by_judge.items()
        for metric, values in influences.items()
    }
    if not arrays:
        return
    path = pathlib.Path(folder) / INFLUENCES
    with new_file(path) as file:
        np.savez_compressed(file, **arrays)


def load_influences(folder: str | pathlib.Path, extractor_sha256: str) -> dict[str, np.ndarray]:
    """By metric, float32 [m] in the order of the reference's content; {} where there are none."""
    path = pathlib.Path(folder) / INFLUENCES
    prefix = _key(extractor_sha256, "")
    try:
        file = ArrayFile(path)
        found = {k.removeprefix(prefix): file.read(k) for k in file.keys if k.startswith(prefix)}
    except InputError:  # a comparison without them is less sharp
        return {}
    return {k: v for k, v in found.items() if _is_influence(v)}


def _is_influence(array: np.ndarray) -> bool:
    return array.dtype.kind == "f" and array.ndim == 1 and bool(np.isfinite(array).all())


def _key(extractor_sha256: str, metric: str) -> str:
    return f"{extractor_sha256[:16]}.{metric}"
