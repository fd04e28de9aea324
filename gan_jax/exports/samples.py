"""A set of samples as files: PNGs in a folder or one npz, with what made them beside."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from gan_jax.data.progress import progress_bar
from gan_jax.errors import InputError
from gan_jax.exports.generation import Drawing, Source, images_digest
from gan_jax.exports.selection import RECORD, Selection, draw_selected, open_selection
from gan_jax.files import new_file, write_json
from gan_jax.images import save_png

_BLOCK = 1000


def export_samples(
    source: Source, count: int, out: str | pathlib.Path, selection: Selection | None = None
) -> dict[str, Any]:
    """Writes `count` images, and a JSON record of what made them; returns the record.

    The same source and count give the same bytes. Image i depends on (seed, i) and the weights
    alone; of a conditional GAN the classes are drawn in the mix of the training set. A texture
    GAN's images are crops of the size that it was trained on.

    Args:
        source: the generator, and its latents.
        count: how many.
        out: NAME.npz for an archive with 'images' uint8 [n, h, w, c] and, of a conditional GAN,
            'labels' int32 [n], with NAME.json beside it; else a new folder for PNGs 000000.png,
            ... (in a folder a class of a conditional GAN) and samples.json.
        selection: keeps those that a recogniser accepts, see `exports.selection`; None for all.

    Raises:
        InputError: a count below 1, a place that cannot be written to or holds files already,
            images that PNG cannot hold, or see `Source.open`.
    """
    if count < 1:
        raise InputError(f"--export is {count}; expected a number of images, 1 or more.")
    out = pathlib.Path(out).expanduser()
    packed = out.suffix == ".npz"
    _check_place(out, packed)
    drawing = source.open()
    channels = drawing.image_shape[2]
    if not packed and channels not in (1, 3):
        raise InputError(
            f"--out '{out}' is a folder for PNGs, and these images have {channels} channels: give "
            "NAME.npz."
        )
    if selection is not None:
        open_selection(selection, drawing)
    _make_folder(out.parent if packed else out, out)
    selected: dict[str, Any] = {}
    if selection is None:
        labels = drawing.labels(count)
        write = None if packed else _png_writer(out, drawing.num_classes, labels, count)
        images = _draw(drawing, count, write)
    else:
        kept = draw_selected(drawing, selection, count)
        images, labels, selected = kept.images, kept.labels, {"selection": kept.record}
        if not packed:
            _png_writer(out, drawing.num_classes, labels, count)(0, images)
    record = {
        "images": count,
        "format": "npz" if packed else "png",
        "labels": None if labels is None else "drawn in the mix of the training set",
        **drawing.record(),
        **selected,
        "images_sha256": images_digest(images),
    }
    if packed:
        _write_npz(out, images, labels)
    write_json(out.with_suffix(".json") if packed else out / RECORD, record)
    return record


def _check_place(out: pathlib.Path, packed: bool) -> None:
    """Raises InputError unless there is room for an archive or a folder."""
    if not packed and out.suffix:
        raise InputError(f"--out '{out}' is neither a folder nor NAME.npz: give one of these.")
    if packed and out.is_dir():
        raise InputError(f"--out '{out}' is a folder: give the name of a file that may be written.")
    if not packed and out.exists() and (out.is_file() or any(out.iterdir())):
        raise InputError(
            f"--out '{out}' holds files already, which would be taken for samples: give a new "
            "folder, or empty it."
        )


def _make_folder(folder: pathlib.Path, out: pathlib.Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"--out '{out}' cannot be written ({error.strerror}): give another place."
        ) from error


def _draw(
    drawing: Drawing, count: int, write: Callable[[int, np.ndarray], None] | None
) -> np.ndarray:
    """uint8 [count, h, w, c]; each block goes to `write` with the number of its first image."""
    latents, labels = drawing.latents(count), drawing.labels(count)
    images = np.empty((count, *drawing.image_shape), np.uint8)
    with progress_bar("exporting", count, " images") as bar:
        for start in range(0, count, _BLOCK):
            rows = slice(start, start + _BLOCK)
            images[rows] = drawing.images(latents[rows], None if labels is None else labels[rows])
            if write is not None:
                write(start, images[rows])
            bar.update(len(images[rows]))
    return images


def _png_writer(
    out: pathlib.Path, num_classes: int, labels: np.ndarray | None, count: int
) -> Callable[[int, np.ndarray], None]:
    digits, width = max(6, len(str(count - 1))), len(str(max(num_classes - 1, 0)))

    def write(start: int, images: np.ndarray) -> None:
        for number, image in enumerate(images, start):
            # Names of one length, so that their order is that of the numbers.
            folder = out if labels is None else out / f"{labels[number]:0{width}d}"
            save_png(folder / f"{number:0{digits}d}.png", image)

    return write


def _write_npz(path: pathlib.Path, images: np.ndarray, labels: np.ndarray | None) -> None:
    arrays = {"images": images} | ({} if labels is None else {"labels": labels})
    with new_file(path) as file:
        np.savez_compressed(file, **arrays)
