"""The forms that a convolution takes, see `gan_jax.models.convolution`; most are for the CPU.

- `direct`: XLA's own.
- `dilated`: a transposed convolution as XLA's own of an image with zeros between its pixels.
- `subpixel`: a transposed convolution is a stride-1 convolution with the kernel regrouped by output
  phase, then depth-to-space (Shi et al. 2016, "Is the deconvolution layer the same as a
  convolutional layer?"). It is also the input gradient of a strided convolution.
- `columns`: a transposed convolution as one matrix product, whose columns are added where they
  overlap (the reverse of im2col). Better for the few channels of an image, and for maps so small
  that much of `subpixel` is border that is cropped.
- `shifts`: a convolution of few channels as a sum of shifted images, each times one tap: too little
  work for a matrix product. Its input gradient is that of `columns`.
- `spectral`: a stride-1 convolution of a small image as a product of discrete Fourier transforms.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

DIMENSIONS = ("NHWC", "HWIO", "NHWC")


class Geometry(NamedTuple):
    """A strided convolution of an image to a map, by axis: out[q] meets x[q*s + j - low].

    `form` says how its transpose is computed: 'dilated', 'subpixel' or 'columns'. With 'shifts' it
    is itself a sum of shifted images, and its transpose 'columns'.
    """

    strides: tuple[int, int]
    low: tuple[int, int]
    image: tuple[int, int]
    maps: tuple[int, int]
    form: str


def direct(x: Array, kernel: Array, geometry: Geometry) -> Array:
    """out[q] = sum_j x[q*s + j - low] kernel[j]: [n, h, w, i], [kh, kw, i, o] to [n, *maps, o]."""
    return lax.conv_general_dilated(
        x, kernel, geometry.strides, _padding(kernel, geometry), dimension_numbers=DIMENSIONS
    )


def _padding(kernel: Array, geometry: Geometry) -> list[tuple[int, int]]:
    return [
        (low, (m - 1) * s + k - n - low)
        for low, m, s, k, n in zip(
            geometry.low, geometry.maps, geometry.strides, kernel.shape, geometry.image
        )
    ]


def dilated(y: Array, kernel: Array, geometry: Geometry) -> Array:
    """The transpose of `direct`: a convolution of `y` with zeros between its pixels."""
    padding = [
        (k - 1 - low, n + low - (m - 1) * s - 1)
        for k, low, n, m, s in zip(
            kernel.shape, geometry.low, geometry.image, geometry.maps, geometry.strides
        )
    ]
    return lax.conv_general_dilated(
        y,
        flip(kernel),
        (1, 1),
        padding,
        lhs_dilation=geometry.strides,
        dimension_numbers=DIMENSIONS,
    )


def flip(kernel: Array) -> Array:
    """The kernel of the opposite direction: [kh, kw, i, o] turned round, to [kh, kw, o, i]."""
    return kernel[::-1, ::-1].swapaxes(2, 3)


def shifts(x: Array, kernel: Array, geometry: Geometry) -> Array:
    """`direct` as a sum over taps and input channels of a shifted image times o numbers."""
    kh, kw, inputs, _ = kernel.shape
    # Negative padding crops: pixels that no tap meets.
    x = lax.pad(
        x,
        jnp.zeros((), x.dtype),
        [(0, 0, 0), *((*p, 0) for p in _padding(kernel, geometry)), (0, 0, 0)],
    )
    (sh, sw), (h, w) = geometry.strides, geometry.maps
    rows, columns = (h - 1) * sh + 1, (w - 1) * sw + 1
    total = jnp.zeros((), x.dtype)
    for i in range(kh):
        for j in range(kw):
            shifted = x[:, i : i + rows : sh, j : j + columns : sw]
            for c in range(inputs):
                total += shifted[..., c, None] * kernel[i, j, c]
    return total


def subpixel(y: Array, kernel: Array, geometry: Geometry) -> Array:
    """The transpose of `direct`: one stride-1 convolution to all output phases, depth-to-space.

    Output r = q*s + p of phase p meets the taps j with r + low - j = (q - d)*s: every s-th tap. One
    convolution computes the phases of all outputs r + low, which lets each phase use the same
    ceil(k/s) offsets d; the border is cropped.
    """
    strides, low, image, _, _ = geometry
    (kh, kw, inputs, features), (sh, sw) = kernel.shape, strides
    th, tw = taps = -(-kh // sh), -(-kw // sw)
    # Image position r is row r + low of the interleaved phases, whose rows below `low - low % s`
    # are not computed.
    skipped = [b // s for b, s in zip(low, strides)]
    offset = [b % s for b, s in zip(low, strides)]
    counts = [-(-(c + n) // s) for c, n, s in zip(offset, image, strides)]
    padding = [(t - 1 - d, d + c - m) for t, d, c, m in zip(taps, skipped, counts, y.shape[1:3])]
    kernel = jnp.pad(kernel, ((0, th * sh - kh), (0, tw * sw - kw), (0, 0), (0, 0)))
    kernel = kernel.reshape(th, sh, tw, sw, inputs, features)[::-1, :, ::-1]
    kernel = kernel.transpose(0, 2, 5, 1, 3, 4).reshape(th, tw, features, sh * sw * inputs)
    phases = lax.conv_general_dilated(y, kernel, (1, 1), padding, dimension_numbers=DIMENSIONS)
    phases = phases.reshape(-1, counts[0], counts[1], sh, sw, inputs)
    return _interleave(phases, offset, image)


def columns(y: Array, kernel: Array, geometry: Geometry) -> Array:
    """The transpose of `direct`: one product to all taps, whose columns overlap and are added."""
    strides, low, image, maps, _ = geometry
    (kh, kw, inputs, _), (sh, sw) = kernel.shape, strides
    th, tw = -(-kh // sh), -(-kw // sw)
    kernel = jnp.pad(kernel, ((0, th * sh - kh), (0, tw * sw - kw), (0, 0), (0, 0)))
    products = jnp.einsum("nhwo,yxio->nhwyxi", y, kernel)
    products = products.reshape(-1, *maps, th, sh, tw, sw, inputs)
    phases: Any = 0.0
    counts = [
        max(m + t - 1, -(-(b + n) // s))
        for m, t, b, n, s in zip(maps, (th, tw), low, image, strides)
    ]
    for i in range(th):
        for j in range(tw):
            spread = ((i, counts[0] - maps[0] - i), (j, counts[1] - maps[1] - j))
            phases += jnp.pad(products[:, :, :, i, :, j], ((0, 0), *spread, (0, 0), (0, 0), (0, 0)))
    return _interleave(phases, low, image)


def _interleave(phases: Array, offset: Sequence[int], image: tuple[int, int]) -> Array:
    """Depth-to-space and crop: [n, h, w, sh, sw, c] to [n, *image, c] from pixel `offset`."""
    n, h, w, sh, sw, channels = phases.shape
    pixels = phases.transpose(0, 1, 3, 2, 4, 5).reshape(n, h * sh, w * sw, channels)
    top, left = offset
    return pixels[:, top : top + image[0], left : left + image[1]]


def spectral(x: Array, kernel: Array, low: tuple[int, int]) -> Array:
    """out[q] = sum_j x[q + j - low] kernel[j] for q over the image, by the convolution theorem.

    The discrete Fourier transforms are products with small constant matrices, and of each pair of
    conjugate frequencies one is kept. Real and imaginary parts of the image lie below each other
    and those of the kernel beside each other, so that a frequency takes one real matrix product,
    large enough to be fast, whose four quarters the inverse transform adds up.
    """
    n, h, w, inputs = x.shape
    kh, kw, _, features = kernel.shape
    analysis, taps, synthesis = (
        jnp.asarray(m, x.dtype) for m in _transforms((h, w), (kh, kw), low)
    )
    pixels = x.transpose(1, 2, 0, 3).reshape(h * w, n, inputs)
    spectrum = jnp.einsum("fap,pni->fani", analysis, pixels).reshape(-1, 2 * n, inputs)
    response = jnp.einsum("fbt,tio->fibo", taps, kernel.reshape(kh * kw, inputs, features))
    product = jnp.einsum("fmi,fij->fmj", spectrum, response.reshape(-1, inputs, 2 * features))
    product = product.reshape(-1, 2, n, 2, features)
    pixels = jnp.einsum("pfab,fanbo->pno", synthesis, product)
    return pixels.reshape(h, w, n, features).transpose(2, 0, 1, 3)


@functools.lru_cache(maxsize=64)
def _transforms(
    image: tuple[int, int], size: tuple[int, int], low: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Matrices float64 of the image's, the kernel's and the inverse transform, for `spectral`.

    With f frequencies: [f, 2, h*w], [f, 2, kh*kw] (real and imaginary part), and [h*w, f, 2, 2] by
    parts of image and kernel. The period is the shortest in which what wraps around meets only
    zeros.
    """
    period = [n + max(b, k - 1 - b) for n, k, b in zip(image, size, low)]
    grid = np.stack(np.meshgrid(*map(np.arange, period), indexing="ij"), -1).reshape(-1, 2)
    mirror = -grid % period
    order = grid @ (period[1], 1) - mirror @ (period[1], 1)
    grid, weight = grid[order <= 0], np.where(order == 0, 1.0, 2.0)[order <= 0]

    def waves(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        turns = (
            grid[:, 0, None, None] * rows[:, None] / period[0]
            + grid[:, 1, None, None] * columns / period[1]
        )
        return np.exp(2j * np.pi * turns).reshape(len(grid), -1)

    pixels = waves(np.arange(image[0]), np.arange(image[1]))
    taps = waves(np.arange(size[0]) - low[0], np.arange(size[1]) - low[1])
    inverse = pixels.T * weight / np.prod(period)
    pixels = pixels.conj()
    # The real part of (u + iv)(a + ib)(c + id), with u + iv the inverse's.
    real, imaginary = inverse.real, -inverse.imag
    return (
        np.stack([np.real(pixels), np.imag(pixels)], 1),
        np.stack([np.real(taps), np.imag(taps)], 1),
        np.stack([np.stack([real, imaginary], -1), np.stack([imaginary, -real], -1)], -2),
    )
