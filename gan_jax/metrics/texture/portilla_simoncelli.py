"""The texture statistics of Portilla & Simoncelli.

"A parametric texture model based on joint statistics of complex wavelet coefficients", 2000,
section 2: marginal statistics of the pixels and of the image rebuilt from ever fewer scales,
autocorrelations of that image and of the moduli of a complex steerable pyramid, and correlations of
the moduli between orientations and scales and of the phases between scales. Textures that agree in
all of them look alike to people.

Definitions and the order of the columns follow the package plenoptic 2.1, with two exceptions. If a
variance is zero but for round-off, a correlation is 0, a skewness 0 and a kurtosis 3, so constant
images and pure stripes have finite statistics. And a lowpass residual of odd sides, as of 72x72 at
3 scales, keeps its highest frequencies, which plenoptic halves.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from gan_jax.errors import InputError
from gan_jax.metrics.texture.pyramid import SteerableFilters, cut_spectrum, steerable_filters
from gan_jax.metrics.texture.statistics import TextureStatistics, blocks, check_images, grey_images

_PIXELS_AT_ONCE = 1 << 16
# Of images in [0, 1]. Round-off makes variances of 1e-30; one pixel that is one grey level off
# makes 1e-11 in an image of 1024x1024.
_NO_VARIANCE = 1e-20


def portilla_simoncelli(
    images: ArrayLike, *, num_scales: int = 3, num_orientations: int = 4, width: int = 7
) -> TextureStatistics:
    """Portilla-Simoncelli statistics of uint8 images [n, h, w, c], taken grey and in [0, 1].

    With the defaults there are 529, whatever the size. In the names, o is an orientation, s a scale
    (0 the finest; the last 'lowpass' one is the residual), y and x are shifts in that scale's
    pixels. An image is cropped at its centre to sides that are multiples of 2^num_scales.
    Everything is float64, on the default device, or on the host if that is a TPU, which has no
    float64 transform.

    Args:
      images: uint8 [n, h, w, c]; sides at least 2^num_scales x max(width, 4), 56 by default.
      num_scales: octaves of the pyramid, at least 1. 2 suits 32x32 images, 1 suits 16x16.
      num_orientations: 2 to 16.
      width: of the square of shifts in the autocorrelations, odd.
    """
    if num_scales < 1 or not 2 <= num_orientations <= 16 or width < 1 or width % 2 == 0:
        raise InputError(
            f"num_scales is {num_scales}, num_orientations {num_orientations} and width {width}; "
            "expected at least 1 scale, 2 to 16 orientations, and an odd width of at least 1."
        )
    images = check_images(images, least_side=2**num_scales * max(width, 4))
    images = _cropped(images, 2**num_scales)
    _, height, wide, _ = images.shape
    filters = steerable_filters(
        height, wide, num_scales=num_scales, num_orientations=num_orientations
    )
    per_block = max(1, _PIXELS_AT_ONCE // (height * wide))
    values = []
    device = "cpu" if jax.default_backend() == "tpu" else None
    with jax.enable_x64(True), jax.default_device(device):
        filters = jax.tree.map(jnp.asarray, filters)
        for block, count in blocks(images, per_block):
            found = _statistics(grey_images(block), filters, width=width)
            values.append(np.asarray(found)[:count])
    return TextureStatistics(_names(num_scales, num_orientations, width), np.concatenate(values))


def _cropped(images: np.ndarray, multiple: int) -> np.ndarray:
    height, width = (side - side % multiple for side in images.shape[1:3])
    top, left = (images.shape[1] - height) // 2, (images.shape[2] - width) // 2
    return images[:, top : top + height, left : left + width]


def _shifts(width: int) -> list[tuple[int, int]]:
    """Shifts (y, x) of a square less (0, 0): one of each pair of opposite ones."""
    reach = range(-(width // 2), width // 2 + 1)
    return [(y, x) for y in reach for x in reach if y > x or y == x < 0]


def _names(num_scales: int, num_orientations: int, width: int) -> tuple[str, ...]:
    """The columns of `_statistics`, in its order."""
    scales, orientations = range(num_scales), range(num_orientations)
    moments = ("mean", "variance", "skewness", "kurtosis", "minimum", "maximum")
    shifts = [f"y{y:+d}_x{x:+d}" for y, x in _shifts(width)]
    names = [f"pixel_{moment}" for moment in moments]
    names += [
        f"magnitude_autocorrelation_{shift}_o{o}_s{s}"
        for shift in shifts
        for o in orientations
        for s in scales
    ]
    names += [f"lowpass_skewness_s{s}" for s in range(num_scales + 1)]
    names += [f"lowpass_kurtosis_s{s}" for s in range(num_scales + 1)]
    names += [
        f"lowpass_autocorrelation_{shift}_s{s}" for shift in shifts for s in range(num_scales + 1)
    ]
    names += [f"lowpass_deviation_s{s}" for s in range(num_scales + 1)]
    names += [
        f"magnitude_correlation_o{a}_o{b}_s{s}"
        for a in orientations
        for b in range(a)
        for s in scales
    ]
    names += [f"magnitude_deviation_o{o}_s{s}" for o in orientations for s in scales]
    for kind, parts in (("magnitude", ("",)), ("phase", ("real_", "imaginary_"))):
        names += [
            f"{kind}_correlation_o{a}_s{s}_with_{part}o{b}_s{s + 1}"
            for a in orientations
            for part in parts
            for b in orientations
            for s in scales[:-1]
        ]
    names.append("highpass_variance")
    return tuple(names)


@functools.partial(jax.jit, static_argnames="width")
def _statistics(images: jax.Array, filters: SteerableFilters, *, width: int) -> jax.Array:
    num_scales = len(filters.bands)
    shifts = _shifts(width)
    whole = jnp.fft.fft2(images)
    spectra = [cut_spectrum(whole, *gain.shape) for gain in filters.lowpass]
    lowpass = [jnp.fft.ifft2(x * gain).real for x, gain in zip(spectra, filters.lowpass)]
    bands = [jnp.fft.ifft2(x[:, None] * gain) for x, gain in zip(spectra, filters.bands)]
    coarser = [jnp.fft.ifft2(x[:, None] * gain) for x, gain in zip(spectra, filters.coarser)]
    magnitudes = [_centred(jnp.abs(band)) for band in bands]
    variances = [_mean_square(x) for x in magnitudes]
    lowpass_variance = jnp.stack([_mean_square(x) for x in lowpass], axis=-1)

    across = [_covariance(x, x) for x in magnitudes]
    across = [_correlation(c, v, v) for c, v in zip(across, variances)]
    rows, columns = np.tril_indices(across[0].shape[-1], -1)
    blocks = [
        _pixel_statistics(images),
        _stacked(_autocorrelation(x, shifts) for x in magnitudes).swapaxes(1, 2),
        _standardised_moment(lowpass, lowpass_variance, 3, otherwise=0.0),
        _standardised_moment(lowpass, lowpass_variance, 4, otherwise=3.0),
        _stacked(_autocorrelation(x, shifts) for x in lowpass),
        jnp.sqrt(lowpass_variance),
        _stacked(across)[:, rows, columns],
        jnp.sqrt(_stacked(variances)),
    ]
    if num_scales > 1:
        doubled = [_phase_doubled(band) for band in coarser]
        energies = [_centred(jnp.abs(band)) for band in coarser]
        blocks += [
            _stacked(
                _correlation(_covariance(a, b), v, _mean_square(b))
                for a, b, v in zip(magnitudes, energies, variances)
            ),
            _stacked(
                _correlation(_covariance(a.real, b), _mean_square(a.real), _mean_square(b))
                for a, b in zip(bands, doubled)
            ),
        ]
    # Parseval: the mean square of the residual, without its transform.
    residual = jnp.abs(whole * filters.highpass) ** 2
    blocks.append(jnp.mean(residual, axis=(-2, -1)) / (whole.shape[-2] * whole.shape[-1]))
    return jnp.concatenate([block.reshape(len(images), -1) for block in blocks], axis=1)


def _stacked(per_scale) -> jax.Array:
    return jnp.stack(list(per_scale), axis=-1)


def _centred(x: jax.Array) -> jax.Array:
    return x - jnp.mean(x, axis=(-2, -1), keepdims=True)


def _mean_square(x: jax.Array) -> jax.Array:
    return jnp.mean(x**2, axis=(-2, -1))


def _ratio(x: jax.Array, variance: jax.Array, power: float = 1.0, otherwise: float = 0.0):
    """x / variance^power, or `otherwise` where there is no variance."""
    some = variance > _NO_VARIANCE
    return jnp.where(some, x / jnp.where(some, variance, 1.0) ** power, otherwise)


def _pixel_statistics(images: jax.Array) -> jax.Array:
    axes = (-2, -1)
    apart = _centred(images)
    variance = jnp.var(images, axis=axes, ddof=1)
    return jnp.stack(
        [
            jnp.mean(images, axis=axes),
            variance,
            _ratio(jnp.mean(apart**3, axis=axes), variance, 1.5, otherwise=0.0),
            _ratio(jnp.mean(apart**4, axis=axes), variance, 2.0, otherwise=3.0),
            jnp.min(images, axis=axes),
            jnp.max(images, axis=axes),
        ],
        axis=-1,
    )


def _standardised_moment(
    lowpass: list[jax.Array], variance: jax.Array, power: int, *, otherwise: float
) -> jax.Array:
    """Mean power of zero-mean images [n, h_s, w_s] over their deviation's power: [n, scales]."""
    moment = _stacked(jnp.mean(x**power, axis=(-2, -1)) for x in lowpass)
    return _ratio(moment, variance, power / 2, otherwise=otherwise)


def _autocorrelation(x: jax.Array, shifts: list[tuple[int, int]]) -> jax.Array:
    """Circular autocorrelation of zero-mean x [..., h, w] at the shifts: [..., shifts]."""
    height, width = x.shape[-2:]
    power = jnp.abs(jnp.fft.rfft2(x)) ** 2
    products = jnp.fft.irfft2(power, s=(height, width)) / (height * width)
    down, right = np.array(shifts, dtype=np.int64).reshape(-1, 2).T
    return _ratio(products[..., down % height, right % width], products[..., :1, 0])


def _covariance(a: jax.Array, b: jax.Array) -> jax.Array:
    """Mean products of zero-mean a [n, p, h, w] and b [n, q, h, w]: [n, p, q]."""
    pixels = a.shape[-2] * a.shape[-1]
    a, b = (x.reshape(*x.shape[:2], pixels) for x in (a, b))
    return a @ b.swapaxes(1, 2) / pixels


def _correlation(covariance: jax.Array, a: jax.Array, b: jax.Array) -> jax.Array:
    """[n, p, q] of covariances [n, p, q] and variances [n, p] and [n, q]."""
    return _ratio(_ratio(covariance, a[:, :, None], 0.5), b[:, None, :], 0.5)


def _phase_doubled(band: jax.Array) -> jax.Array:
    """Twice the angle at the same modulus, real and imaginary parts: [n, 2 orientations, h, w].

    The phase of a coarse band turns half as fast as that of a finer one at the same feature
    (section 2.3), so they can be compared only after it is doubled.
    """
    modulus = jnp.abs(band)
    square = band**2 / jnp.where(modulus > 0.0, modulus, 1.0)
    return jnp.concatenate([square.real, square.imag], axis=1)
