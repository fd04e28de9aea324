"""Arrays that hold images: which axis is which, and which value is white."""

from __future__ import annotations

import enum

import numpy as np

from gan_jax.content import content_keys
from gan_jax.data.progress import progress_bar
from gan_jax.errors import InputError

_SCANNED_BYTES = 2**26  # bounds the memory of a scan over a memory-mapped array


class PixelRange(enum.Enum):
    """How stored values relate to uint8."""

    UINT8 = "uint8"
    UNIT = "[0, 1]"
    SYMMETRIC = "[-1, 1]"

    def to_uint8(self, values: np.ndarray) -> np.ndarray:
        """Values in this range to uint8, rounded to the nearest."""
        if self is PixelRange.UINT8:
            return values
        values = np.asarray(values, np.float32)
        if self is PixelRange.SYMMETRIC:
            values = (values + 1) / 2
        return np.rint(values * 255).astype(np.uint8)


def as_image_array(array: np.ndarray, where: str) -> np.ndarray:
    """A view of [n, h, w] or [n, h, w, c] as [n, h, w, c].

    Raises:
        InputError: another rank; channels first; one image only; nothing in it.
    """
    shape = list(array.shape)
    if array.ndim not in (3, 4):
        raise InputError(
            f"{where} has shape {shape}: images must be [n, h, w] or [n, h, w, c]; reshape it."
        )
    if 0 in shape:
        raise InputError(f"{where} has shape {shape}: it holds no images.")
    if array.ndim == 3:
        if shape[2] <= 4 < shape[1]:
            raise InputError(
                f"{where} has shape {shape}, which looks like one image [h, w, c]: images must be "
                "[n, h, w] or [n, h, w, c]; add the first axis with images[None]."
            )
        return array[..., None]
    if shape[1] <= 4 < shape[3]:
        raise InputError(
            f"{where} has shape {shape}, which looks like channels first [n, c, h, w]: channels "
            "must come last; store images.transpose(0, 2, 3, 1)."
        )
    return array


def pixel_range(array: np.ndarray, where: str) -> PixelRange:
    """Finds how to read the values of an image array [n, h, w, c].

    uint8 is taken as it is. Floats are taken only when their range leaves no doubt: all in [0, 1],
    or all in [-1, 1] with some at most -0.5.

    Raises:
        InputError: NaN or infinity; another dtype; a range that is neither or could be either.
    """
    if array.dtype == np.uint8:
        return PixelRange.UINT8
    if array.dtype.kind != "f":
        raise InputError(
            f"{where} holds {array.dtype}: images must be uint8 in 0..255, or floats in [0, 1] or "
            "[-1, 1]; store images.astype('uint8') if the values are 0..255."
        )
    low, high = _finite_bounds(array, where)
    if low < high:
        if low >= 0 and high <= 1:
            return PixelRange.UNIT
        if -1 <= low <= -0.5 and high <= 1:
            return PixelRange.SYMMETRIC
    raise InputError(
        f"{where} holds floats from {low:g} to {high:g}, which is not clearly [0, 1] or [-1, 1]: "
        "clip and scale them, or store uint8 in 0..255."
    )


def row_keys(array: np.ndarray) -> np.ndarray:
    """A hash of each row of an array [n, ...] as it is stored: uint64 [n]."""
    keys = np.empty(len(array), np.uint64)
    rows = max(1, _SCANNED_BYTES // (array[0].size * array.itemsize))
    with progress_bar("hashing images", len(array), "image") as bar:
        for start in range(0, len(array), rows):
            block = array[start : start + rows]
            keys[start : start + rows] = content_keys(block)
            bar.update(len(block))
    return keys


def _finite_bounds(array: np.ndarray, where: str) -> tuple[float, float]:
    """The least and greatest value; InputError names the first image with NaN or infinity."""
    low, high = np.inf, -np.inf
    rows = max(1, _SCANNED_BYTES // (array[0].size * array.itemsize))
    with progress_bar(f"checking {where}", len(array), "image") as bar:
        for start in range(0, len(array), rows):
            block = array[start : start + rows]
            least, greatest = float(block.min()), float(block.max())
            if not np.isfinite([least, greatest]).all():
                bad = ~np.isfinite(block).reshape(len(block), -1).all(axis=1)
                raise InputError(
                    f"{where}: image {start + int(np.argmax(bad))} holds NaN or infinity: remove "
                    "or mend it."
                )
            low, high = min(low, least), max(high, greatest)
            bar.update(len(block))
    return low, high
