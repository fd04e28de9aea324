"""Did the generator copy? The training images nearest to each sample."""

from __future__ import annotations

import numpy as np

from gan_jax.errors import InputError
from gan_jax.metrics.moments import checked_features

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
