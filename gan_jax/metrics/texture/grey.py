"""Images as the texture statistics see them: grey, in [0, 1]."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gan_jax.errors import InputError

# Luma of Recommendation ITU-R BT.601, section 2.5.1.
_LUMA = (0.299, 0.587, 0.114)


def check_images(images: ArrayLike, *, least_side: int = 1) -> np.ndarray:
    """The images, uint8 [n, h, w, c], if they are that.

    Args:
        images: anything.
        least_side: the smallest height and width that the statistic is defined for.

    Raises:
        InputError: another dtype or shape, no image, or a side below `least_side`.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or 0 in images.shape:
        raise InputError(
            f"the images are {images.dtype} {list(images.shape)}; expected uint8 [n, h, w, c] with "
            "at least one image."
        )
    height, width = images.shape[1:3]
    if min(height, width) < least_side:
        raise InputError(
            f"the images are {height}x{width}; this statistic needs at least "
            f"{least_side}x{least_side}. Give larger crops."
        )
    return images


def grey_images(images: ArrayLike, *, least_side: int = 1) -> np.ndarray:
    """Grey images float64 [n, h, w] in [0, 1] of images uint8 [n, h, w, c].

    Three channels are weighed to luma (ITU-R BT.601); of any other number the mean is taken.
    Arguments and errors are those of `check_images`.
    """
    images = check_images(images, least_side=least_side)
    channels = images.shape[-1]
    weights = np.array(_LUMA if channels == 3 else [1 / channels] * channels)
    return images.astype(np.float64) @ weights / 255
