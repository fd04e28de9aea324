"""Bilinear resizing as two programs for the Fréchet distance do it, without smoothing.

Numbers are comparable only with those of the same resizing (Parmar et al. 2022, "On Aliased
Resizing and Surprising Subtleties in GAN Evaluation"), so whoever resizes names the method.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array

from gan_jax.errors import InputError


def resize_bilinear(images: Array, size: tuple[int, int], *, half_pixel: bool = False) -> Array:
    """Images [n, h, w, c] to float32 [n, *size, c] by bilinear interpolation; values keep range.

    Output row i looks at input row

    - i * h / size[0] by default: `tf.image.resize_bilinear` of TensorFlow 1 with
      `align_corners=False`, with which the FID was published. The corners at the top left coincide;
      the last rows and columns are repeated where the output looks past them.
    - (i + 1/2) * h / size[0] - 1/2, at least 0, with `half_pixel`: PyTorch's
      `interpolate(mode="bilinear", align_corners=False)`, which pytorch-fid uses.

    Columns likewise. Positions are rounded to float32 as the two programs do.

    Args:
        images: any real dtype, each side at least 1; may be traced.
        size: (height, width) of the result, at least 1.
        half_pixel: whether positions are those of pixel centres.

    Raises:
        InputError: not four axes, or a side of 0.
    """
    if len(images.shape) != 4 or 0 in images.shape[1:3] or min(size) < 1:
        raise InputError(
            f"images of shape {list(images.shape)} cannot be resized to {size[0]}x{size[1]}; "
            "expected [n, height, width, channels] and sides of at least 1."
        )
    x = images.astype(jnp.float32)
    for axis in (2, 1):
        low, high, weight = _positions(x.shape[axis], size[axis - 1], half_pixel)
        shape = [1] * 4
        shape[axis] = -1
        first = jnp.take(x, low, axis=axis)
        step = jnp.take(x, high, axis=axis) - first
        x = first + step * weight.reshape(shape)
    return x


def _positions(
    length: int, out_length: int, half_pixel: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each output index the two input indices that it lies between and the second's weight."""
    scale = np.float32(length / out_length)
    index = np.arange(out_length, dtype=np.float32)
    position: np.ndarray
    if half_pixel:
        # Rounded once, as a fused multiply-add does.
        position = (index + np.float32(0.5)).astype(np.float64) * np.float64(scale) - 0.5
        position = np.maximum(position, 0.0).astype(np.float32)
    else:
        position = index * scale
    low = np.minimum(position.astype(np.int32), length - 1)
    high = np.minimum(low + 1, length - 1)
    return low, high, position - low.astype(np.float32)
