"""Exact copies between two sets of images that must have none in common."""

from __future__ import annotations

import numpy as np

from gan_jax.data.content import content_keys
from gan_jax.errors import InputError

_MOST = 0.1


def shared_images(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which of uint8 `images` [n, h, w, c] are, to the last pixel, among `others`: bool [n]."""
    return np.isin(content_keys(images), content_keys(others))


def check_held_out(test: np.ndarray, train: np.ndarray, name: str, source: str) -> int:
    """How many of the test images, uint8 [n, h, w, c], are in a training set too.

    Raises InputError, with the set's `name` and the training set's `source`, for more than a tenth.
    """
    shared = int(np.sum(shared_images(test, train)))
    if shared > _MOST * len(test):
        raise InputError(
            f"{shared:,} of the {len(test):,} images of {name} are among {source}, to the last "
            "pixel: a test on them would measure memory. Give images that were held out."
        )
    return shared
