"""What a judge compares: features of real and generated images, and of the training images."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from gan_jax import metrics
from gan_jax.extractors.common import Features

# Beyond these, more images cost more time than they add certainty.
MOST_NEIGHBOURS = 10_000
MOST_PAIRS = 5_000


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingSide:
    """What copies are looked for among; the same for everything that is judged by one reference.

    Attributes:
        semantic: features [n, d] of the generator's training images, in the order of their content.
        held_out: features [m, d] of the real images that say what is usual, in that order too.
    """

    semantic: np.ndarray
    held_out: np.ndarray

    @functools.cached_property
    def held_out_distances(self) -> metrics.TrainingDistances:
        """How near the held-out images are to the training images."""
        return metrics.training_distances(self.semantic, self.held_out)


@dataclasses.dataclass(frozen=True, eq=False)
class Sides:
    """What is compared, each side in the order of its images' content.

    Attributes:
        reference: gives the features of real images that the generator was not trained on.
        reference_moments: gives the moments of their 'semantic' features.
        knows_classes: whether the extractor's probabilities mean anything.
        fake: features of the judged images.
        training: what copies are looked for among, or None.
        intervals: whether to take the time for them.
        seed: of halves, subsets and resamplings.
    """

    reference: Callable[[], Features]
    reference_moments: Callable[[], metrics.Moments]
    knows_classes: bool
    fake: Features
    training: TrainingSide | None
    intervals: bool
    seed: int

    @property
    def real(self) -> Features:
        """Features of the reference."""
        return self.reference()

    def halves(self, most: int | None = None) -> tuple[Features, Features, Features]:
        """Two random halves of the reference and as many fakes, at most `most` of each."""
        first, second = self.reference_halves(most)
        order = np.random.default_rng([self.seed, len(self.fake)]).permutation(len(self.fake))
        fake = self.fake.take(order[: len(first)])
        return self.real.take(first), self.real.take(second), fake

    def reference_halves(self, most: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The rows of the reference in both of `halves`."""
        count = min(len(self.real) // 2, len(self.fake), most or len(self.fake))
        order = np.random.default_rng([self.seed, len(self.real)]).permutation(len(self.real))
        return order[:count], order[count : 2 * count]

    def semantic_halves(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The 'semantic' features of `halves`, as many as neighbours are looked for among."""
        one, other, fake = self.halves(MOST_NEIGHBOURS)
        return one.semantic, other.semantic, fake.semantic
