"""The power of the two-sample test: the smallest damage that it would have noticed.

The damaged images of a ladder are compared with clean ones, as many as there are to be judged.
"""

from __future__ import annotations

import bisect
import dataclasses
import functools
import math
from collections.abc import Callable

import numpy as np

from gan_jax.judging.ladder import Ladder
from gan_jax.judging.view import View
from gan_jax.metrics.two_sample import permuted_distances, pooled_gram

LEVEL = 0.05
"""The highest p at which a two-sample test tells images apart."""

ENOUGH = 0.25
"""The share of broken images that a judgement must be able to notice."""

SHARES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)

_MOST_TESTED = 500  # a side; power only rises with more
_DRAWS = 10
_FOUND = 0.8  # of the draws
_PERMUTATIONS = 199

Draw = Callable[[int], tuple[View, View]]
"""Two sets of images to tell apart, by the number of the draw."""


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


def noticed(ladder: Ladder, most: int, *, seed: int = 0) -> Noticed:
    """The smallest damage that would have been noticed with so many images.

    Random halves of the ladder's images are compared, one of them damaged, by the two-sample test
    at 5 %. Strengths are searched by halving, so they are taken to be found in their order.

    Args:
        ladder: of the reference.
        most: images a side at most; 500 and half of the ladder's images are not exceeded.
        seed: of the halves.
    """
    clean = ladder.clean
    total = len(clean.values)
    count = min(most, total // 2, _MOST_TESTED)
    if count < 2:
        return Noticed(None, None, count, None)

    def draw(number: int, damaged: View = clean, share: float = 1.0) -> tuple[View, View]:
        """Half of the images, and the other half, a share of it damaged."""
        order = np.random.default_rng([seed, number, 12]).permutation(total)
        first, second = order[:count], order[count : 2 * count]
        changed, kept = np.split(second, [round(share * count)])
        return clean.take(first), damaged.take(changed).beside(clean.take(kept))

    def finds_damage(damaged: View) -> bool:
        return _finds(functools.partial(draw, damaged=damaged))

    def finds_share(share: float) -> bool:
        return _finds(functools.partial(draw, damaged=ladder.broken, share=share))

    rung = bisect.bisect_left(ladder.damaged, True, key=finds_damage)
    share = bisect.bisect_left(SHARES, True, key=finds_share)
    return Noticed(
        strength=ladder.strengths[rung] if rung < len(ladder.strengths) else None,
        broken=SHARES[share] if share < len(SHARES) else None,
        n=count,
        needed=_needed(draw, ladder.broken_distance, count),
    )


def _needed(undamaged: Draw, broken_distance: float, count: int) -> int | None:
    """Images a side for a share of `ENOUGH`: 5 %, one-sided, and 80 % of a normal spread."""
    if broken_distance <= 0:
        return None
    values = []
    for number in range(2 * _DRAWS):
        first, second = undamaged(number)
        gram = pooled_gram(first.pooled(second), gamma=1.0)
        values.append(permuted_distances(gram, count, num_permutations=0))
    threshold = (1.64 + 0.84) * float(np.sqrt(np.mean(np.square(values))))
    return max(math.ceil(count * threshold / (ENOUGH**2 * broken_distance)), 2)


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
