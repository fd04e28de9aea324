"""LeCun's idx files, gzipped or not: MNIST, Fashion-MNIST, KMNIST, EMNIST as they come.

Format: two zero bytes, the type of the values (8: unsigned byte), the number of dimensions, each
dimension as a big-endian uint32, then the values in C order, big-endian
(http://yann.lecun.com/exdb/mnist/).
"""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import io
import pathlib
import re

import numpy as np

from gan_jax.data.array_files import Header
from gan_jax.data.dataset import Dataset
from gan_jax.data.disk import open_regular
from gan_jax.data.known_sets import known_class_names
from gan_jax.data.labels import check_count, int32_labels
from gan_jax.data.options import SourceOptions
from gan_jax.data.progress import read_into
from gan_jax.data.sources import array_source, make_dataset
from gan_jax.errors import InputError, first_line, printable

_FILE_NAME = re.compile(
    r"(?P<prefix>.*?)[-_.]?(?P<split>train|test|t10k)[-_.](?P<kind>images|labels)"
    r"[-_.]idx\d[-_.](ubyte|byte|short|int|float|double)(\.gz)?"
)
_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_KNOWN_ROOTS = ("raw", "*/raw")  # where torchvision keeps the files below its root
_CLASS_NAMES = "class_names.txt"
_MOST_NAMES = 2**20  # bytes of it
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_MOST = 1040  # deflate cannot shrink by more, so a larger claim is a damaged header
_AGAIN = "copy or download it again."


@dataclasses.dataclass(frozen=True)
class _Header(Header):
    gzipped: bool


def find_idx_sets(path: pathlib.Path) -> dict[str, dict[str, pathlib.Path]]:
    """The idx sets under a path, by their prefix ('' for MNIST's own names); {} if none.

    The path is a folder, or folder/prefix for one of several sets (folder/emnist-letters). A set is
    {'train images': path, 'train labels': path, 'test images': ...}.
    """
    if not path.is_dir():
        return _sets_in(path.parent, path.name)
    return _sets_in(path) or {
        f"{folder.relative_to(path)}/{prefix}".rstrip("/"): files
        for pattern in _KNOWN_ROOTS
        for folder in sorted(path.glob(pattern))
        for prefix, files in _sets_in(folder).items()
    }


def _sets_in(folder: pathlib.Path, prefix: str = "") -> dict[str, dict[str, pathlib.Path]]:
    """The sets, or the one of a prefix, whose files lie directly in a folder."""
    sets: dict[str, dict[str, pathlib.Path]] = {}
    try:
        there = sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise InputError(f"'{folder}' cannot be read: {error.strerror}.") from error
    for file in there:
        match = _FILE_NAME.fullmatch(file.name)
        if match and match["prefix"] == (prefix or match["prefix"]):
            split = "train" if match["split"] == "train" else "test"
            # Sorted order puts the plain file before its gzipped copy; the plain one reads faster.
            sets.setdefault(match["prefix"], {}).setdefault(f"{split} {match['kind']}", file)
    return sets


def _only_set(path: pathlib.Path) -> tuple[str, dict[str, pathlib.Path]]:
    sets = find_idx_sets(path)
    if len(sets) > 1:
        example = path / min(filter(None, sets))
        raise InputError(
            f"'{path}' holds several idx sets ({', '.join(sorted(sets))}): name one as "
            f"the path, such as '{example}'."
        )
    if not sets:
        raise InputError(
            f"'{path}' holds no idx files: expected train-images-idx3-ubyte, "
            "train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each "
            "with or without .gz."
        )
    return sets.popitem()


def _open(path: pathlib.Path) -> io.BufferedIOBase:
    with open_regular(path) as file:
        gzipped = file.read(2) == _GZIP_MAGIC  # names lie: browsers unpack and keep the .gz
    return gzip.open(path) if gzipped else path.open("rb")


@contextlib.contextmanager
def _naming(path: pathlib.Path):
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # every way in which gzip can be damaged
        raise InputError(f"'{path}' cannot be read ({first_line(error)}): {_AGAIN}") from error


def read_header(path: pathlib.Path, ranks: tuple[int, ...]) -> _Header:
    """The shape an idx file claims, checked against its size on disk.

    Raises:
        InputError: not an idx file of numbers with one of `ranks` dimensions; cut short.
    """
    with _naming(path), _open(path) as file:
        gzipped = isinstance(file, gzip.GzipFile)
        magic = file.read(4)
        if len(magic) < 4 or magic[:2] != bytes(2) or magic[2] not in _TYPES:
            raise InputError(
                f"'{path}' begins with {magic.hex(' ') or 'nothing'}: it is no idx file of "
                "numbers, which begins with 00 00, a type such as 08, and the number of "
                f"dimensions; {_AGAIN}"
            )
        if magic[3] not in ranks:
            raise InputError(
                f"'{path}' has {magic[3]} dimensions: expected {' or '.join(map(str, ranks))}, "
                "[images, height, width] of images and [images] of labels; store it so, or use an "
                ".npz file."
            )
        dimensions = file.read(4 * magic[3])
    if len(dimensions) < 4 * magic[3]:
        raise InputError(f"'{path}' ends within its header: {_AGAIN}")
    shape = tuple(int(size) for size in np.frombuffer(dimensions, ">u4"))
    header = _Header(shape, np.dtype(_TYPES[magic[2]]), False, 4 + len(dimensions), gzipped)
    stored = path.stat().st_size
    claimed = header.offset + header.nbytes
    if claimed > stored * (_GZIP_MOST if gzipped else 1) or (not gzipped and claimed < stored):
        raise InputError(
            f"'{path}' claims shape {list(shape)}, {claimed} bytes in all, but has "
            f"{stored}{' gzipped' if gzipped else ''}: it is damaged or cut short; {_AGAIN}"
        )
    if 0 in shape:
        raise InputError(f"'{path}' has shape {list(shape)}: it is empty; {_AGAIN}")
    return header


def read_idx(path: pathlib.Path, header: _Header, memory_limit: int) -> np.ndarray:
    """The values of an idx file, read into memory, or mapped if they are over the limit."""
    if header.nbytes > memory_limit:
        if not header.gzipped:
            return np.memmap(path, header.dtype, "r", header.offset, header.shape)
        raise InputError(
            f"'{path}' unpacks to {header.nbytes / 2**20:,.1f} MiB, over dataset.memory_limit_mb, "
            "and a gzipped file cannot be streamed: gunzip it, or raise the limit."
        )
    values = np.empty(header.nbytes, np.uint8)
    with _naming(path), _open(path) as file:
        file.read(header.offset)
        filled = read_into(file, values, path.name)
        if filled < len(values) or file.read(1):  # the read past the end also checks gzip's CRC
            raise InputError(
                f"'{path}' claims shape {list(header.shape)} but holds "
                f"{'fewer' if filled < len(values) else 'more'} values: it is damaged or cut "
                f"short; {_AGAIN}"
            )
    return values.view(header.dtype).reshape(header.shape)


def load_idx(options: SourceOptions, split: str) -> Dataset:
    """Images uint8 [n, h, w, c] and labels, if there is a label file, of an idx folder.

    Classes are numbered 0, 1, 2, ... and must all occur in training and test labels together;
    labels that count from 1, as EMNIST's letters do, are shifted and keep their number as class
    name. EMNIST's images are given as published, which is transposed. A single part is all of the
    set where `options.divide` is False.
    """
    path = options.expanded_path("a folder of idx files")
    prefix, files = _only_set(path)
    headers = {
        name: read_header(file, (1, 2) if name.endswith("labels") else (3, 4))
        for name, file in files.items()
    }
    labels, class_names = _labels(files, headers, options.memory_limit)
    own = [part for part in ("train", "test") if f"{part} images" in files]
    wanted = ["train", "test"] if split == "all" else [split]
    if len(own) == 1 and not options.divide:
        split, wanted = "all", own
    parts = []
    for part in wanted:
        name = f"{part} images"
        if name not in files:
            example = next(iter(files.values()))
            raise InputError(
                f"'{example.parent}' has no {part} images beside '{example.name}': expected "
                f"{'train' if part == 'train' else 't10k'}-images-idx3-ubyte, with or without .gz."
            )
        array = read_idx(files[name], headers[name], options.memory_limit)
        array = array if array.ndim == 4 else array[..., None]
        every = np.arange(len(array))
        parts.append(array_source(array, f"'{files[name]}'", indices=every, options=options))
    return make_dataset(
        parts,
        [labels.get(part) for part in wanted],
        name=f"idx:{printable(path.resolve().name)}",
        split=split,
        class_names=_names(prefix, next(iter(files.values())).parent, class_names),
        options=options,
        own_parts=len(own) == 2,
    )


def _labels(
    files: dict[str, pathlib.Path], headers: dict[str, _Header], memory_limit: int
) -> tuple[dict[str, np.ndarray], tuple[str, ...] | None]:
    labels = {}
    for part in ("train", "test"):
        name, images = f"{part} labels", f"{part} images"
        if name not in files:
            continue
        where = f"'{files[name]}'"
        if images in files:  # compared before either is read
            check_count(headers[name].shape[0], headers[images].shape[0], where)
        stored = read_idx(files[name], headers[name], memory_limit)
        labels[part] = int32_labels(stored, where=where)
    names = _class_numbers(labels, files)
    if names is None:
        return {}, None
    return {part: found - np.int32(names[0]) for part, found in labels.items()}, names


def _class_numbers(
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


def _names(
    prefix: str, folder: pathlib.Path, numbers: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    path = folder / _CLASS_NAMES
    if numbers and path.is_file():
        with _naming(path), open_regular(path) as file:
            names = tuple(file.read(_MOST_NAMES).decode().split("\n"))
        names = tuple(printable(name.strip()) for name in names if name.strip())
        if len(names) != len(numbers):
            raise InputError(
                f"'{path}' names {len(names)} classes, and the labels have {len(numbers)}: give "
                "one name a line, in the order of the numbers."
            )
        return names
    for title in (prefix, folder.name, folder.parent.name):
        known = known_class_names(title.split("/")[-1], numbers)
        if known != numbers:
            return known
    return numbers
