"""Bringing images to one size and channel count."""

from __future__ import annotations

import dataclasses
from typing import TypeVar

import numpy as np
from PIL import Image

from gan_jax.errors import InputError

_GEOMETRIES = ("crop", "squash", "pad")
_FILTERS = {
    "area": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "nearest": Image.Resampling.NEAREST,
}
_Side = TypeVar("_Side", bound=int | None)
RESIZE_METHODS = tuple(f"{geometry}_{name}" for geometry in _GEOMETRIES for name in _FILTERS)


@dataclasses.dataclass(frozen=True)
class Preprocess:
    """One image in, one image of the set's shape out.

    Attributes:
        image_size: (height, width), or () to keep it.
        resize: 'GEOMETRY_FILTER'. Geometry: 'crop' takes the largest centred part of the wanted
            aspect, 'squash' ignores the aspect, 'pad' fits the whole image and adds black.
            Filter: 'area' (the mean of the pixels covered), 'bilinear', 'bicubic', 'lanczos',
            'nearest'; each widened by the scale when it shrinks, so nothing aliases but 'nearest'.
        channels: 1 or 3, or 0 to keep them.
    """

    image_size: tuple[int, int] | tuple[()] = ()
    resize: str = "crop_area"
    channels: int = 0

    def output_shape(self, shape: tuple[_Side, ...]) -> tuple[int | _Side, ...]:
        """The shape of the output for an input of shape (..., h, w, c); None where it varies.

        Raises:
            InputError: the channels cannot be converted.
        """
        channels = shape[-1]
        if self.channels and channels != self.channels and channels not in (1, 3, None):
            raise InputError(
                f"images of {channels} channels cannot be turned into {self.channels}: leave "
                "dataset.channels at 0, or convert them to 1 or 3 channels first."
            )
        height, width = self.image_size or shape[-3:-1]
        return *shape[:-3], height, width, self.channels or channels

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """uint8 [h, w, c], of a clip [t, h, w, c], to uint8 of `output_shape`."""
        if image.ndim == 4:
            return np.stack([self(frame) for frame in image])
        image = convert_channels(image, self.channels)
        if self.image_size and image.shape[:2] != self.image_size:
            image = resize_image(image, self.image_size, self.resize)
        return image

    def __str__(self) -> str:
        size = "x".join(str(side) for side in self.image_size) or "as stored"
        return f"size {size}, {self.resize}, channels {self.channels or 'as stored'}"


def convert_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """uint8 [h, w, 1 or 3] to [h, w, channels]: RGB to grey by BT.601 luma; 0 keeps them."""
    if channels in (0, image.shape[2]):
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=2)
    return np.asarray(Image.fromarray(np.ascontiguousarray(image)).convert("L"))[..., None]


def resize_image(image: np.ndarray, size: tuple[int, int], method: str) -> np.ndarray:
    """uint8 [h, w, c] to uint8 [*size, c] by a method named as in `Preprocess.resize`."""
    if image.shape[2] not in (1, 3):  # Pillow has no such mode: channel by channel
        planes = (image[..., i : i + 1] for i in range(image.shape[2]))
        return np.concatenate([resize_image(plane, size, method) for plane in planes], axis=2)
    geometry, name = method.split("_")
    (height, width), (old_height, old_width) = size, image.shape[:2]
    picture = Image.fromarray(np.ascontiguousarray(image[..., 0] if image.shape[2] == 1 else image))
    box = (0, 0, old_width, old_height)
    if geometry == "crop":
        scale = min(old_height / height, old_width / width)
        left, top = (old_width - width * scale) / 2, (old_height - height * scale) / 2
        box = (left, top, old_width - left, old_height - top)
    if geometry == "pad":
        scale = min(height / old_height, width / old_width)
        inner = (max(round(old_width * scale), 1), max(round(old_height * scale), 1))
        canvas = Image.new(picture.mode, (width, height))
        offset = ((width - inner[0]) // 2, (height - inner[1]) // 2)
        canvas.paste(picture.resize(inner, _FILTERS[name]), offset)
        picture = canvas
    else:
        picture = picture.resize((width, height), _FILTERS[name], box=box)
    return np.asarray(picture).reshape(height, width, image.shape[2])
