"""What a user may ask of a data source, checked before anything is read."""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Mapping
from typing import Any

from gan_jax.data import machine
from gan_jax.data.disk import path_of
from gan_jax.data.preprocess import RESIZE_METHODS, Preprocess
from gan_jax.errors import InputError, nearest

CROP_MODES = ("random", "grid")
_CLIP_LABELS = ("content", "motion")
_STACKED_SETS = ("mnist5k", "idx", "tfds:mnist")
_HINTS = {
    "digits_per_clip": "give 1 or 2.",
    "held_out": "give the share of each photograph kept for testing, above 0 and below 1, such as "
    "0.25.",
    "seed": "expected 0 or more, below 2**63.",
    "image_size": "give (height, width) in pixels, such as (64, 64), or () to keep the size as "
    "stored.",
    "channels": "give 1 for grey, 3 for RGB, or 0 to keep the channels as stored.",
    "test_fraction": "give the part held out for testing, at least 0 and below 1, such as 0.1.",
    "memory_limit_mb": "give a positive number of MiB, above which sets are streamed, or 0 for the "
    "machine's own limit.",
    "white": "give the stored value that is white, such as 4095 or 1, or 0 for what the type of "
    "the pixels says.",
}


def _require(options: Any, **fits: bool) -> None:
    for field, fit in fits.items():
        if not fit:
            raise InputError(f"dataset.{field} is {getattr(options, field)!r}: {_HINTS[field]}")


def _require_counts(options: Any, *fields: str) -> None:
    for field in fields:
        value, default = getattr(options, field), getattr(type(options), field)
        if not isinstance(value, int) or value < 1:
            raise InputError(
                f"dataset.{field} is {value!r}: expected a whole number, 1 or more, such as "
                f"{default}."
            )


def _unknown(field: str, value: str, choices: tuple[str, ...]) -> InputError:
    return InputError(f"dataset.{field} '{value}' is unknown: {nearest(value, choices)}")


@dataclasses.dataclass(frozen=True)
class CropOptions:
    """How crops are cut out of photographs of textures.

    `num_crops` and `num_test_crops` are also how many images 'procedural' draws.
    """

    # '' for whole images (if photographs are not always cut), 'random' for a fixed number at random
    # places, 'grid' for all at every `crop_stride` pixels.
    crops: str = ""
    num_crops: int = 6000  # random crops for training, over all classes
    num_test_crops: int = 600
    crop_stride: int = 32
    crop_flips: bool = False  # each crop is mirrored left to right with probability 1/2
    crop_rotations: bool = False  # each crop is turned by 0, 90, 180 or 270 degrees at random
    held_out: float = 0.25  # share of each photograph, a band of rows, for testing, in (0, 1)
    seed: int = 0  # of all that is random here but the test split, in [0, 2**63)

    def __post_init__(self) -> None:
        if self.crops and self.crops not in CROP_MODES:
            raise InputError(f"{_unknown('crops', self.crops, CROP_MODES)} Or '' for whole images.")
        _require_counts(self, "num_crops", "num_test_crops", "crop_stride")
        _require(self, held_out=0 < self.held_out < 1, seed=0 <= self.seed < 2**63)


@dataclasses.dataclass(frozen=True)
class ProceduralOptions:
    """What 'procedural' draws; `gan_jax.data.procedural` explains and checks the fields."""

    kinds: str = ""
    period: float = 8.0
    angle: float = 0.0
    contrast: float = 0.25
    jitter: float = 0.0


@dataclasses.dataclass(frozen=True)
class StackOptions:
    """What 'stacked_mnist' stacks."""

    stack: str = "mnist5k"  # the set of digits: 'mnist5k', 'idx' (in `path`) or 'tfds:NAME'
    num_stacks: int = 128_000  # images for training; each takes 12 bytes
    num_test_stacks: int = 52_000
    seed: int = 0  # of the images for training, in [0, 2**63)

    def __post_init__(self) -> None:
        prefix, _, name = str(self.stack).partition(":")
        if self.stack not in _STACKED_SETS and not (prefix == "tfds" and name):
            raise _unknown("stack", self.stack, _STACKED_SETS)
        _require_counts(self, "num_stacks", "num_test_stacks")


@dataclasses.dataclass(frozen=True)
class ClipOptions:
    """What 'moving_digits' draws, and how 'videos' are cut into clips."""

    num_frames: int = 16  # of each clip
    num_clips: int = 20_000  # moving digits for training
    num_test_clips: int = 2_000
    digits_per_clip: int = 1  # or 2
    clip_labels: str = "content"  # of moving digits: 'content', or 'motion' with the direction too
    seed: int = 0  # of the moving digits for training, in [0, 2**63)

    def __post_init__(self) -> None:
        if self.clip_labels not in _CLIP_LABELS:
            raise _unknown("clip_labels", self.clip_labels, _CLIP_LABELS)
        _require_counts(self, "num_frames", "num_clips", "num_test_clips", "digits_per_clip")
        _require(self, digits_per_clip=self.digits_per_clip < 3)


@dataclasses.dataclass(frozen=True)
class SourceOptions:
    """How images are found and brought to one shape."""

    path: str = ""  # the folder or file, '~' expanded; for TFDS the data folder, '' for its default
    tfds_name: str = ""  # such as 'mnist' or 'imagenet_resized/64x64'
    # (height, width) in pixels, or () for the size as stored.
    image_size: tuple[int, int] | tuple[()] = ()
    resize: str = "crop_area"  # of RESIZE_METHODS, used where the stored size is another
    channels: int = 0  # 1 for grey, 3 for RGB, 0 for as stored
    test_fraction: float = 0.1  # of each class, held out where a set has no test split, in [0, 1)
    divide: bool = True  # whether a set without parts of its own is divided, or always read whole
    # A set whose uint8 images take more MiB is streamed, and nothing packed or decoded may take
    # more; 0 for a quarter of the machine's memory, at most 2048.
    memory_limit_mb: float = 0.0
    # The stored value that is white, such as 4095 for 12 bits in 16-bit files or 1 for masks; 0 for
    # what the type of the pixels says. Of 'folder', 'npz' and 'idx'.
    white: float = 0.0
    photographs: str = ""  # of 'textures': names with commas between them, '' for all
    cut: CropOptions = CropOptions()
    procedural: ProceduralOptions = ProceduralOptions()
    stacking: StackOptions = StackOptions()
    clips: ClipOptions = ClipOptions()

    def __post_init__(self) -> None:
        size = self.image_size
        is_size = (
            isinstance(size, (tuple, list))
            and len(size) in (0, 2)
            and all(isinstance(side, int) and side > 0 for side in size)
        )
        _require(
            self,
            image_size=is_size,
            channels=self.channels in (0, 1, 3),
            test_fraction=0 <= self.test_fraction < 1,
            memory_limit_mb=0 <= self.memory_limit_mb < math.inf,
            white=0 <= self.white < math.inf,
        )
        if self.resize not in RESIZE_METHODS:
            raise _unknown("resize", self.resize, RESIZE_METHODS)
        object.__setattr__(self, "image_size", tuple(size))

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> SourceOptions:
        """Takes the fields it knows from a `dataset` section; fields left out keep defaults."""
        return cls(
            **_known(cls, config),
            cut=CropOptions(**_known(CropOptions, config)),
            procedural=ProceduralOptions(**_known(ProceduralOptions, config)),
            stacking=StackOptions(**_known(StackOptions, config)),
            clips=ClipOptions(**_known(ClipOptions, config)),
        )

    @property
    def preprocess(self) -> Preprocess:
        """What is done to each image."""
        return Preprocess(self.image_size, self.resize, self.channels)

    @property
    def memory_limit(self) -> int:
        """The memory limit in bytes."""
        if not self.memory_limit_mb:
            return machine.default_limit()
        return max(int(self.memory_limit_mb * 2**20), 1)

    @property
    def decoding_limit(self) -> int:
        """Bytes that decoding one picture may take; a set may be streamed at far less."""
        return max(self.memory_limit, machine.default_limit())

    def existing_path(self, kind: str) -> pathlib.Path:
        """The path with '~' expanded; InputError if it is empty or nothing is there."""
        path = self.expanded_path(kind)
        try:
            there = path.exists()
        except (OSError, ValueError) as error:  # too long, forbidden, or with a null in it
            raise InputError(
                f"dataset.path '{self.path}' cannot be looked at ({error}): give {kind} "
                "that can be read."
            ) from error
        if not there:
            raise InputError(
                f"dataset.path '{self.path}' does not exist: give {kind} that is there."
            )
        return path

    def expanded_path(self, kind: str) -> pathlib.Path:
        """The path with '~' expanded, which may not exist; InputError if it is empty."""
        if not self.path:
            raise InputError(f"dataset.path is empty: give {kind}.")
        return path_of(self.path)


def _known(options: type, config: Mapping[str, Any]) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(options)]
    return {name: config[name] for name in names if name in config}


def split_names(names: str, known: tuple[str, ...], field: str) -> tuple[str, ...]:
    """'a,b' as ('a', 'b'), each known and once; '' as all that are known.

    Raises:
        InputError: an unknown name, or one that comes twice; names the field.
    """
    chosen = tuple(name.strip() for name in names.split(",")) if names else known
    for name in chosen:
        if name not in known:
            raise InputError(
                f"dataset.{field}: '{name}' is unknown: {nearest(name, known)} Give one, several "
                "with commas between them, or '' for all."
            )
        if chosen.count(name) > 1:
            raise InputError(f"dataset.{field} is '{names}': '{name}' comes twice; name it once.")
    return chosen
