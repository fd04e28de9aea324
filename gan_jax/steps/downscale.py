"""Images made small, and enlarged by interpolation: what the network is given, and its rival."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from jax import Array
from PIL import Image

from gan_jax.errors import InputError
from gan_jax.models.resampling import halve_mean


@dataclasses.dataclass(frozen=True)
class Downscale:
    """Each pixel the mean of the factor x factor pixels it covers: an exact area average.

    Images float [n, h, w, c] to [n, h / factor, w / factor, c]. It is the filter of a camera with
    square pixels: what is finer than a pixel is averaged away, and not aliased. The result is not
    rounded to 8 bits.

    Attributes:
        factor: 2, 4, ..., a power of two.
    """

    factor: int

    def __call__(self, images: Array) -> Array:
        for _ in range(int(math.log2(self.factor))):
            images = halve_mean(images)
        return images


def check_divisible(shape: tuple[int, ...], factor: int) -> None:
    """Raises InputError unless images of (h, w, c) can be made small by the factor exactly."""
    height, width = shape[:2]
    if height % factor or width % factor:
        nearest = [max(side // factor, 1) * factor for side in (height, width)]
        raise InputError(
            f"the images are {height}x{width}: both sides must be multiples of the factor, "
            f"{factor}, such as ({nearest[0]}, {nearest[1]})."
        )


def bicubic(images: np.ndarray, factor: int) -> np.ndarray:
    """Pillow's bicubic interpolation of float images [n, h, w, c]: [n, factor h, factor w, c].

    Cubic convolution with a = -0.5 (Keys 1981); pixel centres stay where `Downscale` has them.
    Values may leave the range of the input.
    """
    n, h, w, c = images.shape
    size = (w * factor, h * factor)
    planes = [
        np.asarray(
            Image.fromarray(np.float32(image[..., channel])).resize(size, Image.Resampling.BICUBIC)
        )
        for image in images
        for channel in range(c)
    ]
    return np.stack(planes).reshape(n, c, *size[::-1]).transpose(0, 2, 3, 1)


def repeat_pixels(images: np.ndarray, factor: int) -> np.ndarray:
    """Each pixel factor x factor times, to show small images [n, h, w, c] beside large ones."""
    return images.repeat(factor, 1).repeat(factor, 2)
