"""Arrays that hold images: which axis is which, and which value is white."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from gan_jax.data.content import content_keys
from gan_jax.data.progress import progress_bar
from gan_jax.errors import InputError

_SCANNED_BYTES = 2**26  # bounds the memory of a scan over a memory-mapped array
_OVERSHOOT = 1e-3  # beyond [0, 1] or [-1, 1]: rounding of floats, and less than half a grey level


@dataclasses.dataclass(frozen=True)
class Scale:
    """The stored values of black and white; those between are grey in proportion."""

    black: float
    white: float

    def to_uint8(self, values: np.ndarray) -> np.ndarray:
        """Stored values to uint8, clipped and rounded; uint8 from 0 to 255 as it is."""
        if self == AS_STORED and values.dtype == np.uint8:
            return values
        values = np.asarray(values, np.float64 if values.dtype.itemsize > 4 else np.float32)
        values = (values - self.black) * (255 / (self.white - self.black))
        return np.rint(np.clip(values, 0, 255)).astype(np.uint8)

    def __str__(self) -> str:
        return f"black {self.black:g}, white {self.white:g}"


AS_STORED = Scale(0, 255)
UNIT, SYMMETRIC = Scale(0, 1), Scale(-1, 1)
_WANTED = "images must be uint8 in 0..255, or floats in [0, 1] or [-1, 1]; store "
_WANTED += "images.astype('uint8') if the values are 0..255"


def as_image_array(array: np.ndarray, where: str) -> np.ndarray:
    """A view of [n, h, w] or [n, h, w, c] as [n, h, w, c]; of clips [n, t, h, w, c] as it is.

    Raises:
        InputError: another rank; channels first; one image only; nothing in it.
    """
    shape = list(array.shape)
    if array.ndim not in (3, 4, 5):
        raise InputError(
            f"{where} has shape {shape}: images must be [n, h, w] or [n, h, w, c], clips "
            "[n, t, h, w, c]; reshape it."
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
    if shape[-3] <= 4 < shape[-1]:
        axes = "0, 2, 3, 1" if array.ndim == 4 else "0, 1, 3, 4, 2"
        raise InputError(
            f"{where} has shape {shape}, which looks like channels first [n, c, h, w]: channels "
            f"must come last; store images.transpose({axes})."
        )
    return array


def find_scale(array: np.ndarray, where: str, *, white: float = 0.0) -> Scale:
    """Finds how to read the values of an image array [n, h, w, c].

    uint8 is taken as it is, and False and True as black and white. Floats are taken only when their
    range leaves no doubt: all in [0, 1], or all in [-1, 1] with some at most -0.5, each with a
    little room for rounding. With `white` given, any numbers from 0 to it are taken.

    Raises:
        InputError: NaN or infinity; another dtype; a range that is neither or could be either;
            values below 0 or over `white`.
    """
    if array.dtype.kind not in "biuf":
        raise InputError(f"{where} holds {array.dtype}: {_WANTED}.")
    if array.dtype.kind == "b":
        return UNIT
    if white:
        low, high = _finite_bounds(array, where)
        if low < -_OVERSHOOT * white or high > (1 + _OVERSHOOT) * white:
            raise InputError(
                f"{where} holds values from {low:g} to {high:g}, and dataset.white is {white:g}: "
                "images must go from 0 to it; give the largest value that any image may hold."
            )
        return Scale(0, white)
    if array.dtype == np.uint8:
        return AS_STORED
    if array.dtype.kind != "f":
        raise InputError(
            f"{where} holds {array.dtype}: {_WANTED}; or give dataset.white, the value of white "
            "(255, or 65535 or 4095 for 16 or 12 bits)."
        )
    low, high = _finite_bounds(array, where)
    if high <= 1 + _OVERSHOOT:
        if low >= -_OVERSHOOT:
            return UNIT
        if -1 - _OVERSHOOT <= low <= -0.5:
            return SYMMETRIC
    raise InputError(
        f"{where} holds floats from {low:g} to {high:g}, which is not clearly [0, 1] or [-1, 1]: "
        "clip and scale them, store uint8 in 0..255, or give dataset.white, the value of white, if "
        "black is 0."
    )


def row_keys(array: np.ndarray) -> np.ndarray:
    """A hash of each row of an array [n, ...] as it is stored: uint64 [n]."""
    return np.concatenate([content_keys(part) for part in _parts(array, "hashing images")])


def _parts(array: np.ndarray, description: str) -> Iterator[np.ndarray]:
    """The rows of an array part by part, with a progress bar."""
    rows = max(1, _SCANNED_BYTES // (array[0].size * array.itemsize))
    with progress_bar(description, len(array), "image") as bar:
        for start in range(0, len(array), rows):
            part = array[start : start + rows]
            yield part
            bar.update(len(part))


def _finite_bounds(array: np.ndarray, where: str) -> tuple[float, float]:
    """The least and greatest value; InputError names the first image with NaN or infinity."""
    low, high, start = np.inf, -np.inf, 0
    for part in _parts(array, f"checking {where}"):
        least, greatest = float(part.min()), float(part.max())
        if not np.isfinite([least, greatest]).all():
            bad = ~np.isfinite(part).reshape(len(part), -1).all(axis=1)
            raise InputError(
                f"{where}: image {start + int(np.argmax(bad))} holds NaN or infinity: remove or "
                "mend it."
            )
        low, high, start = min(low, least), max(high, greatest), start + len(part)
    return low, high
