"""Two-dimensional convolutions in the form that suits the platform.

`conv` and `conv_transpose` compute what `lax.conv_general_dilated` and `lax.conv_transpose` compute
with 'SAME' padding, NHWC images and HWIO kernels. GPU and TPU get these calls, with two changes:
the gradient of a strided transpose's kernel is that of the convolution whose transpose it is, as
the TPU's compiler reverses whole images in memory for the other way; and on a TPU the gradient of a
wide transpose's kernel lies in memory as the kernel does. XLA's CPU back end has no fast path for
dilated inputs, which is what a transposed convolution, and the input gradient of a strided one,
turn into, and pays for every tap of a large kernel on a small image. There the same sums are taken
in another order: `gan_jax.models.convolution_forms` has the forms. All agree up to rounding, in
every derivative.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable

import jax
import jax.numpy as jnp
from jax import Array, lax

from gan_jax.errors import InputError
from gan_jax.models.convolution_forms import (
    DIMENSIONS,
    Geometry,
    columns,
    dilated,
    direct,
    flip,
    shifts,
    spectral,
    subpixel,
)
from gan_jax.models.platform import LANES, laid_out, platform

FORMS = ("direct", "dilated", "subpixel", "columns", "shifts", "spectral")
_FEW_TAPS = 27  # kh * kw * i up to which 'shifts' is the fastest form (see benchmarks)
_SMALL_MAP = 16  # pixels up to which the overlaps of 'columns' cost less than its border


def conv(
    x: Array, kernel: Array, strides: int | tuple[int, int] = 1, *, form: str | None = None
) -> Array:
    """Convolution with 'SAME' padding: [n, h, w, i] to [n, ceil(h/s), ceil(w/s), o].

    Args:
        x: images, [n, h, w, i], any float dtype.
        kernel: [kh, kw, i, o], the dtype of `x`.
        strides: one for both axes, or one for each axis.
        form: one of `FORMS`, or None for the fastest one on the platform that is traced for.
            'dilated', 'subpixel' and 'columns' differ from 'direct' in the gradient only;
            'spectral' needs strides of 1.

    Returns:
        [n, ceil(h/s), ceil(w/s), o], the dtype of `x`. May be differentiated any number of times
        in reverse mode; forms 'direct' and 'spectral' also in forward mode.

    Raises:
        InputError: for an unknown form, or one that cannot do these strides.
    """
    strides = _pair(strides)
    form = _conv_form(x, kernel, strides) if form is None else _checked(form, strides)
    image, size = _pair(x.shape[1:3]), kernel.shape[:2]
    maps = _pair(-(-n // s) for n, s in zip(image, strides))
    low = _pair(max((m - 1) * s + k - n, 0) // 2 for m, s, k, n in zip(maps, strides, size, image))
    geometry = Geometry(strides, low, image, maps, form)
    if form == "direct":
        return direct(x, kernel, geometry)
    if form == "spectral":
        return spectral(x, kernel, low)
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
        return lax.conv_transpose(x, kernel, strides, "SAME", dimension_numbers=DIMENSIONS)
    maps, size = _pair(x.shape[1:3]), kernel.shape[:2]
    before = _pair(k - 1 if s > k - 1 else -(-(k + s - 2) // 2) for k, s in zip(size, strides))
    if form == "spectral":
        return spectral(x, kernel, before)
    image = _pair(m * s for m, s in zip(maps, strides))
    low = _pair(k - 1 - b for k, b in zip(size, before))
    if platform() == "tpu" and kernel.shape[3] >= LANES:
        kernel = _laid_out_as_stored(kernel)
    return _scatter(x, flip(kernel), Geometry(strides, low, image, maps, form))


@jax.custom_vjp
def _laid_out_as_stored(kernel: Array) -> Array:
    """The kernel; its gradient lies in memory as it does.

    A TPU's compiler would leave the gradient transposed as it falls out, and move the parameters
    and Adam's two moments into that order and back, in float32. (Kernels of fewer channels than
    the lanes of a TPU gain from being transposed.)
    """
    return kernel


_laid_out_as_stored.defvjp(
    lambda kernel: (kernel, None),
    lambda _, gradient: (laid_out(gradient, 0, 1, 2, 3),),
)


def _pair(sides: int | Iterable[int]) -> tuple[int, int]:
    height, width = (sides, sides) if isinstance(sides, int) else sides
    return height, width


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
        return "direct" if strides == (1, 1) else "dilated"
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


# A strided convolution (gather), its transpose in the image (scatter) and its transpose in the
# kernel (correlate) are linear in each argument, and the gradients of each are the other two: three
# fast forms give fast derivatives of every order.


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _gather(x: Array, kernel: Array, geometry: Geometry) -> Array:
    """out[q] = sum_j x[q*s + j - low] kernel[j]: [n, h, w, i], [kh, kw, i, o] to [n, *maps, o]."""
    return (shifts if geometry.form == "shifts" else direct)(x, kernel, geometry)


_SCATTER = {"dilated": dilated, "subpixel": subpixel, "columns": columns, "shifts": columns}


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _scatter(y: Array, kernel: Array, geometry: Geometry) -> Array:
    """The transpose of `_gather` in x: [n, *maps, o], [kh, kw, i, o] to [n, *image, i]."""
    return _SCATTER[geometry.form](y, kernel, geometry)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _correlate(x: Array, y: Array, size: tuple[int, int], geometry: Geometry) -> Array:
    """The transpose of `_gather` in the kernel: [n, h, w, i], [n, *maps, o] to [*size, i, o]."""
    kernel = jnp.zeros((*size, x.shape[3], y.shape[3]), x.dtype)
    return jax.vjp(lambda k: direct(x, k, geometry), kernel)[1](y)[0]


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
