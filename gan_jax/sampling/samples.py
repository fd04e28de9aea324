"""A set of samples as files: PNGs in a folder or one npz, with a record of their origin."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import numpy as np

from gan_jax.data.disk import new_folder, open_folder, path_of, write_json
from gan_jax.data.progress import progress_bar
from gan_jax.errors import InputError
from gan_jax.runtime.images import FRAMES_PER_SECOND, image_grid, save_png
from gan_jax.sampling.animation import FORMATS, check_animation, save_animation
from gan_jax.sampling.drawing import Drawing, Source, images_digest
from gan_jax.sampling.place import check_new, recorded_file
from gan_jax.sampling.selection import RECORD, Drawn, Selection, draw_selected, open_selection

_BLOCK = 1000
_NO_FOLDER = re.compile(r"^\.|[/\\:*?\"<>|\0]|[. ]$|^$")  # on one system or another


def export_samples(
    source: Source, count: int, out: str | pathlib.Path, selection: Selection | None = None
) -> dict[str, Any]:
    """Writes `count` images, and a JSON record of their origin; returns the record.

    A folder appears whole or not at all, and an archive never without its record. The same source
    and count give the same bytes. Image i depends on (seed, i) and the weights alone. A conditional
    GAN's classes are drawn in the mix of the training set. A texture GAN's images are crops of the
    size that it was trained on.

    Args:
        source: the generator, and its latents.
        count: how many.
        out: NAME.npz for an archive with 'images' uint8 [n, h, w, c] and, from a conditional GAN,
            'labels' int32 [n] and 'class_names', with NAME.json beside it; else a new folder for
            samples.json and PNGs 000000.png, ..., of clips GIFs, those of a conditional GAN in a
            folder for each class. Of clips also NAME.gif or NAME.mp4, for all of them side by side.
        selection: keeps those that a recogniser accepts, see `sampling.selection`; None for all.

    Raises:
        InputError: a count below 1, a place that cannot be written to or holds files already,
            images that PNG cannot hold, or see `Source.open`.
    """
    if count < 1:
        raise InputError(f"--export is {count}; expected a number of images, 1 or more.")
    out = path_of(out)
    packed = out.suffix in (".npz", *FORMATS)
    if not packed and out.suffix:
        raise InputError(f"--out '{out}' is neither a folder nor NAME.npz: give one of these.")
    if out.suffix in FORMATS:
        check_animation(out, FRAMES_PER_SECOND)
    if packed and out.is_dir():
        raise InputError(f"--out '{out}' is a folder: give the name of a file.")
    if not packed:
        check_new(out)
    drawing = source.open()
    channels, moving = drawing.image_shape[-1], len(drawing.image_shape) == 4
    if out.suffix in FORMATS and not moving:
        raise InputError(f"--out '{out}' is an animation, and these are images: give a folder.")
    if not packed and channels not in (1, 3):
        raise InputError(
            f"--out '{out}' is a folder for PNGs, and these images have {channels} channels: give "
            "NAME.npz."
        )
    selecting = None if selection is None else (selection, open_selection(selection, drawing))
    open_folder(out.parent if packed else out.resolve().parent, "--out")
    if selecting is None:
        drawn = _draw(drawing, count)
    else:
        drawn = draw_selected(drawing, *selecting, count)
    record = {
        "images": count,
        "format": out.suffix[1:] if packed else "gif" if moving else "png",
        "labels": None if drawn.labels is None else "drawn in the mix of the training set",
        **drawing.record(),
        **({} if selection is None else {"selection": drawn.record}),
        "images_sha256": images_digest(drawn.images),
    }
    if out.suffix in FORMATS:
        save_animation(out, image_grid(drawn.images), FRAMES_PER_SECOND)
        write_json(out.with_suffix(".json"), record)
    elif packed:
        _write_npz(out, drawn, drawing.class_names, record)
    else:
        with new_folder(out) as folder:
            _write_pngs(folder, drawn, _folder_names(drawing))
            write_json(folder / RECORD, record)
    return record


def _draw(drawing: Drawing, count: int) -> Drawn:
    latents, labels = drawing.latents(count), drawing.labels(count)
    images = np.empty((count, *drawing.image_shape), np.uint8)
    with progress_bar("exporting", count, " images") as bar:
        for start in range(0, count, _BLOCK):
            rows = slice(start, start + _BLOCK)
            images[rows] = drawing.images(latents[rows], None if labels is None else labels[rows])
            bar.update(len(images[rows]))
    return Drawn(images, labels, {})


def _folder_names(drawing: Drawing) -> tuple[str, ...]:
    """Of each class: its name where all can be folders, else its number in digits of one length."""
    names = drawing.class_names
    if names and not any(_NO_FOLDER.search(name) for name in names):
        return names
    width = len(str(max(drawing.num_classes - 1, 0)))
    return tuple(f"{label:0{width}d}" for label in range(drawing.num_classes))


def _write_pngs(folder: pathlib.Path, drawn: Drawn, class_folders: tuple[str, ...]) -> None:
    digits = max(6, len(str(len(drawn.images) - 1)))
    with progress_bar("writing", len(drawn.images), " images") as bar:
        for number, image in enumerate(drawn.images):
            label = "" if drawn.labels is None else class_folders[drawn.labels[number]]
            place = folder / label / f"{number:0{digits}d}"
            if image.ndim == 4:
                save_animation(place.with_suffix(".gif"), image, FRAMES_PER_SECOND)
            else:
                save_png(place.with_suffix(".png"), image)
            bar.update(1)


def _write_npz(
    path: pathlib.Path, drawn: Drawn, class_names: tuple[str, ...], record: dict[str, Any]
) -> None:
    arrays: dict[str, Any] = {"images": drawn.images}
    if drawn.labels is not None:
        arrays["labels"] = drawn.labels
        if class_names:
            arrays["class_names"] = np.array(class_names)
    with recorded_file(path, record) as file:
        np.savez_compressed(file, **arrays)
