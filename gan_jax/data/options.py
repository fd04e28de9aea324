"""What a user may ask of a data source, checked before anything is read."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from gan_jax.data.preprocess import RESIZE_METHODS, Preprocess
from gan_jax.errors import InputError, nearest

SOURCES = ("mnist5k", "idx", "folder", "npz", "tfds")
SPLITS = ("train", "test", "all")


@dataclasses.dataclass(frozen=True)
class SourceOptions:
    """How images are found and brought to one shape.

    Attributes:
        path: the folder or file, '~' expanded; for TFDS the data folder, '' for its default.
        tfds_name: the TFDS name, such as 'mnist' or 'imagenet_resized/64x64'.
        image_size: (height, width) in pixels, or () for the size as stored.
        resize: a name of RESIZE_METHODS; used where the stored size is another.
        channels: 1 for grey, 3 for RGB, 0 for as stored.
        test_fraction: the part of each class held out where a set has no test split, in [0, 1).
        memory_limit_mb: a set whose uint8 images take more MiB than this is streamed.

    Raises:
        InputError: a value that cannot work.
    """

    path: str = ""
    tfds_name: str = ""
    image_size: tuple[int, ...] = ()
    resize: str = "crop_area"
    channels: int = 0
    test_fraction: float = 0.1
    memory_limit_mb: float = 2048.0

    def __post_init__(self) -> None:
        size = self.image_size
        if not isinstance(size, (tuple, list)) or not (
            len(size) in (0, 2) and all(isinstance(side, int) and side > 0 for side in size)
        ):
            raise InputError(
                f"dataset.image_size is {size!r}: give (height, width) in pixels, such as "
                "(64, 64), or () to keep the size as stored."
            )
        object.__setattr__(self, "image_size", tuple(size))
        if self.resize not in RESIZE_METHODS:
            raise InputError(
                f"dataset.resize '{self.resize}' is unknown: {nearest(self.resize, RESIZE_METHODS)}"
            )
        if self.channels not in (0, 1, 3):
            raise InputError(
                f"dataset.channels is {self.channels!r}: give 1 for grey, 3 for RGB, or 0 to keep "
                "the channels as stored."
            )
        if not 0 <= self.test_fraction < 1:
            raise InputError(
                f"dataset.test_fraction is {self.test_fraction!r}: give the part held out for "
                "testing, at least 0 and below 1, such as 0.1."
            )
        if not self.memory_limit_mb > 0:
            raise InputError(
                f"dataset.memory_limit_mb is {self.memory_limit_mb!r}: give a positive number of "
                "MiB; sets above it are streamed."
            )

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> SourceOptions:
        """Takes the fields it knows from a `dataset` section; fields left out keep defaults."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: config[name] for name in names if name in config})

    @property
    def preprocess(self) -> Preprocess:
        """What is done to each image."""
        return Preprocess(self.image_size, self.resize, self.channels)

    @property
    def memory_limit(self) -> int:
        """The memory limit in bytes."""
        return int(self.memory_limit_mb * 2**20)

    def existing_path(self, kind: str) -> pathlib.Path:
        """The path with '~' expanded.

        Raises:
            InputError: it is empty or there is nothing there.
        """
        path = self.expanded_path(kind)
        if not path.exists():
            raise InputError(
                f"dataset.path '{self.path}' does not exist: give {kind} that is there."
            )
        return path

    def expanded_path(self, kind: str) -> pathlib.Path:
        """The path with '~' expanded, whether or not it exists; InputError if it is empty."""
        if not self.path:
            raise InputError(f"dataset.path is empty: give {kind}.")
        return pathlib.Path(self.path).expanduser()
