"""Image files of any common kind to uint8 grey or RGB, by Pillow."""

from __future__ import annotations

import pathlib
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from gan_jax.errors import InputError

EXTENSIONS = frozenset(
    [
        ".bmp",
        ".gif",
        ".jpeg",
        ".jpg",
        ".pbm",
        ".pgm",
        ".png",
        ".pnm",
        ".ppm",
        ".tif",
        ".tiff",
        ".webp",
    ]
)
_DEEP_MODES = frozenset(["I", "I;16", "I;16L", "I;16B", "F"])
_GREY_MODES = _DEEP_MODES | {"1", "L", "LA", "La"}
_ORIENTATION_TAG = 0x0112
_SIXTEEN_BIT_WHITE = 65535


class ImageHeader(NamedTuple):
    """What an image file says of itself: height and width in pixels as shown, and channels."""

    height: int
    width: int
    channels: int


def read_header(path: pathlib.Path) -> ImageHeader:
    """Size and channels (1 or 3) of an image file, without decoding it.

    Raises:
        InputError: it cannot be read; names the file.
    """
    try:
        with Image.open(path) as picture:
            width, height = picture.size
            # Pillow decodes a whole PNG to look for EXIF behind the pixels, where hardly any is.
            exif = (
                {} if picture.format == "PNG" and "exif" not in picture.info else picture.getexif()
            )
            if exif.get(_ORIENTATION_TAG, 1) >= 5:  # stored lying on its side
                width, height = height, width
            return ImageHeader(height, width, 1 if picture.mode in _GREY_MODES else 3)
    except Exception as error:  # Pillow's readers raise many kinds on damaged files
        raise _unreadable(path, error) from error


def decode_image(path: pathlib.Path) -> np.ndarray:
    """Decodes an image file to uint8 [h, w, 1] (grey, bilevel) or [h, w, 3] (all else).

    16-bit values are scaled to 8 bits; palettes are looked up; CMYK and others become RGB; what is
    transparent is laid over white; EXIF orientation is applied; of an animation the first frame is
    taken.

    Raises:
        InputError: damaged, cut short, or of a kind with no fixed range (32-bit or float pixels);
            names the file.
    """
    try:
        with Image.open(path) as picture:
            pixels = np.asarray(_plain(ImageOps.exif_transpose(picture)))
    except Exception as error:
        raise _unreadable(path, error) from error
    if pixels.dtype != np.uint8:
        pixels = _eight_bit(pixels, path)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _plain(picture: Image.Image) -> Image.Image:
    """To mode L, RGB, or a single band of more bits."""
    if picture.has_transparency_data and picture.mode not in _DEEP_MODES:
        grey = picture.mode in _GREY_MODES
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("L" if grey else "RGB")
    if picture.mode == "1":
        return picture.convert("L")
    return picture if picture.mode in _GREY_MODES else picture.convert("RGB")


def _eight_bit(pixels: np.ndarray, path: pathlib.Path) -> np.ndarray:
    """Integer pixels of 0..65535 to uint8."""
    if pixels.dtype.kind not in "iu" or pixels.min() < 0 or pixels.max() > _SIXTEEN_BIT_WHITE:
        raise InputError(
            f"image '{path}' has {pixels.dtype} pixels from {pixels.min()} to {pixels.max()}, so "
            "what is white cannot be known: save it with 8 or 16 bits a channel."
        )
    return np.rint(pixels * (255 / _SIXTEEN_BIT_WHITE)).astype(np.uint8)


def _unreadable(path: pathlib.Path, error: Exception) -> InputError:
    reason = str(error).split(" <_io.")[0].replace(repr(str(path)), "it")
    return InputError(
        f"image '{path}' cannot be read ({type(error).__name__}: {reason}): replace or remove it."
    )
