"""What a user names as a texture, of any size, cut into crops of one size."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax.data import Dataset, holds_photographs, read_images
from gan_jax.data.crops import Photographs, Region, even_shares, photograph_keys, random_windows
from gan_jax.data.decode import EXTENSIONS, decode_image
from gan_jax.data.disk import path_of
from gan_jax.data.folder import file_keys, folder_parts
from gan_jax.data.listing import Parts
from gan_jax.data.options import SourceOptions
from gan_jax.data.preprocess import convert_channels
from gan_jax.data.progress import progress_bar
from gan_jax.errors import InputError, printable
from gan_jax.extractors.common import shape_text

CROP = 64  # side of a crop in pixels where both sides are photographs and none is given
MOST_CROPS = 2000  # a side
_FEWEST = 4
_BUILT_IN = {"textures": "photographs", "procedural": "kinds"}


@dataclasses.dataclass(frozen=True)
class Cutting:
    """How images are cut into crops before they are compared.

    Attributes:
        crop: side of a crop in pixels; 0: sets are compared as they are, and photographs are cut to
            the size of the other side's images, or to 64 x 64.
        num_crops: crops a side at random places, which overlap; 0 for all of a grid, which do not.
        grey: whether both sides are turned to grey first.
        seed: of random places.

    Raises:
        InputError: a number below 0.
    """

    crop: int = 0
    num_crops: int = 0
    grey: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("crop", "num_crops", "seed"):
            if getattr(self, name) < 0:
                raise InputError(f"--{name}={getattr(self, name)}: expected 0 or more.")


@dataclasses.dataclass(frozen=True, eq=False)
class TextureSide:
    """One side of a comparison.

    Attributes:
        name: where it comes from, such as 'photograph:brick.png'.
        split: 'train', 'test' or 'all'.
        pictures: of any sizes, which crops are cut from.
        whole: whether its images have one size and may be compared as they are.
    """

    name: str
    split: str
    pictures: Photographs
    whole: bool


def open_side(path: str, split: str, cutting: Cutting) -> TextureSide:
    """What a user names, ready to be cut.

    Args:
        path: an image file (one photograph), a folder of them, an npz or npy file, a folder of idx
            files, a set's name, or a part of a built-in one such as 'textures:brick'.
        split: 'train', 'test' or 'all' of a set or a folder; a photograph has none, and of an array
            without parts of its own all is taken.
        cutting: its crop is the size at which built-in textures are made.

    Raises:
        InputError: nothing there, damaged, or a folder whose split is not clear.
    """
    name, _, part = path.partition(":")
    if name in _BUILT_IN:
        options: dict[str, Any] = {_BUILT_IN[name]: part} if part else {}
        if cutting.crop:
            options["image_size"] = (cutting.crop, cutting.crop)
        return _of_dataset(read_images(name, split=split, **options), path, cutting)
    file = path_of(path)
    if file.suffix.lower() in EXTENSIONS and not file.is_dir():
        if not file.is_file():
            raise InputError(f"there is no file '{path}': give a photograph, a folder or a set.")
        picture = decode_image(file)
        keys = functools.partial(file_keys, file.parent, [file.name])
        pictures = Photographs(
            [path], [picture.shape[:2]], picture.shape[2], lambda _: picture, keys
        )
        return _made(f"photograph:{file.name}", "all", pictures, cutting)
    if file.is_dir() and holds_photographs(file):
        return _of_folder(file, split, cutting)
    return _of_dataset(read_images(path, split=split), None, cutting)


def crop_size(sides: Sequence[TextureSide], cutting: Cutting) -> tuple[int, int]:
    """(height, width) at which the sides are compared.

    Raises:
        InputError: two sets of different sizes without a crop; a picture smaller than a crop.
    """
    sizes = [side.pictures.sizes[0] for side in sides if side.whole]
    if cutting.crop:
        size = (cutting.crop, cutting.crop)
    elif len(set(sizes)) > 1:
        smaller = min(map(min, sizes))
        raise InputError(
            f"'{sides[0].name}' has images of {shape_text(sizes[0])} and '{sides[1].name}' of "
            f"{shape_text(sizes[1])} (height x width): give --crop={smaller} to cut both into "
            f"crops of {smaller}x{smaller}."
        )
    else:
        size = sizes[0] if sizes else (CROP, CROP)
    for side in sides:
        for title, (height, width) in zip(side.pictures.names, side.pictures.sizes):
            if height < size[0] or width < size[1]:
                raise InputError(
                    f"'{title}' is {height}x{width} (height x width), smaller than a crop of "
                    f"{shape_text(size)}: give --crop={max(min(height, width) // 2, 1)} or less."
                )
    return size


def cut_crops(side: TextureSide, size: tuple[int, int], cutting: Cutting) -> np.ndarray:
    """Crops of a side, uint8 [n, *size, c], picture after picture; at most 2,000, seeded.

    They depend on the seed and on the pictures, and not on their names or order.

    Raises:
        InputError: fewer than four.
    """
    pictures = side.pictures
    places = _places(pictures, size, cutting)
    if len(places) > MOST_CROPS:
        chosen = np.random.default_rng(cutting.seed).permutation(len(places))[:MOST_CROPS]
        places = places[np.sort(chosen)]
    if len(places) < _FEWEST:
        raise InputError(
            f"'{side.name}' gives {len(places)} crop(s) of {shape_text(size)}, and at least "
            f"{_FEWEST} are needed, hundreds to mean something: give a smaller --crop, more or "
            "larger images, or --num_crops=100 for crops that overlap."
        )
    crops = np.empty((len(places), *size, pictures.channels), np.uint8)
    last = -1
    with progress_bar(f"cutting {side.name}", len(places), " crops") as bar:
        for crop, (index, top, left) in zip(crops, places.tolist()):
            if index != last:
                last, picture = index, pictures.read(index)
            crop[:] = picture[top : top + size[0], left : left + size[1]]
            bar.update()
    return crops


def _places(pictures: Photographs, size: tuple[int, int], cutting: Cutting) -> np.ndarray:
    """Picture, top and left of each crop, int64 [k, 3], picture by picture by their content."""
    shares = even_shares(cutting.num_crops, len(pictures.names))
    numbers = photograph_keys(pictures.keys())
    found = []
    for share, index in zip(shares.tolist(), np.argsort(numbers)):
        height, width = pictures.sizes[index]
        if cutting.num_crops:
            stream = np.random.Philox(key=np.array([cutting.seed, numbers[index]], np.uint64))
            draws = np.asarray(stream.random_raw(share), np.uint64)
            corners = random_windows([Region(0, 0, height, width)], size, draws)
        else:  # what does not fit is left over evenly at both ends
            axes = [
                np.arange(side % crop // 2, side - crop + 1, crop)
                for side, crop in zip((height, width), size)
            ]
            corners = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        found.append(np.column_stack([np.full(len(corners), index), corners]))
    return np.concatenate(found).astype(np.int64)


def _of_folder(root: pathlib.Path, split: str, cutting: Cutting) -> TextureSide:
    divided = Parts.of(root)
    if split != "all":
        if divided is None:
            raise InputError(
                f"folder '{root}' has no subfolder '{split}': add it, or give "
                "--reference_split=all for every image there is."
            )
        root = root / {"train": divided.train, "test": divided.test}[split]
    elif divided:
        raise InputError(
            f"folder '{root}' has subfolders '{divided.train}' and '{divided.test}': "
            f"give the one that is meant, such as '{root / divided.test}'."
        )
    parts = folder_parts(SourceOptions(path=str(root)), "all")
    if not parts[0].divided:
        raise InputError(f"folder '{root}' is divided once more: give the folder that is meant.")
    return _made(f"folder:{printable(root.resolve().name)}", split, parts[0].photographs, cutting)


def _of_dataset(dataset: Dataset, name: str | None, cutting: Cutting) -> TextureSide:
    height, width, channels = dataset.image_shape
    pictures = Photographs(
        names=[f"{dataset.name}[{index}]" for index in range(len(dataset))],
        sizes=[(height, width)] * len(dataset),
        channels=channels,
        read=lambda index: dataset.take([index])[0],
        keys=lambda: dataset.content_keys,
    )
    return _made(name or dataset.name, dataset.split, pictures, cutting)


def _made(name: str, split: str, pictures: Photographs, cutting: Cutting) -> TextureSide:
    """A side, turned grey if that is asked for."""
    if cutting.grey and pictures.channels != 1:
        if pictures.channels != 3:
            raise InputError(
                f"'{name}' has {pictures.channels} channels, which --grey cannot turn into one: "
                "store 1 or 3."
            )
        colour = pictures.read
        pictures = dataclasses.replace(
            pictures, channels=1, read=lambda index: convert_channels(colour(index), 1)
        )
    whole = len(set(pictures.sizes)) == 1 and len(pictures.sizes) >= _FEWEST
    return TextureSide(name, split, pictures, whole)


def check_channels(sides: Sequence[TextureSide]) -> None:
    """Raises InputError if one side is grey and the other has colour."""
    a, b = ((side.name, side.pictures.channels) for side in sides)
    if a[1] != b[1]:
        raise InputError(
            f"'{a[0]}' has {a[1]} channel(s) and '{b[0]}' has {b[1]}: give --grey to compare both "
            "in grey, or store them alike."
        )


def usual_split(reference: str) -> str:
    """'test' where a set has parts of its own; 'all' of a folder of photographs that has none."""
    path = path_of(reference)
    undivided = path.is_dir() and holds_photographs(path) and Parts.of(path) is None
    return "all" if undivided else "test"


def describe_crops(sides: Sequence[TextureSide], size: tuple[int, int], cutting: Cutting) -> str:
    """How the images compared came about, in words."""
    if cutting.num_crops or any(side.name.startswith("textures") for side in sides):
        return "crops at random places: where they overlap, the floor is lower than it should be"
    if all(side.whole and side.pictures.sizes[0] == size for side in sides):
        return "whole images"
    return "crops on a grid, none overlapping"
