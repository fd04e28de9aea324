"""The generator of a texture GAN: an image without borders, from a grid of noise.

The spatial GAN (Jetchev et al. 2016, "Texture synthesis with spatial generative adversarial
networks") turns a grid of noise, a cell for each 2^levels pixels, into an image by convolutions
alone; a larger grid gives a larger image. The periodic spatial GAN (Bergmann et al. 2017, "Learning
texture manifolds with the periodic spatial GAN") adds a part that is the same everywhere, by which
one generator holds several textures, and plane waves of learned wave numbers.

Here no layer sees zero padding. The generator takes a margin of noise around the image and crops
each layer to what true neighbours made, so a pixel depends on the noise around it and on nothing
else: images made in tiles fit together, see `gan_jax.sampling.textures`.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gan_jax.errors import InputError
from gan_jax.models.conditional import check_labels, normalise
from gan_jax.models.layers import (
    Conv,
    ConvTranspose,
    at_least_float32,
    initializer,
    is_batch,
    scale_initializer,
    widths,
)
from gan_jax.models.sizes import check_least
from gan_jax.models.spans import Span, centres, spans

MOST_LEVELS = 7


@dataclasses.dataclass(frozen=True)
class Noise:
    """The noise of n images.

    Attributes:
        local: standard normal, one entry for each cell with its margin: float [n, gh, gw,
            local_dim] for level 0, then [n, h, w, fine_dim] for each of the levels 1 to levels - 1
            if `fine_dim` is not 0.
        textures: float [n, h, w, num_textures] for each of the levels 0 to levels - 1 (after the
            first convolution): shares of the textures, which sum to 1; h and w are those of
            `spans`, or 1 where all cells are alike.
        phases: float [n, num_textures, num_waves], in radians, at the image's first pixel.
    """

    local: tuple[Array, ...]
    textures: tuple[Array, ...]
    phases: Array


class TextureGenerator(nn.Module):
    """Latents float [n, latent_dim] to images [n, h, w, c] in [-1, 1].

    A standard normal latent vector is read as three parts:

    - `num_textures` numbers, of which the largest says which texture it is; none if there is one
      texture only, or with `num_classes`, where labels int32 [n] say it. Without labels, what each
      choice draws is found by the training, and two may come to draw the same.
    - `num_waves` phases, uniform in [0, 2 pi) by the normal distribution function.
    - the local noise of level 0, [gh, gw, local_dim] row by row, and of each finer level, likewise.

    Level 0 takes its noise through one 3x3 convolution; transposed convolutions of stride 2 double
    it `levels` times. Finer levels add noise of their own by a linear map, for grain (Karras et al.
    2019, "A style-based generator architecture", section 3.2). Each level is also told the texture
    and the waves by that map: sin(k . x + phase) at the centres of its cells (Bergmann et al. 2017,
    eq. 3 and 4, where they enter below only, so that no wave can be shorter than two cells of
    noise). The wave numbers k belong to the texture. They come from a table, which is what the
    paper's network of the global part amounts to where that part is a choice.

    Fields (others as in `DCGANGenerator`):
        image_shape: (h, w, c), h and w at least 2^levels.
        width: channels of the last hidden layer; they double towards the noise, up to 8 x width.
        levels: doublings; a cell of noise has 2^levels pixels.
        local_dim: length of a cell's noise.
        fine_dim: length of the noise of a cell of each finer level.
        num_textures: how many textures can be chosen.
        num_classes: 0, or `num_textures`: labels choose.
        num_waves: plane waves of each texture.
        coarse_layers: 3x3 convolutions of level 0, each of which lets a pixel know of noise one
            cell farther away.
        refined: whether the last doubling ends in `width` channels, from which a 3x3 convolution
            makes the image: without it, neighbouring pixels come from kernels of their own, which
            leaves a grain of one pixel.

    Raises:
        InputError: for fields outside these, or latents of another length than `latent_dim`.
    """

    image_shape: tuple[int, int, int]
    width: int = 32
    levels: int = 4
    local_dim: int = 16
    fine_dim: int = 2
    num_textures: int = 1
    num_classes: int = 0
    num_waves: int = 4
    coarse_layers: int = 1
    refined: bool = False
    norm: str = "batch"
    initialization: str = "normal"
    axis_name: str | None = None
    dtype: Any = None

    def spans(self, side: int) -> tuple[Span, ...]:
        """The cells of each level for an image of `side` pixels, see `spans`."""
        return spans(side, self.levels, coarse=self.coarse_layers, refined=int(self.refined))

    @property
    def cell(self) -> int:
        """Pixels along the side of a cell of noise."""
        return 2**self.levels

    @property
    def grids(self) -> tuple[tuple[int, int, int], ...]:
        """The shape (h, w, dim) of each level's local noise for an image of `image_shape`."""
        rows, columns = (self.spans(side) for side in self.image_shape[:2])
        found = [(rows[0].length, columns[0].length, self.local_dim)]
        if self.fine_dim:
            fine = zip(rows[2:-1], columns[2:-1])
            found += [(row.length, column.length, self.fine_dim) for row, column in fine]
        return tuple(found)

    @property
    def latent_dim(self) -> int:
        """The length of the latent vector of an image of `image_shape`."""
        return self._choice_dim + self.num_waves + sum(math.prod(grid) for grid in self.grids)

    @property
    def _choice_dim(self) -> int:
        return self.num_textures if self.num_textures > 1 and not self.num_classes else 0

    def __call__(self, latents: Array, labels: Array | None = None, *, train: bool) -> Array:
        return self.paint(self.noise(latents, labels), train=train)

    def noise(self, latents: Array, labels: Array | None = None) -> Noise:
        """The parts of latents float [n, latent_dim], and the textures that labels [n] choose."""
        check_texture(self)
        count = latents.shape[0]  # which `len` cannot give of an exported program's open batch
        if latents.shape[-1] != self.latent_dim:
            height, width = self.image_shape[:2]
            raise InputError(
                f"the latents have {latents.shape[-1]} numbers; a texture of {height}x{width} "
                f"takes {self.latent_dim}."
            )
        lengths = [self._choice_dim, self.num_waves, *(math.prod(grid) for grid in self.grids)]
        choice, phases, *local = jnp.split(latents, np.cumsum(lengths)[:-1], axis=-1)
        check_labels(self.num_classes, labels)
        if self.num_classes:
            chosen = labels
        else:
            chosen = jnp.argmax(choice, -1) if self._choice_dim else jnp.zeros(count, jnp.int32)
        textures = jax.nn.one_hot(chosen, self.num_textures, dtype=latents.dtype)[:, None, None]
        phases = 2 * math.pi * jax.scipy.stats.norm.cdf(phases)
        phases = jnp.broadcast_to(phases[:, None], (count, self.num_textures, self.num_waves))
        cells = tuple(x.reshape(count, *grid) for x, grid in zip(local, self.grids))
        return Noise(cells, (textures,) * self.levels, phases)

    @nn.compact
    def paint(self, noise: Noise, wave_numbers: Array | None = None, *, train: bool) -> Array:
        """Images float [n, h, w, c] from their noise.

        Args:
            noise: see `Noise`.
            wave_numbers: float [num_textures, num_waves, 2] in radians per pixel, in place of those
                that were learned.
            train: whether batch statistics are those of this batch.
        """
        height, width, channels = self.image_shape
        rows, columns = self.spans(height), self.spans(width)
        kernel_init = initializer(self.initialization)
        biased = self.norm != "batch"
        if self.num_waves and wave_numbers is None:
            shape = (self.num_textures, self.num_waves, 2)
            table = self.param("wave_numbers", _init_waves, shape, jnp.float32)
            wave_numbers = table / self.cell

        def told(level: int) -> list[Array]:
            """What a level is told besides the level below: texture, waves, noise, [n, h, w, *]."""
            size = rows[level + 1].length, columns[level + 1].length
            shares = noise.textures[level]
            shares = jnp.broadcast_to(shares, (shares.shape[0], *size, self.num_textures))
            found = [shares] if self.num_textures > 1 else []
            if self.num_waves:
                places = (
                    centres(span[level + 1], 2 ** (self.levels - level)) for span in (rows, columns)
                )
                assert wave_numbers is not None
                found.append(_waves(wave_numbers, noise.phases, shares, *places))
            found += noise.local[level : level + 1] if level else ()
            return found

        def finish(x: Array, level: int) -> Array:
            if parts := told(level):
                x += nn.Dense(x.shape[-1], False, kernel_init=kernel_init, dtype=self.dtype)(
                    jnp.concatenate(parts, -1)
                )
            return activate(x)

        def activate(x: Array) -> Array:
            if self.norm == "batch":
                scale_init = scale_initializer(self.initialization)
                x = normalise(self, x, train=train, scale_init=scale_init)
            return nn.relu(x)

        def convolve(x: Array, count: int, biased: bool) -> Array:
            """What a 3x3 convolution makes of pixels with all neighbours."""
            x = Conv(count, (3, 3), 1, biased, kernel_init=kernel_init, dtype=self.dtype)(x)
            return x[:, 1:-1, 1:-1]

        features = widths(self.width, self.levels)[::-1]
        x = noise.local[0]
        for layer in range(self.coarse_layers):
            if layer:
                x = activate(x)
            x = convolve(x, features[0], biased)
        x = finish(x, 0)
        outermost = self.width if self.refined else channels
        for level, count in enumerate([*features[1:], outermost], start=1):
            last = level == self.levels
            x = ConvTranspose(
                count,
                (4, 4),
                2,
                biased or (last and not self.refined),
                kernel_init=kernel_init,
                dtype=self.dtype,
            )(x)
            x = _crop(x, (rows[level], columns[level]), (rows[level + 1], columns[level + 1]))
            if not last:
                x = finish(x, level)
        if self.refined:
            x = convolve(activate(x), channels, True)
        return at_least_float32(jnp.tanh(x))


def check_texture(generator: TextureGenerator) -> None:
    """Raises InputError for fields outside what `TextureGenerator` can work with."""
    check_least(
        generator, width=1, local_dim=1, fine_dim=0, num_textures=1, num_waves=0, coarse_layers=1
    )
    if not 1 <= generator.levels <= MOST_LEVELS:
        raise InputError(
            f"levels is {generator.levels}; expected 1 to {MOST_LEVELS} doublings from the noise "
            "to the image, such as 4."
        )
    if generator.num_classes not in (0, generator.num_textures):
        raise InputError(
            f"the images have {generator.num_classes} classes, and num_textures is "
            f"{generator.num_textures}: where labels choose the texture, both are the same number."
        )
    is_batch(generator.norm)  # refuses one that is not known
    height, width = generator.image_shape[:2]
    if min(height, width) < generator.cell:
        raise InputError(
            f"images of {height}x{width} are smaller than a cell of noise, {generator.cell} pixels "
            f"at levels {generator.levels}: give fewer levels, or larger images."
        )


def _waves(
    numbers: Array, phases: Array, shares: Array, rows: np.ndarray, columns: np.ndarray
) -> Array:
    """The textures' waves mixed by their shares [n, h, w, num_textures]: [n, h, w, num_waves].

    A mixture fades one texture's waves into the other's. Wave numbers that changed from place to
    place would give waves of any length in between, the more so the farther from the origin.
    """
    angles = (
        numbers[:, None, None, :, 0] * rows[:, None, None]
        + numbers[:, None, None, :, 1] * columns[:, None]
    )
    waves = jnp.sin(angles + phases[:, :, None, None])
    return jnp.einsum("nhwt,nthwp->nhwp", shares, waves)


def _crop(x: Array, below: tuple[Span, Span], above: tuple[Span, Span]) -> Array:
    """Of a doubled map that began at 2 x `below`, the part that `above` names."""
    top, left = (a.start - 2 * b.start for a, b in zip(above, below))
    return x[:, top : top + above[0].length, left : left + above[1].length]


def _init_waves(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    """Wave numbers of all directions, in radians per cell, from one to eight cells per period."""
    directions, lengths = jax.random.split(key)
    angle = 2 * math.pi * jax.random.uniform(directions, shape[:2], dtype)
    length = 2 * math.pi * 2.0 ** -jax.random.uniform(lengths, shape[:2], dtype, -1, 2)
    return length[..., None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], -1)
