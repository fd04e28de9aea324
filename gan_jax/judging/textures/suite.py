"""Textures against real ones: which families of statistics, at which n, beside which floor.

Each distance is between n generated and n real images, and beside it stands its floor, the same
distance between n real images and n others. `docs/texture_judging.md` holds the definitions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

import gan_jax
from gan_jax.data.content import content_order
from gan_jax.data.progress import progress_bar
from gan_jax.errors import InputError
from gan_jax.extractors.common import checked_images, shape_text
from gan_jax.extractors.extractor import Extractor
from gan_jax.judging.entries import Entry
from gan_jax.judging.judgement import Findings
from gan_jax.judging.textures.distances import (
    FEW_SPLITS,
    LAPLACIAN_PATCHES,
    LAPLACIAN_PROJECTIONS,
    OTHERS,
    SPLITS,
    Progress,
    TextureSides,
)
from gan_jax.judging.textures.families import (
    FAMILIES,
    STATISTICS,
    check_texture_families,
    portilla_simoncelli_scales,
)
from gan_jax.judging.textures.flags import texture_flags
from gan_jax.judging.textures.headline import TextureTest, check_variety
from gan_jax.metrics.overlap import independent_rows
from gan_jax.metrics.texture.headline import HEADLINE, Standardiser, headline_features
from gan_jax.metrics.texture.statistics import TextureStatistics

DEFINITIONS = 1
"""Raised whenever a number changes its meaning."""

_MOST_NEIGHBOURS = 2_000


@dataclasses.dataclass(frozen=True, eq=False)
class TextureJudgement(Findings):
    """What the statistics say of a set of textures.

    Its metrics are texture_fd, all statistics together; spectrum_fd, cooccurrence_fd,
    portilla_simoncelli_fd, its parts; patterns_fd, a diagnostic; laplacian_swd; with an extractor
    patch_fd and gram_distance. 'ci' is None where none was asked for or none exists. There is no
    headline where texture_fd cannot be computed.

    Attributes:
        reference_statistics: family to the statistics of the reference.
        statistics: family to the statistics of the images.
        distances: float64 [n], how far each image's statistics lie from the nearest real image's,
            over the median of that distance among real images: at 1 it is as far from them as they
            are from one another.
        test: which gave the headline, for other images; None without one.
    """

    reference_statistics: dict[str, TextureStatistics]
    statistics: dict[str, TextureStatistics]
    distances: np.ndarray
    test: TextureTest | None = None


def judge_textures(
    reference: np.ndarray,
    images: np.ndarray,
    *,
    extractor: Extractor | None = None,
    families: Sequence[str] | None = None,
    seed: int = 0,
    complete: bool = False,
    crops: bool = False,
    progress: Progress = lambda count: None,
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
        progress: called with the number of further images done, each counted once per family.

    Raises:
        InputError: images of different sizes, too few or too small; a reference of equal or of flat
            images; an unknown family, or a named one that cannot be computed.
    """
    reference, images = checked_images(reference), checked_images(images)
    _check(reference, images, extractor, families)
    orders = content_order(reference), content_order(images)
    sides = TextureSides(
        reference[orders[0]], images[orders[1]], extractor, seed, complete, progress
    )
    names = FAMILIES if families is None else families
    compared, entries, skipped = _compare(sides, names, named=families is not None)
    features = _features(compared)
    if missing := [name for name in HEADLINE if name not in compared]:
        skipped["texture_fd"] = f"it needs {', '.join(HEADLINE)}; missing: {', '.join(missing)}"
    else:
        entries = {"texture_fd": sides.frechet(*features)} | entries
    judgement = TextureJudgement(
        metrics=entries,
        protocol=_protocol(sides, compared, entries, skipped),
        reference_statistics={name: one.real for name, one in compared.items()},
        statistics={name: one.fake for name, one in compared.items()},
        distances=_distances(sides, features),
    )
    if complete and "texture_fd" in entries:
        judgement = _with_headline(judgement, sides, crops)
    return dataclasses.replace(
        judgement,
        reference_statistics=_taken(judgement.reference_statistics, np.argsort(orders[0])),
        statistics=_taken(judgement.statistics, np.argsort(orders[1])),
        distances=judgement.distances[np.argsort(orders[1])],
    )


def judge_completely(reference: np.ndarray, images: np.ndarray, **options: Any) -> TextureJudgement:
    """The complete judgement of `judge_textures`, with a progress bar.

    Raises:
        InputError: as there, and where no metric at all can be computed.
    """
    with progress_bar("statistics", 0, " images") as bar:
        judgement = judge_textures(reference, images, complete=True, progress=bar.update, **options)
    if not judgement.metrics:
        reasons = "; ".join(judgement.protocol.get("skipped", {}).values())
        raise InputError(f"no texture metric can be computed: {reasons}")
    return judgement


def _check(
    reference: np.ndarray,
    images: np.ndarray,
    extractor: Extractor | None,
    families: Sequence[str] | None,
) -> None:
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


def _taken(
    statistics: Mapping[str, TextureStatistics], rows: np.ndarray
) -> dict[str, TextureStatistics]:
    return {name: found.take(rows) for name, found in statistics.items()}


@dataclasses.dataclass(frozen=True, eq=False)
class _Compared:
    """A family's statistics of both sides, and how they are brought to one scale."""

    real: TextureStatistics
    fake: TextureStatistics
    standardiser: Standardiser

    def features(self) -> tuple[np.ndarray, np.ndarray]:
        return self.standardiser(self.real), self.standardiser(self.fake)


def _compare(
    sides: TextureSides, names: Sequence[str], *, named: bool
) -> tuple[dict[str, _Compared], dict[str, Entry], dict[str, str]]:
    """The families that can be computed, their entries, and why others are missing."""
    compared: dict[str, _Compared] = {}
    entries: dict[str, Entry] = {}
    skipped: dict[str, str] = {}
    for name in names:
        try:
            if name in STATISTICS:
                real, fake = (sides.statistics(name, s) for s in (sides.reference, sides.images))
                compared[name] = _Compared(real, fake, Standardiser.of(real))
                entries[f"{name}_fd"] = sides.frechet(*compared[name].features())
            else:
                entries |= OTHERS[name](sides)
        except InputError as error:
            if named:
                raise
            skipped[name] = str(error)
    return compared, entries, skipped


def _features(compared: Mapping[str, _Compared]) -> list[np.ndarray]:
    """What images of both sides are compared by: what makes texture_fd, or else all there is."""
    if not set(HEADLINE) <= compared.keys():
        return [np.hstack(side) for side in zip(*(one.features() for one in compared.values()))]
    standardisers = {name: one.standardiser for name, one in compared.items()}
    sides = [{name: getattr(one, s) for name, one in compared.items()} for s in ("real", "fake")]
    return [headline_features(statistics, standardisers) for statistics in sides]


def _distances(sides: TextureSides, features: Sequence[np.ndarray]) -> np.ndarray:
    if not features:
        return np.full(len(sides.images), np.nan)
    reference, images = features
    order = np.random.default_rng([sides.seed, len(reference), 5]).permutation(len(reference))
    reference = reference[order[:_MOST_NEIGHBOURS]]
    among = cdist(reference, reference)
    np.fill_diagonal(among, np.inf)
    unit = float(np.median(among.min(axis=1)))
    return cdist(images, reference).min(axis=1) / (unit if unit > 0 else 1.0)


def _with_headline(
    judgement: TextureJudgement, sides: TextureSides, crops: bool
) -> TextureJudgement:
    test = TextureTest(sides.reference, judgement.reference_statistics, seed=sides.seed)
    statistics = judgement.statistics
    if crops:
        statistics = _taken(statistics, independent_rows(sides.images))
    headline = test.headline(statistics)
    flags = texture_flags(headline, sides.reference, sides.images, tested=len(test.rows))
    return dataclasses.replace(judgement, headline=headline, flags=tuple(flags), test=test)


def _protocol(
    sides: TextureSides,
    compared: Mapping[str, _Compared],
    entries: Mapping[str, Entry],
    skipped: Mapping[str, str],
) -> dict[str, Any]:
    reference, images, extractor = sides.reference, sides.images, sides.extractor
    left_out = {name: list(one.standardiser.left_out) for name, one in compared.items()}
    protocol: dict[str, Any] = {
        "families": list(compared),
        "headline": list(HEADLINE),
        "n": min(len(reference) // 2, len(images)),
        "reference_images": len(reference),
        "images": len(images),
        "image_shape": list(images.shape[1:]),
        "seed": sides.seed,
        "halvings": SPLITS,
        "floor": "mean distance between random halves of the reference, at the same n",
        "definitions": DEFINITIONS,
        "left_out": {name: names for name, names in left_out.items() if names},
        "gan_jax": gan_jax.__version__,
    }
    if "portilla_simoncelli" in compared:
        protocol["portilla_simoncelli_scales"] = portilla_simoncelli_scales(*images.shape[1:3])
    if "laplacian_swd" in entries:
        protocol["laplacian"] = {
            "halvings": FEW_SPLITS,
            "most_patches": LAPLACIAN_PATCHES,
            "directions": LAPLACIAN_PROJECTIONS,
        }
    if "patch_fd" in entries:
        assert extractor is not None
        protocol |= {
            "extractor": extractor.stamp,
            "extractor_sha256": extractor.digest,
            "extractor_layer": extractor.record["layers"]["texture"],
        }
    if skipped:
        protocol["skipped"] = dict(skipped)
    return protocol
