"""Images that a program holds, as a dataset: arrays of any framework, or pictures of Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from gan_jax.data.arrays import as_image_array, find_scale
from gan_jax.data.dataset import Dataset
from gan_jax.data.decode import picture_pixels
from gan_jax.data.preprocess import Preprocess
from gan_jax.errors import InputError

_EXPECTED = "expected an array of NumPy, JAX or PyTorch, a list of Pillow's pictures, or a path"


def given_images(
    images: Any,
    *,
    name: str,
    image_size: Sequence[int] = (),
    resize: str = "crop_area",
    channels: int = 0,
) -> Dataset:
    """Images in memory as a dataset of split 'all'.

    Args:
        images: an array of NumPy, JAX or PyTorch: [n, h, w] or [n, h, w, c], of PyTorch also
            [n, c, h, w]; uint8 from 0 to 255, or floats clearly in [0, 1] or [-1, 1]. Or a list of
            Pillow's pictures.
        name: names the set in messages and protocols.
        image_size, resize, channels: see `gan_jax.data.preprocess.Preprocess`.

    Raises:
        InputError: another kind, rank, dtype or range; none; or pictures of several sizes without
            `image_size`.
    """
    size: Any = tuple(image_size)  # () or (height, width)
    preprocess = Preprocess(size, resize, channels)
    if isinstance(images, (list, tuple)) and any(isinstance(one, Image.Image) for one in images):
        pixels = _pictures(images, preprocess, name)
    else:
        array = as_image_array(_as_numpy(images, name), name)
        preprocess.output_shape(array.shape[1:])
        pixels = find_scale(array, name).to_uint8(array)
        if image_size or channels:
            pixels = np.stack([preprocess(image) for image in pixels])
    return Dataset(name, "all", np.ascontiguousarray(pixels), own_parts=False)


def _pictures(pictures: Sequence[Any], preprocess: Preprocess, name: str) -> np.ndarray:
    found: list[np.ndarray] = []
    for index, picture in enumerate(pictures):
        where = f"{name}[{index}]"
        if not isinstance(picture, Image.Image):
            raise InputError(f"{where} is a {type(picture).__name__}, and others are pictures.")
        pixels = picture_pixels(picture, where)
        preprocess.output_shape(pixels.shape)
        found.append(preprocess(pixels))
        if found[-1].shape != found[0].shape:
            first, own = ("x".join(map(str, one.shape)) for one in (found[0], found[-1]))
            raise InputError(
                f"{name}[0] is {first} and {where} {own} (height x width x channels): bring them "
                "to one size, or give image_size=(height, width) and channels."
            )
    return np.stack(found)


def _as_numpy(images: Any, name: str) -> np.ndarray:
    """The array; with channels last if it is PyTorch's and has 1 or 3 of them first."""
    is_torch = hasattr(images, "detach")
    if is_torch:  # it may be on a device and have gradients
        images = images.detach().cpu().numpy()
    try:
        array = np.asarray(images)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{name} is a {type(images).__name__}; {_EXPECTED}.") from error
    if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16" or array.ndim == 0:
        raise InputError(f"{name} is a {type(images).__name__} of {array.dtype}; {_EXPECTED}.")
    if array.dtype.name == "bfloat16":
        array = array.astype(np.float32)
    if is_torch and array.ndim == 4 and array.shape[1] in (1, 3) and array.shape[3] > 3:
        return array.transpose(0, 2, 3, 1)
    return array
