"""Between stored pixels, uint8, and what networks see, float32 in [-1, 1]."""

from __future__ import annotations

from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np
from jax import Array

PREPROCESSING = "uint8 / 127.5 - 1, no resizing"
"""`to_float` in words, for protocols."""


_Images = TypeVar("_Images", Array, np.ndarray)


def to_float(images: _Images) -> _Images:
    """uint8 in [0, 255] to float32 in [-1, 1]; shape kept."""
    floats: Any = images.astype(jnp.float32)
    return floats / 127.5 - 1.0


def to_uint8(images: Array | np.ndarray) -> Array:
    """Float in [-1, 1] to the nearest uint8; values outside are clipped. Shape kept."""
    scaled = jnp.round((images.astype(jnp.float32) + 1.0) * 127.5)
    return jnp.clip(scaled, 0.0, 255.0).astype(jnp.uint8)
