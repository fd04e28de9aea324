"""LeCun's idx files, gzipped or not: MNIST, Fashion-MNIST, KMNIST, EMNIST as they come.

Format: two zero bytes, the type (8: unsigned byte), the number of dimensions, each dimension as a
big-endian uint32, then the values in C order (http://yann.lecun.com/exdb/mnist/).
"""

from __future__ import annotations

import contextlib
import gzip
import math
import pathlib
import re
import zlib
from typing import BinaryIO, NamedTuple

import numpy as np

from gan_jax.data.dataset import Dataset
from gan_jax.data.labels import check_count
from gan_jax.data.options import SourceOptions
from gan_jax.data.progress import progress_bar
from gan_jax.data.sources import ArraySource, JoinedSource, make_dataset
from gan_jax.errors import InputError

_FILE_NAME = re.compile(
    r"(?P<prefix>.*?)[-_.]?(?P<split>train|test|t10k)[-_.](?P<kind>images|labels)"
    r"[-_.]idx\d[-_.]ubyte(\.gz)?"
)
_UNSIGNED_BYTE = 8
_CHUNK = 2**22
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_MOST = 1040  # deflate cannot shrink by more, so a larger claim is a damaged header
_AGAIN = "copy or download it again."


class _Header(NamedTuple):
    shape: tuple[int, ...]
    offset: int  # bytes before the values
    gzipped: bool


def find_idx_sets(path: pathlib.Path) -> dict[str, dict[str, pathlib.Path]]:
    """The idx sets under a path, by their prefix ('' for MNIST's own names).

    Args:
        path: the folder; or folder/prefix, where it holds several sets (folder/emnist-letters).

    Returns:
        {prefix: {'train images': path, 'train labels': path, 'test images': ...}}; empty if none.
    """
    folder, prefix = (path, None) if path.is_dir() else (path.parent, path.name)
    sets: dict[str, dict[str, pathlib.Path]] = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        match = _FILE_NAME.fullmatch(file.name)
        if match and match["prefix"] == (prefix or match["prefix"]):
            split = "train" if match["split"] == "train" else "test"
            # Sorted order puts the plain file before its gzipped copy; the plain one reads faster.
            sets.setdefault(match["prefix"], {}).setdefault(f"{split} {match['kind']}", file)
    return sets


def _only_set(path: pathlib.Path) -> dict[str, pathlib.Path]:
    """The files of the one set under a path; InputError if there is none, or a choice."""
    sets = find_idx_sets(path)
    if len(sets) > 1:
        raise InputError(
            f"'{path}' holds several idx sets ({', '.join(sorted(sets))}): name one in "
            f"dataset.path, such as '{path / min(filter(None, sets))}'."
        )
    if not sets:
        raise InputError(
            f"'{path}' holds no idx files: expected train-images-idx3-ubyte, "
            "train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each "
            "with or without .gz."
        )
    return sets.popitem()[1]


def _open(path: pathlib.Path) -> BinaryIO:
    with path.open("rb") as file:
        gzipped = file.read(2) == _GZIP_MAGIC  # names lie: browsers unpack and keep the .gz
    return gzip.open(path) if gzipped else path.open("rb")


@contextlib.contextmanager
def _naming(path: pathlib.Path):
    """Turns the errors of reading, unpacking included, into one that names the file."""
    try:
        yield
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(f"'{path}' cannot be read ({error}): {_AGAIN}") from error


def read_header(path: pathlib.Path, ranks: tuple[int, ...]) -> _Header:
    """The shape an idx file claims, checked against its size on disk.

    Raises:
        InputError: not an idx file of unsigned bytes with one of `ranks` dimensions; cut short.
    """
    with _naming(path), _open(path) as file:
        gzipped = isinstance(file, gzip.GzipFile)
        magic = file.read(4)
        known = [bytes([0, 0, _UNSIGNED_BYTE, rank]) for rank in ranks]
        if magic not in known:
            raise InputError(
                f"'{path}' begins with {magic.hex(' ') or 'nothing'}, not with "
                f"{' or '.join(start.hex(' ') for start in known)}: it is no idx file of unsigned "
                f"bytes with {' or '.join(str(rank) for rank in ranks)} dimensions; {_AGAIN}"
            )
        dimensions = file.read(4 * magic[3])
    if len(dimensions) < 4 * magic[3]:
        raise InputError(f"'{path}' ends within its header: {_AGAIN}")
    shape = tuple(int(size) for size in np.frombuffer(dimensions, ">u4"))
    offset, stored = 4 + len(dimensions), path.stat().st_size
    claimed = offset + math.prod(shape)
    if claimed > stored * (_GZIP_MOST if gzipped else 1) or (not gzipped and claimed < stored):
        raise InputError(
            f"'{path}' claims shape {list(shape)}, {claimed} bytes in all, but has {stored}"
            f"{' gzipped' if gzipped else ''}: it is damaged or cut short; {_AGAIN}"
        )
    if 0 in shape:
        raise InputError(f"'{path}' has shape {list(shape)}: it is empty; {_AGAIN}")
    return _Header(shape, offset, gzipped)


def read_idx(path: pathlib.Path, header: _Header) -> np.ndarray:
    """Reads an idx file of unsigned bytes wholly into memory: uint8 of `header.shape`.

    Raises:
        InputError: damaged, cut short, or longer than its header says.
    """
    values = np.empty(math.prod(header.shape), np.uint8)
    filled = 0
    with _naming(path), _open(path) as file:
        file.read(header.offset)
        with progress_bar(f"reading {path.name}", len(values), "B") as bar:
            while count := file.readinto(memoryview(values)[filled : filled + _CHUNK]):
                filled += count
                bar.update(count)
        if filled < len(values) or file.read(1):  # the read past the end also checks gzip's CRC
            raise InputError(
                f"'{path}' claims shape {list(header.shape)} but holds "
                f"{'fewer' if filled < len(values) else 'more'} values: it is damaged or cut "
                f"short; {_AGAIN}"
            )
    return values.reshape(header.shape)


def _image_array(path: pathlib.Path, memory_limit: int) -> np.ndarray:
    """uint8 [n, h, w, c], memory-mapped when over the limit."""
    header = read_header(path, (3, 4))
    if math.prod(header.shape) <= memory_limit:
        array = read_idx(path, header)
    elif not header.gzipped:
        array = np.memmap(path, np.uint8, "r", header.offset, header.shape)
    else:
        raise InputError(
            f"'{path}' unpacks to {math.prod(header.shape) / 2**20:.0f} MiB, over "
            "dataset.memory_limit_mb, and a gzipped file cannot be streamed: gunzip it, or raise "
            "the limit."
        )
    return array if array.ndim == 4 else array[..., None]


def load_idx(options: SourceOptions, split: str) -> Dataset:
    """Images uint8 [n, h, w, c] and labels, if there is a label file, of an idx folder.

    Classes are numbered 0, 1, 2, ... and must all occur in training and test labels together;
    labels that count from 1, as EMNIST's letters do, are shifted and keep their number as class
    name. EMNIST's images are transposed as published and are given as published. Where one part
    only is there and `options.divide` is False, that is all of it.

    Raises:
        InputError: missing, empty, damaged or cut short; labels that do not fit the images.
    """
    path = options.expanded_path("a folder of idx files")
    files = _only_set(path)
    labels = {
        name.split()[0]: read_idx(path, read_header(path, (1,)))
        for name, path in files.items()
        if name.endswith("labels")
    }
    class_names = _class_names(labels, files)
    own = [part for part in ("train", "test") if f"{part} images" in files]
    wanted = ["train", "test"] if split == "all" else [split]
    if len(own) == 1 and not options.divide:
        split, wanted = "all", own
    parts, part_labels = [], []
    for part in wanted:
        if f"{part} images" not in files:
            example = next(iter(files.values()))
            raise InputError(
                f"'{example.parent}' has no {part} images beside '{example.name}': expected "
                f"{'train' if part == 'train' else 't10k'}-images-idx3-ubyte, with or without .gz."
            )
        array = _image_array(files[f"{part} images"], options.memory_limit)
        parts.append(
            ArraySource(array, indices=np.arange(len(array)), preprocess=options.preprocess)
        )
        if part in labels:
            check_count(labels[part], len(array), f"'{files[f'{part} labels']}'")
            part_labels.append(labels[part].astype(np.int32) - int(class_names[0]))
    if len({part.image_shape for part in parts}) > 1:
        raise InputError(
            f"training and test images of '{path}' differ in size: "
            f"{' and '.join(str(part.image_shape) for part in parts)}; give dataset.image_size."
        )
    return make_dataset(
        parts[0] if len(parts) == 1 else JoinedSource(parts),
        name=f"idx:{path.resolve().name}",
        split=split,
        labels=np.concatenate(part_labels) if len(part_labels) == len(parts) else None,
        class_names=class_names,
        options=options,
        own_parts=len(own) == 2,
    )


def _class_names(
    labels: dict[str, np.ndarray], files: dict[str, pathlib.Path]
) -> tuple[str, ...] | None:
    """The stored class numbers as names; InputError where a number is missing between them."""
    if not labels:
        return None
    present = sorted(set().union(*(np.unique(part).tolist() for part in labels.values())))
    first = min(present[0], 1)
    for expected, number in enumerate(present, start=first):
        if number != expected:
            split = next(split for split, part in labels.items() if number in part)
            raise InputError(
                f"'{files[f'{split} labels']}': label {number} of image "
                f"{int(np.argmax(labels[split] == number))} is out of range, as no image has label "
                f"{expected}: classes must be numbered {first}, {first + 1}, ... without a gap."
            )
    return tuple(str(number) for number in present)
