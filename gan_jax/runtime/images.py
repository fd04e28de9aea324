"""Pictures: arrays of images to one grid, and a grid to a file."""

from __future__ import annotations

import io
import math
import pathlib
from typing import Any

import numpy as np
from PIL import Image

from gan_jax.data.disk import write_bytes
from gan_jax.errors import InputError

FRAMES_PER_SECOND = 8  # of clips that are shown


def displayable(image) -> np.ndarray:
    """An image of any number of channels as one that can be shown: uint8 [..., h, w, 1 or 3].

    1 and 3 channels stay. 2 become red and green. 4 are red, green, blue and opacity, laid over
    white. Of more, the first three are shown. Raises InputError if it is not uint8 with channels.
    """
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim < 3 or 0 in image.shape[-3:]:
        raise InputError(
            f"an image to show is {image.dtype} {image.shape}; expected uint8 [..., h, w, c] with "
            "values 0 to 255."
        )
    channels = image.shape[-1]
    if channels == 2:
        return np.concatenate([image, np.zeros_like(image[..., :1])], axis=-1)
    if channels == 4:
        opacity = image[..., 3:].astype(np.uint16)
        over_white = image[..., :3] * opacity + 255 * (255 - opacity)
        return ((over_white + 127) // 255).astype(np.uint8)
    return image[..., :3]


def grid_columns(images: np.ndarray) -> int:
    """Columns that make the grid of `images` [n, ..., h, w, c] about square."""
    count, (height, width) = len(images), images.shape[-3:-1]
    return min(count, max(1, round(math.sqrt(count * height / width))))


def image_grid(
    images, *, columns: int | None = None, padding: int = 1, scale: int = 1, background: int = 255
) -> np.ndarray:
    """Lays images in rows, left to right and down, with a line between them.

    Args:
      images: uint8 [n, h, w, c], n >= 1, or clips [n, t, h, w, c]; channels as in `displayable`.
      columns: images per row; by default about as many as make the grid square.
      padding: width of the lines in pixels, before scaling. No line runs along the outside.
      scale: each pixel becomes scale x scale pixels.
      background: grey value of the lines and of missing places in the last row.

    Returns:
      uint8 [H, W, 1 or 3], of clips [t, H, W, 1 or 3]; InputError for no image, or a number out of
      range.
    """
    images = np.asarray(images)
    if images.ndim == 5 and 0 not in images.shape:
        options = {"padding": padding, "scale": scale, "background": background}
        columns = columns or grid_columns(images)
        return np.stack([image_grid(f, columns=columns, **options) for f in images.swapaxes(0, 1)])
    if images.ndim != 4 or 0 in images.shape:
        raise InputError(
            f"images have shape {images.shape}; expected [n, h, w, c] with at least one image."
        )
    if columns is None:
        columns = grid_columns(images)
    if columns < 1 or padding < 0 or scale < 1:
        raise InputError(
            f"columns={columns}, padding={padding}, scale={scale}; expected columns >= 1, "
            "padding >= 0, scale >= 1."
        )
    images = displayable(images)
    count, height, width, channels = images.shape
    rows = math.ceil(count / columns)
    cells = np.full(
        (rows * columns, height + padding, width + padding, channels), background, np.uint8
    )
    cells[:count, :height, :width] = images
    cells = cells.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    grid = cells.reshape(rows * (height + padding), columns * (width + padding), channels)
    grid = grid[: grid.shape[0] - padding, : grid.shape[1] - padding]
    return grid.repeat(scale, axis=0).repeat(scale, axis=1)


def to_pil(image) -> Image.Image:
    """A `displayable` image uint8 [h, w, c], or a clip's first, as a Pillow image: L or RGB."""
    image = displayable(image)
    image = image[0] if image.ndim == 4 else image
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def png_bytes(image) -> bytes:
    """An image uint8 [h, w, c] as PNG; a clip [t, h, w, c] as an animated one."""
    return picture_bytes(image, "PNG", optimize=True)


def picture_bytes(image, kind: str, **options: Any) -> bytes:
    """An image or a clip in a format of Pillow's with its options; clips need one that moves."""
    if image.ndim == 4:
        frames = [to_pil(frame) for frame in image[1:]]
        delay = round(1000 / FRAMES_PER_SECOND)
        options |= {"save_all": True, "append_images": frames, "duration": delay, "loop": 0}
    buffer = io.BytesIO()
    to_pil(image).save(buffer, kind, **options)
    return buffer.getvalue()


def save_png(path, image) -> None:
    """Writes an image uint8 [h, w, c] as PNG, whole or not at all; folders are made as needed."""
    data = png_bytes(image)
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data, sync=False)
