"""A run's images judged as textures: at its end, and by `texture_fd` again and again before."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import numpy as np

from gan_jax import metrics
from gan_jax.data import Dataset
from gan_jax.data.content import content_order, in_content_order
from gan_jax.errors import InputError
from gan_jax.extractors.extractor import Extractor
from gan_jax.judging.textures.crops import MOST_CROPS
from gan_jax.judging.textures.families import portilla_simoncelli_scales
from gan_jax.judging.textures.flags import copied_flags
from gan_jax.judging.textures.headline import check_variety, headline_statistics
from gan_jax.judging.textures.suite import TextureJudgement, judge_completely, judge_textures
from gan_jax.metrics.overlap import independent_rows
from gan_jax.metrics.texture.headline import Standardiser, headline_features
from gan_jax.models.texture import TextureGenerator
from gan_jax.runtime.environment import library_versions
from gan_jax.sampling.textures import sample_texture

_FEWEST = 4
_MOST_SEARCHED = 5_000  # training images that copied pieces are looked for in
_LARGE_SAMPLES = 4
_LARGEST_CROP = 128


def check_run(reference: Dataset) -> None:
    """Raises InputError if held-out images are too small or too few for `texture_fd`."""
    if len(reference.image_shape) == 4:
        raise InputError(
            f"{reference.name} holds clips, and textures are images: set evaluation.textures=False."
        )
    portilla_simoncelli_scales(*reference.image_shape[:2])  # the most demanding family
    if len(reference) < _FEWEST:
        raise InputError(
            f"{reference.name} has {len(reference)} held-out images, and at least {_FEWEST} are "
            "needed to judge textures, hundreds to mean something: hold out more, or judge no "
            "textures (evaluation.textures=False)."
        )


@dataclasses.dataclass(frozen=True, eq=False)
class RunTextures:
    """A run's images as textures.

    Attributes:
        judgement: of `samples`.
        real: what they were compared with, uint8 [m, h, w, c].
        samples: uint8 [n, h, w, c].
        large: textures larger than these, each uint8 [H, W, c]; none of a generator of one size.
    """

    judgement: TextureJudgement
    real: np.ndarray
    samples: np.ndarray
    large: list[np.ndarray]


def judge_run(
    images: np.ndarray,
    reference: Dataset,
    training: Dataset,
    generator: nn.Module,
    variables: Any,
    *,
    families: Sequence[str] | None = None,
    extractor: Any = None,
) -> RunTextures:
    """A run's images uint8 [n, h, w, c] against held-out ones.

    Of more than 2,000 images of a side, as many are drawn by their content. As many training images
    as generated ones are judged in the same way: each entry has their number under 'training', and
    the headline has theirs. Held-out crops of a photograph overlap one another, which brings the
    floor down, and they show another part of it than the generator has seen. A generator as good as
    its training images reaches their number, and not the floor.

    Args:
        reference: held-out images of the same size.
        training: what the generator was trained on.
        generator, variables: for large samples.
        families: of texture metrics; None for all.
        extractor: the run's judge, or None; used if it is a CNN.

    Raises:
        InputError: images too few or too small.
    """
    options: dict[str, Any] = {
        "extractor": extractor if isinstance(extractor, Extractor) else None,
        "families": families,
    }
    real = in_content_order(reference.take(reference.content_order()[:MOST_CROPS]))
    samples = images[content_order(images)[:MOST_CROPS]]
    judgement = judge_completely(real, samples, **options)
    order = training.content_order()
    seen = in_content_order(training.take(order[: len(samples)]))
    control = judge_textures(real, seen, **options)
    headline = dict(judgement.headline)
    if judgement.test is not None and headline:
        rows = independent_rows(seen)
        headline["training"] = judgement.test.headline(
            {name: found.take(rows) for name, found in control.statistics.items()}
        )
    searched = training.take(order[:_MOST_SEARCHED])
    judgement = dataclasses.replace(
        judgement,
        metrics={
            name: entry | {"training": control.metrics[name]["value"]}
            for name, entry in judgement.metrics.items()
        },
        protocol={
            "reference": reference.name,
            "reference_split": reference.split,
            "reference_fingerprint": reference.fingerprint,
            **judgement.protocol,
            "training_images": len(seen),
            "versions": library_versions(),
        },
        headline=headline,
        flags=(*judgement.flags, *copied_flags(samples, searched, "training image")),
    )
    return RunTextures(judgement, real, samples, _large_samples(generator, variables))


def _large_samples(generator: nn.Module, variables: Any) -> list[np.ndarray]:
    """One of each texture that the generator holds, up to four; 8 crops of the training wide."""
    if not isinstance(generator, TextureGenerator):
        return []
    height, width = (min(side, _LARGEST_CROP) for side in generator.image_shape[:2])
    count = min(generator.num_textures, _LARGE_SAMPLES)
    size = (4 * height, 8 * width) if count == 1 else (4 * height, 4 * width)
    return [
        sample_texture(generator, variables, size, seed=0, texture=texture)
        for texture in range(count)
    ]


class TextureMeter:
    """Measures generated images by `texture_fd` against held-out ones.

    The held-out images' statistics are taken once. The number is that of `judge_run` for the same
    images, without an interval. The order of neither side changes it.

    Args:
        reference: held-out images, at least 4 of at least 14x14 (see `check_run`); of more than
            2,000 as many, drawn by their content.

    Raises:
        InputError: too few, too small, equal or flat images.
    """

    def __init__(self, reference: Dataset) -> None:
        images = in_content_order(reference.take(reference.content_order()[:MOST_CROPS]))
        check_variety(images)
        statistics = headline_statistics(images)
        self._standardisers = {name: Standardiser.of(found) for name, found in statistics.items()}
        self._real = headline_features(statistics, self._standardisers)

    def read(self, images: np.ndarray) -> dict[str, float]:
        """The numbers for a log: 'eval/texture_fd' and 'eval/texture_fd_floor'.

        Args:
            images: generated ones, uint8 [n, h, w, c] of the reference's size, n >= 2; of more than
                2,000 as many.

        Raises:
            InputError: images of another size, or too few.
        """
        images = images[content_order(images)[:MOST_CROPS]]
        fake = headline_features(headline_statistics(images), self._standardisers)
        result = metrics.frechet_with_floor(self._real, fake, interval=False, in_order=True)
        return {"eval/texture_fd": result.value, "eval/texture_fd_floor": result.floor}
