"""Known damage to real textures, weak to strong: what a texture statistic should notice.

Four kinds are those of `gan_jax.judging.degradations` in strengths that suit textures; four change
what a texture is made of: its period, its direction, its phases, its variety. Enlarging and turning
must not blur, or a statistic that sees blur would seem to see scale and direction: both interpolate
by trigonometric series, which keep all that can be kept. Images are mirrored at their edges.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from gan_jax.judging.degradations import DEGRADATIONS, Degradation, Pool, to_uint8


def texture_pool(images: np.ndarray) -> Pool:
    """Textures uint8 [n, h, w, c] to damage; they have no classes, and none is copied."""
    return Pool(images, np.zeros(len(images), np.int64), images[:0])


def _enlarge(pool: Pool, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Every image enlarged about its centre, by its cosine series.

    Nothing from outside is needed. What was finest becomes coarser and nothing finer comes after
    it, as in every enlarged photograph.
    """
    rows, columns = (_enlarging(side, 1 + strength) for side in pool.images.shape[1:3])
    return to_uint8(np.einsum("yh,nhwc,xw->nyxc", rows, pool.images / 1.0, columns, optimize=True))


def _enlarging(side: int, factor: float) -> np.ndarray:
    """Matrix [side, side] from a row of pixels to the row enlarged about its centre."""
    centre = (side - 1) / 2
    places = (np.arange(side) - centre) / factor + centre
    order = np.arange(side)
    series = fft.dct(np.eye(side), axis=0) / side
    series[0] /= 2
    return np.cos(np.pi * order * (places[:, None] + 0.5) / side) @ series


def _rotate(pool: Pool, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Every image turned by as many degrees, all the same way, by three shears.

    Larkin, Oldenburg & Klemm, "Fast Fourier method for the accurate rotation of sampled images",
    1997: a shear moves rows or columns by fractions of a pixel, which changes phases only.
    """
    height, width = pool.images.shape[1:3]
    margins = (height // 2, width // 2)
    images = np.pad(
        pool.images.astype(np.float64),
        ((0, 0), *((margin, margin) for margin in margins), (0, 0)),
        mode="symmetric",
    )
    angle = np.deg2rad(strength)
    for axis, slope in ((2, np.tan(angle / 2)), (1, -np.sin(angle)), (2, np.tan(angle / 2))):
        images = _sheared(images, axis, slope)
    return to_uint8(images[:, margins[0] :, margins[1] :][:, :height, :width])


def _sheared(images: np.ndarray, axis: int, slope: float) -> np.ndarray:
    """Images [n, h, w, c] moved along axis 1 or 2 by `slope` times the other's distance."""
    size, other = images.shape[axis], images.shape[3 - axis]
    distance = slope * (np.arange(other) - (other - 1) / 2)
    turn = np.exp(-2j * np.pi * np.outer(distance, fft.rfftfreq(size)))
    turn = (turn if axis == 2 else turn.T)[..., None]
    return fft.irfft(fft.rfft(images, axis=axis) * turn, n=size, axis=axis)


def _randomise_phases(pool: Pool, strength: float, rng: np.random.Generator) -> np.ndarray:
    """The phases drawn towards random ones, the amplitudes as they are.

    Weighted mean phase (Dakin, Hess, Ledgeway & Achtman, "What causes non-monotonic tuning of fMRI
    response to noisy images?", 2002). The channels are turned alike, so colours stay together.
    """
    count, height, width, _ = pool.images.shape
    axes = (1, 2)
    spectrum = fft.rfft2(pool.images.astype(np.float64), axes=axes)
    turn = fft.rfft2(rng.standard_normal((count, height, width, 1)), axes=axes)
    turn = (1 - strength) + strength * turn / np.abs(turn)
    turn[:, 0, 0] = 1.0
    length = np.abs(turn)
    turn = np.divide(turn, length, out=np.ones_like(turn), where=length > 1e-12)
    images = fft.irfft2(spectrum * turn, s=(height, width), axes=axes)
    return to_uint8(images)


_OF_IMAGES = {degradation.name: degradation for degradation in DEGRADATIONS}

TEXTURE_DEGRADATIONS = (
    _OF_IMAGES["blur"].at(0.3, 0.4, 0.5, 0.7, 1.0),
    _OF_IMAGES["noise"].at(0.01, 0.02, 0.03, 0.05, 0.1),
    _OF_IMAGES["contrast"].at(0.05, 0.1, 0.2, 0.35, 0.5),
    _OF_IMAGES["shuffled patches"].at(0.125, 0.25, 0.5, 0.75, 1.0),
    Degradation("enlarged", "share by which the period grows", (0.03, 0.06, 0.125, 0.2, 0.35),
                _enlarge),
    Degradation("rotated", "degrees", (1.0, 2.0, 4.0, 8.0, 16.0), _rotate),
    Degradation("phases randomised", "weight of the random phase", (0.15, 0.3, 0.45, 0.6, 1.0),
                _randomise_phases),
    _OF_IMAGES["one image repeated"].at(0.05, 0.1, 0.2, 0.4, 0.8),
)  # fmt: skip
