"""How far a distance would move over fresh images, from what each image contributed to it.

A distance D of two samples is, up to terms that vanish faster, a constant, a sum over rows, and a
sum over pairs of rows (Hoeffding 1948):

    D = E D + 1/n sum_i f(x_i) + 1/n^2 sum_{i != j} h(x_i, x_j),    var D = V1 + V2.

Far from its floor V1 rules. If both samples come from one distribution, V2 is nearly all, and the
jackknife counts it twice (Efron & Stein 1981). So V2 is measured apart, between halves of real
rows: row i keeps f(x_i) in every halving, while its sum over pairs changes. V1 grows in proportion
to how far the distance lies above its floor, so the interval is that of all expectations that the
value doesn't contradict, each with its own variance (Wilson 1927, "Probable inference").

Over 300 to 400 fresh pairs of sets a case (gamma-distributed features and features like a CNN's; d
16 to 512, n 28 to 2,000; at the floor, at 3 and at 30 times it), 95 % intervals of the Fréchet
distance held the truth in 91 to 98 %. Those of the kernel distance, which cubes the tails, did in
94 to 97.5 % for features like a CNN's, and in 86 to 98 % for gamma ones, but in 73 and 85 % of
these at d 16, n = 100, above 0. For equal distributions the standard error is up to 1.3 times the
spread. Rows are taken to be independent of one another, which crops of one picture are not.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import scipy.special

from gan_jax.metrics.draws import Draw

_CONFIDENCE = 0.95

Sides = tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Spread:
    """The variance of a distance, as a function of what it is expected to be."""

    at_floor: float  # variance where the distance is no more than its floor
    slope: float  # rise of the variance per unit above the floor
    floor: float
    degrees: float  # of freedom of the estimate, for Student's quantiles

    def variance(self, expected: float) -> float:
        """Of the distance, where its expectation is `expected`."""
        return self.at_floor + self.slope * max(expected - self.floor, 0.0)

    def interval(self, value: float) -> tuple[float, float]:
        """95 % interval around `value`; its low end may be below 0."""
        tail = (1.0 - _CONFIDENCE) / 2.0
        quantile = float(scipy.special.stdtrit(max(self.degrees, 3.0), 1.0 - tail))
        flat = quantile * math.sqrt(self.at_floor)
        above = value - self.floor
        lean = quantile**2 * self.slope / 2.0
        reach = math.sqrt(max(lean**2 + flat**2 + 2.0 * lean * above, 0.0))
        low = value - flat if above < flat else value + lean - reach
        high = value + flat if above < -flat else value + lean + reach
        return low, high


@dataclasses.dataclass(eq=False)
class Influences:
    """Jackknife influences of the rows on the distances of S >= 2 draws of n >= 3 rows a side.

    Row i of a side has (n - 1) (D - D without row i), less the mean of its side.

    Attributes:
      draws: from m real and k generated rows.
      of_rows: by draw, of its real and of its generated rows, [n] each.
      of_halves: by draw, of the rows of both null halves on the distance between them, [n] each.
      common: float64 [m] of zero mean, what each row of the reference made of every draw.
    """

    draws: Sequence[Draw]
    num_real: int
    num_generated: int
    of_rows: list[Sides] = dataclasses.field(default_factory=list)
    of_halves: list[Sides] = dataclasses.field(default_factory=list)
    common: np.ndarray | float = 0.0

    def placed(self, name: str, values: Sequence[np.ndarray | float] | np.ndarray) -> np.ndarray:
        """Values of the rows `name` of each draw at these rows, else 0: float64 [S, m or k]."""
        count = self.num_generated if name == "generated" else self.num_real
        placed = np.zeros((len(self.draws), count))
        for row, draw, value in zip(placed, self.draws, values):
            row[getattr(draw, name)] = value
        return placed


def spread_of_mean(value: float, floor: float, influences: Influences) -> tuple[Spread, np.ndarray]:
    """`spread_of_distance` of the mean of the distances, `floor` that between the halves."""
    n, count = len(influences.draws[0].one), len(influences.draws)
    scale = n * (n - 1) * count**2
    of_real, of_generated = zip(*influences.of_rows)
    real = influences.placed("one", of_real) + influences.common * (n / influences.num_real)
    generated = influences.placed("generated", of_generated)
    # Rows that two draws have in common.
    drawn = [influences.placed(name, np.ones(count)) for name in ("one", "generated")]
    real_shared, generated_shared = (rows @ rows.T for rows in drawn)
    pairs, single = _null_moments(influences)
    per_overlap = 2.0 * pairs / (n**4 * count**2)
    return spread_of_distance(
        value,
        floor=floor,
        bias=floor,
        real=real.sum(axis=0) / math.sqrt(scale),
        generated=generated.sum(axis=0) / math.sqrt(scale),
        first_order=single * float(real_shared.sum() + generated_shared.sum()) / scale,
        second_order=per_overlap * float(np.sum((real_shared + generated_shared) ** 2)),
        second_order_shared=per_overlap * float(np.sum(real_shared**2)),
    )


def spread_of_distance(
    value: float,
    *,
    floor: float,
    bias: float,
    real: np.ndarray,
    generated: np.ndarray,
    first_order: float,
    second_order: float,
    second_order_shared: float,
) -> tuple[Spread, np.ndarray]:
    """The spread of a distance, and what the reference's rows made of it.

    Args:
      value: the distance.
      floor: its expectation if both sides are real.
      bias: of a distance that is never negative: the floor, unless it was taken off.
      real, generated: jackknife influences [m] and [k] of zero mean; the sum of all squares is the
        jackknife's variance.
      first_order, second_order: V1 and V2 if both sides are real.
      second_order_shared: the part of V2 from pairs of reference rows.

    Returns:
      The spread, and the reference's influence, float64 [m] of zero mean. The covariance of two
      results on the same rows is the mean of the products of their influences, over m.
    """
    of_real, of_generated = float(real @ real), float(generated @ generated)
    jackknife = of_real + of_generated
    # What the slope is divided by: with half of the bias it is steady where there is no distance.
    above = max(value - floor, 0.0) + bias / 2.0
    slope = max(jackknife - second_order - first_order, 0.0) / above if above > 0.0 else 0.0
    degrees = _degrees_of_freedom(real, generated, jackknife)
    spread = Spread(second_order + first_order, slope, floor, degrees)

    once = spread.variance(value) - second_order
    once *= of_real / jackknife if jackknife > 0.0 else 0.0
    counted = once + 2.0 * second_order_shared
    share = (once + second_order_shared) / counted if counted > 0.0 else 0.0
    return spread, real * len(real) * math.sqrt(share)


def _degrees_of_freedom(real: np.ndarray, generated: np.ndarray, jackknife: float) -> float:
    """2 V^2 / var V of the jackknife's V (Satterthwaite 1946): few where tails are heavy."""
    if not 0.0 < jackknife < math.inf:
        return math.inf
    variance = 0.0  # of V / V
    for side in (real, generated):
        shares = (side / math.sqrt(jackknife)) ** 2
        variance += float(shares @ shares) - float(shares.sum()) ** 2 / len(shares)
    return 2.0 / variance if variance > 0.0 else math.inf


def _null_moments(influences: Influences) -> tuple[float, float]:
    """E h(x, x')^2 of pairs of rows, and E f(x)^2 of single rows, if both sides are real.

    A row's influence is f + 2/n times the sum of h over the other rows of its side, less that over
    the rows of the other. f stays from halving to halving; the squared difference of two tells h.
    """
    n, ones = len(influences.draws[0].one), np.ones(len(influences.draws))
    of_one, of_other = zip(*influences.of_halves)
    null = influences.placed("null_one", of_one) + influences.placed("null_other", of_other)
    sides = influences.placed("null_one", ones) - influences.placed("null_other", ones)
    present = np.abs(sides)
    both = np.triu(np.ones((len(null), len(null)), bool), 1)
    rows = (present @ present.T)[both]
    agreement = (sides @ sides.T)[both] ** 2  # of the signs of the pairs in two halvings
    products = (null @ null.T)[both]
    squares = null**2 @ present.T
    squares = (squares + squares.T)[both]
    different = np.sum(2 * n * rows - agreement) * 4.0 / n**2
    pairs = np.sum(squares / 2.0 - products) / different if different > 0.0 else 0.0
    single = np.sum(products - 4.0 / n**2 * agreement * pairs) / max(np.sum(rows), 1.0)
    return float(pairs), max(float(single), 0.0)
