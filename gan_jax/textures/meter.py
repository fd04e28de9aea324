"""The headline of textures, `texture_fd`, again and again during a run."""

from __future__ import annotations

import numpy as np

from gan_jax import metrics
from gan_jax.data import Dataset
from gan_jax.metrics.texture.headline import HEADLINE, Standardiser, headline_features
from gan_jax.metrics.texture.statistics import TextureStatistics
from gan_jax.textures.crops import MOST_CROPS, seeded_rows
from gan_jax.textures.suite import STATISTICS


class TextureMeter:
    """Measures generated images by `texture_fd` against held-out ones.

    The held-out images' statistics are taken once. The number is that of
    `gan_jax.textures.evaluation.judge_run` for the same images, without an interval.

    Args:
        reference: held-out images, at least 4 of at least 14x14 (see `check_run`); of more than
            2,000 as many in a seeded order.
        seed: of halves, and of the choice among too many images.

    Raises:
        InputError: too few or too small images, or statistics that are the same for all of them.
    """

    def __init__(self, reference: Dataset, *, seed: int = 0) -> None:
        self._seed = seed
        statistics = _statistics(reference.take(seeded_rows(len(reference), MOST_CROPS, seed)))
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
        images = images[seeded_rows(len(images), MOST_CROPS, self._seed)]
        fake = headline_features(_statistics(images), self._standardisers)
        result = metrics.frechet_with_floor(self._real, fake, num_bootstrap=0, seed=self._seed)
        return {"eval/texture_fd": result.value, "eval/texture_fd_floor": result.floor}


def _statistics(images: np.ndarray) -> dict[str, TextureStatistics]:
    return {name: STATISTICS[name](images) for name in HEADLINE}
