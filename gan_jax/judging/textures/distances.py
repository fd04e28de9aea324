"""Distances between two sets of textures, each beside its floor."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from gan_jax import metrics
from gan_jax.errors import InputError
from gan_jax.extractors.extractor import Extractor
from gan_jax.judging.entries import Entry, distance_entry
from gan_jax.judging.textures.families import STATISTICS
from gan_jax.metrics.texture.features import gram_distance, patch_frechet_with_floor
from gan_jax.metrics.texture.laplacian import laplacian_distances
from gan_jax.metrics.texture.statistics import TextureStatistics

SPLITS, FEW_SPLITS = 8, 2  # few where a distance takes seconds
LAPLACIAN_PATCHES, LAPLACIAN_PROJECTIONS = 1 << 14, 128
_IMAGES_AT_ONCE = 500
_MAP_BYTES = 1 << 29

Progress = Callable[[int], object]


@dataclasses.dataclass(frozen=True, eq=False)
class TextureSides:
    """What is compared, both sides in the order of their content.

    Attributes:
        reference: real images, uint8 [m, h, w, c].
        images: generated ones, uint8 [n, h, w, c].
        extractor: a CNN, or None.
        seed: of halves and patches.
        intervals: whether to take the time for them.
        progress: called with the number of further images done.
    """

    reference: np.ndarray
    images: np.ndarray
    extractor: Extractor | None
    seed: int
    intervals: bool
    progress: Progress

    def statistics(self, family: str, images: np.ndarray) -> TextureStatistics:
        """A family's statistics of either side."""
        parts = []
        for start in range(0, len(images), _IMAGES_AT_ONCE):
            parts.append(STATISTICS[family](images[start : start + _IMAGES_AT_ONCE]))
            self.progress(len(parts[-1].values))
        return TextureStatistics(parts[0].names, np.concatenate([part.values for part in parts]))

    def frechet(self, reference: np.ndarray, generated: np.ndarray) -> Entry:
        """The Fréchet distance between features of both sides."""
        found = metrics.frechet_with_floor(
            reference,
            generated,
            num_splits=SPLITS,
            interval=self.intervals,
            seed=self.seed,
            in_order=True,
        )
        return distance_entry(found)

    def averaged(
        self,
        distance: Callable[[np.ndarray, np.ndarray], float],
        reference: np.ndarray,
        images: np.ndarray,
    ) -> Entry:
        """Any distance, over draws of n real images, n others and n generated ones."""
        count = min(len(reference) // 2, len(images))
        values, floors = [], []
        for split in range(FEW_SPLITS):
            order = np.random.default_rng([self.seed, split, 0]).permutation(len(reference))
            drawn = np.random.default_rng([self.seed, split, 1]).permutation(len(images))[:count]
            anchor = reference[order[:count]]
            values.append(distance(anchor, images[drawn]))
            floors.append(distance(anchor, reference[order[count : 2 * count]]))
        value, floor = float(np.mean(values)), float(np.mean(floors))
        return {"value": value, "floor": floor, "ci": None, "n": count}


def _laplacian(sides: TextureSides) -> dict[str, Entry]:
    options = {"num_projections": LAPLACIAN_PROJECTIONS, "max_patches": LAPLACIAN_PATCHES}

    def distance(real: np.ndarray, fake: np.ndarray) -> float:
        return float(np.mean(laplacian_distances(real, fake, **options, seed=sides.seed)))

    entry = sides.averaged(distance, sides.reference, sides.images)
    sides.progress(len(sides.reference) + len(sides.images))
    return {"laplacian_swd": entry}


def _cnn(sides: TextureSides) -> dict[str, Entry]:
    if sides.extractor is None:
        return {}
    if not isinstance(sides.extractor, Extractor):
        raise InputError(
            f"the extractor is a {type(sides.extractor).__name__}, whose feature maps are not "
            "known; give a CNN trained by this package, or leave the family 'cnn' out."
        )
    most = max(4, _MAP_BYTES // sides.extractor.feature_map_bytes)
    maps = []
    for side in (sides.reference, sides.images):
        order = np.random.default_rng([sides.seed, len(side), 4]).permutation(len(side))
        maps.append(sides.extractor.feature_maps(side[order[:most]]))
        sides.progress(len(side))
    patches = patch_frechet_with_floor(
        *maps, num_splits=SPLITS, interval=sides.intervals, seed=sides.seed, in_order=True
    )
    return {
        "patch_fd": distance_entry(patches),
        "gram_distance": sides.averaged(gram_distance, *maps),
    }


OTHERS: dict[str, Callable[[TextureSides], dict[str, Entry]]] = {
    "laplacian": _laplacian,
    "cnn": _cnn,
}
"""The families that are not the Fréchet distance of statistics."""
