"""Walks through latent space as animations: closed loops at a constant angular speed."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import numpy as np

from gan_jax.data.disk import open_file, path_of
from gan_jax.errors import InputError
from gan_jax.runtime.images import image_grid
from gan_jax.sampling.animation import check_animation, save_animation
from gan_jax.sampling.drawing import Source

_SIDE = 512  # pixels that a grid of small images is enlarged to, by whole factors


def closed_walk(points: np.ndarray, frames: int) -> np.ndarray:
    """Latents float32 [frames, d] on a closed loop through `points` [k, d], k >= 2, d >= 2.

    It goes from each point to the next, and from the last to the first, along the great circle
    between their directions (White 2016, "Sampling generative networks"); lengths change linearly
    with the angle. Frames are at equal angles, the last one from the first too, which is
    `points[0]`.

    Raises:
        InputError: fewer points, numbers or frames than one of each needs, or a point that is 0.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[0] < 2 or points.shape[1] < 2:
        raise InputError(
            f"the points of a walk have shape {points.shape}; expected [k, d] with 2 or more "
            "points of 2 or more numbers."
        )
    if frames < 1:
        raise InputError(f"--frames is {frames}; expected 1 or more.")
    lengths = np.linalg.norm(points, axis=1)
    if not lengths.min() > 0:
        raise InputError("a point of the walk is 0, which has no direction; give another seed.")
    ends = np.roll(points, -1, axis=0)
    directions, next_directions = points / lengths[:, None], ends / np.roll(lengths, -1)[:, None]
    angles = np.arccos(np.clip(np.sum(directions * next_directions, 1), -1.0, 1.0))
    borders = np.concatenate([[0.0], np.cumsum(angles)])
    travelled = np.arange(frames) * (borders[-1] / frames)
    part = np.clip(np.searchsorted(borders, travelled, side="right") - 1, 0, len(points) - 1)
    angle, gone = angles[part], travelled - borders[part]
    share = np.where(angle > 0, gone / np.maximum(angle, 1e-12), 0.0)
    # What is left of the next direction when the part along this one is taken out.
    across = next_directions - np.cos(angles)[:, None] * directions
    across /= np.maximum(np.linalg.norm(across, axis=1), 1e-12)[:, None]
    rows = np.cos(gone)[:, None] * directions[part] + np.sin(gone)[:, None] * across[part]
    length = (1 - share) * lengths[part] + share * np.roll(lengths, -1)[part]
    return (rows * length[:, None]).astype(np.float32)


def write_walk(
    source: Source,
    out: str | pathlib.Path,
    *,
    frames: int = 120,
    fps: float = 30.0,
    walks: int = 16,
    points: int = 4,
) -> None:
    """Writes a grid of `walks` closed walks, each through `points` latents, as a GIF or MP4.

    A walk of a conditional GAN stays in one class: walk i in class i modulo their number.

    Args:
        source: the generator, and its latents: walk i has those from i * points on.
        out: NAME.gif or NAME.mp4.
        frames: of the loop; after the last comes the first.
        fps: frames per second.
        walks: how many are shown side by side.
        points: latents of each walk, 2 or more.

    Raises:
        InputError: a number out of range, a place that cannot be written to, see `check_animation`
            and `Source.open`.
    """
    out = path_of(out)
    check_animation(out, fps)
    for name, value, least in (("frames", frames, 2), ("walks", walks, 1), ("points", points, 2)):
        if value < least:
            raise InputError(f"--{name} is {value}; expected {least} or more.")
    drawing = source.open()
    if len(drawing.image_shape) == 4:
        raise InputError(
            f"'{source.workdir}' makes clips, which move by themselves: give --export=16 and "
            f"--out={out}."
        )
    open_file(out, "--walk")
    corners = drawing.latents(walks * points).reshape(walks, points, -1)
    ways = np.stack([closed_walk(corner, frames) for corner in corners])
    labels = np.arange(walks) % drawing.num_classes if drawing.num_classes else None
    images = drawing.images(
        ways.reshape(walks * frames, -1), None if labels is None else labels.repeat(frames)
    ).reshape(walks, frames, *drawing.image_shape)
    save_animation(out, _grids(images), fps)


def _grids(images: np.ndarray) -> Iterator[np.ndarray]:
    """A picture a frame of images uint8 [walks, frames, h, w, c], enlarged if they are small."""
    side = max(image_grid(images[:, 0]).shape[:2])
    for number in range(images.shape[1]):
        yield image_grid(images[:, number], scale=max(1, _SIDE // side))
