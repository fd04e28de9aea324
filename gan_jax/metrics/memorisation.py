"""Did the generator copy? The training images nearest to each sample, and two tests of copying."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from gan_jax.data.content import in_content_order, order_of
from gan_jax.errors import InputError
from gan_jax.metrics import distances
from gan_jax.metrics.estimates import Estimate, wilson_interval
from gan_jax.metrics.moments import Moments, checked_features
from gan_jax.metrics.points import make_points

_MOST_FOR_CELLS = 10_000
_ROWS_AT_ONCE = 8192


def nearest_neighbours(queries, references, k: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest references of each query in Euclidean distance, exactly; a copy has distance 0.

    Args:
      queries: [q, ...] features or images, any real type; other axes are flattened.
      references: [r, ...] with the same other axes.
      k: 1 <= k <= r.

    Returns:
      indices int64 [q, k] into `references` and distances float64 [q, k], nearest first, equal
      distances by rising index.
    """
    queries = _flat(queries, "queries")
    references = _flat(references, "references")
    if queries.shape[1] != references.shape[1]:
        raise InputError(
            f"queries have {queries.shape[1]} numbers an image and references "
            f"{references.shape[1]}; compare images of one size, or features of one layer."
        )
    if not 1 <= k <= len(references):
        raise InputError(f"k is {k}; expected 1 to {len(references)}, the number of references.")
    points, others = make_points(queries, references)
    indices, squares = distances.nearest(points, others, k)
    return indices[points.group], np.sqrt(squares[points.group]) / others.scale


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingDistances:
    """How near images are to training images, and these to one another."""

    nearest: np.ndarray  # float64 [n], from each image to the training image nearest to it
    own: np.ndarray  # float64 [n], from that training image to its own nearest other one

    @property
    def authentic(self) -> int:
        """Images that are farther from their training image than its own nearest other one."""
        return int(np.count_nonzero(self.nearest > self.own))

    @property
    def close(self) -> int:
        """Images less than half as far from it, or equal to it: new ones hardly are."""
        return int(np.count_nonzero((self.nearest < 0.5 * self.own) | (self.nearest == 0.0)))

    def distinct(self) -> TrainingDistances:
        """Those of images that differ: equal images have equal distances."""
        return TrainingDistances(*np.unique([self.nearest, self.own], axis=1))

    def auth_pct(self) -> Estimate:
        """AuthPct: percentage of images that are no copies, with its 95 % interval.

        An image is authentic if it is farther from the training image nearest to it than that is
        from its own nearest other one (Alaa et al. 2022, section 4.3). Copies give 0, images as new
        as the training images are to each other about 50.
        """
        share, count = self.authentic / len(self.nearest), len(self.nearest)
        low, high = wilson_interval(self.authentic, count)
        error = 100.0 * math.sqrt(share * (1.0 - share) / count)
        return Estimate(100.0 * share, error, (100.0 * low, 100.0 * high))


def training_distances(train, images) -> TrainingDistances:
    """Exact distances of features [m, d] to those of all training images [n, d], n >= 2.

    Of equally near training images the first in the order of content counts.
    """
    train = in_content_order(_flat(train, "training features"))
    if len(train) < 2:
        raise InputError("AuthPct needs n >= 2 training images, but n = 1; give more images.")
    nearest, distance = nearest_neighbours(images, train)
    anchors, which = np.unique(nearest[:, 0], return_inverse=True)
    # The image itself is among its two nearest, at 0, so the second is the nearest other one.
    own = nearest_neighbours(train[anchors], train, 2)[1][:, 1]
    return TrainingDistances(distance[:, 0], own[which])


def data_copying(
    train,
    test,
    fake,
    *,
    num_cells: int = 3,
    num_components: int = 64,
    seed: int = 0,
    in_order: bool = False,
) -> float:
    """The data-copying statistic C_T.

    Meehan, Chaudhuri & Dasgupta, "A non-parametric test to detect data-copying", 2020. Far below 0
    (say -5), generated images are nearer to the training images than held-out ones are. Far above
    0, the fit is poor.

    Features are reduced to the main components of the training set, and k-means finds cells there,
    on at most 10,000 training images. In each cell, the Mann-Whitney U of the distances to the
    nearest training image of that cell, of fakes against held-out images, becomes Z, of deviation 1
    if both are alike. C_T is the mean of Z weighted by the share of held-out images; cells without
    images of all three sets are left out. The order of rows changes nothing.

    Args:
      train, test, fake: features [n, d] of training images, [m, d] of held-out real ones, and [k,
        d] of generated ones.
      num_cells: 1 to n; at least one must hold images of all three sets.
      num_components: of the projection; none is done where d is no larger.
      seed: of k-means.
      in_order: whether the rows are in the order of content; see `gan_jax.data.content.order_of`.
    """
    sets = [
        _flat(a, f"{name} features")
        for a, name in ((train, "training"), (test, "held-out"), (fake, "fake"))
    ]
    widths = [features.shape[1] for features in sets]
    if len(set(widths)) > 1:
        raise InputError(
            f"training, held-out and fake features have {widths} columns; take all from the same "
            "extractor and layer."
        )
    if not 1 <= num_cells <= len(sets[0]):
        raise InputError(
            f"num_cells is {num_cells}; expected 1 to n = {len(sets[0])} training images."
        )
    if num_components < 1:
        raise InputError(f"num_components is {num_components}; expected at least 1.")
    train, test, fake = _projected([a[order_of(a, in_order)] for a in sets], num_components)
    centres = _k_means(train[:_MOST_FOR_CELLS], num_cells, seed)
    train_cell, test_cell, fake_cell = (_cells(side, centres) for side in (train, test, fake))
    scores, weights = [], []
    for cell in range(len(centres)):
        members = [train[train_cell == cell], test[test_cell == cell], fake[fake_cell == cell]]
        if all(map(len, members)):
            queries = np.concatenate([members[2], members[1]])
            far = nearest_neighbours(queries, members[0])[1][:, 0]
            scores.append(mann_whitney(far[: len(members[2])], far[len(members[2]) :]))
            weights.append(len(members[1]))
    if not weights:
        raise InputError(
            f"none of {num_cells} cells holds training, held-out and generated images; use fewer "
            "cells or more images."
        )
    return sum(weight * score for weight, score in zip(weights, scores)) / sum(weights)


def _projected(sets: list[np.ndarray], num_components: int) -> list[np.ndarray]:
    mean = sets[0].mean(axis=0, dtype=np.float64)
    if sets[0].shape[1] <= num_components:
        return [features - mean for features in sets]
    _, vectors = np.linalg.eigh(Moments.of(sets[0]).scatter)
    vectors = vectors[:, : -num_components - 1 : -1]
    projected = []
    for features in sets:
        parts = [features[i : i + _ROWS_AT_ONCE] for i in range(0, len(features), _ROWS_AT_ONCE)]
        projected.append(np.concatenate([(part - mean) @ vectors for part in parts]))
    return projected


def _k_means(points: np.ndarray, num_cells: int, seed: int) -> np.ndarray:
    """Centres [c, d] of the best of five seeded runs of Lloyd's algorithm, c <= num_cells."""
    rng = np.random.default_rng([seed, len(points), 7])
    best, least = points[:1], math.inf
    for _ in range(5):
        centres = _spread_out(points, num_cells, rng)
        cell = _cells(points, centres)
        for _ in range(300):
            members = np.eye(len(centres))[cell]
            members = members[:, members.any(axis=0)]
            centres = (members.T @ points) / members.sum(axis=0)[:, None]
            last, cell = cell, _cells(points, centres)
            if np.array_equal(cell, last):
                break
        cost = float(np.sum((points - centres[cell]) ** 2))
        if cost < least:
            best, least = centres, cost
    return best


def _cells(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The number of the centre [c, d] that is nearest to each of the points [n, d]."""
    return np.argmax(points @ centres.T - 0.5 * np.sum(centres**2, axis=1), axis=1)


def _spread_out(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """First centres, far from one another: Arthur & Vassilvitskii, "k-means++", 2007."""
    centres = points[rng.integers(len(points))][None]
    squares = np.full(len(points), np.inf)
    while len(centres) < count:
        squares = np.minimum(squares, np.sum((points - centres[-1]) ** 2, axis=1))
        if not squares.sum() > 0:
            break
        chosen = rng.choice(len(points), p=squares / squares.sum())
        centres = np.concatenate([centres, points[chosen][None]])
    return centres


def mann_whitney(a: np.ndarray, b: np.ndarray) -> float:
    """Z = (U - mn/2) / s, U the pairs with a value of `a` [m] above one of `b` [n], ties half.

    s^2 = mn/12 ((m + n + 1) - sum (t^3 - t) / ((m + n)(m + n - 1))), t the sizes of groups of ties.
    """
    m, n = len(a), len(b)
    ordered = np.sort(b)
    above = np.searchsorted(ordered, a, "left") + np.searchsorted(ordered, a, "right")
    ties = np.unique(np.concatenate([a, b]), return_counts=True)[1].astype(np.float64)
    tied = float(np.sum(ties**3 - ties)) / ((m + n) * (m + n - 1))
    variance = m * n / 12.0 * (m + n + 1 - tied)
    if variance <= 1e-9 * m * n:  # all values are equal
        return 0.0
    return float((above.sum() / 2.0 - m * n / 2.0) / math.sqrt(variance))


def _flat(array, name: str) -> np.ndarray:
    array = np.asarray(array)
    if array.ndim < 2 or array.size == 0:
        raise InputError(
            f"{name} have shape {array.shape}; expected [n, ...] with at least one image in it."
        )
    array = checked_features(array.reshape(len(array), -1), name=name)
    return array.astype(np.float64) if array.dtype == bool else array
