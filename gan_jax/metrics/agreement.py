"""Whether a recogniser finds in each image the class that its generator was asked for."""

from __future__ import annotations

import dataclasses

import numpy as np

from gan_jax.errors import InputError
from gan_jax.metrics.estimates import wilson_interval


@dataclasses.dataclass(frozen=True, eq=False)
class ClassAgreement:
    """Asked and found classes of n images: the GAN-test of Shmelkov et al. 2018, section 3.

    `confusion` int64 [k, k] counts images asked to be class i and found to be class j.
    """

    confusion: np.ndarray

    @property
    def count(self) -> int:
        """n."""
        return int(self.confusion.sum())

    @property
    def share(self) -> float:
        """Share of images whose found class is the one asked for, in [0, 1]."""
        return float(np.trace(self.confusion) / self.count)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the share (Wilson 1927)."""
        return wilson_interval(int(np.trace(self.confusion)), self.count)

    def of_class(self, index: int) -> tuple[int, int]:
        """Images found to be the class they were asked to be, and images asked for, of a class."""
        return int(self.confusion[index, index]), int(self.confusion[index].sum())

    def taken_for(self, index: int) -> int | None:
        """The other class that images of a class are most often found to be; None if never."""
        others = self.confusion[index].copy()
        others[index] = 0
        return int(np.argmax(others)) if others.any() else None


def class_agreement(predictions, labels, num_classes: int) -> ClassAgreement:
    """Counts asked and found classes, integers [n] in [0, num_classes) as the recogniser's."""
    predictions, labels = np.asarray(predictions), np.asarray(labels)
    if predictions.shape != labels.shape or predictions.ndim != 1 or not len(labels):
        raise InputError(
            f"predictions have shape {predictions.shape} and labels {labels.shape}; expected one "
            "of each an image, and at least one image."
        )
    for name, values in (("predictions", predictions), ("labels", labels)):
        if values.dtype.kind not in "iu" or values.min() < 0 or values.max() >= num_classes:
            raise InputError(
                f"{name} are {values.dtype} from {values.min()} to {values.max()}; expected class "
                f"numbers from 0 to {num_classes - 1}."
            )
    pairs = labels.astype(np.int64) * num_classes + predictions
    confusion = np.bincount(pairs, minlength=num_classes**2)
    return ClassAgreement(confusion.reshape(num_classes, num_classes))
