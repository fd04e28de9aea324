"""Pictures inside a page: single images, grids and rows, as PNG or JPEG within the HTML."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
from PIL import Image

from gan_jax.reports import page
from gan_jax.reports.class_pictures import NamedRows
from gan_jax.reports.text import shortened
from gan_jax.runtime.images import (
    displayable,
    grid_columns,
    image_grid,
    picture_bytes,
    png_bytes,
    to_pil,
)

_GRID_BYTES = 420_000
_TILE_BYTES = 7_000
_CAPTION = 32  # characters a line


def tile(image, caption: str = "", *, size: int = 84) -> str:
    """One image uint8 [h, w, c] about `size` pixels wide, with text below: a bold line, the rest.

    Small images are magnified by a whole number and keep their sharp pixels.
    """
    image = displayable(image)
    largest = max(image.shape[-3:-1])
    if largest > 2 * size:
        image = _shrunk(image[None], 2 * size / largest)[0]
        largest = max(image.shape[-3:-1])
    scale = max(size // largest, 1) if largest <= size else size / largest
    width = round(image.shape[-2] * scale)
    first, _, rest = (shortened(line, _CAPTION) for line in caption.partition("\n"))
    text = f"<b>{page.escape(first)}</b>" + (f"<br>{page.escape(rest)}" if rest else "")
    below = f"<figcaption>{text}</figcaption>" if caption else ""
    picture = _image(image, width, caption.replace("\n", ", "), _TILE_BYTES, crisp=scale >= 1)
    style = f'style="width:{max(width, size)}px" title="{page.escape(caption)}"'
    return f"<figure {style}>{picture}{below}</figure>"


def tiles(images, captions: Sequence[str], *, size: int = 84) -> str:
    """Images uint8 [n, h, w, c] in a row that wraps, each with its caption."""
    pairs = zip(images, captions, strict=True)
    return page.figures(*(tile(image, text, size=size) for image, text in pairs))


def grid(images, title: str, *, columns: int | None = None, width: int = 520) -> str:
    """Images uint8 [n, h, w, c] as one picture at most `width` pixels wide, with a title above.

    Small images are magnified by a whole number; large ones are stored smaller, and as JPEG where
    PNG would make the page heavy.
    """
    images = displayable(images)
    columns = columns or grid_columns(images)
    place = width / columns - 2
    scale = max(int(place // images.shape[-2]), 1)
    images = images.repeat(scale, axis=-3).repeat(scale, axis=-2)
    images = _shrunk(images, min(2 * place / images.shape[-2], 1.0))
    picture = image_grid(images, columns=columns, padding=2, background=128)
    above = f'<figcaption class="above"><b>{page.escape(title)}</b></figcaption>' if title else ""
    crisp = picture.shape[-2] <= width
    shown = min(picture.shape[-2], width)
    return f"<figure>{above}{_image(picture, shown, title, _GRID_BYTES, crisp=crisp)}</figure>"


def single(image, title: str, *, width: int = 520) -> str:
    """One image uint8 [h, w, c] at most `width` pixels wide, with a title above."""
    return grid(image[None], title, columns=1, width=width)


def named_rows(rows: NamedRows, title: str, *, width: int = 440) -> str:
    """Rows of images, the name of each beside it, with a title above."""
    lines = "".join(
        f"<div>{page.escape(shortened(name, _CAPTION))}</div>"
        + grid(images, "", columns=len(images), width=width)
        for name, images in zip(rows.names, rows.images, strict=True)
    )
    above = f'<figcaption class="above"><b>{page.escape(title)}</b></figcaption>'
    return f'<figure>{above}<div class="rows">{lines}</div></figure>'


def both_sides(generated: NamedRows, real: NamedRows) -> str:
    """Rows of generated images beside rows of real ones."""
    return page.columns(named_rows(generated, "Generated"), named_rows(real, "Real"))


def heat_image(values: np.ndarray, title: str) -> str:
    """A matrix [k, k] of shares in [0, 1] as a picture: the darker the cell, the larger."""
    grey = np.round(255 * (1.0 - np.sqrt(np.clip(values, 0.0, 1.0)))).astype(np.uint8)
    return single(grey[:, :, None], title, width=640)


def _shrunk(images: np.ndarray, factor: float) -> np.ndarray:
    """Images [n, h, w, c] made smaller by averaging, clips too; unchanged for a factor of 1."""
    if factor >= 1.0:
        return images
    if images.ndim == 5:
        return np.stack([_shrunk(clip, factor) for clip in images])
    height, width = (max(round(side * factor), 1) for side in images.shape[1:3])
    small = [to_pil(i).resize((width, height), Image.Resampling.BOX) for i in images]
    return np.stack([np.asarray(i).reshape(height, width, -1) for i in small])


def _image(image: np.ndarray, width: int, alt: str, budget: int, *, crisp: bool) -> str:
    style = ' class="crisp"' if crisp else ""
    return f'<img{style} width="{width}" alt="{page.escape(alt)}" src="{_data_uri(image, budget)}">'


def _data_uri(image: np.ndarray, budget: int) -> str:
    """PNG if it fits in `budget` bytes, else JPEG, coarser or smaller until it fits.

    Of a clip WebP stands for JPEG, and the budget is four times that.
    """
    moving = image.ndim == 4
    budget *= 4 if moving else 1
    data, kind, quality = png_bytes(image), "png", 92
    while len(data) > budget and max(image.shape[-3:-1]) > 8:
        kind = "webp" if moving else "jpeg"
        data = picture_bytes(image, kind, quality=quality)
        quality -= 12
        if quality < 50:
            image, quality = _shrunk(image[None], 0.5)[0], 80
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
