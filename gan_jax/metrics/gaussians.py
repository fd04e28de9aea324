"""Two Gaussians: their Fréchet distance, and what it would be without each of their rows.

A root of a covariance S is any matrix F of r rows with F^T F = S. The trace of (S1 S2)^(1/2) is the
sum of the singular values of F1 F2^T. These are taken directly: squaring first would lose half of
the digits of a near singular covariance, for which a general matrix square root returns NaN or
complex numbers. All algebra is numpy float64.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from gan_jax.metrics.moments import Moments

_LARGE = 256  # singular values of smaller matrices take no time worth saving
_STEP = 0.6  # of the quadrature over log t: errors of about exp(-pi^2 / step)
_BELOW, _ABOVE = 15.0, 5.0  # how far it reaches beyond the singular values, in log t


@dataclasses.dataclass(frozen=True, eq=False)
class Gaussian:
    """Mean [d], trace of the covariance, and a root [r, d] of it with r <= d."""

    mean: np.ndarray
    trace: float
    root: np.ndarray

    @classmethod
    def of_features(cls, features: np.ndarray) -> Gaussian:
        """Of float64 rows [n, d]; where n <= d the centred rows are the root."""
        count, num_features = features.shape
        if count > num_features:
            return cls.of_moments(Moments.of(features))
        mean = features.mean(axis=0)
        root = (features - mean) / math.sqrt(count - 1)
        return cls(mean, float(np.sum(root**2)), root)

    @classmethod
    def of_moments(cls, moments: Moments) -> Gaussian:
        """Of streamed moments; InputError for fewer than two rows."""
        covariance = moments.covariance()
        root = _triangular_root(covariance) if moments.count > len(covariance) else None
        if root is None:
            eigenvalues, vectors = np.linalg.eigh(covariance)
            # An eigenvalue below this is round-off: its root would add directions that don't exist.
            threshold = len(eigenvalues) * np.finfo(np.float64).eps * max(eigenvalues[-1], 0.0)
            kept = eigenvalues > threshold
            root = np.sqrt(eigenvalues[kept])[:, None] * vectors[:, kept].T
        return cls(moments.mean, float(np.trace(covariance)), root)


def _triangular_root(covariance: np.ndarray) -> np.ndarray | None:
    """The Cholesky factor, twenty times as fast as eigenvectors; None near singularity."""
    try:
        factor = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return None
    pivots = np.diag(factor) ** 2
    if pivots.min() <= 100 * len(pivots) * np.finfo(np.float64).eps * pivots.max():
        return None
    return factor.T


def gaussian_distance(a: Gaussian, b: Gaussian) -> float:
    """|m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2); round-off below 0 is 0."""
    product = a.root @ b.root.T
    apart = float(np.sum((a.mean - b.mean) ** 2)) + a.trace + b.trace
    if min(product.shape) >= _LARGE:
        overlap, error = _fast_nuclear_norm(product)
        if 2.0 * error < 1e-10 * (apart - 2.0 * overlap):
            return apart - 2.0 * overlap
    overlap = float(np.linalg.svd(product, compute_uv=False).sum()) if product.size else 0.0
    return max(apart - 2.0 * overlap, 0.0)


def _fast_nuclear_norm(product: np.ndarray) -> tuple[float, float]:
    """Sum of the singular values as roots of the eigenvalues of P P^T, and its probable error.

    Several times as fast at d 2048. The round-off of an eigenvalue over twice its root is the error
    of the root; infinite if one is 0.
    """
    gram = product @ product.T if len(product) <= product.shape[1] else product.T @ product
    eigenvalues = np.linalg.eigvalsh(gram)
    if eigenvalues[0] <= 0.0:
        return 0.0, math.inf
    roots = np.sqrt(eigenvalues)
    round_off = 10 * np.finfo(np.float64).eps * eigenvalues[-1]
    return float(roots.sum()), float(np.sum(round_off / (2.0 * roots)))


@dataclasses.dataclass(frozen=True, eq=False)
class Pair:
    """Two Gaussians, of roots F_a and F_b, and what the derivatives of their distance are made of.

    `singular` are the r singular values above 0 of F_a F_b^T = U s V^T; `axes_a` is F_b^T V and
    `axes_b` F_a^T U, both [d, r].
    """

    a: Gaussian
    b: Gaussian
    singular: np.ndarray
    axes_a: np.ndarray
    axes_b: np.ndarray

    @classmethod
    def of(cls, a: Gaussian, b: Gaussian) -> Pair:
        """Of two Gaussians of the same width; one decomposition of r x r numbers."""
        product = a.root @ b.root.T
        if len(product) <= product.shape[1]:
            singular, left = _singular(product @ product.T)
            right = product.T @ left / singular
        else:
            singular, right = _singular(product.T @ product)
            left = product @ right / singular
        return cls(a, b, singular, b.root.T @ right, a.root.T @ left)

    def leave_one_out(
        self, a_rows: np.ndarray, b_rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(n - 1) (D - D without row i), less its mean, for the rows of both sides: [n], [m].

        D is the Fréchet distance of the rows float64 [n, d] and [m, d] whose Gaussians these are;
        n, m >= 3. These are the jackknife's influences (Efron & Stein 1981). Taking out a row takes
        one rank from a covariance, and for N - e u u^T, with eigenvalues s_k^2 of N and u in its
        eigenvectors,

            tr (N - e u u^T)^(1/2) - tr N^(1/2)
                = 1/pi integral_0^inf log(1 - e sum_k u_k^2 / (s_k^2 + t^2)) dt,

        so that one product with a few dozen values of t serves all rows, within about 1e-6 of the
        largest.
        """
        apart = self.a.mean - self.b.mean
        return (
            _influences(a_rows - self.a.mean, apart, self.singular, self.axes_a),
            _influences(b_rows - self.b.mean, -apart, self.singular, self.axes_b),
        )

    def maps(self) -> tuple[np.ndarray, np.ndarray]:
        """The matrices [d, d] of the maps that carry a to b and b to a at the least cost.

        T = S_b^(1/2) (S_b^(1/2) S_a S_b^(1/2))^(-1/2) S_b^(1/2), symmetric (Dowson & Landau 1982);
        I - T is the gradient of the distance by S_a. Directions without variance are left out.
        """
        a, b = ((axes / self.singular) @ axes.T for axes in (self.axes_a, self.axes_b))
        return a, b

    def by_scale(self) -> np.ndarray:
        """Derivative of the distance by the logarithm of a factor of each column, [d].

        The factor is the same for both sides.
        """
        lengths = np.sum(self.a.root**2, axis=0) + np.sum(self.b.root**2, axis=0)
        apart = (self.a.mean - self.b.mean) ** 2
        return 2.0 * (apart + lengths) - 4.0 * np.sum(self.axes_a * self.axes_b, axis=1)


def _singular(gram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Singular values > 0, falling, and their vectors, of a matrix whose product is given."""
    eigenvalues, vectors = np.linalg.eigh(gram)
    kept = eigenvalues > 1e-14 * max(eigenvalues[-1], 0.0) if len(eigenvalues) else slice(0)
    return np.sqrt(eigenvalues[kept])[::-1], vectors[:, kept][:, ::-1]


def _influences(
    centred: np.ndarray, apart: np.ndarray, singular: np.ndarray, axes: np.ndarray
) -> np.ndarray:
    count = len(centred)
    lost = np.zeros(count)  # of the trace of the root of the product
    if len(singular):
        steps = np.arange(np.log(singular[-1]) - _BELOW, np.log(singular[0]) + _ABOVE, _STEP)
        points = np.exp(steps)
        squares = (centred @ axes) ** 2 * (count / (count - 1) ** 2)
        shares = squares @ (1.0 / (singular[:, None] ** 2 + points**2))
        lost = np.log1p(-np.minimum(shares, 1.0 - 1e-14)) @ points * (_STEP / math.pi)
        rest = _STEP / (points[-1] * math.expm1(_STEP))  # sum of the points beyond, by 1 / t^2
        lost -= squares.sum(axis=1) * (rest / math.pi)
    lengths = np.sum(centred**2, axis=1)
    without = lengths / (count - 1) ** 2 - 2.0 * (centred @ apart) / (count - 1)  # of the means
    without -= lengths * count / ((count - 1) * (count - 2))  # of the trace
    without -= 2.0 * lost * math.sqrt((count - 1) / (count - 2))
    return (count - 1) * (without.mean() - without)
