"""What a judgement comes to: could the judge tell the images from real ones, and how far are they?

A permutation test (p), a distance as a strength on the ladder of damages, and the smallest damage
that the test would have noticed; where that is no small one, the images are too few to say more.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from gan_jax import metrics
from gan_jax.judging.entries import INFLUENCE
from gan_jax.judging.ladder import Ladder, sizes_of
from gan_jax.judging.power import LEVEL, Noticed, noticed
from gan_jax.judging.sides import MOST_PAIRS
from gan_jax.judging.view import View
from gan_jax.metrics.two_sample import TwoSampleTest, permutation_test
from gan_jax.reports.words import NOT_TOLD, TOLD, TOO_FEW

_FEWEST = 4  # images a side that a distance with an error needs

Classes = tuple[np.ndarray, np.ndarray]
"""Int [m] and [k]: the classes of real images and those that judged images were asked for."""


def make_headline(
    real: View,
    fake: View,
    ladder: Ladder | None,
    *,
    classes: Classes | None = None,
    influence: bool = False,
    seed: int = 0,
) -> dict[str, Any]:
    """The headline as eval.json holds it.

    Args:
        real: the view of the reference, [m, d], in the order of its content.
        fake: that of the judged images, [k, d], likewise.
        ladder: of the reference; None of an extractor whose distances say nothing of quality, and
            then there is the test alone.
        classes: where the judged images were asked for classes; images then change sides within
            their class only.
        influence: whether 'distance' holds `INFLUENCE` too, an array to take out before writing.
        seed: of the permutations and halves.

    Returns:
        'verdict', one of `TOLD`, `NOT_TOLD` and `TOO_FEW`; 'test' with 'p', 'statistic', 'n_real',
        'n_fake', 'permutations', 'within_classes'; and with a ladder 'distance' with 'value', 'ci'
        and 'n', 'size' with 'damage', 'unit', 'strength', 'low', 'high', 'beyond' and 'broken', the
        share of broken images that is as far from real ('share', 'low', 'high'), 'ladder' with
        'damage', 'strengths' and 'distances', and 'noticed' with 'strength', 'broken', 'n' and
        'needed'.
    """
    test = compare_views(real, fake, classes=classes, seed=seed)
    content: dict[str, Any] = {"verdict": verdict_of(test.p), "test": dataclasses.asdict(test)}
    if ladder is None:
        return content
    count = min(len(real.values), len(fake.values))
    seen = noticed(ladder, min(len(real.values) // 2, len(fake.values)), seed=seed)
    content |= {"verdict": verdict_of(test.p, seen), **power_entries(ladder, seen)}
    if count < _FEWEST:
        return content
    sides = [side.standardised(by=real)[:MOST_PAIRS] for side in (real, fake)]
    found = metrics.kernel_distance(*sides, gamma=1.0)
    low, high = interval = metrics.normal_interval(found.value, found.standard_error)
    return content | {
        "distance": {
            "value": found.value,
            "ci": list(interval),
            "standard_error": found.standard_error,
            "n": len(sides[1]),
            **({INFLUENCE: found.real_influence} if influence else {}),
        },
        "size": sizes_of(ladder, low, found.value, high),
    }


def power_entries(ladder: Ladder, seen: Noticed) -> dict[str, Any]:
    """The headline's entries 'ladder' and 'noticed'."""
    return {
        "ladder": {
            "damage": ladder.damage,
            "strengths": list(ladder.strengths),
            "distances": list(ladder.distances),
            "broken": ladder.broken_distance,
            "n": len(ladder.clean.values),
        },
        "noticed": dataclasses.asdict(seen),
    }


def compare_views(
    real: View, fake: View, *, classes: Classes | None = None, seed: int = 0
) -> TwoSampleTest:
    """The permutation test of two views, each in the order of its images' content."""
    pool, count = real.pooled(fake), len(real.values)
    return permutation_test(
        pool[:count],
        pool[count:],
        real_classes=None if classes is None else classes[0],
        fake_classes=None if classes is None else classes[1],
        gamma=1.0,
        seed=seed,
        in_order=True,
    )


def verdict_of(p: float, seen: Noticed | None = None) -> str:
    """The headline's verdict; images that could not be told apart anyhow are too few to say."""
    if p <= LEVEL:
        return TOLD
    return NOT_TOLD if seen is None or seen.has_power else TOO_FEW
