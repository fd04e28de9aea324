"""Known damage to real images, weak to strong: what a judge of generated images should notice."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy import ndimage

from gan_jax.errors import InputError

_PATCHES = 4


@dataclasses.dataclass(frozen=True, eq=False)
class Pool:
    """Real images to damage.

    Attributes:
        images: uint8 [n, h, w, c], or clips [n, t, h, w, c].
        labels: int [n], their classes.
        training: uint8 [m, h, w, c], other real images, which a copying generator would give.
    """

    images: np.ndarray
    labels: np.ndarray
    training: np.ndarray

    def take(self, rows: np.ndarray) -> Pool:
        """The images `rows`, with the same images to copy."""
        return Pool(self.images[rows], self.labels[rows], self.training)


Damage = Callable[[Pool, float, np.random.Generator], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Degradation:
    """One kind of damage.

    Attributes:
        name: of the row in a table.
        unit: what a strength counts.
        strengths: five, ascending.
        apply: (pool, strength, rng) to new uint8 images of the pool's shape; the pool stays as it
            is. Raises InputError where a class is to be dropped and there is only one.
    """

    name: str
    unit: str
    strengths: tuple[float, ...]
    apply: Damage

    def at(self, *strengths: float) -> Degradation:
        """The same damage at other strengths."""
        return dataclasses.replace(self, strengths=strengths)


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Pixels rounded and cut to 0..255."""
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)


def _blur(pool: Pool, strength: float, rng: np.random.Generator) -> np.ndarray:
    sigma = (*[0] * (pool.images.ndim - 3), strength, strength, 0)
    return to_uint8(ndimage.gaussian_filter(pool.images.astype(np.float32), sigma, mode="nearest"))


def _noise(pool: Pool, strength: float, rng: np.random.Generator) -> np.ndarray:
    noise = rng.standard_normal(pool.images.shape, dtype=np.float32)
    return to_uint8(pool.images + 255 * strength * noise)


def _checkerboard(pool: Pool, strength: float, rng: np.random.Generator) -> np.ndarray:
    sign = 1.0 - 2.0 * (np.indices(pool.images.shape[-3:-1]).sum(0) % 2)
    return to_uint8(pool.images + 127.5 * strength * sign[:, :, None])


def _contrast(pool: Pool, strength: float, rng: np.random.Generator) -> np.ndarray:
    images = pool.images.astype(np.float32)
    mean = images.mean(tuple(range(1, images.ndim)), keepdims=True)
    return to_uint8(mean + (1 - strength) * (images - mean))


def _shift(pool: Pool, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Every image by the same number of pixels, each in a direction of its own."""
    shape = pool.images.shape
    steps = [max(round(strength * side), 1) for side in shape[-3:-1]]
    margin = (*[(0, 0)] * (len(shape) - 3), (steps[0],) * 2, (steps[1],) * 2, (0, 0))
    padded = np.pad(pool.images, margin, mode="edge")
    directions = np.array([(0, 1), (2, 1), (1, 0), (1, 2)])[rng.integers(0, 4, len(pool.images))]
    moved = []
    for image, (y, x) in zip(padded, directions * steps):
        moved.append(image[..., y : y + shape[-3], x : x + shape[-2], :])
    return np.stack(moved)


def _shuffle(pool: Pool, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A share of the cells of a 4 x 4 grid change places; what does not divide stays."""
    images = pool.images.copy()
    height, width = (side // _PATCHES for side in images.shape[-3:-1])
    count = max(round(strength * _PATCHES**2), 2)
    for image in images:
        chosen = rng.permutation(_PATCHES**2)[:count]
        places = [
            (...,
             slice(c // _PATCHES * height, (c // _PATCHES + 1) * height),
             slice(c % _PATCHES * width, (c % _PATCHES + 1) * width),
             slice(None))
            for c in chosen
        ]  # fmt: skip
        cells = [image[place].copy() for place in places]
        for place, cell in zip(places, cells[1:] + cells[:1]):
            image[place] = cell
    return images


def _drop_class(pool: Pool, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A share of one class's images, of a random class, replaced by images of the others."""
    if len(np.unique(pool.labels)) < 2:
        raise InputError(
            f"all {len(pool.labels)} images are of one class, which cannot be dropped: give images "
            "of at least two."
        )
    dropped = rng.choice(np.unique(pool.labels))
    members = np.flatnonzero(pool.labels == dropped)
    others = np.flatnonzero(pool.labels != dropped)
    return _replace(pool.images, members, strength, pool.images[others], rng)


def _repeat(pool: Pool, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A share of the images replaced by one of them."""
    one = pool.images[rng.integers(len(pool.images))][None]
    return _replace(pool.images, np.arange(len(pool.images)), strength, one, rng)


def _copy(pool: Pool, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A share of the images replaced by training images."""
    everywhere = np.arange(len(pool.images))
    return _replace(pool.images, everywhere, strength, pool.training, rng)


def _replace(
    images: np.ndarray,
    members: np.ndarray,
    share: float,
    substitutes: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    chosen = rng.permutation(members)[: round(share * len(members))]
    order = rng.permutation(len(substitutes))
    result = images.copy()
    result[chosen] = substitutes[np.resize(order, len(chosen))]
    return result


DEGRADATIONS = (
    Degradation("blur", "standard deviation in pixels", (0.3, 0.5, 0.7, 1.0, 1.5), _blur),
    Degradation("noise", "standard deviation, share of the range", (0.02, 0.05, 0.1, 0.2, 0.3),
                _noise),
    Degradation("checkerboard", "amplitude, share of half the range", (0.05, 0.1, 0.15, 0.25, 0.4),
                _checkerboard),
    Degradation("contrast", "lost share", (0.05, 0.1, 0.2, 0.35, 0.5), _contrast),
    Degradation("shift", "share of the side", (0.04, 0.08, 0.12, 0.18, 0.25), _shift),
    Degradation("shuffled patches", "share of a 4 x 4 grid", (0.125, 0.25, 0.5, 0.75, 1.0),
                _shuffle),
    Degradation("dropped class", "share of its images", (0.2, 0.4, 0.6, 0.8, 1.0), _drop_class),
    Degradation("one image repeated", "share of the set", (0.02, 0.05, 0.1, 0.2, 0.4), _repeat),
    Degradation("training copies", "share of the set", (0.2, 0.4, 0.6, 0.8, 1.0), _copy),
)  # fmt: skip
