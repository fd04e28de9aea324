"""The kernel distance: squared maximum mean discrepancy with a polynomial kernel.

With k(x, y) = (gamma x.y + c)^p, by default p = 3, gamma = 1/d, c = 1 (Binkowski et al. 2018,
section 4; the "KID" where the features are Inception's), n real vectors x and m fake ones y,

    KD = 1/(n(n-1)) sum_{i != j} k(x_i, x_j) + 1/(m(m-1)) sum_{i != j} k(y_i, y_j)
         - 2/(nm) sum_{ij} k(x_i, y_j)

(Gretton et al. 2012, eq. 3). It is unbiased at any n, so it is below 0 about half of the time when
the two distributions are equal. All sums are float64, tile by tile.

The second-order part of its variance over fresh images, which a jackknife counts twice, is
estimated without bias from the centred kernel matrices (Bounliphone et al. 2016, "A test of
relative similarity", section 3; Sutherland & Deka 2019, "Unbiased estimators for the variance of
MMD estimators"); `gan_jax.metrics.spread` makes an interval of both.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import numpy as np

from gan_jax.data.content import content_order, in_content_order
from gan_jax.errors import InputError
from gan_jax.metrics.estimates import Estimate
from gan_jax.metrics.moments import checked_pair
from gan_jax.metrics.spread import spread_of_distance

TILE = 1024  # rows; the memory of a sum grows with its square


@dataclasses.dataclass(frozen=True)
class Kernel:
    """k(x, y) = (gamma x.y + offset)^degree of rows of float64."""

    degree: int
    gamma: float
    offset: float
    less: float = 0.0  # taken from each value; no kernel distance depends on it

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return self._of_products(x @ y.T)

    def centred_on(self, x: np.ndarray, y: np.ndarray) -> Kernel:
        """Less what all values share, so that their squares lose no digits when centred."""
        middles = (side.mean(axis=0, dtype=np.float64, keepdims=True) for side in (x, y))
        return dataclasses.replace(self, less=_finite(self(*middles).item()))

    def of_itself(self, x: np.ndarray) -> np.ndarray:
        """k(x_i, x_i), [n]."""
        return self._of_products(np.sum(x**2, axis=1))

    def _of_products(self, product: np.ndarray) -> np.ndarray:
        product *= self.gamma
        product += self.offset
        power = product.copy()
        for _ in range(self.degree - 1):  # many times as fast as numpy's power
            power *= product
        power -= self.less
        return power


def kernel_distance(
    real, fake, *, degree: int = 3, gamma: float | None = None, offset: float = 1.0
) -> Estimate:
    """Kernel distance of features [n, d] and [m, d] over all pairs, with its interval.

    It can be negative, and so can the interval. The order of rows changes nothing.

    Args:
      real, fake: at least 4 rows each; any real type, but not so large that the kernel overflows.
      degree: p, at least 1.
      gamma: factor of the inner products; 1/d if None.
      offset: c.
    """
    real, fake = checked_pair(real, fake, metric="a kernel distance", least=4)
    if degree < 1 or degree != int(degree):
        raise InputError(f"degree is {degree}; expected a whole number of at least 1.")
    kernel = Kernel(int(degree), 1.0 / real.shape[1] if gamma is None else gamma, offset)
    order = content_order(real)
    real, fake = real[order], in_content_order(fake)
    n, m = len(real), len(fake)
    with np.errstate(over="ignore", invalid="ignore"):
        kernel = kernel.centred_on(real, fake)
        x, y = _sums_within(real, kernel), _sums_within(fake, kernel)
        across = _sums_across(real, fake, kernel)
        value = x.mean + y.mean - 2.0 * across.mean
        # (n - 1) times what is missing without one image, less its mean.
        of_real = 2.0 * (x.rows / (n - 2) - across.rows / m)
        of_fake = 2.0 * (y.rows / (m - 2) - across.columns / n)
        pairs_of_real = 2.0 * _pairs_within(x) / (n * (n - 1))
        pairs = pairs_of_real + 2.0 * _pairs_within(y) / (m * (m - 1))
        pairs += 4.0 * _pairs_across(across) / (n * m)
        bias = (_mean_of_itself(real, kernel) - x.mean) / n
        bias += (_mean_of_itself(fake, kernel) - y.mean) / m
        spread, influence = spread_of_distance(
            _finite(value),
            floor=0.0,
            bias=max(bias, 0.0),
            real=(of_real - of_real.mean()) / math.sqrt(n * (n - 1)),
            generated=(of_fake - of_fake.mean()) / math.sqrt(m * (m - 1)),
            first_order=0.0,
            second_order=_finite(pairs),
            second_order_shared=pairs_of_real,
        )
    error = _finite(math.sqrt(spread.variance(value)))
    in_input_order = influence[np.argsort(order)]
    return Estimate(float(value), error, spread.interval(value), in_input_order)


@dataclasses.dataclass(frozen=True, eq=False)
class _Sums:
    """Of a matrix of kernel values: over its rows, its columns, all squares; and the mean."""

    rows: np.ndarray
    columns: np.ndarray
    squares: float
    mean: float


def _tiles(x: np.ndarray, first: int = 0) -> Iterator[tuple[slice, np.ndarray]]:
    for start in range(first, len(x), TILE):
        part = slice(start, start + TILE)
        yield part, x[part].astype(np.float64)


def _sums_within(x: np.ndarray, kernel: Kernel) -> _Sums:
    """Of k(x_i, x_j), j != i; each pair of tiles is computed once."""
    sums, squares = np.zeros(len(x)), 0.0
    for rows, left in _tiles(x):
        for columns, right in _tiles(x, rows.start):
            values = kernel(left, right)
            same = columns == rows
            if same:
                np.fill_diagonal(values, 0.0)
            else:
                sums[columns] += values.sum(axis=0)
            sums[rows] += values.sum(axis=1)
            squares += float(np.vdot(values, values)) * (1.0 if same else 2.0)
    return _Sums(sums, sums, squares, float(sums.sum() / (len(x) * (len(x) - 1))))


def _sums_across(x: np.ndarray, y: np.ndarray, kernel: Kernel) -> _Sums:
    """Of k(x_i, y_j)."""
    x_sums, y_sums, squares = np.zeros(len(x)), np.zeros(len(y)), 0.0
    for rows, left in _tiles(x):
        for columns, right in _tiles(y):
            values = kernel(left, right)
            x_sums[rows] += values.sum(axis=1)
            y_sums[columns] += values.sum(axis=0)
            squares += float(np.vdot(values, values))
    return _Sums(x_sums, y_sums, squares, float(x_sums.sum() / (len(x) * len(y))))


def _pairs_within(sums: _Sums) -> float:
    """Mean square of the kernel's part that belongs to pairs alone, unbiased; 0 if round-off.

    By U-centring (Székely & Rizzo, "Partial distance correlation with methods for dissimilarities",
    2014, proposition 1).
    """
    n = len(sums.rows)
    centred = sums.squares - 2.0 * float(sums.rows @ sums.rows) / (n - 2)
    centred += float(sums.rows.sum()) ** 2 / ((n - 1) * (n - 2))
    return max(centred / (n * (n - 3)), 0.0)


def _pairs_across(sums: _Sums) -> float:
    n, m = len(sums.rows), len(sums.columns)
    centred = sums.squares - float(sums.rows @ sums.rows) / m
    centred += float(sums.rows.sum()) ** 2 / (n * m) - float(sums.columns @ sums.columns) / n
    return max(centred / ((n - 1) * (m - 1)), 0.0)


def _mean_of_itself(x: np.ndarray, kernel: Kernel) -> float:
    return sum(float(kernel.of_itself(rows).sum()) for _, rows in _tiles(x)) / len(x)


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise InputError(
            "the kernel overflows float64: the features are too large for its degree. Scale both "
            "sides by the same number, or give a smaller gamma."
        )
    return float(value)
