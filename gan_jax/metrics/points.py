"""Points that are compared: equal rows merged, centred and scaled together."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np

TILE = 2048  # rows; the memory of a comparison grows with its square


@dataclasses.dataclass(frozen=True, eq=False)
class Points:
    """Distinct points of a set, and how often each occurs; centre and scale are for all sets."""

    rows: np.ndarray  # [u, d] in the type that they came in, in the order of their first appearance
    group: np.ndarray  # int64 [n], which of `rows` each point is
    counts: np.ndarray  # int64 [u], how many equal rows each stands for; they sum to `total`
    centre: np.ndarray  # float64 [d], of float32 numbers for such rows
    scale: float  # a power of two that brings the largest centred row near length 1
    squares: np.ndarray  # float64 [u], squared lengths of the centred, scaled rows

    @property
    def total(self) -> int:
        """Number of points, each counted as often as it occurs."""
        return len(self.group)

    def some(self, chosen: np.ndarray) -> Points:
        """The distinct points that bool [u] chooses, as often as they occur."""
        number = np.cumsum(chosen) - 1
        return dataclasses.replace(
            self,
            rows=self.rows[chosen],
            group=number[self.group[chosen[self.group]]],
            counts=self.counts[chosen],
            squares=self.squares[chosen],
        )

    def members(self, most: int) -> np.ndarray:
        """The first few points that are each row, by rising number, then -1: int64 [u, c]."""
        order = np.argsort(self.group, kind="stable")
        starts = np.cumsum(self.counts) - self.counts
        place = np.arange(min(most, int(self.counts.max())))
        found = order[np.minimum(starts[:, None] + place, len(order) - 1)]
        return np.where(place < self.counts[:, None], found, -1)

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


def make_points(*sets: np.ndarray) -> tuple[Points, ...]:
    """Points of arrays [n_i, d] of finite numbers, n_i >= 1, that are to be compared."""
    sets = tuple(rows.astype(np.float64) if rows.dtype == bool else rows for rows in sets)
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
    means = [_mean(rows, np.bincount(group)) for rows, group in distinct]
    centre = sum(map(np.multiply, share, means), np.zeros(width)).clip(low, high)
    if all(np.can_cast(features.dtype, np.float32) for features in sets):
        centre = centre.astype(np.float32).astype(np.float64)
    points = []
    for rows, group in distinct:
        bare = Points(rows, group, np.bincount(group), centre, scale, np.empty(len(rows)))
        for part in tiles(len(rows)):
            bare.squares[part] = np.sum(bare.tile(part, np.float64) ** 2, axis=1)
        points.append(bare)
    return tuple(points)


def tiles(count: int) -> list[slice]:
    """Rows in parts that bound the memory of what is made of two of them."""
    return [slice(start, min(start + TILE, count)) for start in range(0, count, TILE)]


def _distinct(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    numbers: dict[bytes, int] = {}
    group = np.empty(len(features), np.int64)
    first: list[int] = []
    for i, row in enumerate(features):
        key = hashlib.blake2b((row + row.dtype.type(0)).tobytes(), digest_size=16).digest()
        group[i] = numbers.setdefault(key, len(first))  # adding 0 makes one zero of -0 and 0
        if group[i] == len(first):
            first.append(i)
    return (features if len(first) == len(features) else features[first]), group


def _mean(rows: np.ndarray, counts: np.ndarray) -> np.ndarray:
    shares = counts / counts.sum()
    sums = (shares[part] @ rows[part].astype(np.float64) for part in tiles(len(rows)))
    return sum(sums, np.zeros(rows.shape[1]))
