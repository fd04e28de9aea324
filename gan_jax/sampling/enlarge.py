"""The user's own images, of any size, enlarged by a trained network."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from gan_jax.data.decode import EXTENSIONS, decode_image
from gan_jax.data.disk import new_folder, open_folder, path_of, write_json
from gan_jax.data.progress import progress_bar
from gan_jax.errors import InputError
from gan_jax.models.super_resolution import SuperResolutionGenerator
from gan_jax.runtime.environment import library_versions
from gan_jax.runtime.images import save_png
from gan_jax.runtime.pixels import to_float
from gan_jax.sampling.drawing import weights_digest
from gan_jax.sampling.generate import generate_images
from gan_jax.sampling.place import check_new
from gan_jax.sampling.trained import read_gan

RECORD = "enlarged.json"
_COLOURS = {1: "grey", 3: "colour"}
TILE = 192  # pixels of the input that are computed at once, a side


def enlarge_files(
    workdir: str | pathlib.Path,
    source: str | pathlib.Path,
    out: str | pathlib.Path,
    *,
    checkpoint: str = "latest",
    announce: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Writes each image enlarged, as NAME.png, and a JSON record; returns the record.

    Args:
        workdir: of a run of super-resolution.
        source: an image file, or a folder of them; sizes may differ.
        out: a new or empty folder; it appears with all images or not at all.
        checkpoint: 'latest', 'best' or a step.
        announce: told what the network learned from, and how many images are of another kind.

    Raises:
        InputError: no such run, one that does not enlarge, images that cannot be read, or a place
            that cannot be written to.
    """
    files = _files(path_of(source))
    names = [f"{file.stem}.png" for file in files]
    for file, name in zip(files, names):
        if names.count(name) > 1:
            raise InputError(
                f"--enlarge: '{file}' would be written to '{name}', which another image needs too: "
                "give them other names."
            )
    place = check_new(out)
    trained = read_gan(workdir, checkpoint)
    generator, channels = trained.gan.generator, trained.train.image_shape[2]
    if not isinstance(generator, SuperResolutionGenerator):
        raise InputError(
            f"'{workdir}' is the run of a generator that draws from latents: --enlarge needs one "
            "of super-resolution, such as of configs/super_resolution.py."
        )
    if channels not in _COLOURS:
        raise InputError(
            f"'{workdir}' enlarges images of {channels} channels, and image files have 1 or 3."
        )
    open_folder(place.resolve().parent, "--out")
    height, width = trained.train.image_shape[:2]
    learned_from = f"{trained.train.name}, {_COLOURS[channels]} images of {height}x{width}"
    announce(
        f"The network learned from {learned_from} (height x width): what it adds to other pictures "
        "is the detail of these."
    )
    record = {
        "run": str(workdir),
        "checkpoint": trained.step,
        "weights_sha256": weights_digest(trained.ema),
        "factor": generator.factor,
        "learned_from": learned_from,
        "images": len(files),
        "versions": library_versions(),
    }
    others = 0
    with new_folder(place) as made, progress_bar("enlarging", len(files), " images") as bar:
        for file, name in zip(files, names):
            image = decode_image(file)
            others += image.shape[2] != channels
            save_png(made / name, enlarge(generator, trained.ema, image, channels))
            bar.update(1)
        write_json(made / RECORD, record)
    if others:
        how = (
            "in colour, and each channel was enlarged by itself, which may give false colours"
            if channels == 1
            else "grey, and were enlarged as if in colour"
        )
        announce(f"{others:,} of {len(files):,} images are {how}.")
    return record


def enlarge(
    generator: SuperResolutionGenerator, variables: Any, image: np.ndarray, channels: int
) -> np.ndarray:
    """An image uint8 [h, w, c] of any size, enlarged: uint8 [factor h, factor w, c].

    `variables` are the generator's averaged ones, `channels` those that it was trained on: with 1,
    each channel of a colour image is enlarged by itself; with 3, a grey image becomes a colour one.
    """
    if channels == 3 and image.shape[2] == 1:
        image = np.repeat(image, 3, 2)
    planes = image[None] if image.shape[2] == channels else image.transpose(2, 0, 1)[..., None]
    planes = _in_tiles(generator, variables, to_float(planes))
    return planes[0] if len(planes) == 1 else planes[..., 0].transpose(1, 2, 0)


def _in_tiles(generator: SuperResolutionGenerator, variables: Any, images: np.ndarray):
    """uint8 [n, factor h, factor w, c] of float images [n, h, w, c].

    Large ones are computed in windows of one size. Pixels that see a window's border where the
    image has none are left out, so the result is that of the whole image at once.
    """
    factor, reach = generator.factor, generator.reach
    height, width = images.shape[1:3]
    result = np.empty((len(images), factor * height, factor * width, images.shape[3]), np.uint8)
    sizes = [min(side, TILE + 2 * reach) for side in (height, width)]
    for top, row in _windows(height, sizes[0], reach):
        for left, column in _windows(width, sizes[1], reach):
            window = images[:, top : top + sizes[0], left : left + sizes[1]]
            found = generate_images(generator, variables, window, batch_size=len(images))
            inner = found[:, _scaled(row, factor, top), _scaled(column, factor, left)]
            result[:, _scaled(row, factor), _scaled(column, factor)] = inner
    return result


def _windows(length: int, size: int, reach: int) -> list[tuple[int, slice]]:
    """Where each window starts and which places are taken from it; they cover [0, length)."""
    if size == length:
        return [(0, slice(0, length))]
    step = size - 2 * reach
    parts = [slice(start, min(start + step, length)) for start in range(0, length, step)]
    return [(min(max(part.start - reach, 0), length - size), part) for part in parts]


def _scaled(part: slice, factor: int, origin: int = 0) -> slice:
    return slice((part.start - origin) * factor, (part.stop - origin) * factor)


def _files(source: pathlib.Path) -> list[pathlib.Path]:
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise InputError(f"--enlarge '{source}' is not there: give an image file or a folder.")
    found = sorted(path for path in source.iterdir() if path.suffix.lower() in EXTENSIONS)
    if not found:
        raise InputError(
            f"--enlarge '{source}' holds no images ({', '.join(sorted(EXTENSIONS))}): give another "
            "folder."
        )
    return found
