"""Opening pictures that nobody should trust: of listed formats only, and of a limited size.

Pillow finds a picture's format by its content, whatever its name, and for some formats starts other
programs (Ghostscript for EPS). Every picture of the package is opened here.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import warnings
from collections.abc import Iterator

from PIL import Image

from gan_jax.data import machine
from gan_jax.data.disk import open_regular
from gan_jax.errors import InputError

PICTURE_FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""The formats that are read, by Pillow's names; AVIF where this Pillow has it."""

# Bytes a pixel that decoding takes, with the copies for turning and converting it.
_PLAIN, _COLOUR, _DEEP = 4, 12, 20
_PLAIN_MODES, _COLOUR_MODES = ("1", "L"), ("P", "RGB", "CMYK", "YCbCr", "RGBX", "LAB", "HSV")

# The limit of `open_picture` stands for Pillow's, which cannot be set and only warns at first.
Image.MAX_IMAGE_PIXELS = None
warnings.filterwarnings("ignore", module=r"PIL\.")  # of damaged tags; a damaged picture is an error


@contextlib.contextmanager
def open_picture(
    source: str | os.PathLike[str] | bytes, *, memory_limit: int | None = None
) -> Iterator[Image.Image]:
    """A picture of one of `PICTURE_FORMATS`, its pixels not yet decoded.

    Args:
        source: a file's path, or its content.
        memory_limit: bytes that decoding may take; None for `machine.default_limit`.

    Raises:
        InputError: no regular file; more pixels than the limit allows.
        Exception: whatever Pillow raises on another or a damaged file.
    """
    limit = machine.default_limit() if memory_limit is None else memory_limit
    stream = io.BytesIO(source) if isinstance(source, bytes) else open_regular(source)
    with stream, Image.open(stream, formats=_formats()) as picture:
        needed = decoded_bytes(picture)
        if needed > limit:
            raise InputError(
                f"{picture.width}x{picture.height} pixels (width x height) take about "
                f"{needed / 2**20:,.0f} MiB to decode, over {limit / 2**20:,.0f} MiB: raise "
                "dataset.memory_limit_mb, or cut the picture into smaller ones."
            )
        yield picture


def decoded_bytes(picture: Image.Image) -> int:
    """About what decoding takes, by the size that the header gives."""
    each = _PLAIN if picture.mode in _PLAIN_MODES else _COLOUR
    if picture.mode not in _PLAIN_MODES + _COLOUR_MODES or picture.has_transparency_data:
        each = _DEEP  # more than 8 bits, or laid over white
    return picture.width * picture.height * each


@functools.cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in PICTURE_FORMATS if name in Image.OPEN)
