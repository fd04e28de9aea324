"""The filters of a complex steerable pyramid, in the Fourier domain.

Simoncelli & Freeman, "The steerable pyramid: a flexible architecture for multi-scale derivative
computation", 1995; the filters are those of Karasaridis & Simoncelli, "A filter design technique
for steerable pyramid image transforms", 1996, section 3. An image is split into a highpass
residual, oriented bands an octave wide, each half as large as the one before, and a lowpass
residual. A band passes half of the frequency plane, so its modulus is a local energy and its angle
a local phase. Edges are circular. Spectra are in the order of `numpy.fft`: zero first.

The curves are read from tables by linear interpolation, with as many entries as in the authors'
code, as in published values; exact cosines differ by up to 5e-6.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np

_RADIAL_ENTRIES = 256  # an octave
_ANGULAR_ENTRIES = 1024  # half a turn


class SteerableFilters(NamedTuple):
    """Gains of one image size; scale 0 is the finest, and scale s has sides of side / 2^s."""

    highpass: np.ndarray  # float64 [h, w]
    bands: tuple[np.ndarray, ...]  # one a scale, complex128 [orientations, h_s, w_s]
    coarser: tuple[np.ndarray, ...]  # of all scales but the last: the next one's bands at its sides
    # One a scale and one for the residual, float64 [h_s, w_s]: the gain, there and back, of
    # rebuilding the image from that scale and all coarser ones. None passes the mean.
    lowpass: tuple[np.ndarray, ...]


@functools.lru_cache(maxsize=4)
def steerable_filters(
    height: int, width: int, *, num_scales: int, num_orientations: int
) -> SteerableFilters:
    """The filters for images [height, width], multiples of 2^num_scales, at least 4 times that.

    The inverse transform of a spectrum cut to smaller sides is not rescaled, so coefficients of
    scale s are 4^s times as large as with sides kept. Orientation k of num_orientations K >= 2
    responds most to waves along k pi / K, counted from the x axis towards growing y.
    """
    octave, angle = _polar_frequencies(height, width)
    forward, backward = _angular_gains(angle, num_orientations)
    phase = (-1j) ** (num_orientations - 1)  # of the derivative that the filter stands for
    sides = [(height >> scale, width >> scale) for scale in range(num_scales + 1)]

    highpass, inside = _radial_gains(octave, 0)
    bands, coarser, passed = [], [], []
    for scale in range(num_scales):
        above, below = _radial_gains(octave, scale + 1)
        band = phase * forward * (inside * above)
        bands.append(cut_spectrum(band, *sides[scale]))
        if scale:
            coarser.append(cut_spectrum(band, *sides[scale - 1]))
        passed.append((inside * above) ** 2 * np.sum(forward * backward, axis=0))
        inside = inside * below
    passed.append(inside**2)
    passed[-1][0, 0] = 0.0

    lowpass = []
    total = np.zeros((height, width))
    for scale in range(num_scales, -1, -1):
        total = total + _real_part(passed[scale])
        lowpass.append(cut_spectrum(total, *sides[scale]))
    return SteerableFilters(highpass, tuple(bands), tuple(coarser), tuple(lowpass[::-1]))


def cut_spectrum(spectrum, height: int, width: int):
    """The lowest frequencies of `spectrum` [..., H, W], [..., height, width]; numpy or JAX."""
    rows, columns = (
        np.r_[0 : (side + 1) // 2, full - side // 2 : full]
        for side, full in zip((height, width), spectrum.shape[-2:])
    )
    return spectrum[..., rows[:, None], columns]


def _polar_frequencies(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Radius in octaves above (or below) half a cycle a pixel, and angle, float64 [h, w]."""
    y = 2.0 * np.fft.fftfreq(height)[:, None]
    x = 2.0 * np.fft.fftfreq(width)
    radius = np.hypot(y, x)
    radius[0, 0] = radius[0, 1]  # zero has no logarithm; no band passes either
    return np.log2(radius), np.arctan2(y, x)


def _radial_gains(octave: np.ndarray, scale: int) -> tuple[np.ndarray, np.ndarray]:
    """Gains above and below the cut 2^-scale; their squares sum to 1, to 1e-5.

    The cut is a quarter of a cosine over the octave below 2^-scale.
    """
    turn = np.pi / 2 * np.arange(-_RADIAL_ENTRIES, 1) / _RADIAL_ENTRIES
    position = 2.0 / np.pi * turn - scale
    above = np.cos(turn)
    below = np.sqrt(1.0 - above**2)
    return np.interp(octave, position, above), np.interp(octave, position, below)


def _angular_gains(angle: np.ndarray, num: int) -> tuple[np.ndarray, np.ndarray]:
    """Gains of analysis, which pass half a turn, and of synthesis, float64 [num, h, w].

    A power of the cosine; the squares of all orientations sum to 1 over both halves of the plane.
    """
    order = num - 1
    scale = 2.0**order * math.factorial(order) / math.sqrt(num * math.factorial(2 * order))
    entries = np.arange(-_ANGULAR_ENTRIES, _ANGULAR_ENTRIES + 1)
    turn = np.pi * entries / _ANGULAR_ENTRIES
    whole = scale * np.cos(turn) ** order
    half = np.where(2 * np.abs(entries) < _ANGULAR_ENTRIES, 2.0 * whole, 0.0)
    centres = np.pi * np.arange(num)[:, None, None] / num
    apart = np.mod(angle - centres + np.pi, 2.0 * np.pi) - np.pi
    return np.interp(apart, turn, half), np.interp(apart, turn, whole)


def _real_part(gain: np.ndarray) -> np.ndarray:
    """The even part of a real gain: what it comes to when only the real part is kept."""
    return (gain + np.roll(gain[::-1, ::-1], 1, axis=(0, 1))) / 2.0
