"""Textures of any size from a trained texture generator, made in tiles that fit together."""

from __future__ import annotations

import functools
import itertools
import pathlib
from collections.abc import Callable, Hashable
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from gan_jax.data.disk import open_file, path_of
from gan_jax.data.progress import progress_bar
from gan_jax.errors import InputError
from gan_jax.models.spans import centres
from gan_jax.models.texture import Noise, TextureGenerator
from gan_jax.runtime.images import save_png
from gan_jax.runtime.pixels import to_uint8
from gan_jax.sampling.drawing import Source
from gan_jax.steps.axis import named_key


def draw_texture(
    source: Source,
    size: tuple[int, int],
    out: str | pathlib.Path,
    *,
    number: int | None = None,
    seamless: bool = False,
) -> str:
    """Writes a texture as PNG, in grey or colour like the training images; says what was drawn.

    Args:
        source: a run of a texture GAN, and the seed.
        size: (height, width) in pixels.
        out: NAME.png.
        number: which texture of several, from 0; None: the seed chooses.
        seamless: whether opposite edges meet.

    Raises:
        InputError: another name, a run of another kind, no such texture, a place that cannot be
            written to, or see `Source.open`.
    """
    if path_of(out).suffix.lower() != ".png":
        raise InputError(f"--out '{out}': --draw writes one picture; give NAME.png.")
    drawing = source.open()
    generator = drawing.trained.gan.generator
    if not isinstance(generator, TextureGenerator):
        height, width, _ = drawing.image_shape
        raise InputError(
            f"'{source.workdir}' draws images of {height}x{width} only: --draw needs the run of a "
            "texture GAN, such as of configs/texture_folder.py. Use --export for others."
        )
    out = open_file(out, "--out")
    picture = sample_texture(
        generator, drawing.trained.ema, size, seed=drawing.seed, texture=number, wrap=seamless
    )
    save_png(out, picture)
    return (
        f"{size[0]}x{size[1]} pixels (height x width), checkpoint {drawing.trained.step:,}, seed "
        f"{drawing.seed}: {out}"
    )


def sample_texture(
    generator: TextureGenerator,
    variables: Any,
    size: tuple[int, int],
    *,
    seed: int,
    tile: int = 256,
    wrap: bool = False,
    texture: int | ArrayLike | None = None,
    origin: tuple[int, int] = (0, 0),
) -> np.ndarray:
    """A window onto an endless texture, uint8 [h, w, c].

    The noise of a cell depends on the seed and the cell's place only, and each tile is made with
    its margin, so neither `tile` nor `size` changes a pixel by more than a rounding of 1. Memory
    beyond the result is that of one tile.

    Args:
        generator: the module; its `image_shape` says the channels only.
        variables: its parameters and batch statistics (use the moving average).
        size: (h, w) in pixels, any.
        seed: of the noise and phases, and of the texture if none is given.
        tile: side of a tile in pixels, rounded down to whole cells of noise.
        wrap: make the opposite edges meet, so that the image can be laid side by side with itself.
            The wave numbers are rounded to whole periods of the image for it. Needs sides that are
            multiples of `generator.cell`.
        texture: which texture: its number; shares [num_textures] of several, mixed everywhere; or
            shares [rows, columns, num_textures] at points spread evenly from edge to edge, between
            which they change linearly (with `wrap`, also across the edges). Shares are divided by
            their sum. None: one that the seed draws.
        origin: the window's first pixel in the endless texture, of any sign.

    Raises:
        InputError: for values outside these.
    """
    size, origin = _checked_pair("size", size, 1), _checked_pair("origin", origin)
    cell = generator.cell
    if tile < cell:
        raise InputError(f"tile is {tile}; expected at least a cell of noise, {cell} pixels.")
    if wrap and (size[0] % cell or size[1] % cell):
        fitting = "x".join(str(max(1, round(side / cell)) * cell) for side in size)
        raise InputError(
            f"size is {size[0]}x{size[1]} with wrap; the noise can only wrap in whole cells of "
            f"{cell} pixels. Make it {fitting} and crop or resize it."
        )
    key = named_key(jax.random.key(seed), "texture")
    shares = _texture_shares(texture, generator.num_textures, key)
    shape = tuple(min(tile // cell, -(-side // cell) + 1) * cell for side in size)
    generator = generator.clone(image_shape=(*shape, generator.image_shape[2]))
    paint = _painter(cast(Hashable, generator))

    numbers = _wave_numbers(generator, variables)
    if wrap:
        steps = 2 * np.pi / np.array(size)
        numbers = np.round(numbers / steps) * steps
    turns = jax.random.uniform(named_key(key, "phases"), (generator.num_waves,), jnp.float32)
    phases = 2 * np.pi * np.asarray(turns, np.float64)

    image = np.empty((*size, generator.image_shape[2]), np.uint8)
    starts = [range(o // cell * cell, o + s, t) for o, s, t in zip(origin, size, shape)]
    tiles = list(itertools.product(*starts))
    with progress_bar("Painting", len(tiles), "tile") as bar:
        for corner in tiles:
            shift = np.remainder(numbers @ corner + phases, 2 * np.pi)
            pixels = paint(
                variables,
                key,
                np.array(corner) // cell,
                np.array(size if wrap else (0, 0)) // cell,
                _tile_shares(shares, generator, np.subtract(corner, origin), size, wrap),
                shift.astype(np.float32),
                numbers.astype(np.float32),
            )
            _insert(image, np.asarray(pixels), np.subtract(corner, origin))
            bar.update()
    return image


@functools.lru_cache(maxsize=8)
def _painter(generator: TextureGenerator) -> Callable[..., Array]:
    """Compiles (variables, key, first cell, period, shares, phases, wave numbers) to a tile."""
    # A level's noise starts at the first entry of `spans` for level 0, else after the convolution.
    rows, columns = (generator.spans(side) for side in generator.image_shape[:2])

    @jax.jit
    def paint(variables, key, first, period, shares, phases, numbers):
        def draw(level):
            own = jax.random.fold_in(key, level)
            (_, _, dim), place = generator.grids[level], level + 1 if level else 0

            def cells(axis, span):
                found = first[axis] * 2**level + jnp.arange(span.start, span.stop)
                around = period[axis] * 2**level
                return jnp.where(around > 0, found % jnp.maximum(around, 1), found)

            def normal(row, column):
                cell = jax.random.fold_in(jax.random.fold_in(own, row), column)
                return jax.random.normal(cell, (dim,), jnp.float32)

            grid = jnp.meshgrid(cells(0, rows[place]), cells(1, columns[place]), indexing="ij")
            return jax.vmap(jax.vmap(normal))(*grid)[None]

        local = tuple(draw(level) for level in range(len(generator.grids)))
        noise = Noise(local, tuple(s[None] for s in shares), phases[None])
        images = generator.apply(
            variables, noise, numbers, train=False, method=TextureGenerator.paint
        )
        return to_uint8(images[0])

    return paint


def _insert(image: np.ndarray, pixels: np.ndarray, corner: np.ndarray) -> None:
    """Writes a tile, whose first pixel is at `corner`, into the image where they overlap."""
    start = np.maximum(corner, 0)
    stop = np.minimum(corner + pixels.shape[:2], image.shape[:2])
    own = start - corner, stop - corner
    image[start[0] : stop[0], start[1] : stop[1]] = pixels[
        own[0][0] : own[1][0], own[0][1] : own[1][1]
    ]


def _checked_pair(name: str, pair: Any, least: int | None = None) -> tuple[int, int]:
    values = np.asarray(pair)
    whole = values.shape == (2,) and values.dtype.kind in "iu"
    if not whole or (least is not None and values.min() < least):
        bound = "" if least is None else f" of {least} or more"
        raise InputError(f"{name} is {pair!r}; expected two whole numbers{bound}, (height, width).")
    return int(values[0]), int(values[1])


def _texture_shares(texture: Any, count: int, key: Array) -> np.ndarray:
    """The user's shares, float64 [rows, columns, count], each cell summing to 1."""
    if texture is None:
        texture = int(jax.random.randint(named_key(key, "texture"), (), 0, count))
    shares = np.asarray(texture)
    if shares.ndim == 0:
        if shares.dtype.kind not in "iu" or not 0 <= shares < count:
            raise InputError(
                f"texture is {texture!r}; the generator holds {count}: expected a number from 0 to "
                f"{count - 1}, or shares."
            )
        shares = np.eye(count)[int(shares)]
    if shares.ndim not in (1, 3) or shares.shape[-1] != count or not shares.size:
        raise InputError(
            f"texture has the shape {list(shares.shape)}; expected a number, shares [{count}] or "
            f"shares at points, [rows, columns, {count}]."
        )
    shares = shares.astype(np.float64)
    total = shares.sum(-1, keepdims=True)
    if not (np.isfinite(shares).all() and (shares >= 0).all() and (total > 0).all()):
        raise InputError("texture has shares below 0, not finite, or all 0 at a point.")
    return (shares / total).reshape(*shares.shape[:-1] if shares.ndim == 3 else (1, 1), count)


def _wave_numbers(generator: TextureGenerator, variables: Any) -> np.ndarray:
    """The learned wave numbers in radians per pixel, float64 [num_textures, num_waves, 2]."""
    if not generator.num_waves:
        return np.zeros((generator.num_textures, 0, 2))
    return np.asarray(variables["params"]["wave_numbers"], np.float64) / generator.cell


def _tile_shares(
    shares: np.ndarray,
    generator: TextureGenerator,
    corner: np.ndarray,
    size: tuple[int, int],
    wrap: bool,
) -> tuple[np.ndarray, ...]:
    """The shares [h, w, num_textures] of every level of a tile that begins at pixel `corner`."""
    if shares.shape[:2] == (1, 1):
        return (shares.astype(np.float32),) * generator.levels
    found = []
    for level in range(generator.levels):
        spacing = 2 ** (generator.levels - level)
        mixed = shares
        for axis in (0, 1):
            span = generator.spans(generator.image_shape[axis])[level + 1]
            pixels = centres(span, spacing) + corner[axis]
            weights = _linear_weights(pixels / size[axis], shares.shape[axis], wrap)
            mixed = np.moveaxis(np.tensordot(weights, mixed, (1, axis)), 0, axis)
        found.append(mixed.astype(np.float32))
    return tuple(found)


def _linear_weights(places: np.ndarray, count: int, wrap: bool) -> np.ndarray:
    """How much each of `count` even points counts at places from 0 to 1, float64 [places, count].

    Points lie at i / (count - 1), and beyond the ends the ends hold; or, to wrap, at i / count.
    """
    if wrap:
        where = places % 1 * count
    else:
        where = np.clip(places, 0, 1) * (count - 1)
    low = np.floor(where).astype(int)
    share = (where - low)[:, None]
    identity = np.eye(count)
    return (1 - share) * identity[low % count] + share * identity[(low + 1) % count]
