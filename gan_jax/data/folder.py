"""A folder or a zip of image files, one subfolder a class if there are any."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gan_jax.data.content import bytes_key
from gan_jax.data.crops import Part, Photographs, crop_dataset
from gan_jax.data.dataset import Dataset
from gan_jax.data.decode import ImageHeader, decode_image, read_header
from gan_jax.data.disk import open_regular
from gan_jax.data.listing import Listing
from gan_jax.data.options import SourceOptions
from gan_jax.data.preprocess import convert_channels
from gan_jax.data.sources import Source, make_dataset, map_blocks
from gan_jax.data.trees import Root, open_root
from gan_jax.errors import InputError, printable

_WHAT = "a folder or a zip of images"


def load_folder(options: SourceOptions, split: str) -> Dataset:
    """A folder or a zip of images as a dataset.

    Subfolders for training and testing (`Parts`) are the splits; without them each class is divided
    by `options.test_fraction` (`split_indices`), where files of the same bytes are one image.
    Images lie either all at the top (no labels) or all in class folders, whose sorted names number
    the classes. With `options.cut.crops` they are photographs to cut crops from (`folder_parts`).
    """
    path = options.existing_path(_WHAT)
    name = f"folder:{printable(path.resolve().name)}"
    if options.cut.crops:
        return crop_dataset(folder_parts(options, split), name=name, split=split, options=options)
    root = open_root(path)
    return listing_dataset(root, Listing.of(root), options, split, name)


def listing_dataset(
    root: Any, listing: Listing, options: SourceOptions, split: str, name: str
) -> Dataset:
    """The images of a listing as a dataset, see `load_folder`.

    `root / file` gives each image as a path or an `ImageFile`; `name` is the set's.
    """
    own_parts = listing.is_test is not None
    all_keys = functools.cache(functools.partial(file_keys, root, listing.files))
    indices, split = listing.rows(split, options, all_keys)
    files = [listing.files[index] for index in indices]
    # Decided over both splits, so that they have one shape.
    image_shape = _common_shape(root, listing.files, options)
    decode = _decoder(options)
    preprocess = dataclasses.replace(options.preprocess, channels=image_shape[2])

    def read(index: int) -> np.ndarray:
        image = preprocess(decode(root / files[index]))
        if image.shape != image_shape:  # changed since the headers were read
            raise InputError(
                f"image '{root / files[index]}' has shape {image.shape} when decoded, "
                f"and not {image_shape}: give dataset.image_size, or save it anew."
            )
        return image

    source = Source(
        count=len(files),
        image_shape=image_shape,
        read=read,
        keys=lambda: file_keys(root, files) if own_parts else all_keys()[indices],
        treatment=f"files, {preprocess}" + (f", white {options.white:g}" if options.white else ""),
    )
    return make_dataset(
        [source],
        [None if listing.labels is None else listing.labels[indices]],
        name=name,
        split=split,
        class_names=listing.class_names,
        options=options,
        own_parts=own_parts,
    )


def file_keys(root: Any, files: Sequence[str]) -> np.ndarray:
    """A hash of each file's bytes, uint64 [n]; InputError for a file that cannot be read."""
    keys = np.empty(len(files), np.uint64)

    def fill(start: int, stop: int) -> None:
        for row, file in enumerate(files[start:stop], start):
            try:
                keys[row] = bytes_key(_content(root / file))
            except OSError as error:
                raise InputError(
                    f"image '{root / file}' cannot be read ({error.strerror}): replace or remove "
                    "it."
                ) from error

    map_blocks(fill, len(files), "hashing files")
    return keys


def folder_files(path: pathlib.Path) -> list[str]:
    """Paths below a folder, or in a zip, of all images of `load_folder`, split 'all', in its order.

    They are `printable`. Errors are those of `load_folder`.
    """
    return [printable(file) for file in Listing.of(open_root(path)).files]


def folder_parts(options: SourceOptions, split: str) -> list[Part]:
    """A folder of photographs of textures, of any sizes, as the parts of a split.

    A folder with training and test parts has the splits and labels of `load_folder`. In another,
    every photograph is divided into training and test regions, and its class is its subfolder, or
    itself where there are no subfolders. Any colour makes the set RGB.
    """
    root = open_root(options.existing_path(_WHAT))
    splits = ("train", "test") if split == "all" else (split,)
    listing = Listing.of(root)
    if listing.is_test is not None:
        chosen = [np.flatnonzero(listing.is_test == (part == "test")) for part in splits]
        return [
            Part(_photographs(root, listing, rows, options), part, divided=False)
            for rows, part in zip(chosen, splits)
        ]
    if listing.labels is None:
        stems = [printable(pathlib.PurePath(file).stem) for file in listing.files]
        names = stems
        if len(set(stems)) < len(stems):
            names = [printable(file) for file in listing.files]
        listing = Listing(listing.files, np.arange(len(names), dtype=np.int32), tuple(names))
    photographs = _photographs(root, listing, np.arange(len(listing.files)), options)
    return [Part(photographs, part, divided=True) for part in splits]


def _photographs(
    root: Root, listing: Listing, indices: np.ndarray, options: SourceOptions
) -> Photographs:
    """Some files of a listing; their channels are decided over all of it."""
    headers = read_headers(root, listing.files, options)
    channels = options.channels or max(header.channels for header in headers)
    files, decode = [listing.files[index] for index in indices], _decoder(options)
    return Photographs(
        names=[printable(file) for file in files],
        sizes=[headers[index][:2] for index in indices],
        channels=channels,
        read=lambda index: convert_channels(decode(root / files[index]), channels),
        keys=functools.cache(functools.partial(file_keys, root, files)),
        labels=None if listing.labels is None else listing.labels[indices],
        class_names=listing.class_names,
    )


def _decoder(options: SourceOptions) -> Callable[[Root], np.ndarray]:
    return functools.partial(decode_image, white=options.white, memory_limit=options.decoding_limit)


def _content(file: Root) -> bytes:
    if not isinstance(file, pathlib.Path):
        return file.read_bytes()
    with open_regular(file) as opened:
        return opened.read()


def _common_shape(root: Any, files: list[str], options: SourceOptions) -> tuple[int, int, int]:
    """The shape asked for, completed by what all the files have; any colour makes it RGB."""
    if options.image_size and options.channels:
        return (*options.image_size, options.channels)
    headers = read_headers(root, files, options)
    size = options.image_size
    if not size:
        size = headers[0][:2]
        for file, header in zip(files, headers):
            if header[:2] != size:
                raise InputError(
                    f"images differ in size: '{root / files[0]}' is "
                    f"{size[0]}x{size[1]} and '{root / file}' is "
                    f"{header.height}x{header.width} (height x width): give dataset.image_size="
                    "(height, width) (eval.py: --image_size=height,width) to resize them all."
                )
    return (*size, options.channels or max(header.channels for header in headers))


def read_headers(root: Any, files: list[str], options: SourceOptions) -> list[ImageHeader]:
    """The header of each file; InputError names one that is no image."""
    headers = [ImageHeader(0, 0, 0)] * len(files)

    def fill(start: int, stop: int) -> None:
        headers[start:stop] = [
            read_header(root / file, memory_limit=options.decoding_limit)
            for file in files[start:stop]
        ]

    map_blocks(fill, len(files), "reading image headers")
    return headers
