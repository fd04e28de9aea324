"""What a judge sees of images: the layers of its features, and all of them in one vector."""

from __future__ import annotations

import dataclasses

import numpy as np

from gan_jax.extractors.common import Features

# A unit that hardly ever fires among few real images must not decide: the spread of a column counts
# as at least this share of its layer's, and values level off a few spreads from the mean.
_LEAST_SPREAD = 0.1
_LEVEL_OFF = 3.0


def layers_of(features: Features) -> dict[str, np.ndarray]:
    """The layers [n, d] that an extractor has, by name."""
    layers = {"semantic": features.semantic, "texture": features.texture}
    return {name: values for name, values in layers.items() if values is not None}


def is_constant(features: np.ndarray) -> bool:
    """Whether features [n, d] are the same for all images, up to round-off."""
    return bool(np.ptp(features, axis=0).max() <= 1e-6 * np.abs(features).max())


def standardise(features: np.ndarray, layer: str, *, by: np.ndarray | None = None) -> np.ndarray:
    """Features [n, d] as Fréchet distances compare them: 'texture' standardised by the reference.

    Scales of middle channels differ widely; the reference's moments make them equal.

    Args:
        features: of any images.
        layer: 'semantic' or 'texture'.
        by: those of the reference; None if `features` are these.
    """
    if layer != "texture":
        return features
    reference = features if by is None else by
    mean, std = reference.mean(0, dtype=np.float64), reference.std(0, dtype=np.float64)
    return (features - mean) / np.maximum(std, 1e-6 * max(float(std.max()), 1e-12))


@dataclasses.dataclass(frozen=True, eq=False)
class View:
    """The features of n images, layer beside layer, each of equal weight.

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

    @classmethod
    def of_features(cls, features: Features) -> View:
        """The view of all layers that an extractor has."""
        return cls.of(features.semantic, features.texture)

    def take(self, rows: np.ndarray) -> View:
        """The view of the images `rows`."""
        return dataclasses.replace(self, values=self.values[rows])

    def beside(self, other: View) -> View:
        """The view of both sets of images together."""
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
