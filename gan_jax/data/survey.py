"""What a set holds, as far as it can be seen without bringing its images to one shape."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from gan_jax.data.decode import decode_image
from gan_jax.data.folder import read_headers
from gan_jax.data.listing import Listing
from gan_jax.data.loading import load, source_at
from gan_jax.data.options import SourceOptions
from gan_jax.data.trees import open_root

_LOOKED_AT = 200  # images whose pixels tell whether a set in colour shows any
_GREY = 4  # largest difference of channels that a lossy format leaves in a grey picture


@dataclasses.dataclass(frozen=True)
class Survey:
    """What a set holds."""

    name: str  # the source that reads it, as `config.dataset.name`
    num_images: int  # in all its parts
    num_test: int  # images in the test part that the set came with; 0 if it has none
    size: tuple[int, int]  # (height, width) of all images in pixels; the medians of mixed sizes
    mixed: bool  # the images differ in size
    channels: int  # 1 for grey, even if stored as RGB; 3 for colour; others as stored
    class_counts: tuple[int, ...] | None  # images of each class that has any; None without labels


def survey(section: Mapping[str, Any]) -> Survey:
    """Looks at a set: at the headers of a folder's images, or at arrays; errors as `load`.

    `section` is as for `gan_jax.data.load`; with no `name`, or '', what lies at its `path` tells.
    """
    section = dict(section)
    if not section.get("name"):
        path = SourceOptions.of(section).existing_path("a folder or a zip of images, or an .npz")
        section["name"] = source_at(str(path.resolve()))
    return _of_files(section) if section["name"] == "folder" else _of_arrays(section)


def _of_files(section: Mapping[str, Any]) -> Survey:
    options = SourceOptions.of(section)
    root = open_root(options.existing_path("a folder or a zip of images"))
    listing = Listing.of(root)
    headers = read_headers(root, listing.files, options)
    sizes = np.array([header[:2] for header in headers])
    coloured = [file for file, header in zip(listing.files, headers) if header.channels != 1]
    shown = (
        decode_image(root / file, white=options.white, memory_limit=options.decoding_limit)
        for file in coloured[:: max(len(coloured) // _LOOKED_AT, 1)]
    )
    height, width = (int(side) for side in np.median(sizes, axis=0))
    return Survey(
        name="folder",
        num_images=len(headers),
        num_test=0 if listing.is_test is None else int(listing.is_test.sum()),
        size=(height, width),
        mixed=bool((sizes != sizes[0]).any()),
        channels=1 if all(map(_is_grey, shown)) else 3,
        class_counts=_counts(listing.labels),
    )


def _of_arrays(section: Mapping[str, Any]) -> Survey:
    whole = load(section, "all")
    height, width, channels = whole.image_shape[:3]
    rows = range(0, len(whole), max(len(whole) // _LOOKED_AT, 1))
    if channels == 3 and all(_is_grey(whole.take([row])[0]) for row in rows):
        channels = 1
    return Survey(
        name=section["name"],
        num_images=len(whole),
        num_test=len(load(section, "test")) if whole.own_parts else 0,
        size=(height, width),
        mixed=False,
        channels=channels,
        class_counts=_counts(whole.labels),
    )


def _is_grey(image: np.ndarray) -> bool:
    return bool((image.max(axis=2) - image.min(axis=2)).max() <= _GREY)


def _counts(labels: np.ndarray | None) -> tuple[int, ...] | None:
    if labels is None:
        return None
    counts = np.bincount(labels)
    return tuple(counts[counts > 0].tolist())
