"""Random augmentation of a batch of images, one key an example, differentiable in the images."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.ndimage import map_coordinates


@dataclasses.dataclass(frozen=True)
class Affine:
    """A random shift, rotation, scaling, shear and flip of each image, resampled bilinearly.

    What falls outside the image takes `fill`. Called with (images float [n, h, w, c], keys [n]);
    returns images of the same shape and range.

    Attributes:
        shift: largest shift, as a fraction of each side.
        rotation: largest rotation either way, in degrees.
        scale: largest relative change of size: factors in [1 - scale, 1 + scale].
        shear: largest shear either way, in degrees.
        flip: mirror left-right with probability 1/2; not for digits or letters.
        fill: the value outside the image; -1 is black.
    """

    shift: float = 0.0
    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    flip: bool = False
    fill: float = -1.0

    def __call__(self, images: Array, keys: Array) -> Array:
        return jax.vmap(functools.partial(_warp, self))(images, keys)


def _warp(affine: Affine, image: Array, key: Array) -> Array:
    height, width, _ = image.shape
    shift_y, shift_x, rotation, scale, shear, mirror = jax.random.uniform(
        key, (6,), minval=-1.0, maxval=1.0
    )
    angle = jnp.deg2rad(affine.rotation * rotation)
    slant = jnp.tan(jnp.deg2rad(affine.shear * shear))
    factor = 1.0 + affine.scale * scale
    side = jnp.where(affine.flip & (mirror < 0), -1.0, 1.0)
    # The matrix maps output pixels (y, x) about the centre to input pixels.
    # Full precision, as the bfloat16 products that TPUs take by default would misplace pixels.
    product = functools.partial(jnp.matmul, precision="highest")
    rotate = jnp.array([[jnp.cos(angle), jnp.sin(angle)], [-jnp.sin(angle), jnp.cos(angle)]])
    matrix = product(rotate, jnp.array([[1.0, 0.0], [slant, side]])) / factor
    centre = jnp.array([(height - 1) / 2, (width - 1) / 2])
    offset = jnp.array([shift_y * affine.shift * height, shift_x * affine.shift * width])
    grid = jnp.stack(jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij"), -1)
    source = product(grid - centre, matrix.T) + centre + offset
    sample = functools.partial(
        map_coordinates,
        coordinates=[source[..., 0], source[..., 1]],
        order=1,
        mode="constant",
        cval=affine.fill,
    )
    return jax.vmap(sample, in_axes=-1, out_axes=-1)(image)


@dataclasses.dataclass(frozen=True)
class Translation:
    """A random shift of each image by whole pixels, either way (Zhao et al. 2020, DiffAugment).

    What falls outside is lost and what comes in is `fill`. Called like `Affine`, of whose `shift`
    it is the fast and exact form: pixels move, nothing is resampled.

    Attributes:
        fraction: largest shift, as a fraction of each side, rounded to whole pixels.
        fill: the value outside the image; -1 is black.
    """

    fraction: float
    fill: float = -1.0

    def __call__(self, images: Array, keys: Array) -> Array:
        _, height, width, _ = images.shape
        rows = self._moves(keys, 0, height).astype(images.dtype)
        columns = self._moves(keys, 1, width).astype(images.dtype)
        # Products with one-hot matrices, as a gather's derivative is a slow scatter on CPU.
        product = functools.partial(jnp.einsum, precision="highest")
        moved = product("nyi,nijc->nyjc", rows, images)
        moved = product("nxj,nyjc->nyxc", columns, moved)
        inside = rows.sum(2)[:, :, None, None] * columns.sum(2)[:, None, :, None]
        return moved + self.fill * (1 - inside)

    def _moves(self, keys: Array, axis: int, size: int) -> Array:
        """One-hot matrices bool [n, size, size] from positions after the shift to those before."""
        limit = round(self.fraction * size)
        shifts = jax.vmap(
            lambda key: jax.random.randint(jax.random.fold_in(key, axis), (), -limit, limit + 1)
        )(keys)
        positions = jnp.arange(size)
        return positions[None, :, None] + shifts[:, None, None] == positions


@dataclasses.dataclass(frozen=True)
class Sequence:
    """Augmentations one after another, each with keys of its own."""

    augmentations: tuple[Callable[[Array, Array], Array], ...]

    def __call__(self, images: Array, keys: Array) -> Array:
        for number, augmentation in enumerate(self.augmentations):
            own = jax.vmap(lambda key, number=number: jax.random.fold_in(key, number))(keys)
            images = augmentation(images, own)
        return images
