"""The headline of textures, `texture_fd`, again and again during a run."""

from __future__ import annotations

import numpy as np

from gan_jax import metrics
from gan_jax.data import Dataset
from gan_jax.data.content import content_order, in_content_order
from gan_jax.judging.textures.crops import MOST_CROPS
from gan_jax.judging.textures.headline import check_variety, headline_statistics
from gan_jax.metrics.texture.headline import Standardiser, headline_features


class TextureMeter:
    """Measures generated images by `texture_fd` against held-out ones.

    The held-out images' statistics are taken once. The number is that of `run.judge_run` for the
    same images, without an interval. The order of neither side changes it.

    Args:
        reference: held-out images, at least 4 of at least 14x14 (see `check_run`); of more than
            2,000 as many, drawn by their content.
        seed: of halves.

    Raises:
        InputError: too few, too small, equal or flat images.
    """

    def __init__(self, reference: Dataset, *, seed: int = 0) -> None:
        self._seed = seed
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
        result = metrics.frechet_with_floor(
            self._real, fake, interval=False, seed=self._seed, in_order=True
        )
        return {"eval/texture_fd": result.value, "eval/texture_fd_floor": result.floor}
