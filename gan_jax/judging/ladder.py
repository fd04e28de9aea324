"""The ladder from real images to damaged ones, which gives a distance a size.

On the ladder a kernel distance becomes a strength of damage that a person can picture: "as far
from real as real images blurred by 0.7 pixels". The distance is unbiased, so neither it nor its
place moves with the number of images.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gan_jax.judging.degradations import DEGRADATIONS, Degradation, Pool
from gan_jax.judging.view import View
from gan_jax.metrics.two_sample import pooled_gram

_MOST_IMAGES = 500  # that are damaged; more cost time and move the rungs little

_DAMAGES = {one.name: one for one in DEGRADATIONS}
# Blur first: it is the damage that everybody can picture. Noise where blur changes nothing.
BLUR = _DAMAGES["blur"].at(0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.5, 4.0)
NOISE = _DAMAGES["noise"].at(0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
_BROKEN = _DAMAGES["shuffled patches"]

Look = Callable[[np.ndarray], View]
"""What is seen of images."""


@dataclasses.dataclass(frozen=True, eq=False)
class Ladder:
    """What an extractor sees of one damage.

    Attributes:
        damage: its name.
        unit: what a strength counts.
        strengths: k, ascending.
        distances: the unbiased kernel distance of the damaged images from clean ones, k.
        broken_distance: that of images whose pieces are shuffled, every one of them.
        clean: their view [m, d] undamaged.
        damaged: the view of each strength, k of [m, d].
        broken: the view of images in shuffled pieces, [m, d].
    """

    damage: str
    unit: str
    strengths: tuple[float, ...]
    distances: tuple[float, ...]
    broken_distance: float
    clean: View
    damaged: tuple[View, ...]
    broken: View


def find_ladder(images: np.ndarray, look: Look) -> Ladder:
    """The ladder of blur, or that of noise where blur changes little; see `measure_ladder`."""
    found = measure_ladder(images, look)
    if max(found.distances) > 0 and found.distances[-1] == max(found.distances):
        return found
    return measure_ladder(images, look, NOISE)


def measure_ladder(images: np.ndarray, look: Look, degradation: Degradation = BLUR) -> Ladder:
    """Damages real images uint8 [m, h, w, c] at each strength and looks at them.

    Clean image i and damaged image j are independent for i != j, so the mean of

        k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(x_j, y_i)

    over these pairs is an unbiased distance from all m images at once (Gretton et al. 2012, eq. 4).

    Args:
        images: in the order of their content; the first 500 are used.
    """
    images = images[:_MOST_IMAGES]
    pool = Pool(images, np.zeros(len(images), np.int32), images)
    clean = look(images)
    damaged = tuple(
        look(degradation.apply(pool, strength, np.random.default_rng([3, column])))
        for column, strength in enumerate(degradation.strengths)
    )
    broken = look(_BROKEN.apply(pool, 1.0, np.random.default_rng(4)))
    standard = clean.standardised(by=clean)

    def distance(view: View) -> float:
        return paired_distance(standard, view.standardised(by=clean))

    return Ladder(
        damage=degradation.name,
        unit=degradation.unit,
        strengths=degradation.strengths,
        distances=tuple(distance(view) for view in damaged),
        broken_distance=distance(broken),
        clean=clean,
        damaged=damaged,
        broken=broken,
    )


def strength_of(ladder: Ladder, distance: float) -> float:
    """The strength whose damage is as far from clean images as `distance` says.

    Interpolated in the root of the distance, which rises more evenly. A distance of at most 0 has
    strength 0, and one beyond the ladder that of its last rung.
    """
    knots = _roots(ladder)
    if is_beyond(ladder, distance):
        return ladder.strengths[-1]
    strengths = np.array((0.0, *ladder.strengths))
    # Of rungs that are alike the strongest counts: no weaker one can be told from it.
    keep = np.append(np.diff(knots) > 0, True)
    keep[0] = True
    value = math.sqrt(max(distance, 0.0))
    return float(np.interp(value, knots[keep], strengths[keep]))


def is_beyond(ladder: Ladder, distance: float) -> bool:
    """Whether a distance is above that of every rung."""
    return bool(math.sqrt(max(distance, 0.0)) > _roots(ladder)[-1])


def _roots(ladder: Ladder) -> np.ndarray:
    """Roots of the distances from 0 on, none below that of weaker damage."""
    return np.sqrt(np.maximum(np.maximum.accumulate((0.0, *ladder.distances)), 0.0))


def broken_share(ladder: Ladder, distance: float) -> float | None:
    """The share of broken images in a set of real ones that is as far from real as `distance` says.

    A set of which the share e is of another distribution lies e^2 of that one's distance away, so
    the share is a root, from 0 to 1. None where broken images cannot be told from real ones.
    """
    if ladder.broken_distance <= 0:
        return None
    return min(math.sqrt(max(distance, 0.0) / ladder.broken_distance), 1.0)


def sizes_of(ladder: Ladder, low: float, distance: float, high: float) -> dict[str, Any]:
    """A distance and its interval on the ladder, as eval.json holds them.

    Returns:
        'damage', 'unit', 'strength', 'low' and 'high' by `strength_of`, 'beyond', and 'broken' with
        'share', 'low' and 'high' by `broken_share`, or None.
    """
    ends = {"low": low, "share": distance, "high": high}
    shares = {name: broken_share(ladder, end) for name, end in ends.items()}
    return {
        "damage": ladder.damage,
        "unit": ladder.unit,
        "strength": strength_of(ladder, distance),
        "low": strength_of(ladder, low),
        "high": strength_of(ladder, high),
        "beyond": is_beyond(ladder, distance),
        "broken": None if shares["share"] is None else shares,
    }


def paired_distance(clean: np.ndarray, damaged: np.ndarray) -> float:
    """Unbiased distance of the same m images as they are and damaged, by all different pairs.

    Args:
        clean: standardised, float64 [m, d]; of one image the distance is 0.
        damaged: likewise, by the same images; row i is of the same image as row i of `clean`.
    """
    count = len(clean)
    if count < 2:
        return 0.0
    gram = pooled_gram(np.concatenate([clean, damaged]), gamma=1.0)
    within = gram[:count, :count].sum() + gram[count:, count:].sum()
    across = gram[:count, count:].sum() - np.trace(gram[:count, count:])
    return float((within - 2 * across) / (count * (count - 1)))
