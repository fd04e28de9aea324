"""What every family of texture statistics gives: a named vector an image."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class TextureStatistics:
    """Statistics of n images.

    Attributes:
        names: one a column, such as 'contrast_d1'.
        values: float64 [n, d], finite.
    """

    names: tuple[str, ...]
    values: np.ndarray

    def take(self, rows: np.ndarray) -> TextureStatistics:
        """Those of the images `rows`."""
        return TextureStatistics(self.names, self.values[rows])
