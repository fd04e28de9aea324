"""The kernel distance: squared maximum mean discrepancy with a polynomial kernel.

With k(x, y) = (gamma x.y + c)^p, by default p = 3, gamma = 1/d, c = 1 (Binkowski et al. 2018,
section 4; the "KID" where the features are Inception's), n real vectors x and m fake ones y,

    KD = 1/(n(n-1)) sum_{i != j} k(x_i, x_j) + 1/(m(m-1)) sum_{i != j} k(y_i, y_j)
         - 2/(nm) sum_{ij} k(x_i, y_j)

(Gretton et al. 2012, eq. 3). It is unbiased at any n, so it is below 0 about half of the time when
the two distributions are equal. All sums are float64, tile by tile.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from gan_jax.errors import InputError
from gan_jax.metrics.moments import checked_features

_TILE = 1024


@dataclasses.dataclass(frozen=True)
class KernelDistance:
    """The U-statistic over all pairs and its standard error; `value` can be negative."""

    value: float
    standard_error: float


@dataclasses.dataclass(frozen=True)
class SubsetKernelDistance:
    """Mean and standard deviation (ddof 0) of the distances of random subsets.

    The deviation is not an error of the mean: it is that of one subset, and subsets overlap.
    """

    mean: float
    std: float


@dataclasses.dataclass(frozen=True)
class _Kernel:
    degree: int
    gamma: float
    offset: float

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        product = x @ y.T
        product *= self.gamma
        product += self.offset
        return product if self.degree == 1 else _power(product, self.degree)


def _power(base: np.ndarray, degree: int) -> np.ndarray:
    """base ** degree by products: many times as fast as numpy's for small degrees."""
    power = base.copy()
    for _ in range(degree - 1):
        power *= base
    return power


def kernel_distance(
    real, fake, *, degree: int = 3, gamma: float | None = None, offset: float = 1.0
) -> KernelDistance:
    """Kernel distance of features [n, d] and [m, d] over all pairs, with its standard error.

    The error is the jackknife's, which leaves out each real image and each fake one in turn (Efron
    & Stein 1981): the spread expected over fresh images of both sides. It errs upwards, up to about
    1.4-fold where the two distributions are equal.

    Args:
      real, fake: at least 3 rows each; any real type.
      degree: p, at least 1.
      gamma: factor of the inner products; 1/d if None.
      offset: c.

    Raises:
      InputError: too few rows, different numbers of columns, a non-finite feature, features so
        large that the kernel overflows, or a degree below 1.
    """
    real, fake = _checked(real, fake, least=3)
    kernel = _kernel(real.shape[1], degree, gamma, offset)
    n, m = len(real), len(fake)
    with np.errstate(over="ignore", invalid="ignore"):
        real_sums, fake_sums = _sums_within(real, kernel), _sums_within(fake, kernel)
        cross_real, cross_fake = _sums_across(real, fake, kernel)
        within_real, within_fake, cross = real_sums.sum(), fake_sums.sum(), cross_real.sum()
        value = within_real / (n * (n - 1)) + within_fake / (m * (m - 1)) - 2 * cross / (n * m)
        # The same less one image; terms that do not change are left out.
        without_real = (within_real - 2 * real_sums) / ((n - 1) * (n - 2))
        without_real -= 2 * (cross - cross_real) / ((n - 1) * m)
        without_fake = (within_fake - 2 * fake_sums) / ((m - 1) * (m - 2))
        without_fake -= 2 * (cross - cross_fake) / (n * (m - 1))
        variance = (n - 1) * np.var(without_real) + (m - 1) * np.var(without_fake)
    return KernelDistance(_finite(value), math.sqrt(_finite(variance)))


def kernel_distance_subsets(
    real,
    fake,
    *,
    num_subsets: int = 100,
    subset_size: int = 1000,
    degree: int = 3,
    gamma: float | None = None,
    offset: float = 1.0,
    seed: int = 2020,
) -> SubsetKernelDistance:
    """Kernel distances of random subsets of features, as other libraries report them.

    Rows are drawn without replacement by numpy's legacy generator, real before fake, which with
    the default seed are the draws of torch-fidelity 0.4. `kernel_distance` uses all pairs once and
    has a standard error; prefer it.

    Args:
      real, fake: features [n, d] and [m, d].
      num_subsets: at least 1.
      subset_size: rows of each side in a subset: 2 to min(n, m).
      degree, gamma, offset: see `kernel_distance`.
      seed: of the draws.

    Raises:
      InputError: a size out of range, or as `kernel_distance` does.
    """
    real, fake = _checked(real, fake, least=2)
    most = min(len(real), len(fake))
    if not 2 <= subset_size <= most:
        raise InputError(
            f"subset_size is {subset_size} for n = {len(real)} real and {len(fake)} fake images; "
            f"expected 2 to {most}. Give a smaller size, or use kernel_distance."
        )
    if num_subsets < 1:
        raise InputError(f"num_subsets is {num_subsets}; expected at least 1.")
    kernel = _kernel(real.shape[1], degree, gamma, offset)
    rng = np.random.RandomState(seed)
    values = []
    for _ in range(num_subsets):
        x = real[rng.choice(len(real), subset_size, replace=False)]
        y = fake[rng.choice(len(fake), subset_size, replace=False)]
        with np.errstate(over="ignore", invalid="ignore"):
            within = _sums_within(x, kernel).sum() + _sums_within(y, kernel).sum()
            across = _sums_across(x, y, kernel)[0].sum()
        values.append(
            _finite(within / (subset_size * (subset_size - 1)) - 2 * across / subset_size**2)
        )
    return SubsetKernelDistance(float(np.mean(values)), float(np.std(values)))


def _sums_within(x: np.ndarray, kernel: _Kernel) -> np.ndarray:
    """Sum of k(x_i, x_j) over j != i for each i, [n]; each pair of tiles is computed once."""
    sums = np.zeros(len(x))
    for start in range(0, len(x), _TILE):
        rows = x[start : start + _TILE].astype(np.float64)
        for other in range(start, len(x), _TILE):
            values = kernel(rows, x[other : other + _TILE].astype(np.float64))
            if other == start:
                np.fill_diagonal(values, 0.0)
            else:
                sums[other : other + _TILE] += values.sum(axis=0)
            sums[start : start + _TILE] += values.sum(axis=1)
    return sums


def _sums_across(x: np.ndarray, y: np.ndarray, kernel: _Kernel) -> tuple[np.ndarray, np.ndarray]:
    """Sums of k(x_i, y_j) over j [n] and over i [m]."""
    x_sums, y_sums = np.zeros(len(x)), np.zeros(len(y))
    for start in range(0, len(x), _TILE):
        rows = x[start : start + _TILE].astype(np.float64)
        for other in range(0, len(y), _TILE):
            values = kernel(rows, y[other : other + _TILE].astype(np.float64))
            x_sums[start : start + _TILE] += values.sum(axis=1)
            y_sums[other : other + _TILE] += values.sum(axis=0)
    return x_sums, y_sums


def _kernel(width: int, degree: int, gamma: float | None, offset: float) -> _Kernel:
    if degree < 1 or degree != int(degree):
        raise InputError(f"degree is {degree}; expected a whole number of at least 1.")
    return _Kernel(int(degree), 1.0 / width if gamma is None else float(gamma), float(offset))


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise InputError(
            "the kernel overflows float64: the features are too large for its degree. Scale both "
            "sides by the same number, or give a smaller gamma."
        )
    return float(value)


def _checked(real, fake, *, least: int) -> tuple[np.ndarray, np.ndarray]:
    real = checked_features(real, name="real features")
    fake = checked_features(fake, name="fake features")
    if real.shape[1] != fake.shape[1]:
        raise InputError(
            f"real features have {real.shape[1]} columns and fake features {fake.shape[1]}; take "
            "both from the same extractor and layer."
        )
    for name, features in (("real", real), ("fake", fake)):
        if len(features) < least:
            raise InputError(
                f"a kernel distance needs n >= {least} images a side, but the {name} side has "
                f"n = {len(features)}; give more images."
            )
    return real, fake
