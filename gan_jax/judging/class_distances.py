"""How far the images asked for as a class are from real ones of that class.

A recogniser may read a smear as the class that was asked for. So each class is compared with real
images of it as the headline compares all, on a ladder of the damaged real images of the class.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax import metrics
from gan_jax.judging.ladder import Ladder, paired_distance, sizes_of
from gan_jax.judging.view import View
from gan_jax.metrics.two_sample import NUM_PERMUTATIONS, permutation_test

FEWEST = 10
"""Images of a class on either side; a distance from fewer says little."""

_MOST_TESTED = 500  # a side and class
_MOST_PAIRS = 1_000  # likewise
_FEWEST_RUNGS = 5  # real images of a class that the ladder has, for rungs of its own
_PERMUTATIONS_PER_CLASS = 40  # so that the smallest p is far below 5 % over all classes


@dataclasses.dataclass(frozen=True, eq=False)
class Classed:
    """Images of known classes, in the order of their content.

    Attributes:
        view: what a judge sees of them, [n, d].
        classes: int [n], in the judge's numbering.
    """

    view: View
    classes: np.ndarray

    def rows(self, label: int) -> np.ndarray:
        """The images of a class."""
        return np.flatnonzero(self.classes == label)


def class_distances(
    real: Classed, fake: Classed, ladder: Ladder | None, names: Sequence[str], *, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """The distance of each class that was asked for, by its name.

    Args:
        real: the reference, in the order of its content, in which `ladder` has its first images.
        fake: the judged images, in the order of theirs, and the classes they were asked for.
        ladder: of the reference; None of a judge without one.
        seed: of the permutations.

    Returns:
        'distance' with 'value' and 'ci', the unbiased kernel distance; 'p' of the permutation test,
        corrected over all classes by Holm (1979); 'size', as a headline's, on the ladder of real
        images of this class; and 'n_real'. The first three are None of a class with fewer than 10
        images on a side, and 'size' without a ladder.
    """
    asked = [int(label) for label in np.unique(fake.classes)]
    rows = {label: (real.rows(label), fake.rows(label)) for label in asked}
    enough = [label for label in asked if min(map(len, rows[label])) >= FEWEST]
    # The test is exact only where neither side is told apart by how its columns are scaled.
    pool, count = real.view.pooled(fake.view), len(real.classes)
    scaled = [side.view.standardised(by=real.view) for side in (real, fake)]
    rungs = []
    if ladder is not None:
        views = (ladder.clean, *ladder.damaged, ladder.broken)
        rungs = [view.standardised(by=real.view) for view in views]
    found: dict[int, dict[str, Any]] = {
        label: {"distance": None, "p": None, "size": None, "n_real": len(rows[label][0])}
        for label in asked
    }
    tests = []
    for label in enough:
        ours, theirs = rows[label]
        tests.append(
            permutation_test(
                pool[ours],
                pool[count + theirs],
                gamma=1.0,
                most=_MOST_TESTED,
                num_permutations=max(NUM_PERMUTATIONS, _PERMUTATIONS_PER_CLASS * len(enough)),
                seed=seed,
                in_order=True,
            ).p
        )
        own = None
        if ladder is not None:
            own = _own_ladder(ladder, rungs, real.classes[: len(rungs[0])] == label)
        found[label] |= _distance(scaled[0][ours], scaled[1][theirs], own)
    for label, p in zip(enough, metrics.holm(tests), strict=True):
        found[label]["p"] = float(p)
    return {names[label]: entry for label, entry in found.items()}


def _distance(real: np.ndarray, fake: np.ndarray, ladder: Ladder | None) -> dict[str, Any]:
    result = metrics.kernel_distance(real[:_MOST_PAIRS], fake[:_MOST_PAIRS], gamma=1.0)
    low, high = interval = metrics.normal_interval(result.value, result.standard_error)
    entry: dict[str, Any] = {"distance": {"value": result.value, "ci": list(interval)}}
    if ladder is not None:
        entry["size"] = sizes_of(ladder, low, result.value, high)
    return entry


def _own_ladder(ladder: Ladder, rungs: Sequence[np.ndarray], chosen: np.ndarray) -> Ladder | None:
    """The ladder of chosen images alone, bool [m], by all standardised views; None of too few."""
    if np.sum(chosen) < _FEWEST_RUNGS:
        return None
    clean, *others = (rung[chosen] for rung in rungs)
    *damaged, broken = (paired_distance(clean, other) for other in others)
    return dataclasses.replace(ladder, distances=tuple(damaged), broken_distance=broken)
