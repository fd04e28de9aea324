"""Random augmentation of images, a key for each; differentiable in the images."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.scipy.ndimage import map_coordinates

from gan_jax.steps.adaptive import AdaptiveProbability
from gan_jax.steps.schedules import Schedule


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
        key, (6,), jnp.float32, minval=-1.0, maxval=1.0
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
    return jax.vmap(sample, in_axes=-1, out_axes=-1)(image).astype(image.dtype)


@dataclasses.dataclass(frozen=True)
class Translation:
    """A random shift of each image by whole pixels, either way (Zhao et al. 2020, DiffAugment).

    What falls outside is lost and what comes in is `fill`. Called like `Affine`, of whose `shift`
    it is the fast and exact form: pixels move, nothing is resampled.

    Attributes:
        fraction: largest shift, as a fraction of each side, rounded to whole pixels,
            halves up.
        fill: the value outside the image; -1 is black.
    """

    fraction: float
    fill: float = -1.0

    def __call__(self, images: Array, keys: Array) -> Array:
        limits = tuple(_whole_pixels(self.fraction, size) for size in images.shape[1:3])
        padding = ((0, 0), *((limit, limit) for limit in limits), (0, 0))
        padded = jnp.pad(images, padding, constant_values=self.fill)
        starts = [self._shifts(keys, axis, limit) + limit for axis, limit in enumerate(limits)]
        # One box per image: its derivative is quick on every back end, that of a gather is not.
        return jax.vmap(lambda image, y, x: lax.dynamic_slice(image, (y, x, 0), images.shape[1:]))(
            padded, *starts
        )

    def _shifts(self, keys: Array, axis: int, limit: int) -> Array:
        """int32 [n] in [-limit, limit]."""
        return jax.vmap(
            lambda key: jax.random.randint(jax.random.fold_in(key, axis), (), -limit, limit + 1)
        )(keys)


def _whole_pixels(fraction: float, size: int) -> int:
    # As DiffAugment has it. Python's round takes halves to the even number: 2 of 2.5, and 4 of 3.5.
    return int(fraction * size + 0.5)


@dataclasses.dataclass(frozen=True)
class Brightness:
    """Adds one number to all of an image (Zhao et al. 2020, DiffAugment: `strength` 0.5).

    Called like `Affine`, as are the other colour changes. Values may leave the images' range.

    Attributes:
        strength: the number is drawn evenly from [-strength, strength].
    """

    strength: float

    def __call__(self, images: Array, keys: Array) -> Array:
        return images + _factors(images, keys, self.strength)


@dataclasses.dataclass(frozen=True)
class Saturation:
    """Moves each pixel's channels away from or towards their mean (DiffAugment: `strength` 1).

    On one channel it is the identity.

    Attributes:
        strength: the distance from the mean is multiplied by a number drawn evenly from
            [1 - strength, 1 + strength].
    """

    strength: float

    def __call__(self, images: Array, keys: Array) -> Array:
        channels = images.shape[-1]
        if channels == 1:
            return images
        # A mean over an axis this short, and its derivative, are slow on the CPU.
        mean = sum(images[..., channel : channel + 1] for channel in range(channels)) / channels
        return images + _factors(images, keys, self.strength) * (images - mean)


@dataclasses.dataclass(frozen=True)
class Contrast:
    """Moves all of an image away from or towards its mean (DiffAugment: `strength` 0.5).

    Attributes:
        strength: the distance from the mean is multiplied by a number drawn evenly from
            [1 - strength, 1 + strength].
    """

    strength: float

    def __call__(self, images: Array, keys: Array) -> Array:
        mean = jnp.mean(images, axis=(1, 2, 3), keepdims=True)
        return images + _factors(images, keys, self.strength) * (images - mean)


def _factors(images: Array, keys: Array, strength: float) -> Array:
    """Numbers [n, 1, 1, 1] in [-strength, strength], of the images' dtype."""
    draw = functools.partial(jax.random.uniform, minval=-strength, maxval=strength)
    return jax.vmap(lambda key: draw(key, (1, 1, 1), images.dtype))(keys)


@dataclasses.dataclass(frozen=True)
class Cutout:
    """Covers a box of each image with `fill` (DeVries and Taylor 2017; DiffAugment: half a side).

    The box's centre may lie anywhere in the image, so parts of the box may fall outside. Called
    like `Affine`.

    Attributes:
        fraction: sides of the box, as a fraction of the image's, rounded to whole pixels,
            halves up.
        fill: the value in the box; -1 is black.
    """

    fraction: float
    fill: float = -1.0

    def __call__(self, images: Array, keys: Array) -> Array:
        # One draw for both sides: drawing is what a cutout costs.
        where = jax.vmap(lambda key: jax.random.uniform(key, (2,), jnp.float32))(keys)
        rows, columns = (self._covered(where[:, axis], images.shape[1 + axis]) for axis in (0, 1))
        covered = rows[:, :, None, None] & columns[:, None, :, None]
        return jnp.where(covered, jnp.asarray(self.fill, images.dtype), images)

    def _covered(self, where: Array, size: int) -> Array:
        """Which positions along a side the box covers, bool [n, size], given its place [n]."""
        length = _whole_pixels(self.fraction, size)
        # A box of even length has its centre between two pixels, and one more place to be.
        places = size + 1 - length % 2
        first = jnp.floor(where * places)[:, None] - length // 2
        positions = jnp.arange(size)
        return (first <= positions) & (positions < first + length)


@dataclasses.dataclass(frozen=True)
class Sequence:
    """Augmentations one after another, each with keys of its own.

    Attributes:
        augmentations: applied in this order.
        probability: with which each of them is applied to each image, drawn for each anew: a
            number or an array []. In a GAN it may be a value that changes while it trains, which
            each step replaces.
    """

    augmentations: tuple[Callable[[Array, Array], Array], ...]
    probability: float | Array | Schedule | AdaptiveProbability = 1.0

    def __call__(self, images: Array, keys: Array) -> Array:
        """Images [n, h, w, c] and keys [n] to images."""
        probability = self.probability
        assert not isinstance(probability, Schedule | AdaptiveProbability)
        always = not isinstance(probability, Array) and probability >= 1
        if not always:
            shape = (len(self.augmentations), 1, 1, 1)
            draw = jax.vmap(
                lambda key: jax.random.uniform(jax.random.fold_in(key, _LOT), shape, jnp.float32)
            )
            applied = draw(keys) < probability
        for number, augmentation in enumerate(self.augmentations):
            own = jax.vmap(lambda key, number=number: jax.random.fold_in(key, number))(keys)
            changed = augmentation(images, own)
            images = changed if always else jnp.where(applied[:, number], changed, images)
        return images


# Folded into an image's key to draw what is applied to it; the augmentations have 0, 1, 2, ...
_LOT = 2**20


def diff_augment(probability: float = 1.0, fill: float = -1.0) -> Sequence:
    """Colour, translation and cutout with the strengths of Zhao et al. 2020 ("Differentiable
    augmentation for data-efficient GAN training", section 4), who fill with 0.

    Their order, too. For little data; cutout and brightness may show up in the samples.
    """
    parts = (Brightness(0.5), Saturation(1.0), Contrast(0.5), Translation(0.125, fill))
    return Sequence((*parts, Cutout(0.5, fill)), probability)
