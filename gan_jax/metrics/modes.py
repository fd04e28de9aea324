"""How many modes of a known set the generator reaches, as on Stacked MNIST."""

from __future__ import annotations

import dataclasses

import numpy as np

from gan_jax.errors import InputError
from gan_jax.metrics.classifier import class_histogram, class_kl


@dataclasses.dataclass(frozen=True)
class ModeCoverage:
    """Modes reached and the divergence of the mix.

    Attributes:
      modes: classes that hold at least one generated image.
      kl: KL(generated || real) in nats; see `class_kl`.
      num_classes: how many there are.
      n: number of generated images; both values depend on it.
    """

    modes: int
    kl: float
    num_classes: int
    n: int


def count_modes(predictions, num_classes: int) -> int:
    """Number of classes that at least one of the predicted classes [n] falls in.

    Raises:
      InputError: see `class_histogram`.
    """
    return int(np.count_nonzero(class_histogram(predictions, num_classes)))


def mode_coverage(predictions, real_predictions, num_classes: int) -> ModeCoverage:
    """Modes and KL of generated from real images, both by the predictions of one recogniser.

    Metz et al., "Unrolled generative adversarial networks", 2017, section 3.3.1 (1000 classes,
    26,000 samples are usual: Lin et al. 2018).

    Args:
      predictions: classes of the generated images, integers [n].
      real_predictions: classes of the real ones, [m].
      num_classes: k; classes are 0 to k - 1.

    Raises:
      InputError: no image on a side, or see `class_histogram`.
    """
    counts = class_histogram(predictions, num_classes)
    kl = class_kl(counts, class_histogram(real_predictions, num_classes))
    return ModeCoverage(int(np.count_nonzero(counts)), kl, num_classes, sum(counts))


def stacked_classes(channel_predictions, num_classes: int = 10) -> np.ndarray:
    """One class an image from those of its channels: int64 [n], 0 to num_classes ** c - 1.

    The first channel is the leading digit: predictions (1, 2, 3) of a Stacked MNIST image are class
    123 of 1000.

    Args:
      channel_predictions: integers [n, c], each in [0, num_classes).
      num_classes: classes a channel.

    Raises:
      InputError: another shape or type, or a class out of range.
    """
    digits = np.asarray(channel_predictions)
    if digits.ndim != 2 or digits.shape[1] == 0:
        raise InputError(
            f"channel predictions have shape {digits.shape}; expected [n, c], one class for each "
            "channel of each image."
        )
    class_histogram(digits.ravel(), num_classes)  # the same checks, the same messages
    places = num_classes ** np.arange(digits.shape[1] - 1, -1, -1, dtype=np.int64)
    return digits.astype(np.int64) @ places
