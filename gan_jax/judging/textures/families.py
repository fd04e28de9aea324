"""The families of texture statistics by name, and what size of image they need."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gan_jax.errors import InputError
from gan_jax.judging import suite
from gan_jax.metrics.texture.cooccurrence import cooccurrence_statistics
from gan_jax.metrics.texture.patterns import binary_patterns
from gan_jax.metrics.texture.portilla_simoncelli import portilla_simoncelli
from gan_jax.metrics.texture.spectrum import polar_spectrum
from gan_jax.metrics.texture.statistics import TextureStatistics

_PYRAMID_SIDE = 7  # of the autocorrelations; the coarsest scale must hold it


def portilla_simoncelli_scales(height: int, width: int) -> int:
    """Scales of the pyramid for images of a size: 3 from 56 pixels on, 2 from 28, 1 from 14.

    Raises:
        InputError: smaller images.
    """
    for scales in (3, 2, 1):
        if min(height, width) >= _PYRAMID_SIDE * 2**scales:
            return scales
    raise InputError(
        f"the images are {height}x{width}; Portilla-Simoncelli statistics need at least "
        f"{2 * _PYRAMID_SIDE}x{2 * _PYRAMID_SIDE}. Give larger crops."
    )


def _portilla_simoncelli(images: np.ndarray) -> TextureStatistics:
    return portilla_simoncelli(images, num_scales=portilla_simoncelli_scales(*images.shape[1:3]))


STATISTICS: dict[str, Callable[[np.ndarray], TextureStatistics]] = {
    "spectrum": polar_spectrum,
    "cooccurrence": cooccurrence_statistics,
    "portilla_simoncelli": _portilla_simoncelli,
    "patterns": binary_patterns,
}
FAMILIES = (*STATISTICS, "laplacian", "cnn")


def check_texture_families(names: Sequence[str]) -> None:
    """Raises InputError for a name that is none of `FAMILIES`."""
    suite.check_names(names, FAMILIES, "the texture family")


def divide_families(families: Sequence[str] | None) -> tuple[list[str] | None, list[str] | None]:
    """Names of families of features and names of families of textures; None for all.

    Raises:
        InputError: a name of neither.
    """
    if families is None:
        return None, None
    parts = suite.FAMILIES, FAMILIES
    suite.check_names(families, [*parts[0], *parts[1]], "--metrics:")
    features, textures = ([name for name in families if name in part] for part in parts)
    return features, textures
