"""What a reader of a result must know before its numbers: copies, collapse, and what the judge is.

A flag is {'name', 'text', 'apart'}: `apart` ones say that a result cannot be ranked with others,
because its images were not drawn, or are few over and over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gan_jax.data import Dataset
from gan_jax.data.content import content_keys
from gan_jax.judging.collapse_meter import CollapseRule, Reading
from gan_jax.metrics import TrainingDistances, find_copies, image_keys, signs_of_copying
from gan_jax.reports.flags import Flag, make_flag

_MOST_EQUAL = 0.01  # of the images, more than among real ones
_BLOCK = 4096


def chosen_flags(num_evaluations: int) -> list[Flag]:
    """That a checkpoint was chosen as the best by the images that judge it now."""
    if num_evaluations < 2:
        return []
    text = (
        f"The checkpoint is the best of {num_evaluations} by these same held-out images: its "
        "numbers are a little too good."
    )
    return [make_flag("chosen by the reference", text)]


def variety_flags(entries: Mapping[str, Mapping[str, Any]]) -> list[Flag]:
    """Whether the images are few over and over, by the limits of the mode-collapse meter."""
    needed = ("coverage", "vendi")
    if any(name not in entries for name in needed):
        return []
    coverage, vendi = (entries[name] for name in needed)
    reading = Reading(
        step=0,
        n=coverage["n"],
        coverage=coverage["value"],
        coverage_floor=coverage["real"],
        vendi=vendi["value"],
        vendi_real=vendi["real"],
        class_kl=0.0,
        class_kl_max=1.0,
        classes_missing=0.0,
    )
    found = CollapseRule().below_limits(reading)
    if not found:
        return []
    text = f"The images are little varied (collapsed): {', '.join(found)}."
    return [make_flag("collapsed", text, apart=True)]


def copy_flags(
    images: np.ndarray,
    reference: np.ndarray,
    training: Dataset | None,
    distances: tuple[TrainingDistances, TrainingDistances] | None = None,
) -> list[Flag]:
    """Whether the images are training images, images of the reference, or equal to one another.

    Args:
        images: judged, uint8 [n, h, w, c].
        reference: uint8 [m, h, w, c].
        training: what the generator was trained on; None if that is not known.
        distances: of the judged and of held-out real images to the training images, which tell of
            copies that were changed; None if they were not measured.
    """
    keys = None if training is None else image_keys(_blocks(training))
    copies = find_copies(keys, images, reference)
    flags = []
    signs = signs_of_copying(copies, *(distances or ()))
    if signs:
        text = f"The images are copies of training images: {' '.join(signs)}"
        flags.append(make_flag("copied", text, apart=True))
    if copies.leaked > _MOST_EQUAL * len(images):
        text = f"{copies.leaked:,} of the {len(images):,} images are images of the reference."
        flags.append(make_flag("leaked", text, apart=True))
    usual = (len(reference) - len(np.unique(content_keys(reference)))) / len(reference)
    if copies.repeated > (usual + _MOST_EQUAL) * len(images):
        text = f"{copies.repeated:,} of the {len(images):,} images are equal to another of them."
        flags.append(make_flag("repeated", text, apart=True))
    return flags


def _blocks(dataset: Dataset) -> Iterator[np.ndarray]:
    for start in range(0, len(dataset), _BLOCK):
        yield dataset.take(np.arange(start, min(start + _BLOCK, len(dataset))))
