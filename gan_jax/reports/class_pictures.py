"""Pictures of a conditional GAN: rows of images, each row with its name."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gan_jax.errors import InputError
from gan_jax.runtime.images import image_grid, to_pil

_TEXT_HEIGHT = 12
_LONGEST_NAME = 20
_MARGIN = 4


@dataclasses.dataclass(frozen=True, eq=False)
class NamedRows:
    """Rows of images with a name each.

    Attributes:
        names: [k].
        images: uint8 [k, m, h, w, c], or clips [k, m, t, h, w, c].

    Raises:
        InputError: other shapes, or no image.
    """

    names: tuple[str, ...]
    images: np.ndarray

    def __post_init__(self) -> None:
        shape = self.images.shape
        if len(shape) not in (5, 6) or 0 in shape or shape[0] != len(self.names):
            raise InputError(
                f"images have shape {shape} for {len(self.names)} names; expected "
                "[rows, columns, h, w, c] with a name per row and at least one image."
            )


@dataclasses.dataclass(frozen=True, eq=False)
class ClassPictures:
    """What there is to see of a conditional GAN.

    Attributes:
        generated: a row per class; the images of a column are of one latent.
        real: training images of the same classes.
        within: walks between two latents, each inside a class.
        between: walks from class to class, each of one latent; None of a generator without a table
            of classes to blend.
        farthest: generated images of the classes that are farthest from real; None if that is not
            known.
        farthest_real: images of the judge's reference of the same classes.
    """

    generated: NamedRows
    real: NamedRows
    within: NamedRows
    between: NamedRows | None
    farthest: NamedRows | None = None
    farthest_real: NamedRows | None = None


def picture(rows: NamedRows) -> np.ndarray:
    """The rows below one another with their names on the left, uint8 [H, W, 1 or 3].

    Images lower than a line of text are magnified by a whole number. Of clips it moves: [t, H, W,
    1 or 3].
    """
    if rows.images.ndim == 6:
        frames = np.moveaxis(rows.images, 2, 0)
        return np.stack([picture(NamedRows(rows.names, frame)) for frame in frames])
    count, columns, height = rows.images.shape[:3]
    scale = max(math.ceil(_TEXT_HEIGHT / height), 1)
    grid = image_grid(
        rows.images.reshape(count * columns, *rows.images.shape[2:]), columns=columns, scale=scale
    )
    font = ImageFont.load_default()
    # The built-in font may know no more than Latin-1.
    names = [_clipped(name).encode("latin-1", "replace").decode("latin-1") for name in rows.names]
    boxes = [font.getbbox(name) for name in names]
    margin = math.ceil(max(right for _, _, right, _ in boxes)) + 2 * _MARGIN
    canvas = Image.new(
        "L" if grid.shape[-1] == 1 else "RGB", (margin + grid.shape[1], grid.shape[0]), "white"
    )
    canvas.paste(to_pil(grid), (margin, 0))
    draw = ImageDraw.Draw(canvas)
    for row, (name, (_, top, right, bottom)) in enumerate(zip(names, boxes, strict=True)):
        middle = (row * (height + 1) + height / 2) * scale
        place = (margin - _MARGIN - right, middle - (top + bottom) / 2)
        draw.text(place, name, fill="black", font=font)
    return np.asarray(canvas).reshape(canvas.height, canvas.width, -1)


def _clipped(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "."
