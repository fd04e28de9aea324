"""Image files of any common kind to uint8 grey or RGB, by Pillow.

No file is trusted: Pillow finds a picture's format by its content, whatever its name, and for some
formats starts other programs (Ghostscript for EPS). So every picture of the package is opened here,
of listed formats only, and of a limited size.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import pathlib
import threading
import warnings
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
from PIL import Image, ImageOps

from gan_jax.data import machine
from gan_jax.data.disk import open_regular
from gan_jax.errors import InputError, first_line

EXTENSIONS = frozenset(
    ".avif .bmp .gif .jfif .jpe .jpeg .jpg .pbm .pgm .png .pnm .ppm .tif .tiff .webp".split()
)
_DEEP_MODES = frozenset(["I", "I;16", "I;16L", "I;16B", "F"])
_GREY_MODES = _DEEP_MODES | {"1", "L", "LA", "La"}
_ORIENTATION_TAG = 0x0112
_SIXTEEN_BIT_WHITE = 65535
_AT_ONCE = 8  # pictures that may be decoded in threads at once, together under the memory limit
_one_large_picture = threading.Lock()

PICTURE_FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""The formats that are read, by Pillow's names; AVIF only if this Pillow has it."""

# Bytes a pixel that decoding takes, by mode, with the copies for turning and converting it.
_BYTES = {"1": 4, "L": 4} | dict.fromkeys(["P", "RGB", "CMYK", "YCbCr", "RGBX", "LAB", "HSV"], 12)
_MOST_BYTES = 20  # of more than 8 bits, or laid over white

# The limit of `open_picture` stands for Pillow's, which cannot be set and only warns at first.
Image.MAX_IMAGE_PIXELS = None
warnings.filterwarnings("ignore", module=r"PIL\.")  # of damaged tags; a damaged picture is an error


@contextlib.contextmanager
def open_picture(
    source: str | os.PathLike[str] | bytes, *, memory_limit: int | None = None
) -> Iterator[Image.Image]:
    """A picture of one of `PICTURE_FORMATS`, by its path or content; its pixels not yet decoded.

    Decoding may take `memory_limit` bytes, None for `machine.default_limit`.

    Raises:
        InputError: no regular file; more pixels than the limit allows.
        Exception: whatever Pillow raises on another or a damaged file.
    """
    limit = machine.limit_or_default(memory_limit)
    stream = io.BytesIO(source) if isinstance(source, bytes) else open_regular(source)
    with stream, Image.open(stream, formats=_formats()) as picture:
        needed = _decoded_bytes(picture)
        if needed > limit:
            raise InputError(
                f"{picture.width}x{picture.height} pixels (width x height) take about "
                f"{needed / 2**20:,.0f} MiB to decode, over {limit / 2**20:,.0f} MiB: raise "
                "dataset.memory_limit_mb, or cut the picture into smaller ones."
            )
        yield picture


def _decoded_bytes(picture: Image.Image) -> int:
    """About what decoding takes, by the size that the header gives."""
    transparent = picture.has_transparency_data
    each = _MOST_BYTES if transparent else _BYTES.get(picture.mode, _MOST_BYTES)
    return picture.width * picture.height * each


@functools.cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in PICTURE_FORMATS if name in Image.OPEN)


class ImageFile(Protocol):
    """A picture that is no file of its own, such as one in a zip; `str` of it is for messages."""

    def read_bytes(self) -> bytes: ...


class ImageHeader(NamedTuple):
    """What an image file says of itself: height and width in pixels as shown, and channels."""

    height: int
    width: int
    channels: int


def read_header(path: pathlib.Path | ImageFile, *, memory_limit: int | None = None) -> ImageHeader:
    """Size and channels (1 or 3) of an image file, not decoded; errors as `decode_image`."""
    try:
        with open_picture(_source(path), memory_limit=memory_limit) as picture:
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


def decode_image(
    path: pathlib.Path | ImageFile, *, white: float = 0.0, memory_limit: int | None = None
) -> np.ndarray:
    """Decodes an image file to uint8 [h, w, 1] (grey, bilevel) or [h, w, 3] (all else).

    16-bit values are scaled to 8 bits, palettes looked up, CMYK and others turned into RGB,
    transparent pixels laid over white, EXIF orientation applied; the first frame of an animation.

    Args:
        path: the file.
        white: the stored value that is white, such as 4095 for 12 bits in 16-bit files; 0 for the
            largest of 8 or 16 bits. Bilevel images are black and white whatever it is.
        memory_limit: bytes that decoding may take; None for `machine.default_limit`.

    Raises:
        InputError: damaged, too large, 32-bit or float pixels without `white`, or values over it.
    """
    try:
        with open_picture(_source(path), memory_limit=memory_limit) as picture:
            bilevel = picture.mode == "1"
            limit = machine.limit_or_default(memory_limit)
            large = _decoded_bytes(picture) * _AT_ONCE > limit
            with _one_large_picture if large else contextlib.nullcontext():
                pixels = np.asarray(_plain(ImageOps.exif_transpose(picture)))
    except Exception as error:
        raise _unreadable(path, error) from error
    if pixels.dtype != np.uint8 or (white and not bilevel):
        pixels = _eight_bit(pixels, white, path)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def picture_pixels(picture: Image.Image, where: str) -> np.ndarray:
    """A picture in memory, as `decode_image` gives one from a file; `where` is for messages."""
    pixels = np.asarray(_plain(ImageOps.exif_transpose(picture)))
    if pixels.dtype != np.uint8:
        pixels = _eight_bit(pixels, 0.0, where)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def is_image(path: pathlib.Path | ImageFile) -> bool:
    """Whether a file is a picture of a format that is read, by its content."""
    try:
        with open_picture(_source(path)):
            return True
    except InputError:  # too large, which is said when it is read
        return True
    except Exception:  # Pillow's readers raise many kinds
        return False


def _source(path: pathlib.Path | ImageFile) -> pathlib.Path | bytes:
    return path if isinstance(path, os.PathLike) else path.read_bytes()


def _plain(picture: Image.Image) -> Image.Image:
    if picture.has_transparency_data and picture.mode not in _DEEP_MODES:
        grey = picture.mode in _GREY_MODES
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("L" if grey else "RGB")
    if picture.mode == "1":
        return picture.convert("L")
    return picture if picture.mode in _GREY_MODES else picture.convert("RGB")


def _eight_bit(
    pixels: np.ndarray, white: float, path: pathlib.Path | ImageFile | str
) -> np.ndarray:
    low, high = pixels.min(), pixels.max()
    most = white or _SIXTEEN_BIT_WHITE
    if white and not (low >= 0 and high <= white):
        raise InputError(
            f"image '{path}' has values from {low} to {high}, and dataset.white is "
            f"{white:g}: give the largest value that any image may hold."
        )
    if not white and not (pixels.dtype.kind in "iu" and low >= 0 and high <= most):
        raise InputError(
            f"image '{path}' has {pixels.dtype} values from {low} to {high}, so "
            "what is white cannot be known: give dataset.white, the value of white, or save it "
            "with 8 or 16 bits a channel."
        )
    return np.rint(pixels * (255 / most)).astype(np.uint8)


def _unreadable(path: pathlib.Path | ImageFile, error: Exception) -> InputError:
    if isinstance(error, InputError):
        return InputError(f"image '{path}' cannot be read: {error}")
    if isinstance(error, OSError) and error.errno:
        return InputError(
            f"image '{path}' cannot be read: {error.strerror}: mend that, or remove the image."
        )
    reason = first_line(error).split(" <_io.")[0].replace(repr(str(path)), "it")
    return InputError(f"image '{path}' cannot be read ({reason}): replace or remove it.")
