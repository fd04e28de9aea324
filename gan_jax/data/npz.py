"""Arrays of images as a dataset: an .npz file, a .npy file, or a folder of .npy files.

A .npy file, alone or in a folder, can be larger than memory: it is then memory-mapped. So can an
.npz file that is not packed.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gan_jax.data.array_files import ArrayFile
from gan_jax.data.arrays import as_image_array, row_keys
from gan_jax.data.dataset import Dataset
from gan_jax.data.known_sets import known_class_names
from gan_jax.data.labels import check_count, class_labels, texts
from gan_jax.data.notices import notice
from gan_jax.data.options import SourceOptions
from gan_jax.data.sources import array_source, make_dataset
from gan_jax.data.split import split_indices
from gan_jax.errors import InputError, printable

# The images' name, and the labels'; of several the first that is there is taken.
_DIVIDED_KEYS = {"x_{}": "y_{}", "X_{}": "y_{}", "{}_images": "{}_labels"}
_WHOLE_KEYS = {
    "images": ("labels",),
    "image": ("label",),
    "x": ("y",),
    "X": ("y",),
    "data": ("labels", "targets"),
    "arr_0": ("arr_1",),
}
_CLASS_NAMES = "class_names"
_VALIDATION = ("val", "valid", "validation")
_CIFAR_ROW = (3, 32, 32)
_MOST_NAMES = 100_000
_EXPECTED = "'images' and 'labels', or 'x_train', 'y_train', 'x_test' and 'y_test'"


class _Keys(NamedTuple):
    images: str
    labels: str | None


def _find_keys(file: ArrayFile) -> dict[str, _Keys]:
    """The keys of each part: {'train': ..., 'test': ...} or, undivided, {'all': ...}."""
    keys = file.keys
    for images, labels in _DIVIDED_KEYS.items():
        found = {
            part: _Keys(images.format(part), _first([labels.format(part)], keys))
            for part in ("train", "test", *_VALIDATION)
            if images.format(part) in keys
        }
        if found:
            return _two_parts(file, found)
    for images, names in _WHOLE_KEYS.items():
        if images in keys:
            return {"all": _Keys(images, _first(names, keys))}
    if len(keys) == 1:
        return {"all": _Keys(keys[0], None)}
    raise InputError(
        f"'{file.path}' holds {', '.join(keys[:8]) or 'no arrays'}: expected "
        f"arrays named {_EXPECTED}."
    )


def _first(names: Sequence[str], keys: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in keys), None)


def _two_parts(file: ArrayFile, found: dict[str, _Keys]) -> dict[str, _Keys]:
    """Training and test part of those found; a validation part is the test part if none is."""
    validation = [part for part in _VALIDATION if part in found]
    if "train" in found and "test" not in found and validation:
        found["test"] = found.pop(validation.pop(0))
    if "train" in found and "test" in found:
        if validation:
            unused = ", ".join(f"'{found[part].images}'" for part in validation)
            notice(f"'{file.path}': passed over {unused}, beside a test part.")
        return {"train": found["train"], "test": found["test"]}
    if len(found) > 1:
        raise InputError(
            f"'{file.path}' has the parts {', '.join(found)}, and none for training: "
            f"expected arrays named {_EXPECTED}."
        )
    return {"all": next(iter(found.values()))}


def load_npz(options: SourceOptions, split: str) -> Dataset:
    """Arrays as a dataset.

    Images are uint8 [n, h, w] or [n, h, w, c], floats clearly in [0, 1] or [-1, 1], or any numbers
    from 0 to `options.white`; 'data' may also be CIFAR's rows [n, 3072]. Labels are class numbers,
    names or one-hot rows (`class_labels`); 'class_names' is an array of strings. Without a test
    part, `options.test_fraction` of each class is held out (`split_indices`).
    """
    path = options.existing_path("an .npz file, a .npy file or a folder of .npy files")
    file = ArrayFile(path, options.memory_limit)
    keys = _find_keys(file)
    labels, class_names = _labels(file, keys)
    own_parts = "all" not in keys
    if not (own_parts or options.divide):
        split = "all"
    parts, part_labels = [], []
    for part in (split,) if own_parts and split != "all" else keys:
        where = file.where(keys[part].images)
        array = as_image_array(_images(file, keys[part].images), where)
        hashed = functools.cache(functools.partial(row_keys, array))
        indices = split_indices(
            hashed,
            len(array),
            labels.get(part),
            split="all" if own_parts else split,
            test_fraction=options.test_fraction,
        )
        parts.append(array_source(array, where, indices=indices, options=options, keys=hashed))
        part_labels.append(labels[part][indices] if part in labels else None)
    name = path.resolve().stem
    return make_dataset(
        parts,
        part_labels,
        name=f"npz:{printable(name)}",
        split=split,
        class_names=known_class_names(name, class_names),
        options=options,
        own_parts=own_parts,
    )


def _images(file: ArrayFile, key: str) -> np.ndarray:
    """The array as stored; CIFAR's rows [n, 3072] as [n, 32, 32, 3]."""
    array = file.read(key)
    if key == "data" and array.ndim == 2 and array.shape[1] == np.prod(_CIFAR_ROW):
        return array.reshape(-1, *_CIFAR_ROW).transpose(0, 2, 3, 1)
    return array


def _labels(
    file: ArrayFile, keys: dict[str, _Keys]
) -> tuple[dict[str, np.ndarray], tuple[str, ...] | None]:
    stored, where = {}, {}
    for part, (images, key) in keys.items():
        if key:  # checked before either is read
            where[part] = file.where(key)
            check_count(_rows(file, key), _rows(file, images), where[part])
            stored[part] = file.read(key)
    labels, names = class_labels(stored, where)
    if _CLASS_NAMES in file.keys and labels:
        names = _stored_names(file)
    return labels, names


def _rows(file: ArrayFile, key: str) -> int:
    return (file.header(key).shape or (0,))[0]


def _stored_names(file: ArrayFile) -> tuple[str, ...]:
    where = file.where(_CLASS_NAMES)
    shape = file.header(_CLASS_NAMES).shape
    if len(shape) != 1 or shape[0] > _MOST_NAMES:
        raise InputError(f"{where} has shape {list(shape)}: expected one name a class, [classes].")
    try:
        return tuple(map(printable, texts(file.read(_CLASS_NAMES))))
    except ValueError as error:  # no valid text
        raise InputError(f"{where} holds no valid texts: write it again.") from error
