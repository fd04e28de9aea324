"""Does a texture metric notice known damage, and more damage as more?

A random half of real textures is damaged and compared with the other half, in every kind, strength
and seed. The distance is read over the floor, that of the two halves undamaged: 1 is nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from gan_jax import metrics
from gan_jax.data.content import in_content_order
from gan_jax.errors import InputError
from gan_jax.extractors.common import checked_images
from gan_jax.extractors.pack import Extractor
from gan_jax.judging.degradations import Degradation, random_halves, rises
from gan_jax.judging.textures.degradations import TEXTURE_DEGRADATIONS, texture_pool
from gan_jax.judging.textures.families import STATISTICS, check_texture_families
from gan_jax.metrics.texture.features import gram_distance, patch_frechet_distance
from gan_jax.metrics.texture.headline import HEADLINE, Standardiser, headline_features
from gan_jax.metrics.texture.laplacian import laplacian_distance

_LAPLACIAN_PATCHES, _LAPLACIAN_PROJECTIONS = 1 << 12, 64

Distances = dict[str, float]


@dataclasses.dataclass(frozen=True)
class SensitivityRow:
    """One kind of damage as one metric sees it.

    Attributes:
        degradation: its name.
        metric: such as 'texture_fd'.
        strengths: ascending.
        ratios: mean over seeds of the distance, over the mean floor; one a strength.
        spreads: standard deviations over seeds, over the mean floor, likewise.
        threshold: 1 and three standard deviations of the floor over seeds, over its mean.
    """

    degradation: str
    metric: str
    strengths: tuple[float, ...]
    ratios: tuple[float, ...]
    spreads: tuple[float, ...]
    threshold: float

    @property
    def seen(self) -> tuple[bool, ...]:
        """Whether each strength lies above the threshold."""
        return tuple(ratio > self.threshold for ratio in self.ratios)

    @property
    def monotone(self) -> bool:
        """Whether no ratio falls below the one before by more than their spreads."""
        return rises(self.ratios, self.spreads)


def texture_sensitivity(
    images: np.ndarray,
    *,
    families: Sequence[str] = tuple(STATISTICS),
    extractor: Extractor | None = None,
    degradations: Sequence[Degradation] = TEXTURE_DEGRADATIONS,
    num_seeds: int = 5,
    progress: Callable[[str], None] | None = None,
) -> tuple[SensitivityRow, ...]:
    """Damages textures in every way, strength and seed, and measures what is seen.

    The order of the images changes nothing.

    Args:
        images: real textures uint8 [m, h, w, c], m >= 8; n = m // 2 a side.
        families: names of `STATISTICS`, each measured by itself, 'laplacian', and 'cnn'; texture_fd
            too if all of its parts are there.
        extractor: a trained CNN, whose patch_fd and gram_distance are then measured too, with
            'cnn' among the families or not.
        degradations: what is done.
        num_seeds: random halves and random damage, at least 2.
        progress: told each damage before it is tried.

    Returns:
        A row a damage and metric.

    Raises:
        InputError: too few images or seeds, an unknown family, 'cnn' without an extractor, or
            images that do not fit it.
    """
    images = checked_images(images)
    check_texture_families(families)
    if extractor is not None:
        extractor.check_shape(images.shape[1:])
    elif "cnn" in families:
        raise InputError("the family 'cnn' needs an extractor: give one, or leave it out.")
    if len(images) < 8 or num_seeds < 2:
        raise InputError(
            f"there are {len(images)} images and {num_seeds} seed(s); expected at least 8 images "
            "for two halves, and 2 seeds for a spread."
        )
    images = in_content_order(images)
    measure = _Measure(images, families, extractor)
    halves = [random_halves(len(images), seed) for seed in range(num_seeds)]
    floors = [measure(one, images[other]) for one, other in halves]
    rows = []
    for degradation in degradations:
        if progress:
            progress(degradation.name)
        found: list[list[Distances]] = []
        for column, strength in enumerate(degradation.strengths):
            found.append([])
            for seed, (kept, damaged) in enumerate(halves):
                rng = np.random.default_rng([seed, column])
                changed = degradation.apply(texture_pool(images[damaged]), strength, rng)
                found[-1].append(measure(kept, changed))
        for metric in floors[0]:
            floor = np.array([distances[metric] for distances in floors])
            values = np.array([[one[metric] for one in seeds] for seeds in found]) / floor.mean()
            rows.append(
                SensitivityRow(
                    degradation=degradation.name,
                    metric=metric,
                    strengths=degradation.strengths,
                    ratios=tuple(values.mean(axis=1).tolist()),
                    spreads=tuple(values.std(axis=1, ddof=1).tolist()),
                    threshold=float(1 + 3 * floor.std(ddof=1) / floor.mean()),
                )
            )
    return tuple(rows)


class _Measure:
    """Every metric between some of the clean images and others."""

    def __init__(
        self, images: np.ndarray, families: Sequence[str], extractor: Extractor | None
    ) -> None:
        self._images = images
        self._families = families
        self._extractor = extractor
        self._maps = None if extractor is None else extractor.feature_maps(images)
        self._named = [name for name in families if name in STATISTICS]
        clean = {name: STATISTICS[name](images) for name in self._named}
        self._standardisers = {name: Standardiser.of(values) for name, values in clean.items()}
        self._clean = self._features(clean)

    def _features(self, statistics) -> dict[str, np.ndarray]:
        features = {
            f"{name}_fd": self._standardisers[name](values) for name, values in statistics.items()
        }
        if set(HEADLINE) <= set(statistics):
            features = {"texture_fd": headline_features(statistics, self._standardisers)} | features
        return features

    def __call__(self, kept: np.ndarray, others: np.ndarray) -> Distances:
        seen = self._features({name: STATISTICS[name](others) for name in self._named})
        distances = {
            metric: metrics.frechet_distance(self._clean[metric][kept], features)
            for metric, features in seen.items()
        }
        if "laplacian" in self._families:
            distances["laplacian_swd"] = laplacian_distance(
                self._images[kept],
                others,
                num_projections=_LAPLACIAN_PROJECTIONS,
                max_patches=_LAPLACIAN_PATCHES,
            ).mean
        if self._maps is not None:
            maps = self._maps[kept], self._extractor.feature_maps(others)
            distances["patch_fd"] = patch_frechet_distance(*maps)
            distances["gram_distance"] = gram_distance(*maps)
        return distances


def sensitivity_table(rows: Sequence[SensitivityRow]) -> str:
    """The rows as a Markdown table: a star marks what does not lie above the floor."""
    width = max(len(row.strengths) for row in rows)
    lines = [
        f"| damage | metric | {' | '.join(str(i + 1) for i in range(width))} | monotone |",
        f"|---|---|{'---|' * width}---|",
    ]
    for row in rows:
        cells = [
            f"{ratio:.3g}{'' if seen else '*'}" for ratio, seen in zip(row.ratios, row.seen)
        ] + [""] * (width - len(row.ratios))
        lines.append(
            f"| {row.degradation} | {row.metric} | {' | '.join(cells)} | "
            f"{'yes' if row.monotone else 'NO'} |"
        )
    return "\n".join(lines)
