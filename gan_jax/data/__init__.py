"""Images from anywhere, as one kind of dataset and in one reproducible order."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

from gan_jax.data.batches import batch_indices, stream_batches
from gan_jax.data.dataset import Dataset
from gan_jax.data.folder import load_folder
from gan_jax.data.idx import find_idx_sets, load_idx
from gan_jax.data.mnist5k import load_mnist5k
from gan_jax.data.npz import load_npz
from gan_jax.data.options import SourceOptions
from gan_jax.data.tfds_source import load_tfds
from gan_jax.errors import InputError, nearest

__all__ = ["Dataset", "batch_indices", "load", "read_images", "stream_batches"]

_LOADERS = {
    "mnist5k": load_mnist5k,
    "idx": load_idx,
    "folder": load_folder,
    "npz": load_npz,
    "tfds": load_tfds,
}
_SPLITS = ("train", "test", "all")
_TFDS_PREFIX = "tfds:"


def load(config: Mapping[str, Any], split: str) -> Dataset:
    """Reads one split of the set that a config's `dataset` section names.

    Args:
        config: `name` ('mnist5k', 'idx', 'folder', 'npz' or 'tfds') and any fields of
            `SourceOptions`: path, tfds_name, image_size, resize, channels, test_fraction,
            memory_limit_mb. Other fields are not looked at.
        split: 'train', 'test', or 'all' for both.

    Returns:
        A dataset, in memory if its images fit under `memory_limit_mb`, else streamed.

    Raises:
        InputError: anything that cannot work: what, and how to mend it.
    """
    name = config["name"]
    if name not in _LOADERS:
        raise InputError(f"dataset.name '{name}' is unknown: {nearest(name, tuple(_LOADERS))}")
    if split not in _SPLITS:
        raise InputError(f"split '{split}' is unknown: {nearest(split, _SPLITS)}")
    return _LOADERS[name](SourceOptions.of(config), split)


def read_images(path_or_name: str, *, split: str = "all", **options: Any) -> Dataset:
    """Reads anybody's images: samples to judge, or a reference to judge them by.

    Args:
        path_or_name: a folder of images or of idx files, an .npz or .npy file, a folder of .npy
            files, 'mnist5k', or 'tfds:NAME'.
        split: 'all' for every image there is, 'train' or 'test' as `load` divides them.
        options: fields of `SourceOptions`, such as image_size=(64, 64).

    Raises:
        InputError: as `load`.
    """
    name = _recognised(path_or_name)
    if name == "tfds":
        options["tfds_name"] = path_or_name.removeprefix(_TFDS_PREFIX)
    elif name != "mnist5k":
        options["path"] = path_or_name
    return load({"name": name, **options}, split)


def _recognised(path_or_name: str) -> str:
    """The loader for what `read_images` was given."""
    if path_or_name in ("mnist5k", ""):
        return path_or_name
    if path_or_name.startswith(_TFDS_PREFIX):
        return "tfds"
    path = pathlib.Path(path_or_name).expanduser()
    if path.suffix in (".npz", ".npy"):
        return "npz"
    if path.is_file():
        raise InputError(
            f"'{path}' is a file, and not .npz or .npy: give one of those, or a folder of images."
        )
    if find_idx_sets(path):
        return "idx"
    if path.is_dir():
        return "npz" if any(path.glob("*.npy")) else "folder"
    raise InputError(
        f"'{path_or_name}' is neither a file, a folder nor a known set: "
        f"{nearest(path_or_name, ('mnist5k', 'tfds:NAME'))}"
    )
