"""The sliced Wasserstein distance of two sets of vectors."""

from __future__ import annotations

import numpy as np

from gan_jax.data.content import in_content_order
from gan_jax.errors import InputError
from gan_jax.metrics.moments import checked_features, checked_pair

_ENTRIES_AT_ONCE = 1 << 22


def random_projections(width: int, num_projections: int, *, seed: int = 0) -> np.ndarray:
    """Directions uniform on the unit sphere, float64 [width, num_projections]."""
    if width < 1 or num_projections < 1:
        raise InputError(
            f"width is {width} and num_projections is {num_projections}; expected at least 1 each."
        )
    normal = np.random.default_rng(seed).normal(size=(width, num_projections))
    return normal / np.linalg.norm(normal, axis=0)


def sliced_wasserstein(
    real, fake, *, projections=None, num_projections: int = 512, p: float = 2.0, seed: int = 0
) -> float:
    """p-th root of the mean over directions of the p-th power of Wasserstein's distance W_p.

    Bonneel et al., "Sliced and Radon Wasserstein barycenters of measures", 2015, eq. 6, by Monte
    Carlo. On a line W_p^p is the integral over t from 0 to 1 of |F^-1(t) - G^-1(t)|^p, summed
    exactly over the steps of both quantile functions. The order of rows changes nothing.

    Args:
      real, fake: features [n, d] and [m, d].
      projections: directions [d, P] to use, as they are; columns of length 1 are usual.
      num_projections, seed: of random directions if none are given.
      p: order, at least 1.
    """
    real, fake = checked_pair(real, fake)
    width = real.shape[1]
    if not (len(real) and len(fake)):
        raise InputError(
            f"there are {len(real)} real and {len(fake)} fake images; expected at least 1 each."
        )
    if not 1.0 <= p < np.inf:
        raise InputError(f"p is {p}; expected a finite number of at least 1.")
    if projections is None:
        projections = random_projections(width, num_projections, seed=seed)
    projections = checked_features(projections, name="projections").astype(np.float64)
    if projections.shape[0] != width:
        raise InputError(
            f"projections have shape {projections.shape} for {width} features; expected "
            f"[{width}, P], one direction a column."
        )
    real, fake = in_content_order(real), in_content_order(fake)
    weights, real_steps, fake_steps = _common_steps(len(real), len(fake))
    per_block = max(1, _ENTRIES_AT_ONCE // len(weights))
    total = 0.0
    for start in range(0, projections.shape[1], per_block):
        block = projections[:, start : start + per_block]
        gap = np.sort(real @ block, axis=0)[real_steps] - np.sort(fake @ block, axis=0)[fake_steps]
        total += float(np.sum(weights @ np.abs(gap) ** p))
    return float((total / projections.shape[1]) ** (1.0 / p))


def _common_steps(n: int, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where both quantile functions are constant: widths [s], and the ranks of both sides [s].

    In units of 1 / (n m), so that the ends of the steps are whole numbers.
    """
    ends = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)
    starts = np.concatenate([[0], ends[:-1]])
    return (ends - starts) / (n * m), starts // m, starts // n
