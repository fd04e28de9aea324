"""A folder of image files, one subfolder a class if there are any."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from gan_jax.content import bytes_key
from gan_jax.data.crops import Part, Photographs, crop_dataset
from gan_jax.data.dataset import Dataset
from gan_jax.data.decode import EXTENSIONS, ImageHeader, decode_image, read_header
from gan_jax.data.options import SourceOptions
from gan_jax.data.preprocess import Preprocess, convert_channels
from gan_jax.data.sources import Source, make_dataset, map_blocks
from gan_jax.data.split import split_indices
from gan_jax.errors import InputError


@dataclasses.dataclass(frozen=True)
class Listing:
    """The image files of a folder in sorted order.

    Attributes:
        files: paths relative to the folder, with '/'.
        labels: int32 [n] index into `class_names`, or None.
        class_names: the names of the subfolders that hold images, sorted; or None.
    """

    files: list[str]
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None

    @classmethod
    def of(cls, root: pathlib.Path) -> Listing:
        """Lists a folder.

        Raises:
            InputError: no folder, no image in it, or images beside class folders.
        """
        if not root.is_dir():
            raise InputError(f"'{root}' is a file: give the folder that holds the images.")
        files = sorted(_walk(root))
        if not files:
            raise InputError(
                f"folder '{root}' holds no images: expected files ending in "
                f"{', '.join(sorted(EXTENSIONS))}, or subfolders of them."
            )
        loose = next((file for file in files if "/" not in file), None)
        nested = next((file for file in files if "/" in file), None)
        if loose and nested:
            raise InputError(
                f"folder '{root}' holds both images ('{loose}') and folders of images "
                f"('{nested}'): move the images into a class folder, or the folders elsewhere."
            )
        if loose:
            return cls(files)
        classes = [file.split("/")[0] for file in files]
        class_names = tuple(sorted(set(classes)))
        number = {name: label for label, name in enumerate(class_names)}
        labels = np.array([number[name] for name in classes], np.int32)
        return cls(files, labels, class_names)


def _walk(root: pathlib.Path) -> Iterable[str]:
    """Relative paths of the image files below root; hidden files and folders are left out."""
    seen = set()
    for folder, subfolders, names in os.walk(root, followlinks=True):
        if os.path.realpath(folder) in seen:  # a link back up would never end
            subfolders.clear()
            continue
        seen.add(os.path.realpath(folder))
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        for name in names:
            if os.path.splitext(name)[1].lower() in EXTENSIONS and not name.startswith("."):
                yield pathlib.PurePath(folder, name).relative_to(root).as_posix()


class FolderSource(Source):
    """Image files decoded on access.

    Args:
        root: the folder of the set.
        files: paths relative to the root.
        indices: the files of this split, int [k].
        preprocess: applied to each decoded image.
        image_shape: what must come of it, (h, w, c).
        keys: gives the `file_keys` of all files, where they serve others too.
    """

    def __init__(
        self,
        root: pathlib.Path,
        files: list[str],
        *,
        indices: np.ndarray,
        preprocess: Preprocess,
        image_shape: tuple[int, int, int],
        keys: Callable[[], np.ndarray] | None = None,
    ) -> None:
        self._root, self._files = root, [files[index] for index in indices]
        self._file_keys = functools.partial(file_keys, root, self._files)
        if keys is not None:
            self._file_keys = lambda: keys()[indices]
        self._preprocess, self.image_shape = preprocess, image_shape
        self.treatment = f"files, {preprocess}"

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> np.ndarray:
        image = self._preprocess(decode_image(self._root / self._files[index]))
        if image.shape != self.image_shape:  # changed since the headers were read
            raise InputError(
                f"image '{self._root / self._files[index]}' has shape {image.shape} when decoded, "
                f"and not {self.image_shape}: give dataset.image_size, or save it anew."
            )
        return image

    def keys(self) -> np.ndarray:
        return self._file_keys()


def load_folder(options: SourceOptions, split: str) -> Dataset:
    """A folder of images as a dataset.

    With subfolders 'train' and 'test' these are the splits; otherwise each class is divided by
    `options.test_fraction`, see `split_indices`; files of the same bytes are one image. Within
    that, images lie either all at the top (no labels) or all in class folders, whose sorted names
    number the classes. With `options.cut.crops` they are photographs that crops are cut from, see
    `folder_parts`.

    Raises:
        InputError: missing, empty, ambiguous, of mixed sizes, or with unreadable images; a
            photograph too small for a crop.
    """
    root = options.existing_path("a folder of images")
    if options.cut.crops:
        return crop_dataset(
            folder_parts(options, split), name=_name(root), split=split, options=options
        )
    own_parts = _is_divided(root)
    if own_parts:
        listing, is_test = _divided_listing(root)
        chosen = {"train": ~is_test, "test": is_test, "all": is_test | True}[split]
        indices, keys = np.flatnonzero(chosen), None
    else:
        listing = Listing.of(root)
        split = split if options.divide else "all"
        keys = functools.cache(functools.partial(file_keys, root, listing.files))
        indices = split_indices(
            keys,
            len(listing.files),
            listing.labels,
            split=split,
            test_fraction=options.test_fraction,
        )
    # Decided over both splits, so that they have one shape.
    image_shape = _common_shape(root, listing.files, options.preprocess)
    source = FolderSource(
        root,
        listing.files,
        indices=indices,
        preprocess=dataclasses.replace(options.preprocess, channels=image_shape[2]),
        image_shape=image_shape,
        keys=keys,
    )
    return make_dataset(
        source,
        name=_name(root),
        split=split,
        labels=None if listing.labels is None else listing.labels[indices],
        class_names=listing.class_names,
        options=options,
        own_parts=own_parts,
    )


def file_keys(root: pathlib.Path, files: Sequence[str]) -> np.ndarray:
    """A hash of each file's bytes, uint64 [n], whatever the file is called.

    Raises:
        InputError: a file that cannot be read.
    """
    keys = np.empty(len(files), np.uint64)

    def fill(start: int, stop: int) -> None:
        for row, file in enumerate(files[start:stop], start):
            try:
                keys[row] = bytes_key((root / file).read_bytes())
            except OSError as error:
                raise InputError(
                    f"image '{root / file}' cannot be read ({error.strerror}): replace or remove "
                    "it."
                ) from error

    map_blocks(fill, len(files), "hashing files")
    return keys


def folder_files(root: pathlib.Path) -> list[str]:
    """Paths below `root` of all images of `load_folder`, split 'all', in its order; its errors."""
    if _is_divided(root):
        return _divided_listing(root)[0].files
    return Listing.of(root).files


def folder_parts(options: SourceOptions, split: str) -> list[Part]:
    """A folder of photographs of textures, of any sizes, as the parts of a split.

    With subfolders 'train' and 'test' these are the splits, and the labels are those of
    `load_folder`. Otherwise every photograph is divided into training and test regions, and its
    class is its subfolder, or, where there are none, itself. Any colour makes the set RGB.

    Raises:
        InputError: as `load_folder`.
    """
    root = options.existing_path("a folder of photographs")
    splits = ("train", "test") if split == "all" else (split,)
    if _is_divided(root):
        listing, is_test = _divided_listing(root)
        photographs = [
            _photographs(root, listing, np.flatnonzero(is_test == (part == "test")), options)
            for part in splits
        ]
        return [Part(*part, divided=False) for part in zip(photographs, splits)]
    listing = Listing.of(root)
    if listing.labels is None:
        stems = [pathlib.PurePath(file).stem for file in listing.files]
        names = stems if len(set(stems)) == len(stems) else listing.files
        listing = Listing(listing.files, np.arange(len(names), dtype=np.int32), tuple(names))
    photographs = _photographs(root, listing, np.arange(len(listing.files)), options)
    return [Part(photographs, part, divided=True) for part in splits]


def _photographs(
    root: pathlib.Path, listing: Listing, indices: np.ndarray, options: SourceOptions
) -> Photographs:
    """Some files of a listing; their channels are decided over all of it."""
    headers = _read_headers(root, listing.files)
    channels = options.channels or max(header.channels for header in headers)
    files = [listing.files[index] for index in indices]
    return Photographs(
        names=files,
        sizes=[headers[index][:2] for index in indices],
        channels=channels,
        read=lambda index: convert_channels(decode_image(root / files[index]), channels),
        keys=functools.cache(functools.partial(file_keys, root, files)),
        labels=None if listing.labels is None else listing.labels[indices],
        class_names=listing.class_names,
    )


def _name(root: pathlib.Path) -> str:
    return f"folder:{root.resolve().name}"


def _is_divided(root: pathlib.Path) -> bool:
    """Whether a folder has subfolders 'train' and 'test'; InputError if only one of them."""
    divided = [(root / name).is_dir() for name in ("train", "test")]
    if any(divided) and not all(divided):
        there, absent = ("train", "test") if divided[0] else ("test", "train")
        raise InputError(
            f"folder '{root}' has a subfolder '{there}' but no '{absent}': add it, or give "
            f"'{root / there}' itself: all of it is then a reference, and of a run's dataset.path "
            "the dataset.test_fraction is held out."
        )
    return all(divided)


def _divided_listing(root: pathlib.Path) -> tuple[Listing, np.ndarray]:
    """The files of 'train' and 'test' together, relative to the root, and bool [n] is_test."""
    train, test = Listing.of(root / "train"), Listing.of(root / "test")
    is_test = np.arange(len(train.files) + len(test.files)) >= len(train.files)
    files = [f"train/{file}" for file in train.files] + [f"test/{file}" for file in test.files]
    if train.class_names is None and test.class_names is None:
        return Listing(files), is_test
    extra = sorted(set(test.class_names or ()) - set(train.class_names or ()))
    if extra or test.class_names is None:
        raise InputError(
            f"'{root / 'test'}' and '{root / 'train'}' have different classes "
            f"({', '.join(extra) or 'one has class folders, the other none'}): give both the same "
            "class folders."
        )
    number = {name: label for label, name in enumerate(train.class_names)}
    test_labels = [number[test.class_names[label]] for label in test.labels]
    labels = np.concatenate([train.labels, np.array(test_labels, np.int32)])
    return Listing(files, labels, train.class_names), is_test


def _common_shape(
    root: pathlib.Path, files: list[str], preprocess: Preprocess
) -> tuple[int, int, int]:
    """The shape that is asked for, completed by what all the files have; any colour makes it RGB.

    Raises:
        InputError: no size is asked for and the files differ; a file that is no image.
    """
    if preprocess.image_size and preprocess.channels:
        return (*preprocess.image_size, preprocess.channels)
    headers = _read_headers(root, files)
    size = preprocess.image_size
    if not size:
        size = headers[0][:2]
        for file, header in zip(files, headers):
            if header[:2] != size:
                raise InputError(
                    f"images differ in size: '{root / files[0]}' is {size[0]}x{size[1]} and "
                    f"'{root / file}' is {header.height}x{header.width} (height x width): give "
                    "dataset.image_size=(height, width) to resize them all."
                )
    return (*size, preprocess.channels or max(header.channels for header in headers))


def _read_headers(root: pathlib.Path, files: list[str]) -> list[ImageHeader]:
    """The header of each file; InputError names one that is no image."""
    headers: list[ImageHeader | None] = [None] * len(files)

    def fill(start: int, stop: int) -> None:
        headers[start:stop] = [read_header(root / file) for file in files[start:stop]]

    map_blocks(fill, len(files), "reading image headers")
    return headers
