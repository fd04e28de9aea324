"""Mean and covariance of a set of feature vectors, in one pass and in any batching.

Batches are centred before they are merged (Chan, Golub & LeVeque, "Algorithms for computing the
sample variance", 1983, eq. 2.1), so a mean that is large beside the spread costs no accuracy.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from gan_jax.errors import InputError

_ROWS_AT_ONCE = 8192


def checked_features(features, *, name: str = "features", first_row: int = 0) -> np.ndarray:
    """`features` as an array [n, d] of finite real numbers, in the type it came in.

    Args:
      features: array-like [n, d]; d >= 1, n may be 0.
      name: of the array in messages.
      first_row: number of the first row in messages.

    Raises:
      InputError: not two axes, no columns, not real numbers, or a NaN or infinity.
    """
    features = np.asarray(features)
    if features.ndim != 2 or features.shape[1] == 0:
        raise InputError(
            f"{name} have shape {features.shape}; expected [n, d], one row an image with d >= 1 "
            "features. Flatten or pool the other axes first."
        )
    if features.dtype.kind not in "fiub":
        try:  # extension types such as bfloat16 convert; text, objects and complex do not
            features = features.astype(np.float32, casting="safe")
        except TypeError:
            message = f"{name} are of type {features.dtype}; expected real numbers."
            raise InputError(message) from None
    finite_rows = np.isfinite(features).all(axis=1)
    if not finite_rows.all():
        row = int(np.argmin(finite_rows))
        column = int(np.argmin(np.isfinite(features[row])))
        raise InputError(
            f"{name}: row {first_row + row} holds {features[row, column]} in column {column}; "
            "expected finite numbers. Look at that image and at the network that made the features."
        )
    return features


def checked_pair(
    a, b, *, names: tuple[str, str] = ("real", "fake"), metric: str = "", least: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Features [n, d] and [m, d] of two sides, checked alone and against one another.

    Raises:
      InputError: as `checked_features`; different numbers of columns; fewer than `least` rows that
        the metric needs.
    """
    a = checked_features(a, name=f"{names[0]} features")
    b = checked_features(b, name=f"{names[1]} features")
    if a.shape[1] != b.shape[1]:
        raise InputError(
            f"{names[0]} features have {a.shape[1]} columns and {names[1]} features {b.shape[1]}; "
            "take both from the same extractor and layer."
        )
    for name, features in zip(names, (a, b)):
        if len(features) < least:
            raise InputError(
                f"{metric} needs n >= {least} images a side, but the {name} side has "
                f"n = {len(features)}; give more images."
            )
    return a, b


@dataclasses.dataclass(frozen=True, eq=False)
class Moments:
    """Count, mean and scatter of n feature vectors of d numbers.

    Attributes:
      count: n.
      mean: float64 [d]; zeros when n = 0.
      scatter: float64 [d, d], the sum of outer products of the centred vectors.
    """

    count: int
    mean: np.ndarray
    scatter: np.ndarray

    @classmethod
    def empty(cls, num_features: int) -> Moments:
        """The moments of no vectors: the start of an accumulation."""
        return cls(0, np.zeros(num_features), np.zeros((num_features, num_features)))

    @classmethod
    def of(cls, features, *, first_row: int = 0) -> Moments:
        """Moments of `features` [n, d], any real type; n may be 0 or 1.

        Working memory is a few thousand rows in float64. Errors and `first_row` are those of
        `checked_features`.
        """
        features = checked_features(features, first_row=first_row)
        moments = cls.empty(features.shape[1])
        for start in range(0, len(features), _ROWS_AT_ONCE):
            rows = features[start : start + _ROWS_AT_ONCE].astype(np.float64)
            mean = rows.mean(axis=0)
            mean += (rows - mean).mean(axis=0)  # the second pass removes the sum's round-off
            rows -= mean
            moments = moments.merge(cls(len(rows), mean, rows.T @ rows))
        return moments

    @classmethod
    def of_batches(cls, batches: Iterable) -> Moments:
        """Moments of all rows of an iterable of [n_i, d] batches, one batch in memory at a time."""
        total = None
        for batch in batches:
            moments = cls.of(batch, first_row=0 if total is None else total.count)
            total = moments if total is None else total.merge(moments)
        if total is None:
            raise InputError("no batch of features was given; expected at least one [n, d] array.")
        return total

    def merge(self, other: Moments) -> Moments:
        """Moments of both sets, the same in any order and grouping up to round-off."""
        if len(self.mean) != len(other.mean):
            raise InputError(
                f"moments of {len(self.mean)} and of {len(other.mean)} features cannot be merged; "
                "use the same extractor and layer for both."
            )
        if self.count == 0 or other.count == 0:
            return other if self.count == 0 else self
        count = self.count + other.count
        difference = other.mean - self.mean
        scatter = self.scatter + other.scatter
        scatter += np.outer(difference, difference) * (self.count * other.count / count)
        return Moments(count, self.mean + difference * (other.count / count), scatter)

    def covariance(self) -> np.ndarray:
        """Unbiased covariance (ddof 1), float64 [d, d]; InputError for fewer than two vectors."""
        if self.count < 2:
            raise InputError(
                f"a covariance needs n >= 2 images, but n = {self.count}; give more images."
            )
        return self.scatter / (self.count - 1)


def effective_rank(covariance) -> float:
    """Number of directions that features really use: exp of the entropy of the eigenvalue shares.

    Roy & Vetterli, "The effective rank: a measure of effective dimensionality", 2007. Between 1
    (all variance along one line) and d (the same in all directions); 0 for features that do not
    vary. If it is low, a Fréchet distance sees little of the images.

    Args:
      covariance: symmetric positive semi-definite [d, d].
    """
    covariance = np.asarray(checked_features(covariance, name="covariance"), np.float64)
    if covariance.shape[0] != covariance.shape[1]:
        raise InputError(f"covariance has shape {covariance.shape}; expected [d, d].")
    eigenvalues = np.clip(np.linalg.eigvalsh(covariance), 0.0, None)
    total = eigenvalues.sum()
    return exp_entropy(eigenvalues / total) if total > 0.0 else 0.0


def exp_entropy(shares: np.ndarray) -> float:
    """exp of the entropy of shares that sum to 1: how many equal ones they amount to."""
    shares = shares[shares > 0.0]
    return float(np.exp(-np.sum(shares * np.log(shares))))
