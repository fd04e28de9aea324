"""The ladder from real images to damaged ones: a size for a distance, and what would be noticed.

A kernel distance says little by itself. On the ladder it becomes a strength of damage that a person
can picture: "as far from real as real images blurred by 0.7 pixels". The distance is unbiased, so
neither it nor its place on the ladder moves with the number of images. The same damaged images say
how small a damage the two-sample test would have noticed with as many images as there are.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gan_jax.judging.degradations import DEGRADATIONS, Degradation, Pool
from gan_jax.judging.view import View
from gan_jax.metrics.two_sample import permuted_distances, pooled_gram

LEVEL = 0.05
"""Of a two-sample test that tells images apart."""

ENOUGH = 0.25
"""The share of broken images that a judgement must be able to notice."""

SHARES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
MOST_RUNG_IMAGES = 500
"""Real images that are damaged; more cost time and move the rungs little."""

_MOST_TESTED = 500  # a side; power only rises with more
_DRAWS = 10
_FOUND = 0.8  # of the draws
_PERMUTATIONS = 199


def longer(name: str, strengths: tuple[float, ...]) -> Degradation:
    """A damage of the gate with other strengths."""
    found = next(one for one in DEGRADATIONS if one.name == name)
    return dataclasses.replace(found, strengths=strengths)


# Blur first: it is the damage that everybody can picture. Noise where blur changes nothing.
BLUR = longer("blur", (0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.5, 4.0))
BROKEN = longer("shuffled patches", (1.0,))
NOISE = longer("noise", (0.02, 0.05, 0.1, 0.2, 0.3, 0.5))


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


@dataclasses.dataclass(frozen=True)
class Size:
    """A kernel distance as a strength on a ladder.

    Attributes:
        strength: interpolated; the strongest there is if `beyond`.
        beyond: the distance is above that of the strongest.
    """

    strength: float
    beyond: bool


@dataclasses.dataclass(frozen=True)
class Noticed:
    """The smallest damage that the two-sample test finds in 8 of 10 draws.

    Attributes:
        strength: on the ladder; None where even the strongest is not found.
        broken: the share of broken images among real ones, of `SHARES`; None where not even broken
            images alone are found.
        n: images a side.
        needed: images a side to find a share of `ENOUGH` of broken images, an estimate: the spread
            of the statistic falls as 1 / n. None where broken images are no farther than real ones.
    """

    strength: float | None
    broken: float | None
    n: int
    needed: int | None

    @property
    def has_power(self) -> bool:
        """Whether a share of `ENOUGH` of broken images is found."""
        return self.broken is not None and self.broken <= ENOUGH


def measure_ladder(
    images: np.ndarray, look: Callable[[np.ndarray], View], degradation: Degradation = BLUR
) -> Ladder:
    """Damages real images uint8 [m, h, w, c] at each strength and looks at them.

    Clean image i and damaged image j are independent for i != j, so the mean of

        k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(x_j, y_i)

    over these pairs is an unbiased distance from all m images at once (Gretton et al. 2012, eq. 4).

    Args:
        images: in the order of their content; the first 500 are used.
        look: gives the view of images.
        degradation: what is done to them.
    """
    images = images[:MOST_RUNG_IMAGES]
    pool = Pool(images, np.zeros(len(images), np.int32), images)
    clean = look(images)
    damaged = tuple(
        look(degradation.apply(pool, strength, np.random.default_rng([3, column])))
        for column, strength in enumerate(degradation.strengths)
    )
    broken = look(BROKEN.apply(pool, BROKEN.strengths[0], np.random.default_rng(4)))
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


def size_of(ladder: Ladder, distance: float) -> Size:
    """The strength whose damage is as far from clean images as `distance` says.

    Interpolated in the root of the distance, which rises more evenly. A distance of at most 0 has
    strength 0.
    """
    knots = np.sqrt(np.maximum(np.maximum.accumulate((0.0, *ladder.distances)), 0.0))
    value = math.sqrt(max(distance, 0.0))
    if value > knots[-1]:
        return Size(ladder.strengths[-1], True)
    strengths = np.array((0.0, *ladder.strengths))
    # Of rungs that are alike the strongest counts: no weaker one can be told from it.
    keep = np.append(np.diff(knots) > 0, True)
    keep[0] = True
    return Size(float(np.interp(value, knots[keep], strengths[keep])), False)


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
        'damage', 'unit', 'strength', 'low', 'high' and 'beyond' by `size_of`, and 'broken' with
        'share', 'low' and 'high' by `broken_share`, or None.
    """
    ends = (low, distance, high)
    strengths, shares = ([of(ladder, end) for end in ends] for of in (size_of, broken_share))
    return {
        "damage": ladder.damage,
        "unit": ladder.unit,
        "strength": strengths[1].strength,
        "low": strengths[0].strength,
        "high": strengths[2].strength,
        "beyond": strengths[1].beyond,
        "broken": None if shares[1] is None else dict(zip(("low", "share", "high"), shares)),
    }


def noticed(ladder: Ladder, most: int, *, seed: int = 0) -> Noticed:
    """The smallest damage that would have been noticed with so many images.

    Random halves of the ladder's images are compared, one of them damaged, by the two-sample test
    at 5 %. Strengths are searched by halving, so they are taken to be found in their order.

    Args:
        ladder: of the reference.
        most: images a side at most; 500 and half of the ladder's images are not exceeded.
        seed: of the halves.
    """
    total = len(ladder.clean.values)
    count = min(most, total // 2, _MOST_TESTED)
    if count < 2:
        return Noticed(None, None, count, None)
    strength = _weakest(ladder.strengths, lambda rung: _finds(_of_rung(ladder, rung, count, seed)))
    share = _weakest(SHARES, lambda rung: _finds(_of_share(ladder, SHARES[rung], count, seed)))
    return Noticed(strength, share, count, _needed(ladder, count, seed))


def _needed(ladder: Ladder, count: int, seed: int) -> int | None:
    """Images a side for a share of `ENOUGH`: 5 %, one-sided, and 80 % of a normal spread."""
    if ladder.broken_distance <= 0:
        return None
    values = []
    for number in range(2 * _DRAWS):
        first, second = _halves(ladder, count, seed, number)
        pool = ladder.clean.take(first).pooled(ladder.clean.take(second))
        values.append(permuted_distances(pooled_gram(pool, gamma=1.0), count, num_permutations=0))
    threshold = (1.64 + 0.84) * float(np.sqrt(np.mean(np.square(values))))
    return max(math.ceil(count * threshold / (ENOUGH**2 * ladder.broken_distance)), 2)


def _weakest(values: tuple[float, ...], is_found: Callable[[int], bool]) -> float | None:
    """The least value that is found, by halving; None if none is."""
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) // 2
        if is_found(middle):
            high = middle
        else:
            low = middle + 1
    return values[low] if low < len(values) else None


def finds_missing_class(
    clean: View, labels: np.ndarray, most: int, *, seed: int = 0
) -> bool | None:
    """Whether the test would have found that a whole class, a random one, is never drawn.

    Args:
        clean: the view of m real images.
        labels: int [m], their classes.
        most: as in `noticed`.
        seed: of the halves and the classes.

    Returns:
        None where there is one class only, or too few images.
    """
    count = min(most, len(labels) // 2, _MOST_TESTED)
    classes = np.unique(labels)
    if count < 2 or len(classes) < 2:
        return None

    def draw(number: int) -> tuple[View, View]:
        rng = np.random.default_rng([seed, number, 13])
        order = rng.permutation(len(labels))
        others = order[count:]
        others = others[labels[others] != rng.choice(classes)]
        return clean.take(order[:count]), clean.take(rng.permutation(others)[:count])

    return _finds(draw)


Draw = Callable[[int], tuple[View, View]]


def _of_rung(ladder: Ladder, rung: int, count: int, seed: int) -> Draw:
    def draw(number: int) -> tuple[View, View]:
        first, second = _halves(ladder, count, seed, number)
        return ladder.clean.take(first), ladder.damaged[rung].take(second)

    return draw


def _of_share(ladder: Ladder, share: float, count: int, seed: int) -> Draw:
    def draw(number: int) -> tuple[View, View]:
        first, second = _halves(ladder, count, seed, number)
        broken = second[: round(share * count)]
        mixed = ladder.broken.take(broken).beside(ladder.clean.take(second[len(broken) :]))
        return ladder.clean.take(first), mixed

    return draw


def _finds(draw: Draw) -> bool:
    """Whether the test at 5 % tells the two views of 8 of 10 draws apart.

    The threshold is that of the permutations of the first draw; those of the others are alike.
    """
    threshold, missed = None, 0
    for number in range(_DRAWS):
        real, other = draw(number)
        if len(other.values) < 2:  # nothing is left without the class
            missed += 1
            continue
        gram = pooled_gram(real.pooled(other), gamma=1.0)
        permutations = _PERMUTATIONS if threshold is None else 0
        values = permuted_distances(gram, len(real.values), num_permutations=permutations)
        if threshold is None:
            threshold = float(np.quantile(values[1:], 1 - LEVEL))
        missed += bool(values[0] <= threshold)
    return missed <= (1 - _FOUND) * _DRAWS + 1e-9


def _halves(ladder: Ladder, count: int, seed: int, draw: int) -> tuple[np.ndarray, np.ndarray]:
    order = np.random.default_rng([seed, draw, 12]).permutation(len(ladder.clean.values))
    return order[:count], order[count : 2 * count]


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
