"""Two ways of enlarging the same images, compared image by image: the difference and its interval.

Both see the same small images and are set beside the same real ones, so their numbers rise and fall
together. The interval of each is too wide for a comparison, and that of the difference is not.
"""

from __future__ import annotations

import numpy as np

from gan_jax.metrics import normal_interval
from gan_jax.metrics.two_sample import pooled_gram
from gan_jax.reports.result import Entry, make_entry


def mean_difference(first: np.ndarray, second: np.ndarray) -> Entry:
    """The mean of `first` less `second`, float [n], one number per image, with 95 % (normal)."""
    gaps = np.asarray(first, np.float64) - second
    error = float(np.std(gaps, ddof=1)) / len(gaps) ** 0.5 if len(gaps) > 1 else 0.0
    return _entry(float(gaps.mean()), error, len(gaps))


def kernel_difference(real: np.ndarray, first: np.ndarray, second: np.ndarray) -> Entry:
    """The kernel distance of `first` from real images less that of `second`; below 0: nearer.

    Unbiased, with the jackknife's 95 % interval: each enlarged image is left out of both sides at
    once, and each real image (Bounliphone et al. 2016, "A test of relative similarity", compare two
    models so).

    Args:
        real: standardised views float [m, d], m >= 3.
        first, second: those of the same images enlarged in two ways, [n, d], n >= 3.
    """
    n, m = len(first), len(real)
    gram = pooled_gram(np.concatenate([first, second, real]), gamma=1.0)
    one, other, reference = slice(0, n), slice(n, 2 * n), slice(2 * n, None)
    within_fake = gram[one, one].sum(1) - gram[other, other].sum(1)
    gaps = gram[one, reference] - gram[other, reference]
    across_fake, across_real = gaps.sum(1), gaps.sum(0)
    within, across = within_fake.sum(), across_fake.sum()
    value = within / (n * (n - 1)) - 2 * across / (n * m)
    without_fake = (within - 2 * within_fake) / ((n - 1) * (n - 2))
    without_fake -= 2 * (across - across_fake) / ((n - 1) * m)
    without_real = -2 * (across - across_real) / (n * (m - 1))
    variance = (n - 1) * np.var(without_fake) + (m - 1) * np.var(without_real)
    return _entry(float(value), float(np.sqrt(variance)), n)


def _entry(value: float, error: float, count: int) -> Entry:
    return make_entry(value, normal_interval(value, error), count)
