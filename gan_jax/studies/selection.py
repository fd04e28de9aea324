"""A selection made with one recogniser, scored by others: is the metric being gamed?

Images that are kept because one recogniser is sure of them are, by that choice, the ones that it
overrates: its own score of them cannot be believed. What the others say of them can.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from gan_jax.data.content import content_keys
from gan_jax.errors import InputError
from gan_jax.extractors.readings import Readings
from gan_jax.metrics import wilson_interval
from gan_jax.reports.seed_statistics import Summary, summarise


@dataclasses.dataclass(frozen=True)
class HeldOutVerdict:
    """What one recogniser that had no part in the selection makes of it.

    Its confidence is what it gives to the class that the first recogniser names.

    Attributes:
        agreeing: selected images that it names as the first does.
        interval: 95 % interval of that share (Wilson 1927).
        confidence: mean over the selected images.
        confidence_before: mean over all images.
        gap: the first's confidence less this one's, over the selected images; an image each.
        gap_before: likewise over all images.
        gap_real: likewise over as large a share of real images, selected in the same way; None
            without real images.
    """

    agreeing: int
    interval: tuple[float, float]
    confidence: float
    confidence_before: float
    gap: Summary
    gap_before: Summary
    gap_real: Summary | None


@dataclasses.dataclass(frozen=True, eq=False)
class Selection:
    """The images that the first recogniser is surest of.

    Attributes:
        rows: int [count], surest first.
        labels: the classes that it names, int [count].
        confidence: its mean over the selected images.
        confidence_before: its mean over all images.
        others: the verdict of each further recogniser, in their order.
    """

    rows: np.ndarray
    labels: np.ndarray
    confidence: float
    confidence_before: float
    others: tuple[HeldOutVerdict, ...]


def select_surest(readings: Readings, count: int, real: Readings | None = None) -> Selection:
    """Keeps the images that the first recogniser is surest of, and asks the others.

    Args:
        readings: of all images.
        count: how many to keep; of equal confidences, as of images that a recogniser gives 1,
            those come first whose probabilities have the smaller hash: not the first in order.
        real: of held-out real images by the same recognisers, or None.

    Raises:
        InputError: a count below 1 or above the number of images.
    """
    total = readings.probabilities.shape[1]
    if not 1 <= count <= total:
        raise InputError(f"--keep is {count}; expected 1 to {total}, the number of images.")
    rows = _surest(readings, count)
    first = _in_firsts_class(readings)[0]
    return Selection(
        rows=rows,
        labels=readings.each[rows, 0],
        confidence=float(first[rows].mean()),
        confidence_before=float(first.mean()),
        others=tuple(
            _verdict(readings, other, rows, real, count / total)
            for other in range(1, len(readings.probabilities))
        ),
    )


def _verdict(
    readings: Readings, other: int, rows: np.ndarray, real: Readings | None, share: float
) -> HeldOutVerdict:
    confidences = _in_firsts_class(readings)
    gaps = confidences[0] - confidences[other]
    agreeing = int(np.sum(readings.each[rows, other] == readings.each[rows, 0]))
    gap_real = None
    if real is not None:
        there = _in_firsts_class(real)
        kept = _surest(real, max(round(share * there.shape[1]), 1))
        gap_real = summarise((there[0] - there[other])[kept])
    return HeldOutVerdict(
        agreeing=agreeing,
        interval=wilson_interval(agreeing, len(rows)),
        confidence=float(confidences[other][rows].mean()),
        confidence_before=float(confidences[other].mean()),
        gap=summarise(gaps[rows]),
        gap_before=summarise(gaps),
        gap_real=gap_real,
    )


def _surest(readings: Readings, count: int) -> np.ndarray:
    """The images that the first recogniser is surest of, int [count], surest first."""
    ties = content_keys(readings.probabilities.swapaxes(0, 1))
    return np.lexsort((ties, -readings.probabilities[0].max(axis=-1)))[:count]


def _in_firsts_class(readings: Readings) -> np.ndarray:
    """Each recogniser's probability of the class that the first names, float64 [r, n]."""
    named = readings.each[:, 0]
    return readings.probabilities[:, np.arange(len(named)), named].astype(np.float64)
