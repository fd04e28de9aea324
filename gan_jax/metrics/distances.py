"""Which pairs of points are how near: decided exactly, at the price of a matrix product.

|x|^2 - 2 x.y + |y|^2 is quick and loses near duplicates to cancellation, so it only sorts out what
is clear. Points are centred and scaled together, the products are taken tile by tile in float32,
and each has a bound on its round-off (Higham, "Accuracy and Stability of Numerical Algorithms",
2002, section 3.1). A pair that the bound leaves open is decided in float64, and one that is still
open (ties, near duplicates) by the sum of its squared float64 differences. Equal rows are merged
into one of larger weight first. Memory is that of the points and a few tiles of 2048 x 2048.

Squared distances of this module are times the square of a power of two that is common to the
points made together; they compare as the distances do.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

_TILE = 2048
_SPARE = 8


@dataclasses.dataclass(frozen=True, eq=False)
class Points:
    """Distinct points of a set, and how often each occurs.

    Attributes:
      rows: [u, d] in the type that they came in.
      counts: int64 [u], how many equal rows each stands for; they sum to `total`.
      centre: float64 [d] of float32 numbers where the rows are such; common to the points made
        together, as is `scale`.
      scale: a power of two that brings the largest centred row near length 1.
      squares: float64 [u], squared lengths of the centred, scaled rows.
    """

    rows: np.ndarray
    counts: np.ndarray
    centre: np.ndarray
    scale: float
    squares: np.ndarray

    @property
    def total(self) -> int:
        """Number of points, each counted as often as it occurs."""
        return int(self.counts.sum())

    def tile(self, index, dtype) -> np.ndarray:
        """Centred and scaled rows, a fresh array; float32 ones are made in float32 if they can."""
        short = dtype == np.float32 and np.can_cast(self.rows.dtype, np.float32)
        if short and 2.0**-100 < self.scale < 2.0**100:
            part = self.rows[index].astype(np.float32)
            part -= self.centre.astype(np.float32)
            part *= np.float32(self.scale)
            return part
        part = self.rows[index].astype(np.float64)
        part -= self.centre
        part *= self.scale
        return part.astype(dtype, copy=False)


class Pairs(NamedTuple):
    """Pairs within one of the limits: its number, and rows [p] and columns [p] of the pairs."""

    limit: int
    rows: np.ndarray
    columns: np.ndarray


def make_points(*sets: np.ndarray) -> tuple[Points, ...]:
    """Points of arrays [n_i, d] of finite numbers, n_i >= 1, that are to be compared."""
    distinct = [_distinct(features) for features in sets]
    lows, highs = zip(*[(rows.min(axis=0), rows.max(axis=0)) for rows, _ in distinct])
    low, high = np.min(lows, axis=0).astype(np.float64), np.max(highs, axis=0).astype(np.float64)
    # Halved before they are added, and powers of two: no overflow, and no rounding by the scale.
    span = float(np.max(high / 2 - low / 2))
    exponent = max(int(np.frexp(span)[1]), -900)
    width = distinct[0][0].shape[1]
    scale = float(np.ldexp(1.0, -exponent - int(np.ceil(np.log2(width) / 2)) - 1))
    totals = [len(features) for features in sets]
    share = [count / sum(totals) for count in totals]
    centre = sum(
        weight * _mean(rows, counts) for weight, (rows, counts) in zip(share, distinct)
    ).clip(low, high)
    if all(np.can_cast(features.dtype, np.float32) for features in sets):
        centre = centre.astype(np.float32).astype(np.float64)
    points = []
    for rows, counts in distinct:
        bare = Points(rows, counts, centre, scale, np.empty(len(rows)))
        for part in _slices(len(rows)):
            bare.squares[part] = np.sum(bare.tile(part, np.float64) ** 2, axis=1)
        points.append(bare)
    return tuple(points)


def neighbour_radii(points: Points, ks: Sequence[int]) -> np.ndarray:
    """Squared distance from each point to its k-th nearest other, float64 [len(ks), u], exactly.

    Each copy of a point counts as another one. Every k is at most `points.total` - 1.
    """
    width = min(max(ks) + _SPARE, len(points.rows) - 1)
    radii = np.zeros((len(ks), len(points.rows)))
    every = np.arange(len(points.rows))
    if width == 0:
        return radii
    columns, lows = _candidates(points, width)
    open_rows = _settle(points, every, columns, lows, np.float32, ks, radii)
    for part in _slices(len(open_rows)):
        rows = open_rows[part]
        columns, lows = _candidates_of(points, rows, width)
        for row in _settle(points, rows, columns, lows, np.float64, ks, radii):
            others = np.delete(every, row)
            exact = _exact(points, points, np.full(len(others), row), others)
            order = np.argsort(exact)
            reached = np.cumsum(points.counts[others][order]) + points.counts[row] - 1
            for number, k in enumerate(ks):
                if points.counts[row] <= k:
                    radii[number, row] = exact[order[np.searchsorted(reached, k)]]
    return radii


def pairs_within(
    a: Points,
    b: Points,
    row_limits: Sequence[np.ndarray] = (),
    column_limits: Sequence[np.ndarray] = (),
    *,
    strict: bool = False,
) -> Iterator[Pairs]:
    """All pairs of a row of `a` and one of `b` whose squared distance is within a limit.

    Args:
      a, b: made together.
      row_limits: arrays [len(a.rows)], one limit a row of `a`; numbered from 0.
      column_limits: arrays [len(b.rows)], the same for `b`; numbered on from there.
      strict: below the limit, not at it.
    """
    for rows in _slices(len(a.rows)):
        left = a.tile(rows, np.float32)
        for columns in _slices(len(b.rows)):
            low = _lower_bounds(a, b, rows, columns, np.float32, left)
            limits = [limit[rows][:, None] for limit in row_limits]
            limits += [limit[columns][None] for limit in column_limits]
            finer = None
            for number, limit in enumerate(limits):
                i, j = _where(low <= _rounded_up(limit))
                bound = np.broadcast_to(limit, low.shape)[i, j]
                sure = low[i, j] + _gap(a, b, rows, columns, np.float32, i, j) < bound
                unsure = np.flatnonzero(~sure)
                if len(unsure) > low.size // 32:
                    if finer is None:
                        finer = _lower_bounds(a, b, rows, columns, np.float64)
                    ui, uj = i[unsure], j[unsure]
                    high = finer[ui, uj] + _gap(a, b, rows, columns, np.float64, ui, uj)
                    sure[unsure] = high < bound[unsure]
                    unsure = unsure[(finer[ui, uj] <= bound[unsure]) & ~sure[unsure]]
                exact = _exact(a, b, i[unsure] + rows.start, j[unsure] + columns.start)
                limit_there = bound[unsure]
                sure[unsure] = exact < limit_there if strict else exact <= limit_there
                yield Pairs(number, i[sure] + rows.start, j[sure] + columns.start)


def _distinct(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First row of each group of equal ones and the sizes of the groups."""
    numbers: dict[bytes, int] = {}
    group = np.empty(len(features), np.int64)
    first = []
    for i, row in enumerate(features):
        key = hashlib.blake2b((row + row.dtype.type(0)).tobytes(), digest_size=16).digest()
        group[i] = numbers.setdefault(key, len(first))  # adding 0 makes one zero of -0 and 0
        if group[i] == len(first):
            first.append(i)
    if len(first) == len(features):
        return features, np.ones(len(features), np.int64)
    return features[first], np.bincount(group)


def _mean(rows: np.ndarray, counts: np.ndarray) -> np.ndarray:
    shares = counts / counts.sum()
    return sum(shares[part] @ rows[part].astype(np.float64) for part in _slices(len(rows)))


def _slices(count: int) -> list[slice]:
    return [slice(start, min(start + _TILE, count)) for start in range(0, count, _TILE)]


def _where(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """np.nonzero of a matrix, which is ten times as slow where little is set."""
    return np.divmod(np.flatnonzero(mask), mask.shape[1])


def _rounded_up(values: np.ndarray) -> np.ndarray:
    return np.nextafter(values.astype(np.float32), np.float32(np.inf))


def _round_off(width: int, dtype) -> tuple[float, float]:
    """Relative and absolute bound of the error of a squared distance beside |x|^2 + |y|^2.

    A product of rows has d roundings of half an eps; the rest is for the casts and sums. The
    absolute part is for products that underflow.
    """
    info = np.finfo(dtype)
    return (width + 8) * float(info.eps), 16 * width * float(info.tiny)


def _lower_bounds(a, b, rows, columns, dtype, left=None) -> np.ndarray:
    """What the squared distances of a tile are surely not below, [rows, columns] in `dtype`."""
    relative, absolute = _round_off(a.rows.shape[1], dtype)
    left = a.tile(rows, dtype) if left is None else left
    if a is b and rows is columns:
        low = left @ left.T  # known to be symmetric, which halves the work
        low *= -2
    else:
        right = b.tile(columns, dtype)
        right *= -2
        low = left @ right.T
    low += ((1 - relative) * b.squares[columns]).astype(dtype)
    low += ((1 - relative) * a.squares[rows] - absolute).astype(dtype)[:, None]
    return low


def _gap(a, b, rows, columns, dtype, i, j) -> np.ndarray:
    """Twice the bound of pairs i, j of a tile: upper bound less lower bound, float64."""
    relative, absolute = _round_off(a.rows.shape[1], dtype)
    return 2 * (relative * (a.squares[rows][i] + b.squares[columns][j]) + absolute)


def _exact(a: Points, b: Points, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Squared distances of pairs of rows by float64 differences, [len(i)]."""
    exact = np.empty(len(i))
    step = max(1, (1 << 21) // a.rows.shape[1])
    for start in range(0, len(i), step):
        part = slice(start, start + step)
        difference = a.rows[i[part]].astype(np.float64)
        difference -= b.rows[j[part]]
        difference *= a.scale
        np.square(difference, out=difference)
        exact[part] = np.sum(difference, axis=1)
    return exact


def _candidates(points: Points, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The `width` other points of least lower bound, [u, width] by rising bound, and the bounds.

    Each tile serves its rows and its columns. The tiles on the diagonal come first: they give most
    rows a limit, so that few entries of the others need a look.
    """
    parts = _slices(len(points.rows))
    rows, columns, lows = [], [], []
    limits = np.full(len(points.rows), np.inf, np.float32)
    for part in parts:
        low = _lower_bounds(points, points, part, part, np.float32)
        np.fill_diagonal(low, np.inf)
        kept = min(width, len(low) - 1)
        if kept:
            near = np.argpartition(low, kept - 1, axis=1)[:, :kept]
            values = np.take_along_axis(low, near, axis=1)
            rows.append(np.repeat(np.arange(part.start, part.stop), kept))
            columns.append((near + part.start).ravel())
            lows.append(values.ravel())
            if kept == width:
                limits[part] = values.max(axis=1)
    for number, part in enumerate(parts):
        left = points.tile(part, np.float32)
        for other in parts[number + 1 :]:
            low = _lower_bounds(points, points, part, other, np.float32, left)
            for first, second, limit, swap in (
                (part, other, limits[part][:, None], False),
                (other, part, limits[other][None], True),
            ):
                i, j = _where(low < limit)
                lows.append(low[i, j])
                i, j = (j, i) if swap else (i, j)
                rows.append(i + first.start)
                columns.append(j + second.start)
        merged = _smallest(*map(np.concatenate, (rows, columns, lows)), width)
        rows, columns, lows = ([array] for array in merged)
        counts = np.bincount(rows[0], minlength=len(points.rows))
        ends = np.cumsum(counts)
        full = counts == width
        limits[full] = lows[0][ends[full] - 1]
    return columns[0].reshape(-1, width), lows[0].reshape(-1, width)


def _smallest(rows, columns, lows, width: int):
    """The entries of a flat list that are among the `width` least of their row, in order."""
    order = np.lexsort((lows, rows))
    rows = rows[order]
    starts = np.searchsorted(rows, rows)
    kept = np.arange(len(rows)) - starts < width
    return rows[kept], columns[order][kept], lows[order][kept]


def _candidates_of(points: Points, rows: np.ndarray, width: int):
    """The same for a few rows, in float64."""
    best = np.empty((len(rows), 0))
    index = np.empty((len(rows), 0), np.int64)
    for part in _slices(len(points.rows)):
        low = _lower_bounds(points, points, rows, part, np.float64)
        inside = (rows >= part.start) & (rows < part.stop)
        low[inside, rows[inside] - part.start] = np.inf
        best = np.concatenate([best, low], axis=1)
        every = np.broadcast_to(np.arange(part.start, part.stop), low.shape)
        index = np.concatenate([index, every], axis=1)
        if best.shape[1] > width:
            near = np.argpartition(best, width - 1, axis=1)[:, :width]
            best = np.take_along_axis(best, near, axis=1)
            index = np.take_along_axis(index, near, axis=1)
    order = np.argsort(best, axis=1)
    return np.take_along_axis(index, order, axis=1), np.take_along_axis(best, order, axis=1)


def _settle(points, rows, columns, lows, dtype, ks, radii) -> np.ndarray:
    """Writes the radii of `rows` that their candidates prove; returns the other rows."""
    relative, absolute = _round_off(points.rows.shape[1], dtype)
    lows = lows.astype(np.float64)
    sums = points.squares[rows][:, None] + points.squares[columns]
    highs = lows + 2 * (relative * sums + absolute)
    weights = points.counts[columns]
    complete = lows.shape[1] == len(points.rows) - 1
    proven = np.ones(len(rows), bool)
    for number, k in enumerate(ks):
        wanted = k - (points.counts[rows] - 1)  # copies of the point itself are its nearest
        most = _weighted(highs, weights, wanted)
        least = _weighted(lows, weights, wanted)
        good = (wanted <= 0) | complete | (lows[:, -1] > most)
        proven &= good
        below = highs < least[:, None]
        unclear = ~below & (lows <= most[:, None]) & ((wanted > 0) & good)[:, None]
        values = np.where(below, -np.inf, np.inf)
        at, which = np.nonzero(unclear)
        values[at, which] = _exact(points, points, rows[at], columns[at, which])
        found = _weighted(values, weights, wanted)
        radii[number, rows[good]] = np.where(wanted > 0, found, 0.0)[good]
    return rows[~proven]


def _weighted(values: np.ndarray, weights: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The `wanted`-th least of each row where a value counts as often as its weight says."""
    order = np.argsort(values, axis=1)
    reached = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1) >= wanted[:, None]
    position = np.take_along_axis(order, reached.argmax(axis=1)[:, None], axis=1)
    return np.take_along_axis(values, position, axis=1)[:, 0]
