"""Arrays of images: an .npz file, a .npy file, or a folder of .npy files.

A .npy file, alone or in a folder, can be larger than memory: it is then memory-mapped.
"""

from __future__ import annotations

import functools
import pathlib
import zipfile
import zlib
from typing import NamedTuple

import numpy as np
import tqdm

from gan_jax.data.arrays import as_image_array, pixel_range, row_keys
from gan_jax.data.dataset import Dataset
from gan_jax.data.labels import check_count, int32_labels
from gan_jax.data.options import SourceOptions
from gan_jax.data.progress import progress_bar
from gan_jax.data.sources import ArraySource, JoinedSource, make_dataset
from gan_jax.data.split import split_indices
from gan_jax.errors import InputError

_DIVIDED_KEYS = (("x_{}", "y_{}"), ("{}_images", "{}_labels"))
_WHOLE_KEYS = (("images", "labels"), ("x", "y"), ("arr_0", "arr_1"))
_EXPECTED = "'images' and 'labels', or 'x_train', 'y_train', 'x_test' and 'y_test'"


class _Keys(NamedTuple):
    images: str
    labels: str | None


class ArrayFile:
    """The arrays stored under a path, by key; each is read when asked for. Never unpickles.

    Args:
        path: an .npz file, a .npy file (key 'images'), or a folder of .npy files.
        memory_limit: bytes; what takes more is not read whole.

    Raises:
        InputError: not such a file, or damaged.
    """

    def __init__(self, path: pathlib.Path, memory_limit: int) -> None:
        self.path, self._limit = path, memory_limit
        self._members: dict[str, zipfile.ZipInfo] = {}
        self._files: dict[str, pathlib.Path] = {}
        if path.is_dir():
            self._files = {file.stem: file for file in sorted(path.glob("*.npy"))}
        elif path.suffix == ".npy":
            self._files = {"images": path}
        else:
            try:
                with zipfile.ZipFile(path) as archive:
                    for member in archive.infolist():
                        self._members[member.filename.removesuffix(".npy")] = member
            except (OSError, zipfile.BadZipFile) as error:
                raise InputError(
                    f"'{path}' is no .npz file, or a damaged one ({error}): write it with "
                    "numpy.savez_compressed."
                ) from error

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of the arrays."""
        return tuple(self._files or self._members)

    def where(self, key: str) -> str:
        """The array's place, for messages."""
        return f"array '{key}' of '{self.path}'" if self._members else f"'{self._files[key]}'"

    def read(self, key: str) -> np.ndarray:
        """The array: memory-mapped from a .npy file, in memory from an .npz file.

        Raises:
            InputError: pickled objects, damaged, or packed and over the memory limit.
        """
        try:
            if self._files:
                return np.load(self._files[key], mmap_mode="r", allow_pickle=False)
            return self._unpacked(key)
        except (ValueError, EOFError, OSError, zlib.error, zipfile.BadZipFile) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{self.where(key)} cannot be read ({error}): it must be a plain array of "
                "numbers, not pickled objects, in an undamaged file; write it again."
            ) from error

    def _unpacked(self, key: str) -> np.ndarray:
        member = self._members[key]
        if member.file_size > self._limit:
            raise InputError(
                f"{self.where(key)} takes {member.file_size / 2**20:.0f} MiB, over "
                "dataset.memory_limit_mb, and an .npz file cannot be streamed: save it as a .npy "
                "file (several in one folder, named by key), or raise the limit."
            )
        bar = progress_bar(f"reading {self.path.name}", member.file_size, "B")
        with bar, zipfile.ZipFile(self.path) as archive, archive.open(member) as file:
            return np.lib.format.read_array(
                tqdm.utils.CallbackIOWrapper(bar.update, file, "read"), allow_pickle=False
            )


def _find_keys(file: ArrayFile) -> dict[str, _Keys]:
    """The keys of each part: {'train': ..., 'test': ...} or, undivided, {'all': ...}."""
    keys = file.keys
    for image_key, label_key in _DIVIDED_KEYS:
        found = {}
        for part in ("train", "test"):
            images, labels = image_key.format(part), label_key.format(part)
            if images in keys:
                found[part] = _Keys(images, labels if labels in keys else None)
        if len(found) == 2:
            return found
        if found:
            return {"all": next(iter(found.values()))}
    for images, labels in _WHOLE_KEYS:
        if images in keys:
            return {"all": _Keys(images, labels if labels in keys else None)}
    if len(keys) == 1:
        return {"all": _Keys(keys[0], None)}
    raise InputError(
        f"'{file.path}' holds {', '.join(keys) or 'no arrays'}: expected arrays named {_EXPECTED}."
    )


def load_npz(options: SourceOptions, split: str) -> Dataset:
    """Arrays as a dataset.

    Images are uint8 [n, h, w] or [n, h, w, c], or floats clearly in [0, 1] or [-1, 1]; labels are
    integers [n]; 'class_names', if there, is an array of strings. Without a test part,
    `options.test_fraction` of each class is held out, see `split_indices`.

    Raises:
        InputError: missing or damaged files; arrays of another layout, dtype or range; NaN;
            labels that do not fit.
    """
    path = options.existing_path("an .npz file, a .npy file or a folder of .npy files")
    file = ArrayFile(path, options.memory_limit)
    keys = _find_keys(file)
    labels = {
        part: int32_labels(file.read(key), where=file.where(key))
        for part, (_, key) in keys.items()
        if key
    }
    own_parts = "all" not in keys
    if not (own_parts or options.divide):
        split = "all"
    parts, part_labels = [], []
    for part in (split,) if own_parts and split != "all" else keys:
        where = file.where(keys[part].images)
        array = as_image_array(file.read(keys[part].images), where)
        if part in labels:
            check_count(labels[part], len(array), file.where(keys[part].labels))
        hashed = functools.cache(functools.partial(row_keys, array))
        indices = split_indices(
            hashed,
            len(array),
            labels.get(part),
            split="all" if own_parts else split,
            test_fraction=options.test_fraction,
        )
        parts.append(
            ArraySource(
                array,
                pixel_range=pixel_range(array, where),
                indices=indices,
                preprocess=options.preprocess,
                keys=hashed,
            )
        )
        if part in labels:
            part_labels.append(labels[part][indices])
    if len({part.image_shape for part in parts}) > 1:
        raise InputError(
            f"training and test images of '{path}' differ in size: "
            f"{' and '.join(str(part.image_shape) for part in parts)}; give dataset.image_size."
        )
    return make_dataset(
        parts[0] if len(parts) == 1 else JoinedSource(parts),
        name=f"npz:{path.resolve().stem}",
        split=split,
        labels=np.concatenate(part_labels) if len(part_labels) == len(parts) else None,
        class_names=_class_names(file, list(labels.values())),
        options=options,
        own_parts=own_parts,
    )


def _class_names(file: ArrayFile, labels: list[np.ndarray]) -> tuple[str, ...] | None:
    """The names stored, or else the numbers up to the greatest label of any part."""
    if "class_names" in file.keys:
        return tuple(str(name) for name in file.read("class_names"))
    if not labels:
        return None
    return tuple(str(number) for number in range(max(part.max() for part in labels) + 1))
