"""Whether images that must not meet have met: exact copies between two sets."""

from __future__ import annotations

import numpy as np

from gan_jax.data.content import content_keys
from gan_jax.errors import InputError

_MOST = 0.1


def shared_images(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which of uint8 `images` [n, h, w, c] are, to the last pixel, among `others`: bool [n]."""
    return np.isin(content_keys(images), content_keys(others))


def count_shared(images: np.ndarray, others: np.ndarray) -> int:
    """How many of uint8 `images` [n, h, w, c] are, to the last pixel, among `others`."""
    return int(np.sum(shared_images(images, others)))


def check_held_out(test: np.ndarray, train: np.ndarray, name: str, source: str) -> int:
    """How many test images stand in a training set too, which are few if any.

    Args:
        test, train: uint8 [n, h, w, c].
        name: of the test set, for the message.
        source: of the training set, likewise.

    Raises:
        InputError: more than a tenth of the test images.
    """
    shared = count_shared(test, train)
    if shared > _MOST * len(test):
        raise InputError(
            f"{shared:,} of the {len(test):,} images of {name} are among {source}, to the last "
            "pixel: a test on them would measure memory. Give images that were held out."
        )
    return shared
