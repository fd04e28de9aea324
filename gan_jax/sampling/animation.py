"""Frames as an animation: GIF by Pillow, MP4 by the ffmpeg of imageio where it is installed."""

from __future__ import annotations

import importlib.util
import itertools
import os
import pathlib
from collections.abc import Iterable
from typing import IO

import numpy as np

from gan_jax.data.disk import new_file
from gan_jax.errors import InputError
from gan_jax.runtime.images import displayable, to_pil

FORMATS = (".gif", ".mp4")
_FASTEST_GIF = 50  # a delay of 2 hundredths of a second; viewers slow shorter ones down


def check_animation(path: str | pathlib.Path, fps: float) -> None:
    """Raises InputError if no animation can be written under this name, before frames are made."""
    path = pathlib.Path(path)
    if path.suffix not in FORMATS:
        raise InputError(f"'{path}' is not an animation: give a name in .gif or .mp4.")
    if not fps > 0:
        raise InputError(f"--fps is {fps}; expected a number above 0.")
    if path.suffix == ".gif" and fps > _FASTEST_GIF:
        raise InputError(
            f"--fps is {fps}, and a GIF shows {_FASTEST_GIF} frames a second at most: give fewer, "
            "or a name in .mp4."
        )
    if path.suffix == ".mp4" and importlib.util.find_spec("imageio_ffmpeg") is None:
        raise InputError(
            f"'{path}' needs imageio-ffmpeg, which is not installed: run pip install "
            "imageio-ffmpeg, or give a name in .gif."
        )


def save_animation(path: str | pathlib.Path, frames: Iterable[np.ndarray], fps: float) -> None:
    """Writes an animation that repeats for ever; the file appears whole or not at all.

    A GIF's delays are whole hundredths of a second, spread so that the frames keep their pace on
    average. It holds grey frames exactly, and colours as a palette of 256 for each frame. An MP4
    (H.264) is lossy; frames of odd sides get a row or column of white.

    Args:
        path: in .gif or .mp4; folders are made as needed.
        frames: uint8 [h, w, c], one or more of one shape; InputError for none.
        fps: frames per second.
    """
    check_animation(path, fps)
    path = pathlib.Path(path)
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise InputError(f"'{path}': an animation needs at least one frame.")
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = itertools.chain([first], frames)
    with new_file(path) as file:
        (_write_gif if path.suffix == ".gif" else _write_mp4)(file, frames, fps)


def _write_gif(file: IO[bytes], frames: Iterable[np.ndarray], fps: float) -> None:
    pictures = [to_pil(frame) for frame in frames]
    ends = [round(100 * number / fps) for number in range(len(pictures) + 1)]
    delays = [10 * (end - start) for start, end in itertools.pairwise(ends)]
    moving = {"save_all": True, "append_images": pictures[1:], "duration": delays, "loop": 0}
    pictures[0].save(file, format="GIF", optimize=False, **moving)


def _write_mp4(file: IO[bytes], frames: Iterable[np.ndarray], fps: float) -> None:
    import imageio_ffmpeg

    # By default ffmpeg is started by fork, of which JAX warns, so that it does not see Ctrl-C.
    os.environ.setdefault("IMAGEIO_FFMPEG_NO_PREVENT_SIGINT", "1")
    frames = (_even_rgb(frame) for frame in frames)
    first = next(frames)
    writer = imageio_ffmpeg.write_frames(
        file.name,
        first.shape[1::-1],
        fps=fps,
        codec="libx264",
        macro_block_size=1,
        output_params=["-f", "mp4"],
    )
    writer.send(None)
    try:
        for frame in itertools.chain([first], frames):
            writer.send(frame)
    finally:
        writer.close()


def _even_rgb(frame: np.ndarray) -> np.ndarray:
    """uint8 [h, w, 3] with even sides."""
    frame = displayable(frame)
    odd = [(0, side % 2) for side in frame.shape[:2]]
    frame = np.pad(frame, (*odd, (0, 0)), constant_values=255)
    return np.ascontiguousarray(np.broadcast_to(frame, (*frame.shape[:2], 3)))
