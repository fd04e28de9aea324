"""The sizes that networks take: of images that doublings make from a small base, and of fields."""

from __future__ import annotations

import math

import flax.linen as nn
from jax import Array

from gan_jax.errors import InputError


def num_stages(height: int, width: int, network: str = "dcgan") -> int:
    """How many doublings lie between a base of 4 to 7 pixels on the shorter side and the image.

    Raises:
        InputError: for a side outside 8 to 256; `network` is named.
    """
    for side in (height, width):
        if not 8 <= side <= 256:
            raise InputError(
                f"{network} cannot make images of {height}x{width}: both sides must be from 8 to "
                "256 pixels."
            )
    return int(math.log2(min(height, width) / 4))


def base_size(height: int, width: int, stages: int) -> tuple[int, int]:
    """The smallest base that `stages` doublings bring to at least height x width."""
    return math.ceil(height / 2**stages), math.ceil(width / 2**stages)


def crop(x: Array, height: int, width: int) -> Array:
    """The middle of x [n, h, w, c]: [n, height, width, c]."""
    top, left = (x.shape[1] - height) // 2, (x.shape[2] - width) // 2
    return x[:, top : top + height, left : left + width]


def check_least(network: nn.Module, **least: int) -> None:
    """Raises InputError if one of these fields of a network is below its least value."""
    for name, low in least.items():
        if getattr(network, name) < low:
            raise InputError(f"{name} is {getattr(network, name)}; expected {low} or more.")
