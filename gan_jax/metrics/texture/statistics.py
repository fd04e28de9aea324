"""What the families of texture statistics share: grey images in, a named vector an image out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from gan_jax.errors import InputError

# Luma of Recommendation ITU-R BT.601, section 2.5.1.
_LUMA = (0.299, 0.587, 0.114)


@dataclasses.dataclass(frozen=True, eq=False)
class TextureStatistics:
    """Statistics of n images.

    Attributes:
        names: one a column, such as 'contrast_d1'.
        values: float64 [n, d], finite.
    """

    names: tuple[str, ...]
    values: np.ndarray

    def take(self, rows: np.ndarray) -> TextureStatistics:
        """Those of the images `rows`."""
        return TextureStatistics(self.names, self.values[rows])


def check_images(images: ArrayLike, *, least_side: int = 1) -> np.ndarray:
    """The images, if they are uint8 [n, h, w, c].

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


def blocks(images: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, int]]:
    """`size` images at a time, the last block filled up with black ones; and how many are real.

    So one program is compiled for a shape of image, whatever the number of images.
    """
    for start in range(0, len(images), size):
        block = images[start : start + size]
        yield np.pad(block, ((0, size - len(block)), (0, 0), (0, 0), (0, 0))), len(block)


def grey_images(images: ArrayLike) -> np.ndarray:
    """Grey images float64 [n, h, w] in [0, 1] of images uint8 [n, h, w, c], as `check_images`.

    Three channels are weighed to luma (ITU-R BT.601), of any other number the mean is taken.
    """
    images = check_images(images)
    channels = images.shape[-1]
    weights = np.array(_LUMA if channels == 3 else [1 / channels] * channels)
    return images.astype(np.float64) @ weights / 255
