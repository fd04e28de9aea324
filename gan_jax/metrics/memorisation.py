"""Did the generator copy? The training images nearest to each sample, and two tests of copying."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from gan_jax.errors import InputError
from gan_jax.metrics.moments import Moments, checked_features

_TILE = 2048
_SPARE = 8


def nearest_neighbours(queries, references, k: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest references of each query in Euclidean distance, exactly.

    |x|^2 - 2 x.y + |y|^2 loses near duplicates to cancellation, so it only chooses: both sides are
    centred first, a few spare candidates are kept, and their distances are computed again from the
    differences in float64. Where the spare ones do not prove that no other reference could be as
    near, the query is compared with all references directly. A copy has distance exactly 0.
    Memory is bounded by tiles of 2048 x 2048, whatever the sizes.

    Args:
      queries: [q, ...] features or images, any real type; other axes are flattened.
      references: [r, ...] with the same other axes.
      k: 1 <= k <= r.

    Returns:
      indices int64 [q, k] into `references` and distances float64 [q, k], nearest first, equal
      distances by rising index.

    Raises:
      InputError: different widths, k out of range, or a non-finite number.
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

    centre = np.mean(references, axis=0, dtype=np.float64)
    indices = np.empty((len(queries), k), np.int64)
    distances = np.empty((len(queries), k), np.float64)
    for start in range(0, len(queries), _TILE):
        rows = queries[start : start + _TILE].astype(np.float64)
        candidates, bounds = _candidates(rows - centre, references, centre, k + _SPARE)
        for i, row in enumerate(rows):
            squares = _squared_distances(row, references[candidates[i]])
            order = np.lexsort((candidates[i], squares))[:k]
            chosen, nearest = candidates[i][order], squares[order]
            if nearest[-1] >= bounds[i]:
                squares = np.concatenate(
                    [
                        _squared_distances(row, references[j : j + _TILE])
                        for j in range(0, len(references), _TILE)
                    ]
                )
                chosen = np.argsort(squares, kind="stable")[:k]
                nearest = squares[chosen]
            indices[start + i], distances[start + i] = chosen, np.sqrt(nearest)
    return indices, distances


def auth_pct(train, fake) -> float:
    """Percentage of fakes that are no copies: between 0 and 100.

    A fake is authentic if it is farther from the training image nearest to it than that image is
    from its own nearest other training image (Alaa et al. 2022, section 4.3). Of equally near
    training images the first counts. About 50 is expected of images that are as new as the
    training images are to each other, and 0 of copies.

    Args:
      train: features [n, d] of the images that the generator was trained on, n >= 2.
      fake: features [m, d], m >= 1.

    Raises:
      InputError: too few rows, different numbers of columns, or a non-finite feature.
    """
    train = _flat(train, "training features")
    if len(train) < 2:
        raise InputError("AuthPct needs n >= 2 training images, but n = 1; give more images.")
    nearest, distance = nearest_neighbours(fake, train)
    anchors, which = np.unique(nearest[:, 0], return_inverse=True)
    # The image itself is among its two nearest, at 0, so the second is the nearest other one.
    own = nearest_neighbours(train[anchors], train, 2)[1][:, 1]
    return 100.0 * float(np.mean(distance[:, 0] > own[which]))


@dataclasses.dataclass(frozen=True)
class DataCopying:
    """The data-copying statistic C_T.

    Attributes:
      value: weighted mean of the cells' Z. Far below 0 (say -5): generated images are nearer to the
        training images than held-out ones are. Far above 0: they are farther, the fit is poor.
      cells: Z of each cell, None for a cell that is left out.
    """

    value: float
    cells: tuple[float | None, ...]


def data_copying(
    train,
    test,
    fake,
    *,
    num_cells: int = 3,
    num_components: int = 64,
    min_share: float = 0.0,
    seed: int = 0,
) -> DataCopying:
    """Meehan, Chaudhuri & Dasgupta, "A non-parametric test to detect data-copying", 2020.

    Features are reduced to the main components of the training set, and cells are found there by
    k-means. In each cell, the Mann-Whitney U of the distances to the nearest training image of that
    cell, of fakes against held-out images, becomes Z = (U - mn/2) / s, with midranks for ties and
    s^2 = mn/12 ((m + n + 1) - sum (t^3 - t) / ((m + n)(m + n - 1))). C_T is the mean of Z weighted
    by the share of held-out images in each cell. Under the null hypothesis Z of a cell has
    deviation about 1.

    Args:
      train: features [n, d] of the training images.
      test: features [m, d] of held-out real images.
      fake: features [k, d] of generated images.
      num_cells: cells, 1 to n.
      num_components: of the projection; none is done where d is no larger.
      min_share: a cell with no more than this share of the fakes is left out.
      seed: of k-means.

    Raises:
      InputError: too few rows, different numbers of columns, a non-finite feature, or no cell that
        holds training, held-out and generated images.
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
    train, test, fake = _projected(sets, num_components)
    centres = _k_means(train, num_cells, seed)
    train_cell, test_cell, fake_cell = (
        nearest_neighbours(points, centres)[0][:, 0] for points in (train, test, fake)
    )
    cells: list[float | None] = []
    weights = []
    for cell in range(len(centres)):
        members = [train[train_cell == cell], test[test_cell == cell], fake[fake_cell == cell]]
        usable = all(map(len, members)) and len(members[2]) > min_share * len(fake)
        weights.append(len(members[1]) if usable else 0)
        cells.append(
            _mann_whitney(
                *(nearest_neighbours(part, members[0])[1][:, 0] for part in members[:0:-1])
            )
            if usable
            else None
        )
    if not sum(weights):
        raise InputError(
            f"none of {num_cells} cells holds training, held-out and generated images; use fewer "
            "cells or more images."
        )
    total = sum(weight * cell for weight, cell in zip(weights, cells) if cell is not None)
    return DataCopying(total / sum(weights), tuple(cells))


def _projected(sets: list[np.ndarray], num_components: int) -> list[np.ndarray]:
    """All sets in the main components of the first one, float64."""
    sets = [features.astype(np.float64) for features in sets]
    if sets[0].shape[1] <= num_components:
        return sets
    mean = sets[0].mean(axis=0)
    _, vectors = np.linalg.eigh(Moments.of(sets[0]).scatter)
    return [(features - mean) @ vectors[:, : -num_components - 1 : -1] for features in sets]


def _k_means(points: np.ndarray, num_cells: int, seed: int, *, restarts: int = 5) -> np.ndarray:
    """Centres [c, d] of the best of several seeded runs of Lloyd's algorithm, c <= num_cells."""
    rng = np.random.default_rng([seed, len(points), 7])
    best, least = points[:1], math.inf
    for _ in range(restarts):
        centres = _spread_out(points, num_cells, rng)
        for _ in range(300):
            squares = _squares_to(points, centres)
            cell = squares.argmin(axis=1)
            moved = np.stack([points[cell == c].mean(axis=0) for c in np.unique(cell)])
            if moved.shape == centres.shape and np.allclose(moved, centres, rtol=1e-12, atol=0):
                break
            centres = moved
        cost = float(_squares_to(points, centres).min(axis=1).sum())
        if cost < least:
            best, least = centres, cost
    return best


def _spread_out(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """First centres, far from one another: Arthur & Vassilvitskii, "k-means++", 2007."""
    centres = points[rng.integers(len(points))][None]
    while len(centres) < count:
        squares = _squares_to(points, centres).min(axis=1)
        if not squares.sum() > 0:
            break
        chosen = rng.choice(len(points), p=squares / squares.sum())
        centres = np.concatenate([centres, points[chosen][None]])
    return centres


def _squares_to(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return np.stack([_squared_distances(centre, points) for centre in centres], axis=1)


def _mann_whitney(a: np.ndarray, b: np.ndarray) -> float:
    """Z of the number of pairs in which a value of `a` [m] is above one of `b` [n]; ties half."""
    m, n = len(a), len(b)
    ordered = np.sort(b)
    above = np.searchsorted(ordered, a, "left") + np.searchsorted(ordered, a, "right")
    ties = np.unique(np.concatenate([a, b]), return_counts=True)[1].astype(np.float64)
    tied = float(np.sum(ties**3 - ties)) / ((m + n) * (m + n - 1))
    variance = m * n / 12.0 * (m + n + 1 - tied)
    if variance <= 1e-9 * m * n:  # all values are equal
        return 0.0
    return float((above.sum() / 2.0 - m * n / 2.0) / math.sqrt(variance))


def _candidates(queries, references, centre, count):
    """Approximately nearest references [q, count], and what no other one's square is below [q].

    `queries` are centred already. The bound is infinite when every reference is a candidate.
    """
    count = min(count, len(references))
    query_squares = np.sum(queries**2, axis=1)
    best = np.full((len(queries), 0), np.inf)
    best_index = np.zeros((len(queries), 0), np.int64)
    largest = 0.0
    for start in range(0, len(references), _TILE):
        tile = references[start : start + _TILE].astype(np.float64) - centre
        tile_squares = np.sum(tile**2, axis=1)
        largest = max(largest, float(tile_squares.max()))
        squares = query_squares[:, None] - 2.0 * (queries @ tile.T) + tile_squares
        index = np.broadcast_to(np.arange(start, start + len(tile)), squares.shape)
        best = np.concatenate([best, squares], axis=1)
        best_index = np.concatenate([best_index, index], axis=1)
        if best.shape[1] > count:
            keep = np.argpartition(best, count - 1, axis=1)[:, :count]
            best = np.take_along_axis(best, keep, axis=1)
            best_index = np.take_along_axis(best_index, keep, axis=1)
    if count == len(references):
        return best_index, np.full(len(queries), np.inf)
    # Round-off of sums of d products, each at most (|x| + |y|)^2 together.
    width = queries.shape[1]
    error = (width + 8) * np.finfo(np.float64).eps * (np.sqrt(query_squares) + largest**0.5) ** 2
    return best_index, best.max(axis=1) - 2.0 * error


def _squared_distances(row: np.ndarray, references: np.ndarray) -> np.ndarray:
    difference = references.astype(np.float64) - row
    return np.sum(difference**2, axis=1)


def _flat(array, name: str) -> np.ndarray:
    array = np.asarray(array)
    if array.ndim < 2 or array.size == 0:
        raise InputError(
            f"{name} have shape {array.shape}; expected [n, ...] with at least one image in it."
        )
    return checked_features(array.reshape(len(array), -1), name=name)
