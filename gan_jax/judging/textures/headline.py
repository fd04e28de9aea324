"""What a judgement of textures comes to: the same three questions as of any judge, by statistics.

The view is what `texture_fd` compares, family beside family; neither a network nor a label is
needed. Crops that overlap are no independent images (`docs/texture_judging.md` tells what comes of
testing them), so of each side only those that share no piece are tested and counted.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from gan_jax.data.content import content_keys, in_content_order
from gan_jax.errors import InputError
from gan_jax.extractors.common import checked_images
from gan_jax.judging.headline import make_headline
from gan_jax.judging.ladder import Ladder, find_ladder
from gan_jax.judging.textures.families import STATISTICS
from gan_jax.judging.textures.flags import texture_flags
from gan_jax.judging.view import View
from gan_jax.metrics.overlap import MOST_IMAGES, independent_rows
from gan_jax.metrics.texture.headline import HEADLINE, Standardiser
from gan_jax.metrics.texture.statistics import TextureStatistics, grey_images

Statistics = Mapping[str, TextureStatistics]

_LADDER_PIXELS = 1 << 20  # of all images that are damaged; more take time and move little
_LADDER_IMAGES = (64, 200)
_FLAT = 1 / 255  # the deviation of grey values below which an image has no texture
_PIXELS_AT_ONCE = 1 << 22
_FEWEST = 4  # different real images


class TextureTest:
    """Real textures that images are tested against.

    Args:
        images: uint8 [m, h, w, c] in the order of their content, which `check_variety` let pass.
        statistics: theirs, of the families of `HEADLINE` at least.
        seed: of the permutations and halves.

    Attributes:
        rows: the real images that are tested: no two show the same piece, int64 [k].
    """

    def __init__(self, images: np.ndarray, statistics: Statistics, *, seed: int = 0) -> None:
        self._images, self._seed = images, seed
        self.rows = independent_rows(images)
        chosen = statistics
        if len(self.rows) > 1:
            chosen = {name: statistics[name].take(self.rows) for name in HEADLINE}
        self._standardisers = {name: Standardiser.of(chosen[name]) for name in HEADLINE}
        self._real = self._view(chosen)

    def headline(self, statistics: Statistics) -> dict[str, Any]:
        """`gan_jax.judging.headline.make_headline` for images of these statistics; {} of one real.

        Args:
            statistics: of images in the order of their content, n >= 2.
        """
        if len(self.rows) < 2:
            return {}
        return make_headline(self._real, self._view(statistics), self._ladder, seed=self._seed)

    @functools.cached_property
    def _ladder(self) -> Ladder:
        pixels = self._images.shape[1] * self._images.shape[2]
        most = int(np.clip(_LADDER_PIXELS // pixels, *_LADDER_IMAGES))
        return find_ladder(self._images[self.rows[:most]], self._look)

    def _look(self, images: np.ndarray) -> View:
        return self._view(headline_statistics(images))

    def _view(self, statistics: Statistics) -> View:
        return View.of(*(self._standardisers[name](statistics[name]) for name in HEADLINE))


def headline_statistics(images: np.ndarray) -> dict[str, TextureStatistics]:
    """The families that `texture_fd` is made of, of images uint8 [n, h, w, c] from 14 x 14 on."""
    return {name: STATISTICS[name](images) for name in HEADLINE}


def texture_headline(reference: np.ndarray, images: np.ndarray) -> dict[str, Any]:
    """What can be known of images as textures: without labels, and without any network.

    The order of both sides changes nothing.

    Args:
        reference: real images uint8 [m, h, w, c] of at least 14 x 14.
        images: to judge, uint8 [n, h, w, c], n >= 2.

    Returns:
        JSON values: 'headline' as `gan_jax.judging.headline.make_headline` gives it, and 'flags'.

    Raises:
        InputError: too few, too small or other images, or a reference without variety.
    """
    reference, images = checked_images(reference), checked_images(images)
    check_variety(reference)
    reference, images = in_content_order(reference)[:MOST_IMAGES], in_content_order(images)
    test = TextureTest(reference, headline_statistics(reference))
    headline = test.headline(headline_statistics(images))
    return {
        "headline": headline,
        "flags": texture_flags(headline, reference, images, tested=len(test.rows)),
    }


def check_variety(reference: np.ndarray) -> None:
    """Raises InputError where no distance from real images [m, h, w, c] can mean anything."""
    different = len(np.unique(content_keys(reference)))
    if different == 1:
        raise InputError(
            f"the {len(reference):,} real images are all the same: no distance from one image says "
            "how good others are. Give different real images."
        )
    if different < _FEWEST:
        raise InputError(
            f"of the {len(reference):,} real images only {different} are different, and at least "
            f"{_FEWEST} are needed, hundreds to mean something: give more different real images."
        )
    flat = int(np.sum(_deviations(reference) < _FLAT))
    if min(reference.shape[1:3]) > 1 and 2 * flat > len(reference):
        raise InputError(
            f"{flat:,} of the {len(reference):,} real images are flat, their grey values deviate "
            "by less than 1 of 255: there is no texture to compare with. Give other real images."
        )


def _deviations(images: np.ndarray) -> np.ndarray:
    """Standard deviation of each image's grey values, which go from 0 to 1: float64 [n]."""
    step = max(_PIXELS_AT_ONCE // (images.shape[1] * images.shape[2]), 1)
    parts = [images[start : start + step] for start in range(0, len(images), step)]
    return np.concatenate([grey_images(part).std(axis=(1, 2)) for part in parts])
