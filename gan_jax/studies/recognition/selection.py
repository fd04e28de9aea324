"""A selection made with one recogniser, scored by others: is the metric being gamed?

Images that are kept because one recogniser is sure of them are the ones that it overrates: its own
score of them cannot be believed. The others' scores can.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from gan_jax.data.content import content_keys
from gan_jax.extractors.readings import Readings
from gan_jax.reports.seeds.statistics import Summary, summarise


@dataclasses.dataclass(frozen=True)
class HeldOutScore:
    """The score of a selection by one recogniser that had no part in it.

    Its confidence is its probability of the class that the first recogniser names.

    Attributes:
        agreeing: how many selected images it names as the first does.
        confidence: mean over the selected images.
        confidence_before: mean over all images.
        gap: the first's confidence less this one's, over the selected images.
        gap_before: likewise over all images.
        gap_real: likewise over as large a share of real images, selected in the same way; None
            without real images.
    """

    agreeing: int
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
        others: the score by each further recogniser, in their order.
    """

    rows: np.ndarray
    labels: np.ndarray
    confidence: float
    confidence_before: float
    others: tuple[HeldOutScore, ...]


def select_surest(readings: Readings, count: int, real: Readings | None = None) -> Selection:
    """Keeps the images that the first recogniser is surest of, and asks the others.

    Args:
        readings: of all images.
        count: how many to keep, from 1 to as many as there are. Between equal confidences, such as
            1, the smaller hash of the probabilities comes first, not the order of the images.
        real: readings of held-out real images by the same recognisers, or None.
    """
    rows, confidences = _surest(readings, count), _in_firsts_class(readings)
    there: np.ndarray | None = None
    if real is not None:
        share = count / confidences.shape[1]
        kept = _surest(real, max(round(share * real.probabilities.shape[1]), 1))
        there = _in_firsts_class(real)[:, kept]
    agree = readings.each[rows] == readings.each[rows, :1]
    others = []
    for other in range(1, len(confidences)):
        gaps = confidences[0] - confidences[other]
        score = HeldOutScore(
            agreeing=int(np.sum(agree[:, other])),
            confidence=float(confidences[other][rows].mean()),
            confidence_before=float(confidences[other].mean()),
            gap=summarise(gaps[rows]),
            gap_before=summarise(gaps),
            gap_real=None if there is None else summarise(there[0] - there[other]),
        )
        others.append(score)
    return Selection(
        rows=rows,
        labels=readings.each[rows, 0],
        confidence=float(confidences[0][rows].mean()),
        confidence_before=float(confidences[0].mean()),
        others=tuple(others),
    )


def _surest(readings: Readings, count: int) -> np.ndarray:
    """The images that the first recogniser is surest of, int [count], surest first."""
    ties = content_keys(readings.probabilities.swapaxes(0, 1))
    return np.lexsort((ties, -readings.probabilities[0].max(axis=-1)))[:count]


def _in_firsts_class(readings: Readings) -> np.ndarray:
    """Each recogniser's probability of the class that the first names, float64 [r, n]."""
    named = readings.each[:, 0]
    return readings.probabilities[:, np.arange(len(named)), named].astype(np.float64)
