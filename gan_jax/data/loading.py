"""From a name or a place to a dataset."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from gan_jax.data.array_files import array_files
from gan_jax.data.built_in import load_mnist5k, load_textures, texture_parts
from gan_jax.data.crops import split_regions
from gan_jax.data.dataset import Dataset, check_same_shape
from gan_jax.data.disk import open_regular, path_of
from gan_jax.data.folder import folder_files, folder_parts, load_folder
from gan_jax.data.given import given_images
from gan_jax.data.hf import is_hf, load_hf
from gan_jax.data.idx import find_idx_sets, load_idx
from gan_jax.data.moving import load_moving_digits
from gan_jax.data.npz import load_npz
from gan_jax.data.options import SourceOptions
from gan_jax.data.procedural import load_procedural
from gan_jax.data.shards import is_shards, load_shards
from gan_jax.data.stacked import load_stacked_mnist
from gan_jax.data.tfds_source import load_tfds, tfds_parts
from gan_jax.data.trees import holds_images
from gan_jax.data.videos import holds_videos, load_videos
from gan_jax.data.zips import open_zip
from gan_jax.errors import InputError, nearest

_LOADERS = {
    "mnist5k": load_mnist5k,
    "idx": load_idx,
    "folder": load_folder,
    "npz": load_npz,
    "tfds": load_tfds,
    "hf": load_hf,
    "webdataset": load_shards,
    "textures": load_textures,
    "procedural": load_procedural,
    "stacked_mnist": load_stacked_mnist,
    "moving_digits": load_moving_digits,
    "videos": load_videos,
}
_PHOTOGRAPHS = {"textures": texture_parts, "folder": folder_parts, "tfds": tfds_parts}
_BUILT_IN = ("mnist5k", "textures", "procedural", "stacked_mnist", "moving_digits")
_SPLITS = ("train", "test", "all")
_TFDS_PREFIX = "tfds:"
_WITH_WHITE = ("folder", "npz", "idx", "hf", "webdataset")
_PICKLE = b"\x80"


def load(config: Mapping[str, Any], split: str) -> Dataset:
    """Reads one split of the set that a config's `dataset` section names.

    The dataset is in memory if its images fit under `memory_limit_mb`, else streamed.

    Args:
        config: `name` ('mnist5k', 'idx', 'folder', 'npz', 'tfds', 'hf', 'webdataset', 'textures',
            'procedural', 'stacked_mnist', 'moving_digits' or 'videos', or several of these with
            '+', whose classes then stand one after another) and any fields of the options in
            `gan_jax.data.options`, such as path, image_size, channels, crops, num_crops, kinds.
            Other fields are ignored.
        split: 'train', 'test', or 'all' for both.

    Raises:
        InputError: anything that cannot work: what, and how to mend it.
    """
    if "+" in config["name"]:
        names = config["name"].split("+")
        return _together([load({**config, "name": name}, split) for name in names])
    name = _checked_name(config, split)
    options = SourceOptions.of(config)
    if options.cut.crops and name not in _PHOTOGRAPHS:
        raise InputError(
            f"dataset.crops is '{options.cut.crops}', and '{name}' is not cut into crops: only "
            f"{', '.join(_PHOTOGRAPHS)} are; give crops='' for its images as they are."
        )
    if options.white and name not in _WITH_WHITE:
        raise InputError(
            f"dataset.white is {options.white:g}, and '{name}' has a known white: only "
            f"{', '.join(_WITH_WHITE)} take it; leave it at 0."
        )
    return _LOADERS[name](options, split)


def _together(sets: list[Dataset]) -> Dataset:
    """Labelled sets as one, in memory; the classes of each follow those of the sets before it."""
    labels = []
    for one in sets:
        if one.labels is None:
            raise InputError(f"{one.name} has no labels, and sets are joined by their classes.")
        check_same_shape(sets[0], one)
        labels.append(one.labels)
    firsts = np.cumsum([0, *(one.num_classes or 0 for one in sets)])
    return Dataset(
        name="+".join(one.name for one in sets),
        split=sets[0].split,
        images=np.concatenate([one.all_images() for one in sets]),
        labels=np.concatenate([own + np.int32(first) for own, first in zip(labels, firsts)]),
        class_names=tuple(name for one in sets for name in one.label_names),
        own_parts=all(one.own_parts for one in sets),
        cropped=any(one.cropped for one in sets),
    )


def load_photographs(config: Mapping[str, Any], split: str) -> dict[str, list[np.ndarray]]:
    """The photographs that crops are cut from, at full size: to show, or for baselines.

    `config` and `split` are those of `load`, with name 'textures', 'folder' or 'tfds'; crop sizes
    do not matter. By name (in a folder the file's path) a list of uint8 [h, w, c]: the split's
    regions of a divided photograph ('train' has two, above and below that of 'test'), or the whole
    one.
    """
    name = _checked_name(config, split)
    if name not in _PHOTOGRAPHS:
        raise InputError(
            f"dataset.name '{name}' has no photographs that crops are cut from: "
            f"{nearest(name, _PHOTOGRAPHS)}"
        )
    options = SourceOptions.of(config)
    pictures = {}
    for part in _PHOTOGRAPHS[name](options, split):
        for index, (title, size) in enumerate(zip(part.photographs.names, part.photographs.sizes)):
            shown = split if part.divided else "all"
            picture = part.photographs.read(index)
            pictures[title] = [
                picture[top : top + height, left : left + width]
                for top, left, height, width in split_regions(size, shown, options.cut.held_out)
            ]
    return pictures


def _checked_name(config: Mapping[str, Any], split: str) -> str:
    name = config["name"]
    if name not in _LOADERS:
        raise InputError(f"dataset.name '{name}' is unknown: {nearest(name, tuple(_LOADERS))}")
    if split not in _SPLITS:
        raise InputError(f"split '{split}' is unknown: {nearest(split, _SPLITS)}")
    return name


def read_images(
    path_or_name: Any, *, split: str = "all", divide: bool = False, **options: Any
) -> Dataset:
    """Reads anybody's images: samples to judge, or a reference to judge them by.

    Sets with parts of their own are folders 'train' and 'test', arrays x_train and x_test, idx
    files of both, TFDS splits, the built-in sets. Other sets are read whole whatever part is asked
    for, unless `divide`: the dataset's `split` then is 'all' and its `own_parts` False.

    Args:
        path_or_name: a folder or a zip of images, a folder of idx files (torchvision's root too),
            an .npz or .npy file, a folder of .npy files, a set of Hugging Face's `datasets` saved
            on disk, parquet files, WebDataset's shards, 'mnist5k', 'textures', 'procedural',
            'stacked_mnist', 'moving_digits', or 'tfds:NAME'. A folder of videos gives clips. Or
            images in memory, see `gan_jax.data.given.given_images`.
        split: 'all' for every image there is, or the part 'train' or 'test'.
        divide: whether a set without parts of its own is divided as `load` does for a run.
        options: fields of `SourceOptions`; a folder of mixed sizes needs image_size=(64, 64) or
            such.
    """
    if not isinstance(path_or_name, str | os.PathLike):
        return given_images(path_or_name, name="images in memory", **options)
    path_or_name = os.fspath(path_or_name)
    name = source_at(path_or_name)
    options["divide"] = divide
    if name == "tfds":
        options["tfds_name"] = path_or_name.removeprefix(_TFDS_PREFIX)
    elif name not in _BUILT_IN:
        options["path"] = path_or_name
    return load({"name": name, **options}, split)


def image_files(path_or_name: str) -> list[str] | None:
    """The files behind `read_images` with split 'all', in its order; None if it is no folder.

    Paths are relative to the folder, with '/', and `printable`.
    """
    if source_at(path_or_name) != "folder":
        return None
    return folder_files(path_of(path_or_name))


def holds_photographs(folder: str | pathlib.Path) -> bool:
    """Whether `read_images` takes a folder for one of image files, and not of arrays or idx."""
    return source_at(str(folder)) == "folder"


def source_at(path_or_name: str) -> str:
    """Which source reads what `read_images` was given: 'folder', 'npz', 'idx', 'tfds', ...

    Raises:
        InputError: nothing there, or a file of no kind that is read.
    """
    if path_or_name == "" or set(path_or_name.split("+")) <= set(_BUILT_IN):
        return path_or_name
    if path_or_name.startswith(_TFDS_PREFIX):
        return "tfds"
    path = path_of(path_or_name)
    try:
        is_folder, there = path.is_dir(), path.exists()
    except (OSError, ValueError) as error:  # too long, forbidden, or with a null in it
        raise InputError(f"'{path_or_name}' cannot be looked at ({error}).") from error
    if there and is_hf(path):
        return "hf"
    if there and is_shards(path):
        return "webdataset"
    if there and not is_folder:
        return _recognised_file(path)
    if find_idx_sets(path):
        return "idx"
    if is_folder:
        if holds_videos(path):
            return "videos"
        return "npz" if array_files(path) and not holds_images(path) else "folder"
    raise InputError(
        f"'{path_or_name}' is neither a file, a folder nor a known set: "
        f"{nearest(path_or_name, (*_BUILT_IN, 'tfds:NAME'))}"
    )


def _recognised_file(path: pathlib.Path) -> str:
    ending = path.suffix.lower()
    if ending in (".npz", ".npy"):
        return "npz"
    if ending == ".zip":
        with open_zip(path) as archive:
            arrays = [name.endswith(".npy") for name in archive.namelist()]
        return "npz" if arrays and all(arrays) else "folder"
    with open_regular(path) as file:
        pickled = file.read(1) == _PICKLE
    if pickled:
        raise InputError(
            f"'{path}' looks like a pickle, as CIFAR's data_batch files are, and "
            "pickles are not read, as one can run programs: give tfds:cifar10, or an .npz file "
            "with x_train, y_train, x_test and y_test."
        )
    raise InputError(
        f"'{path}' is a file, and not .npz, .npy, .zip, .tar or .parquet: give one of those, "
        "or a folder of images."
    )
