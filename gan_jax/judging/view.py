"""All that a judge sees of images in one vector: its layers side by side, each of equal weight."""

from __future__ import annotations

import dataclasses

import numpy as np

# A unit that hardly ever fires among few real images must not decide: the spread of a column counts
# as at least this share of its layer's, and values level off a few spreads from the mean.
_LEAST_SPREAD = 0.1
_LEVEL_OFF = 3.0


@dataclasses.dataclass(frozen=True, eq=False)
class View:
    """The features of n images, layer beside layer.

    Attributes:
        values: float [n, d].
        layers: the number of columns of each layer; they add up to d.
    """

    values: np.ndarray
    layers: tuple[int, ...]

    @classmethod
    def of(cls, *layers: np.ndarray | None) -> View:
        """The view of layers [n, d_i]; those that are None are left out."""
        there = [np.asarray(layer, np.float64) for layer in layers if layer is not None]
        return cls(np.concatenate(there, axis=1), tuple(layer.shape[1] for layer in there))

    def take(self, rows: np.ndarray) -> View:
        """That of the images `rows`."""
        return dataclasses.replace(self, values=self.values[rows])

    def beside(self, other: View) -> View:
        """That of both sets of images together."""
        return dataclasses.replace(self, values=np.concatenate([self.values, other.values]))

    def pooled(self, other: View) -> np.ndarray:
        """Both, one below the other, standardised by both together: float64 [n + m, d].

        A permutation test stays exact with these, as the pool does not know who is real.
        """
        pool = self.beside(other)
        return pool.standardised(by=pool)

    def standardised(self, *, by: View) -> np.ndarray:
        """Columns less the mean of `by` over its spread, float64 [n, d], levelled off at 3 spreads.

        Each layer's columns are divided by the root of their number and of the number of layers, so
        that x.y is the mean over layers of the mean over columns: the kernel (x.y + 1)^3 gives each
        layer the same weight.
        """
        spread, weight = by.values.std(0), np.empty(self.values.shape[1])
        start = 0
        for width in self.layers:
            part = slice(start, start + width)
            typical = float(np.sqrt(np.mean(spread[part] ** 2)))
            spread[part] = np.maximum(spread[part], max(_LEAST_SPREAD * typical, 1e-12))
            weight[part] = 1.0 / np.sqrt(width * len(self.layers))
            start += width
        scores = (self.values - by.values.mean(0)) / spread
        return _LEVEL_OFF * np.tanh(scores / _LEVEL_OFF) * weight
