"""Two-dimensional convolutions in the form that suits the platform.

`conv` and `conv_transpose` compute what `lax.conv_general_dilated` and `lax.conv_transpose` compute
with 'SAME' padding, NHWC images and HWIO kernels. GPU and TPU get exactly those calls. XLA's CPU
back end has no fast path for dilated inputs, which is what a transposed convolution, and the input
gradient of a strided one, turn into, and pays for every tap of a large kernel on a small image.
There the same sums are taken in another order:

- 'subpixel': a transposed convolution is a stride-1 convolution with the kernel regrouped by output
  phase, then depth-to-space (Shi et al. 2016, "Is the deconvolution layer the same as a
  convolutional layer?"). It is also the input gradient of a strided convolution.
- 'columns': a transposed convolution as one matrix product, whose columns are added where they
  overlap (the reverse of im2col). Better for the few channels of an image, and for maps so small
  that much of 'subpixel' is border that is cropped.
- 'shifts': a convolution of few channels as a sum of shifted images, each times one tap: too little
  work for a matrix product. Its input gradient is that of 'columns'.
- 'spectral': a stride-1 convolution of a small image as a product of discrete Fourier transforms.

All agree up to rounding, in every derivative.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from gan_jax.errors import InputError
from gan_jax.models.platform import platform

FORMS = ("direct", "subpixel", "columns", "shifts", "spectral")
_DIMENSIONS = ("NHWC", "HWIO", "NHWC")
_FEW_TAPS = 27  # kh * kw * i up to which 'shifts' is the fastest form (see benchmarks)
_SMALL_MAP = 16  # pixels up to which the overlaps of 'columns' cost less than its border


def conv(
    x: Array, kernel: Array, strides: int | tuple[int, int] = 1, *, form: str | None = None
) -> Array:
    """Convolution with 'SAME' padding: [n, h, w, i] to [n, ceil(h/s), ceil(w/s), o].

    Args:
        x: images, [n, h, w, i], any float dtype.
        kernel: [kh, kw, i, o], the dtype of `x`.
        strides: one for both axes, or one an axis.
        form: one of `FORMS`, or None for the fastest one on the platform that is traced for.
            'subpixel' and 'columns' differ from 'direct' in the gradient only; 'spectral' needs
            strides of 1.

    Returns:
        [n, ceil(h/s), ceil(w/s), o], the dtype of `x`. May be differentiated any number of times
        in reverse mode; forms 'direct' and 'spectral' also in forward mode.

    Raises:
        InputError: for an unknown form, or one that cannot do these strides.
    """
    strides = _pair(strides)
    form = _conv_form(x, kernel, strides) if form is None else _checked(form, strides)
    image, size = x.shape[1:3], kernel.shape[:2]
    maps = tuple(-(-n // s) for n, s in zip(image, strides))
    low = tuple(max((m - 1) * s + k - n, 0) // 2 for m, s, k, n in zip(maps, strides, size, image))
    geometry = _Geometry(strides, low, image, maps, form)
    if form == "direct":
        return _direct(x, kernel, geometry)
    if form == "spectral":
        return _spectral(x, kernel, low)
    return _gather(x, kernel, geometry)


def conv_transpose(
    x: Array, kernel: Array, strides: int | tuple[int, int] = 1, *, form: str | None = None
) -> Array:
    """Transposed convolution with 'SAME' padding: [n, h, w, i] to [n, h*s, w*s, o].

    Equal to `lax.conv_transpose(x, kernel, strides, 'SAME')`: the kernel is not flipped and its
    layout is that of a convolution from i to o channels. Arguments and errors as in `conv`.

    Returns:
        [n, h*s, w*s, o], the dtype of `x`. May be differentiated any number of times in reverse
        mode; forms 'direct' and 'spectral' also in forward mode.
    """
    strides = _pair(strides)
    form = _transpose_form(x, kernel, strides) if form is None else _checked(form, strides)
    if form == "direct":
        return lax.conv_transpose(x, kernel, strides, "SAME", dimension_numbers=_DIMENSIONS)
    maps, size = x.shape[1:3], kernel.shape[:2]
    before = tuple(k - 1 if s > k - 1 else -(-(k + s - 2) // 2) for k, s in zip(size, strides))
    if form == "spectral":
        return _spectral(x, kernel, before)
    image = tuple(m * s for m, s in zip(maps, strides))
    low = tuple(k - 1 - b for k, b in zip(size, before))
    return _scatter(x, _flip(kernel), _Geometry(strides, low, image, maps, form))


def _pair(strides: int | tuple[int, int]) -> tuple[int, int]:
    return (strides, strides) if isinstance(strides, int) else tuple(strides)


def _checked(form: str, strides: tuple[int, int]) -> str:
    if form not in FORMS:
        raise InputError(f"form is {form!r}; use None or one of {', '.join(FORMS)}")
    if form == "spectral" and strides != (1, 1):
        raise InputError(f"form 'spectral' needs strides of 1, not {strides}; use form=None")
    return form


def _conv_form(x: Array, kernel: Array, strides: tuple[int, int]) -> str:
    if platform() != "cpu":
        return "direct"
    kh, kw, inputs, _ = kernel.shape
    if inputs <= 3 and kh * kw * inputs <= _FEW_TAPS and _is_exact(x):
        return "shifts"
    if strides == (1, 1):
        return "spectral" if _spectral_pays(x, kernel) else "direct"
    maps = tuple(-(-n // s) for n, s in zip(x.shape[1:3], strides))
    return _scatter_form(maps, inputs)


def _transpose_form(x: Array, kernel: Array, strides: tuple[int, int]) -> str:
    if platform() != "cpu":
        return "direct"
    if strides == (1, 1):
        return "spectral" if _spectral_pays(x, kernel) else "direct"
    return _scatter_form(x.shape[1:3], kernel.shape[3])


def _scatter_form(maps: tuple[int, ...], features: int) -> str:
    """The form of a transpose from maps of [h, w] pixels to `features` channels."""
    return "columns" if features <= 4 or math.prod(maps) <= _SMALL_MAP else "subpixel"


def _spectral_pays(x: Array, kernel: Array) -> bool:
    """Whether the transforms cost less than the taps that they save (measured, see benchmarks)."""
    if not _is_exact(x):
        return False
    (h, w), (kh, kw, inputs, features) = x.shape[1:3], kernel.shape
    return h * w <= 64 and kh * kw >= 9 and min(inputs, features) >= 64


def _is_exact(x: Array) -> bool:
    """Whether sums in the dtype of x lose nothing that matters; others are summed in float32."""
    return jnp.result_type(x) in (jnp.float32, jnp.float64)


class _Geometry(NamedTuple):
    """A strided convolution of an image to a map, an entry an axis: out[q] meets x[q*s + j - low].

    `form` says how its transpose is computed: 'subpixel' or 'columns'. With 'shifts' it is itself
    a sum of shifted images, and its transpose 'columns'.
    """

    strides: tuple[int, int]
    low: tuple[int, int]
    image: tuple[int, int]
    maps: tuple[int, int]
    form: str


def _flip(kernel: Array) -> Array:
    return kernel[::-1, ::-1].swapaxes(2, 3)


def _direct(x: Array, kernel: Array, geometry: _Geometry) -> Array:
    return lax.conv_general_dilated(
        x, kernel, geometry.strides, _padding(kernel, geometry), dimension_numbers=_DIMENSIONS
    )


def _padding(kernel: Array, geometry: _Geometry) -> list[tuple[int, int]]:
    return [
        (low, (m - 1) * s + k - n - low)
        for low, m, s, k, n in zip(
            geometry.low, geometry.maps, geometry.strides, kernel.shape, geometry.image
        )
    ]


# A strided convolution (gather), its transpose in the image (scatter) and its transpose in the
# kernel (correlate) are linear in each argument, and the gradients of each are the other two: three
# fast forms give fast derivatives of every order.


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _gather(x: Array, kernel: Array, geometry: _Geometry) -> Array:
    """out[q] = sum_j x[q*s + j - low] kernel[j]: [n, h, w, i], [kh, kw, i, o] to [n, *maps, o]."""
    return (_shifts if geometry.form == "shifts" else _direct)(x, kernel, geometry)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _scatter(y: Array, kernel: Array, geometry: _Geometry) -> Array:
    """The transpose of `_gather` in x: [n, *maps, o], [kh, kw, i, o] to [n, *image, i]."""
    return (_subpixel if geometry.form == "subpixel" else _columns)(y, kernel, geometry)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _correlate(x: Array, y: Array, size: tuple[int, int], geometry: _Geometry) -> Array:
    """The transpose of `_gather` in the kernel: [n, h, w, i], [n, *maps, o] to [*size, i, o]."""
    kernel = jnp.zeros((*size, x.shape[3], y.shape[3]), x.dtype)
    return jax.vjp(lambda k: _direct(x, k, geometry), kernel)[1](y)[0]


def _gather_gradients(geometry, residuals, cotangent):
    x, kernel = residuals
    return (
        _scatter(cotangent, kernel, geometry),
        _correlate(x, cotangent, kernel.shape[:2], geometry),
    )


def _scatter_gradients(geometry, residuals, cotangent):
    y, kernel = residuals
    return (
        _gather(cotangent, kernel, geometry),
        _correlate(cotangent, y, kernel.shape[:2], geometry),
    )


def _correlate_gradients(size, geometry, residuals, cotangent):
    x, y = residuals
    return _scatter(y, cotangent, geometry), _gather(x, cotangent, geometry)


_gather.defvjp(lambda x, k, g: (_gather(x, k, g), (x, k)), _gather_gradients)
_scatter.defvjp(lambda y, k, g: (_scatter(y, k, g), (y, k)), _scatter_gradients)
_correlate.defvjp(lambda x, y, s, g: (_correlate(x, y, s, g), (x, y)), _correlate_gradients)


def _shifts(x: Array, kernel: Array, geometry: _Geometry) -> Array:
    """`_gather` as a sum over taps and input channels of a shifted image times o numbers."""
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


def _subpixel(y: Array, kernel: Array, geometry: _Geometry) -> Array:
    """`_scatter` as one stride-1 convolution to all output phases, then depth-to-space.

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
    phases = lax.conv_general_dilated(y, kernel, (1, 1), padding, dimension_numbers=_DIMENSIONS)
    phases = phases.reshape(-1, counts[0], counts[1], sh, sw, inputs)
    return _interleave(phases, offset, image)


def _columns(y: Array, kernel: Array, geometry: _Geometry) -> Array:
    """`_scatter` as one matrix product to all taps, whose columns are added where they overlap."""
    strides, low, image, maps, _ = geometry
    (kh, kw, inputs, _), (sh, sw) = kernel.shape, strides
    th, tw = -(-kh // sh), -(-kw // sw)
    kernel = jnp.pad(kernel, ((0, th * sh - kh), (0, tw * sw - kw), (0, 0), (0, 0)))
    columns = jnp.einsum("nhwo,yxio->nhwyxi", y, kernel)
    columns = columns.reshape(-1, *maps, th, sh, tw, sw, inputs)
    phases = 0.0
    counts = [
        max(m + t - 1, -(-(b + n) // s))
        for m, t, b, n, s in zip(maps, (th, tw), low, image, strides)
    ]
    for i in range(th):
        for j in range(tw):
            spread = ((i, counts[0] - maps[0] - i), (j, counts[1] - maps[1] - j))
            phases += jnp.pad(columns[:, :, :, i, :, j], ((0, 0), *spread, (0, 0), (0, 0), (0, 0)))
    return _interleave(phases, low, image)


def _interleave(phases: Array, offset: tuple[int, int], image: tuple[int, int]) -> Array:
    """Depth-to-space and crop: [n, h, w, sh, sw, c] to [n, *image, c] from pixel `offset`."""
    n, h, w, sh, sw, channels = phases.shape
    pixels = phases.transpose(0, 1, 3, 2, 4, 5).reshape(n, h * sh, w * sw, channels)
    top, left = offset
    return pixels[:, top : top + image[0], left : left + image[1]]


def _spectral(x: Array, kernel: Array, low: tuple[int, int]) -> Array:
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
    """Matrices float64 of the image's, the kernel's and the inverse transform, for `_spectral`.

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
        np.stack([pixels.real, pixels.imag], 1),
        np.stack([taps.real, taps.imag], 1),
        np.stack([np.stack([real, imaginary], -1), np.stack([imaginary, -real], -1)], -2),
    )
