"""Textures against real ones: which families of statistics, at which n, beside which floor.

No trained network is needed: `texture_fd` and the families it is made of name what they measure.
Each distance is between n generated and n real images, and beside it stands its floor, the same
distance between n real images and n others. `docs/textures.md` holds definitions and what each
number sees.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

import gan_jax
from gan_jax import metrics
from gan_jax.data.content import content_order
from gan_jax.errors import InputError
from gan_jax.extractors.common import checked_images, shape_text
from gan_jax.extractors.pack import Extractor
from gan_jax.judging.textures.families import (
    FAMILIES,
    STATISTICS,
    check_texture_families,
    portilla_simoncelli_scales,
)
from gan_jax.judging.textures.headline import TextureTest, check_variety, texture_flags
from gan_jax.metrics.overlap import independent_rows
from gan_jax.metrics.texture.features import gram_distance, patch_frechet_with_floor
from gan_jax.metrics.texture.headline import HEADLINE, Standardiser, headline_features
from gan_jax.metrics.texture.laplacian import laplacian_distance
from gan_jax.metrics.texture.statistics import TextureStatistics

Entry = dict[str, Any]

DEFINITIONS = 1
"""Raised whenever a number changes its meaning."""

_SPLITS, _FEW_SPLITS = 8, 2  # few where a distance takes seconds
_IMAGES_AT_ONCE = 500
_MOST_NEIGHBOURS = 2_000
_MAP_BYTES = 1 << 29
_LAPLACIAN_PATCHES, _LAPLACIAN_PROJECTIONS = 1 << 14, 128


@dataclasses.dataclass(frozen=True, eq=False)
class TextureJudgement:
    """What the statistics say of a set of textures.

    Attributes:
        metrics: name to {'value', 'floor', 'ci', 'n'}, and for Frechet distances 'floor_spread':
            texture_fd, all together; spectrum_fd, cooccurrence_fd, portilla_simoncelli_fd, its
            parts; patterns_fd, a diagnostic; laplacian_swd; with an extractor patch_fd and
            gram_distance. 'ci' is None where none was asked for or none exists.
        protocol: what the numbers depend on, and why a family is missing.
        reference_statistics: family to the statistics of the reference.
        statistics: family to the statistics of the images.
        distances: float64 [n], how far each image's statistics lie from the nearest real image's,
            over the median of that distance among real images: at 1 it is as far from them as they
            are from one another.
        headline: see `gan_jax.judging.headline.make_headline`; {} of a quick judgement, and where
            texture_fd cannot be computed.
        flags: what a reader must know first, [{'name', 'text', 'apart'}].
        test: which gave the headline, for other images; None without one.
    """

    metrics: dict[str, Entry]
    protocol: dict[str, Any]
    reference_statistics: dict[str, TextureStatistics]
    statistics: dict[str, TextureStatistics]
    distances: np.ndarray
    headline: dict[str, Any] = dataclasses.field(default_factory=dict)
    flags: tuple[dict[str, Any], ...] = ()
    test: TextureTest | None = None

    @property
    def opening(self) -> dict[str, Any]:
        """What eval.json and a page about textures open with: 'headline' and 'flags'."""
        return {"headline": self.headline, "flags": list(self.flags)}

    def content(self) -> dict[str, Any]:
        """Its part of eval.json."""
        return self.opening | {"metrics": self.metrics, "protocol": self.protocol}


def judge_textures(
    reference: np.ndarray,
    images: np.ndarray,
    *,
    extractor: Extractor | None = None,
    families: Sequence[str] | None = None,
    seed: int = 0,
    complete: bool = False,
    crops: bool = False,
    progress: Callable[[int], None] | None = None,
) -> TextureJudgement:
    """The numbers of textures uint8 [n, h, w, c] against real ones uint8 [m, h, w, c].

    The order of neither side changes any number; what is given for each image comes in the order in
    which the images were given.

    Args:
        reference: real images that the generator was not trained on, m >= 4.
        images: generated ones, n >= 2, of the same size and channels.
        extractor: a trained CNN for patch_fd and gram_distance, the family 'cnn'; None for none.
        families: names of `FAMILIES`; None for all that can be computed.
        seed: of halves, patches and permutations.
        complete: with headline, flags and intervals; else quickly, as during training.
        crops: whether the images were cut out of pictures too, and may overlap as real ones may.
        progress: called with the number of images done, each counted once a family.

    Raises:
        InputError: images of different sizes, too few or too small; a reference of equal or of flat
            images; an unknown family, or a named one that cannot be computed.
    """
    reference, images = checked_images(reference), checked_images(images)
    check_texture_families(families or ())
    if reference.shape[1:] != images.shape[1:]:
        raise InputError(
            f"the images are {shape_text(images.shape[1:])} and the reference "
            f"{shape_text(reference.shape[1:])} (height x width x channels): cut both to one size."
        )
    if len(reference) < 4 or len(images) < 2:
        raise InputError(
            f"there are {len(reference)} real and {len(images)} generated images; at least 4 and 2 "
            "are needed for a distance with a floor, and hundreds for one that means something."
        )
    if families is not None and "cnn" in families and extractor is None:
        raise InputError("the family 'cnn' needs an extractor: give one, or leave it out.")
    if extractor is not None and (families is None or "cnn" in families):
        extractor.check_shape(images.shape[1:])
    check_variety(reference)
    orders = content_order(reference), content_order(images)
    session = _Session(
        reference[orders[0]], images[orders[1]], extractor, families, seed, complete, progress
    )
    return _unsorted(session.judgement(crops), *orders)


def _unsorted(
    judgement: TextureJudgement, reference_order: np.ndarray, order: np.ndarray
) -> TextureJudgement:
    """What is given for each image, in the order in which the images were given."""

    def back(statistics: dict[str, TextureStatistics], order: np.ndarray):
        return {name: found.take(np.argsort(order)) for name, found in statistics.items()}

    return dataclasses.replace(
        judgement,
        reference_statistics=back(judgement.reference_statistics, reference_order),
        statistics=back(judgement.statistics, order),
        distances=judgement.distances[np.argsort(order)],
    )


class _Session:
    """One call of `judge_textures`, both sides in the order of their content."""

    def __init__(
        self,
        reference: np.ndarray,
        images: np.ndarray,
        extractor: Extractor | None,
        families: Sequence[str] | None,
        seed: int,
        complete: bool,
        progress: Callable[[int], None] | None,
    ) -> None:
        self._sides = (reference, images)
        self._extractor = extractor
        self._families = families
        self._seed, self._complete = seed, complete
        self._progress = progress
        self._done = 0
        self._statistics: dict[str, tuple[TextureStatistics, TextureStatistics]] = {}
        self._standardisers: dict[str, Standardiser] = {}
        self._metrics: dict[str, Entry] = {}
        self._skipped: dict[str, str] = {}

    def judgement(self, crops: bool) -> TextureJudgement:
        for name in FAMILIES if self._families is None else self._families:
            if name == "cnn" and self._extractor is None:
                continue
            try:
                self._compute(name)
            except InputError as error:
                if self._families is not None:
                    raise
                self._skipped[name] = str(error)
        features = self._all_together()
        real, fake = ({name: pair[i] for name, pair in self._statistics.items()} for i in (0, 1))
        judgement = TextureJudgement(
            metrics=self._metrics,
            protocol=self._protocol(),
            reference_statistics=real,
            statistics=fake,
            distances=self._distances(features),
        )
        if features is None or not self._complete:
            return judgement
        reference, images = self._sides
        test = TextureTest(reference, real, seed=self._seed)
        if crops:
            rows = independent_rows(images)
            fake = {name: found.take(rows) for name, found in fake.items()}
        headline = test.headline(fake)
        flags = texture_flags(headline, reference, images, tested=len(test.rows))
        return dataclasses.replace(judgement, headline=headline, flags=tuple(flags), test=test)

    def _compute(self, name: str) -> None:
        if name == "laplacian":
            self._metrics["laplacian_swd"] = self._laplacian()
        elif name == "cnn":
            self._metrics |= self._cnn()
        else:
            pair = tuple(self._statistics_of(STATISTICS[name], side) for side in self._sides)
            self._standardisers[name] = Standardiser.of(pair[0])
            self._statistics[name] = pair
            self._metrics[f"{name}_fd"] = self._frechet(*map(self._standardisers[name], pair))

    def _statistics_of(self, function, images: np.ndarray) -> TextureStatistics:
        parts = []
        for start in range(0, len(images), _IMAGES_AT_ONCE):
            parts.append(function(images[start : start + _IMAGES_AT_ONCE]))
            self._report(len(parts[-1].values))
        return TextureStatistics(parts[0].names, np.concatenate([part.values for part in parts]))

    def _report(self, count: int) -> None:
        self._done += count
        if self._progress:
            self._progress(self._done)

    def _frechet(self, reference: np.ndarray, generated: np.ndarray) -> Entry:
        return _entry(
            metrics.frechet_with_floor(
                reference,
                generated,
                num_splits=_SPLITS,
                interval=self._complete,
                seed=self._seed,
            )
        )

    def _all_together(self) -> list[np.ndarray] | None:
        """Puts texture_fd in front; its features of both sides, or None where a part is missing."""
        missing = [name for name in HEADLINE if name not in self._statistics]
        if missing:
            self._skipped["texture_fd"] = f"it needs {', '.join(HEADLINE)}; missing: " + ", ".join(
                missing
            )
            return None
        features = [
            headline_features(
                {name: pair[side] for name, pair in self._statistics.items()}, self._standardisers
            )
            for side in (0, 1)
        ]
        self._metrics = {"texture_fd": self._frechet(*features)} | self._metrics
        return features

    def _averaged(
        self,
        distance: Callable[[np.ndarray, np.ndarray], float],
        reference: np.ndarray,
        images: np.ndarray,
    ) -> Entry:
        """Any distance, over draws of n real images, n others and n generated ones."""
        count = min(len(reference) // 2, len(images))
        values, floors = [], []
        for split in range(_FEW_SPLITS):
            order = np.random.default_rng([self._seed, split, 0]).permutation(len(reference))
            drawn = np.random.default_rng([self._seed, split, 1]).permutation(len(images))[:count]
            anchor = reference[order[:count]]
            values.append(distance(anchor, images[drawn]))
            floors.append(distance(anchor, reference[order[count : 2 * count]]))
        return {
            "value": float(np.mean(values)),
            "floor": float(np.mean(floors)),
            "ci": None,
            "n": count,
        }

    def _laplacian(self) -> Entry:
        def distance(real: np.ndarray, fake: np.ndarray) -> float:
            return laplacian_distance(
                real,
                fake,
                num_projections=_LAPLACIAN_PROJECTIONS,
                max_patches=_LAPLACIAN_PATCHES,
                seed=self._seed,
            ).mean

        entry = self._averaged(distance, *self._sides)
        self._report(sum(map(len, self._sides)))
        return entry

    def _cnn(self) -> dict[str, Entry]:
        if not isinstance(self._extractor, Extractor):
            raise InputError(
                f"the extractor is a {type(self._extractor).__name__}, whose feature maps are not "
                "known; give a CNN trained by this package, or leave the family 'cnn' out."
            )
        most = max(4, _MAP_BYTES // self._extractor.feature_map_bytes)
        sides = []
        for side in self._sides:
            order = np.random.default_rng([self._seed, len(side), 4]).permutation(len(side))
            sides.append(self._extractor.feature_maps(side[order[:most]]))
            self._report(len(side))
        reference, images = sides
        patches = patch_frechet_with_floor(
            reference,
            images,
            num_splits=_SPLITS,
            interval=self._complete,
            seed=self._seed,
        )
        gram = self._averaged(gram_distance, reference, images)
        return {"patch_fd": _entry(patches), "gram_distance": gram}

    def _distances(self, features: list[np.ndarray] | None) -> np.ndarray:
        if features is None:
            if not self._statistics:
                return np.full(len(self._sides[1]), np.nan)
            features = [
                np.hstack(
                    [
                        self._standardisers[name](pair[side])
                        for name, pair in self._statistics.items()
                    ]
                )
                for side in (0, 1)
            ]
        reference, images = features
        order = np.random.default_rng([self._seed, len(reference), 5]).permutation(len(reference))
        reference = reference[order[:_MOST_NEIGHBOURS]]
        among = cdist(reference, reference)
        np.fill_diagonal(among, np.inf)
        unit = float(np.median(among.min(axis=1)))
        return cdist(images, reference).min(axis=1) / (unit if unit > 0 else 1.0)

    def _protocol(self) -> dict[str, Any]:
        reference, images = self._sides
        protocol = {
            "families": list(self._statistics),
            "headline": list(HEADLINE),
            "n": min(len(reference) // 2, len(images)),
            "reference_images": len(reference),
            "images": len(images),
            "image_shape": list(images.shape[1:]),
            "seed": self._seed,
            "halvings": _SPLITS,
            "floor": "mean distance between random halves of the reference, at the same n",
            "definitions": DEFINITIONS,
            "left_out": {
                name: list(standardiser.left_out)
                for name, standardiser in self._standardisers.items()
                if standardiser.left_out
            },
            "gan_jax": gan_jax.__version__,
        }
        if "portilla_simoncelli" in self._statistics:
            protocol["portilla_simoncelli_scales"] = portilla_simoncelli_scales(*images.shape[1:3])
        if "laplacian_swd" in self._metrics:
            protocol["laplacian"] = {
                "halvings": _FEW_SPLITS,
                "most_patches": _LAPLACIAN_PATCHES,
                "directions": _LAPLACIAN_PROJECTIONS,
            }
        if "patch_fd" in self._metrics:
            protocol |= {
                "extractor": self._extractor.stamp,
                "extractor_sha256": self._extractor.digest,
                "extractor_layer": self._extractor.record["layers"]["texture"],
            }
        if self._skipped:
            protocol["skipped"] = self._skipped
        return protocol


def _entry(result: metrics.FrechetResult) -> Entry:
    return {
        "value": result.value,
        "floor": result.floor,
        "floor_spread": result.floor_spread,
        "ci": None if result.interval is None else list(result.interval),
        "n": result.n,
    }
