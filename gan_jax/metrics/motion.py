"""How clips move, from their pixels alone: speed, change of speed, direction.

The displacement from a frame to the next is the peak of their phase correlation (Kuglin and Hines
1975, "The phase correlation image alignment method"), to whole pixels.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from gan_jax.errors import InputError

NUM_DIRECTIONS = 9  # eight sectors of 45 degrees from the right on, and standing still
_LEAST = 1e-6  # of the largest product: frequencies below it hold rounding errors only
_BLOCK = 64


def displacements(clips: np.ndarray) -> np.ndarray:
    """By how many pixels each frame moves to the next: int64 [n, t - 1, 2], down and right.

    Args:
        clips: uint8 [n, t, h, w, c], of 2 frames or more. A displacement of half a side or more is
            taken for one the other way; frames of one colour do not move.

    Raises:
        InputError: another shape, or fewer than 2 frames.
    """
    if clips.ndim != 5 or clips.shape[1] < 2 or 0 in clips.shape:
        raise InputError(
            f"clips have shape {list(clips.shape)}; expected [n, t, h, w, c] with 2 frames or more."
        )
    found = [_of_block(clips[at : at + _BLOCK]) for at in range(0, len(clips), _BLOCK)]
    return np.concatenate(found)


def _of_block(clips: np.ndarray) -> np.ndarray:
    grey = clips.mean(-1, dtype=np.float64)
    height, width = grey.shape[2:]
    spectrum = fft.rfft2(grey - grey.mean((2, 3), keepdims=True))
    product = spectrum[:, 1:] * spectrum[:, :-1].conj()
    size = np.abs(product)
    largest = size.max((2, 3), keepdims=True)
    phase = np.where(size > _LEAST * largest, product / np.maximum(size, 1e-300), 0.0)
    peak = fft.irfft2(phase, (height, width)).reshape(*phase.shape[:2], -1).argmax(-1)
    moved = np.stack([peak // width, peak % width], axis=-1)
    sides = np.array([height, width])
    moved = np.where(moved > sides // 2, moved - sides, moved)
    return moved * (largest[..., 0] > 0)


def speeds(moved: np.ndarray) -> np.ndarray:
    """Mean length of the displacements [n, t - 1, 2] of each clip: [n], pixels per frame."""
    return np.hypot(moved[..., 0], moved[..., 1]).mean(1)


def speed_changes(moved: np.ndarray) -> np.ndarray:
    """Mean length of the change from a displacement to the next, [n], pixels per frame squared.

    0 of an even motion, and of clips of 2 frames.
    """
    if moved.shape[1] < 2:
        return np.zeros(len(moved))
    return speeds(np.diff(moved, axis=1))


def directions(moved: np.ndarray) -> np.ndarray:
    """The direction of each clip's first quarter, int [n] below `NUM_DIRECTIONS`; 8 is none."""
    down, right = moved[:, : max(moved.shape[1] // 4, 1)].sum(1).T
    sector = np.rint(np.arctan2(down, right) / (np.pi / 4)).astype(int) % 8
    return np.where((down == 0) & (right == 0), NUM_DIRECTIONS - 1, sector)
