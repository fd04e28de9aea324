"""Two results of one metric on one reference: is their difference more than chance?

Results that share a reference rise and fall together with the images that it happens to hold. That
part drops out of their difference, so the overlap of their two intervals is the wrong test: it is
too cautious. What the reference made of each result is known row by row (`real_influence`), and so
is what they share.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from gan_jax.errors import InputError

_QUANTILE = 1.959963984540054  # of the normal distribution, for 95 %


class Result(Protocol):
    """A value, its standard error, and what each of the m reference rows made of it, or None."""

    @property
    def value(self) -> float: ...

    @property
    def standard_error(self) -> float | None: ...

    @property
    def real_influence(self) -> np.ndarray | None: ...


@dataclasses.dataclass(frozen=True)
class Difference:
    """One result less another, over fresh images of all sides, with one reference for both."""

    value: float
    standard_error: float
    interval: tuple[float, float]  # 95 % interval (low, high) of the expected difference
    p: float  # two-sided, of an expected difference of 0
    paired: bool  # the reference's shared influence was taken out; else the interval is too long


def paired_difference(a: Result, b: Result) -> Difference:
    """`a` less `b`, two results of one metric, with standard errors, on the same reference rows.

    The variance is that of both less twice the covariance, which is the mean of the products of
    their influences over m; the quantiles are normal. Of 300 fresh triples of sets (features like a
    CNN's, d 16 to 128, n 100 and 500, at the floor, at 3 and at 30 times it), the interval held the
    true difference of Fréchet distances in 93 to 99 % and of kernel distances in 94 to 100 %, but
    in 75 to 99 % for heavy-tailed features at d 16, n = 100.
    """
    if a.standard_error is None or b.standard_error is None:
        raise InputError(
            "a result has no standard error; expected one of each result. Compute both with their "
            "intervals, from at least 3 images a side."
        )
    shared, paired = 0.0, a.real_influence is not None and b.real_influence is not None
    if paired:
        one, other = (np.asarray(x.real_influence, np.float64) for x in (a, b))
        if one.shape != other.shape:
            raise InputError(
                f"one result has influences of {len(one)} reference rows and the other of "
                f"{len(other)}; expected the same rows. Compute both on one reference."
            )
        shared = float(one @ other) / len(one) ** 2
    value = a.value - b.value
    error = math.sqrt(max(a.standard_error**2 + b.standard_error**2 - 2.0 * shared, 0.0))
    if error > 0.0:
        p = math.erfc(abs(value) / error / math.sqrt(2.0))
    else:
        p = 1.0 if value == 0.0 else 0.0
    half_width = _QUANTILE * error
    return Difference(value, error, (value - half_width, value + half_width), p, paired)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """p values corrected for their number, float64 [k], in the order of the input.

    Holm, "A simple sequentially rejective multiple test procedure", 1979: the i-th smallest is
    multiplied by k - i + 1, and none is less than one before it. Below 0.05, the chance of even one
    false finding among all k is at most 0.05.
    """
    values = np.asarray(p_values, np.float64)
    outside = ~((values >= 0.0) & (values <= 1.0))
    if outside.any():
        raise InputError(f"a p value is {values[outside][0]}; expected 0 to 1.")
    order = np.argsort(values, kind="stable")
    adjusted = np.empty(len(values))
    factors = np.arange(len(values), 0, -1)
    adjusted[order] = np.maximum.accumulate(np.minimum(factors * values[order], 1.0))
    return adjusted
