"""Power spectra of images: by frequency and orientation, and the radial curve.

Each grey image loses its mean and is multiplied by a Hann window, which keeps the edges, where the
periodic continuation jumps, out of the spectrum. The power at a frequency is

    |FFT(window (grey - mean))|^2 / sum(window^2),

so that its mean over all frequencies is the variance of the image under the window squared. The
mean is that under the window, so there is no power at frequency 0. Frequencies are in cycles a
pixel along both axes, so orientations are true ones in images of any shape.

The FFT of 64x64 takes scipy less time than it takes to bring the image to another device.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

from gan_jax.metrics.texture.statistics import TextureStatistics, check_images, grey_images

RADIAL_BINS = 8
ORIENTATION_BINS = 8
FLOOR = 1e-8
"""Added to a power before its logarithm; rounding to 8 bits alone has 1 / (12 * 255^2) = 1.3e-6."""

_LEAST_SIDE = 8
_PIXELS = 2**20  # transformed at a time


class RadialSpectrum(NamedTuple):
    """Curves of n images.

    frequencies: float64 [b], centres of the bins in cycles a pixel, rising.
    log_power: float64 [n, b], natural logarithm of the mean power in the bin plus `FLOOR`.
    """

    frequencies: np.ndarray
    log_power: np.ndarray


def polar_spectrum(images: ArrayLike) -> TextureStatistics:
    """Natural log of the mean power in 8 bins of frequency x 8 of orientation.

    Of images uint8 [n, h, w, c], at least 8x8. Bin r of frequency holds r/16 <= f < (r + 1)/16
    cycles a pixel; the last one also holds all above, up to the corner at 0.707, where
    checkerboards are. Bin o of orientation is 22.5 degrees wide and centred on 22.5 o degrees: the
    direction in which the wave varies, 0 along a row and 90 down a column, 45 to the lower right.
    Frequency 0 is in no bin. The corner (0.5, 0.5) of even sides runs both ways and is half in
    'f7_45', half in 'f7_135', so that a quarter turn exchanges bins exactly. Names are such as
    'f3_45' for r = 3 around 45 degrees (22.5 is '22'). Bins without a frequency are left out: 14 at
    16x16, 4 at 32x32, none at 64x64.
    """
    radius, angle = _polar_frequencies(images)
    radial = np.floor(radius * (2 * RADIAL_BINS) + 1e-9).astype(int).clip(max=RADIAL_BINS - 1)
    step = np.pi / ORIENTATION_BINS
    oriented = np.floor(angle / step + 0.5).astype(int) % ORIENTATION_BINS
    numbers = (radial * ORIENTATION_BINS + oriented).ravel()
    numbers[0] = -1  # frequency 0
    frequencies, weights = np.arange(numbers.size), np.ones(numbers.size)
    height, width = radius.shape
    if height % 2 == width % 2 == 0:
        corner = height // 2 * width + width // 2
        weights[corner] = 0.5
        frequencies, weights = np.append(frequencies, corner), np.append(weights, 0.5)
        numbers = np.append(numbers, numbers[corner] + ORIENTATION_BINS // 2)
    present, log_power = _log_mean_power(images, numbers, frequencies, weights)
    names = tuple(
        f"f{number // ORIENTATION_BINS}_{number % ORIENTATION_BINS * 180 // ORIENTATION_BINS}"
        for number in present
    )
    return TextureStatistics(names, log_power)


def radial_spectrum(images: ArrayLike) -> RadialSpectrum:
    """The radial curve: log mean power in rings one frequency step wide, for plots.

    Of images uint8 [n, h, w, c], at least 8x8. With s = max(h, w), ring k holds the frequencies
    nearest to k / s, for k = 1 to s / 2: from one cycle an image to about 0.5 cycles a pixel. The
    corners beyond, where no ring is whole, are left out.
    """
    radius, _ = _polar_frequencies(images)
    longest = max(radius.shape)
    rings = np.floor(radius * longest + 0.5).astype(int).ravel()
    rings[(rings < 1) | (rings > longest // 2)] = -1
    frequencies, weights = np.arange(rings.size), np.ones(rings.size)
    present, log_power = _log_mean_power(images, rings, frequencies, weights)
    return RadialSpectrum(present / longest, log_power)


def _log_mean_power(
    images: ArrayLike, numbers: np.ndarray, frequencies: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Bins that hold a frequency, int [b], and log of the mean power in them, float64 [n, b].

    frequencies[k] is in bin numbers[k], and in none if that number is below 0.
    """
    order = np.argsort(numbers, kind="stable")[np.count_nonzero(numbers < 0) :]
    present, starts = np.unique(numbers[order], return_index=True)
    frequencies, weights = frequencies[order], weights[order]
    total = np.add.reduceat(weights, starts)
    parts = []
    for power in _power(images):
        sums = np.add.reduceat(power[:, frequencies] * weights, starts, axis=1)
        parts.append(np.log(sums / total + FLOOR))
    return present, np.concatenate(parts)


def _polar_frequencies(images: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Radius in cycles a pixel and angle in (-pi, pi], both [h, w] in the order of the FFT."""
    images = check_images(images, least_side=_LEAST_SIDE)
    down = scipy.fft.fftfreq(images.shape[1])[:, None]
    right = scipy.fft.fftfreq(images.shape[2])
    return np.hypot(down, right), np.arctan2(down, right)


def _power(images: ArrayLike) -> Iterator[np.ndarray]:
    """Power float64 [<= tile, h w] of images, part by part, all frequencies of the FFT."""
    images = np.asarray(images)
    height, width = images.shape[1:3]
    # Hann's window sampled between its zeros, so that a mirrored image has a mirrored spectrum.
    rows, columns = (
        np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 2 for side in (height, width)
    )
    window = rows[:, None] * columns
    tile = max(1, _PIXELS // (height * width))
    for start in range(0, len(images), tile):
        grey = grey_images(images[start : start + tile])
        grey -= np.tensordot(grey, window, 2)[:, None, None] / window.sum()
        amplitude = scipy.fft.fft2(grey * window)
        power = amplitude.real**2 + amplitude.imag**2
        yield power.reshape(len(grey), -1) / np.sum(window**2)
