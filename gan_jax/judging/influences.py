"""What each reference image adds to a number, kept beside eval.json.

Two runs that were judged by one reference share its luck: their numbers rise and fall together with
the images that it happens to hold. With these arrays a comparison can take that out (a paired
difference, `gan_jax.metrics.paired`) without any image or feature.
"""

from __future__ import annotations

import pathlib
import zipfile
from collections.abc import Sequence

import numpy as np

from gan_jax.judging.judge import Judgement

INFLUENCES = "influences.npz"


def save_influences(folder: str | pathlib.Path, judgements: Sequence[Judgement]) -> None:
    """Writes those of all judges into a folder, as float32; nothing where there are none."""
    arrays = {
        _key(one.protocol["extractor_sha256"], metric): values.astype(np.float32)
        for one in judgements
        for metric, values in one.influences.items()
    }
    if not arrays:
        return
    path = pathlib.Path(folder) / INFLUENCES
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)
    temporary.replace(path)


def load_influences(folder: str | pathlib.Path, extractor_sha256: str) -> dict[str, np.ndarray]:
    """By metric, float32 [m] in the order of the reference's content; {} where there are none."""
    path = pathlib.Path(folder) / INFLUENCES
    prefix = _key(extractor_sha256, "")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {k.removeprefix(prefix): arrays[k] for k in arrays if k.startswith(prefix)}
    except (OSError, ValueError, zipfile.BadZipFile):  # a comparison without them is less sharp
        return {}


def _key(extractor_sha256: str, metric: str) -> str:
    return f"{extractor_sha256[:16]}.{metric}"
