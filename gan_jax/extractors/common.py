"""What extractors of every kind share: an identity, and the check of the images they are given."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from gan_jax.errors import InputError


def digest_of(record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over a record in canonical JSON and each array's name, dtype, shape and bytes.

    Args:
        record: JSON values.
        arrays: by name; their order does not count.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    digest.update(json.dumps(record, sort_keys=True, separators=(",", ":")).encode())
    for name in sorted(arrays):
        value = np.ascontiguousarray(arrays[name])
        digest.update(f"\n{name} {value.dtype} {list(value.shape)}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def checked_images(images: np.ndarray) -> np.ndarray:
    """Returns `images` as they are, if they are uint8 [n, h, w, c] with n, h, w, c >= 1.

    Raises:
        InputError: another dtype, another number of axes, or an empty one.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise InputError(
            f"the images are {images.dtype}; an extractor takes uint8 from 0 to 255. Images from 0 "
            "to 1 are converted by np.uint8(np.round(255 * x)), images from -1 to 1 by "
            "np.uint8(np.round(127.5 * (x + 1)))."
        )
    if images.ndim != 4 or 0 in images.shape:
        raise InputError(
            f"the images have shape {list(images.shape)}; expected [n, height, width, channels], "
            "none of them 0. Grey images need a last axis of 1: images[..., None]."
        )
    return images


def shape_text(shape: tuple[int, ...]) -> str:
    """An image's shape as messages name it, such as '28x28x1'."""
    return "x".join(str(side) for side in shape)
