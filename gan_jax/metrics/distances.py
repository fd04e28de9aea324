"""Which pairs of points are how near: decided exactly, at the price of a matrix product.

|x|^2 - 2 x.y + |y|^2 is quick and loses near duplicates to cancellation, so it only decides clear
pairs. The products are taken tile by tile in float32, and each has a bound on its round-off
(Higham, "Accuracy and Stability of Numerical Algorithms", 2002, section 3.1). A pair that the bound
leaves open is decided in float64, then by the sum of its squared float64 differences.

Squared distances here are scaled by a power of two, common to the points made together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gan_jax.metrics.points import Points, tiles

_SPARE = 8


def neighbourhoods(points: Points, ks: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances to the k-th nearest others, and which other rows are the nearest.

    Each copy of a point counts as another one. Every k is below `points.total`.

    Returns:
      For each k the exact distance from each row, float64 [len(ks), u]; and the distinct rows
      nearest to each row, nearest first up to round-off, int64 [u, w], enough for the largest k.
    """
    width = min(max(ks) + _SPARE, len(points.rows) - 1)
    radii = np.zeros((len(ks), len(points.rows)))
    every = np.arange(len(points.rows))
    if width == 0:
        return radii, np.empty((len(points.rows), 0), np.int64)
    near, lows = _candidates(points, width)
    open_rows = _settle(points, every, near, lows, np.float32, ks, radii)
    for part in tiles(len(open_rows)):
        rows = open_rows[part]
        near[rows], lows = _candidates_of(points, points, rows, width, np.float64)
        for row in _settle(points, rows, near[rows], lows, np.float64, ks, radii):
            others = np.delete(every, row)
            exact = _exact(points, points, np.full(len(others), row), others)
            order = np.argsort(exact)
            near[row] = others[order[:width]]
            reached = np.cumsum(points.counts[others][order]) + points.counts[row] - 1
            for number, k in enumerate(ks):
                if points.counts[row] <= k:
                    radii[number, row] = exact[order[np.searchsorted(reached, k)]]
    return radii, near


def nearest(a: Points, b: Points, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k <= b.total points of `b` nearest to each row of `a`, made together, exactly.

    Returns their numbers, int64 [len(a.rows), k], and their squared distances, float64; nearest
    first, equal distances by rising number. Equal rows of `b` are points of their own.
    """
    members = b.members(k)
    numbers = np.empty((len(a.rows), k), np.int64)
    squares = np.empty((len(a.rows), k))
    open_rows = np.arange(len(a.rows))
    for dtype, spare in ((np.float32, _SPARE), (np.float64, 8 * _SPARE)):
        width = min(k + spare, len(b.rows))
        still_open = [open_rows[:0]]
        for part in tiles(len(open_rows)):
            rows = open_rows[part]
            columns, lows = _candidates_of(a, b, rows, width, dtype)
            exact = _exact(a, b, np.repeat(rows, width), columns.ravel())
            found = _nearest_members(members[columns], exact.reshape(columns.shape), k)
            numbers[rows], squares[rows] = found
            if width < len(b.rows):
                still_open.append(rows[lows[:, -1] <= squares[rows, -1]])
        open_rows = np.concatenate(still_open)
    every = np.arange(len(b.rows))
    for row in open_rows:
        exact = _exact(a, b, np.full(len(every), row), every)
        found = _nearest_members(members[None], exact[None], k)
        numbers[row], squares[row] = found[0][0], found[1][0]
    return numbers, squares


def pairs_within(
    a: Points,
    b: Points,
    row_limits: Sequence[np.ndarray] | np.ndarray = (),
    column_limits: Sequence[np.ndarray] | np.ndarray = (),
    *,
    strict: bool = False,
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """All pairs of a row of `a` and one of `b`, made together, within a squared distance.

    `row_limits` are arrays [len(a.rows)], one limit a row of `a`, numbered from 0; `column_limits`
    the same for `b`, numbered on from there. `strict`: below the limit, not at it. Yields a limit's
    number, and the rows [p] and columns [p] of pairs within it.
    """
    for rows in tiles(len(a.rows)):
        left = a.tile(rows, np.float32)
        for columns in tiles(len(b.rows)):
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
                yield number, i[sure] + rows.start, j[sure] + columns.start


def _where(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """np.nonzero of a matrix, which is ten times as slow where little is set."""
    return np.divmod(np.flatnonzero(mask), mask.shape[1])


def _rounded_up(values: np.ndarray) -> np.ndarray:
    return np.nextafter(values.astype(np.float32), np.float32(np.inf))


def _round_off(width: int, dtype) -> tuple[float, float]:
    """Relative and absolute bound of the error of a squared distance beside |x|^2 + |y|^2.

    A product has d roundings of half an eps, casts and sums some more; products may underflow.
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

    Each tile serves its rows and its columns. Those on the diagonal come first and give most rows a
    limit, so that few entries of the others need a look.
    """
    parts = tiles(len(points.rows))
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
        merged = _smallest(*map(np.concatenate, (rows, columns, lows)), width=width)
        rows, columns, lows = ([array] for array in merged)
        counts = np.bincount(rows[0], minlength=len(points.rows))
        ends = np.cumsum(counts)
        full = counts == width
        limits[full] = lows[0][ends[full] - 1]
    return columns[0].reshape(-1, width), lows[0].reshape(-1, width)


def _smallest(rows, columns, lows, *, width: int):
    """The entries of a flat list that are among the `width` least of their row, in order."""
    order = np.lexsort((lows, rows))
    rows = rows[order]
    starts = np.searchsorted(rows, rows)
    kept = np.arange(len(rows)) - starts < width
    return rows[kept], columns[order][kept], lows[order][kept]


def _candidates_of(a: Points, b: Points, rows, width: int, dtype):
    """The same of `b` for some rows of `a`; a row itself is left out if `a` is `b`."""
    left = a.tile(rows, dtype)
    limits = None
    found = [np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, dtype)]
    for part in tiles(len(b.rows)):
        low = _lower_bounds(a, b, rows, part, dtype, left)
        if a is b:
            inside = (rows >= part.start) & (rows < part.stop)
            low[inside, rows[inside] - part.start] = np.inf
        if limits is None:
            kept = min(width, low.shape[1])
            j = np.argpartition(low, kept - 1, axis=1)[:, :kept].ravel()
            i = np.repeat(np.arange(len(rows)), kept)
        else:
            i, j = _where(low < limits[:, None])
        found = _smallest(*map(np.append, found, (i, j + part.start, low[i, j])), width=width)
        if len(found[0]) == len(rows) * width:
            limits = found[2].reshape(-1, width)[:, -1]
    return found[1].reshape(-1, width), found[2].reshape(-1, width)


def _nearest_members(members: np.ndarray, squares: np.ndarray, k: int):
    """The k nearest of the members [q, w, c] of the candidates of squared distance [q, w]."""
    numbers = members.reshape(len(members), -1)
    squares = np.where(numbers < 0, np.inf, np.repeat(squares, members.shape[2], axis=1))
    order = np.lexsort((numbers, squares), axis=-1)[:, :k]
    return np.take_along_axis(numbers, order, axis=1), np.take_along_axis(squares, order, axis=1)


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
