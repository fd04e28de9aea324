"""What a judgement comes to: could the judge tell the images from real ones, and how far are they?

Three questions in this order, none of which a larger or smaller number of images answers otherwise:
a permutation test (p), a distance as a strength on the ladder of damages, and the smallest damage
that the test would have noticed. Where that is no small one, the images are too few to say more.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from gan_jax import metrics
from gan_jax.judging.ladder import LEVEL, Ladder, noticed, sizes_of
from gan_jax.judging.view import View
from gan_jax.metrics.two_sample import permutation_test
from gan_jax.reports.words import NOT_TOLD, TOLD, TOO_FEW
from gan_jax.reports.words import in_words as in_words

_MOST_PAIRS = 5_000

INFLUENCE = "real_influence"
"""Of a distance until it is written: float64 [m], what each reference image adds to it."""
_Z = 1.96
_FEWEST = 4  # images a side that a distance with an error needs


def make_headline(
    real: View,
    fake: View,
    ladder: Ladder | None,
    *,
    classes: tuple[Any, Any] | None = None,
    influence: bool = False,
    seed: int = 0,
) -> dict[str, Any]:
    """The headline as eval.json holds it.

    Args:
        real: the view of the reference, [m, d], in the order of its content.
        fake: that of the judged images, [k, d], likewise.
        ladder: of the reference; None of an extractor whose distances say nothing of quality, and
            then there is the test alone.
        classes: int [m] and [k], of both sides, where the judged images were asked for classes;
            images then change sides within their class only.
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
    pool = real.pooled(fake)
    count = len(real.values)
    test = permutation_test(
        pool[:count],
        pool[count:],
        real_classes=None if classes is None else classes[0],
        fake_classes=None if classes is None else classes[1],
        gamma=1.0,
        seed=seed,
    )
    content: dict[str, Any] = {
        "verdict": TOLD if test.p <= LEVEL else NOT_TOLD,
        "test": dataclasses.asdict(test),
    }
    if ladder is None:
        return content
    seen = noticed(ladder, min(count // 2, len(fake.values)), seed=seed)
    if content["verdict"] == NOT_TOLD and not seen.has_power:
        content["verdict"] = TOO_FEW
    content |= {
        "ladder": {
            "damage": ladder.damage,
            "strengths": list(ladder.strengths),
            "distances": list(ladder.distances),
            "broken": ladder.broken_distance,
            "n": len(ladder.clean.values),
        },
        "noticed": dataclasses.asdict(seen),
    }
    if min(count, len(fake.values)) < _FEWEST:
        return content
    found = metrics.kernel_distance(
        real.standardised(by=real)[:_MOST_PAIRS],
        fake.standardised(by=real)[:_MOST_PAIRS],
        gamma=1.0,
    )
    margin = _Z * found.standard_error
    low, high = found.value - margin, found.value + margin
    return content | {
        "distance": {
            "value": found.value,
            "ci": [low, high],
            "standard_error": found.standard_error,
            "n": min(len(fake.values), _MOST_PAIRS),
            **({INFLUENCE: found.real_influence} if influence else {}),
        },
        "size": sizes_of(ladder, low, found.value, high),
    }
