"""Shared by extractors of every kind: features, identity, and the check of images."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gan_jax.errors import InputError


@dataclasses.dataclass(frozen=True)
class Features:
    """What an extractor sees in n images.

    Attributes:
        semantic: float32 [n, d], the penultimate layer.
        texture: float32 [n, 2c], mean and standard deviation over the positions of a middle layer;
            None from an extractor without layers.
        probabilities: float32 [n, num_classes], p(class | image); None from one without classes.
        channels: float32 [n, c, k], p(class | channel) where each channel is read by itself, else
            None.
        frames: float32 [n, t, k], p(class | frame) of clips read frame by frame, else None.
        motion: int64 [n, t - 1, 2], how clips move from frame to frame, see
            `gan_jax.metrics.motion`; None of images.
    """

    semantic: np.ndarray
    texture: np.ndarray | None
    probabilities: np.ndarray | None
    channels: np.ndarray | None = None
    frames: np.ndarray | None = None
    motion: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.semantic)

    @property
    def class_probabilities(self) -> np.ndarray:
        """`probabilities` from an extractor that knows classes; InputError from any other."""
        if self.probabilities is None:
            raise InputError("the extractor knows no classes: take a recogniser.")
        return self.probabilities

    def take(self, rows: np.ndarray) -> Features:
        """The features of the images `rows`."""
        kept: dict[str, Any] = {k: v if v is None else v[rows] for k, v in vars(self).items()}
        return Features(**kept)


class Identified:
    """An extractor's identity and images.

    From its `record`, JSON values, and its `digest`, the SHA-256 of what defines it in 64 hex
    digits.
    """

    if TYPE_CHECKING:  # fields or properties of the classes below

        @property
        def record(self) -> dict[str, Any]: ...

        @property
        def digest(self) -> str: ...

    @property
    def stamp(self) -> str:
        """The name, '@' and the first eight digits of the digest."""
        return f"{self.record['name']}@{self.digest[:8]}"

    @property
    def class_names(self) -> tuple[str, ...]:
        """One name for each class; empty if it knows no classes."""
        return tuple(self.record.get("class_names", ()))

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raises InputError unless the extractor takes images of this (h, w, c)."""
        raise NotImplementedError

    def checked(self, images: np.ndarray) -> np.ndarray:
        """Returns uint8 images [n, h, w, c], if the extractor takes them; else InputError."""
        images = checked_images(images)
        self.check_shape(images.shape[1:])
        return images


class OfOneShape(Identified):
    """An extractor of images of one shape, the `image_shape` of its record."""

    _takes = "was made for {}"
    _instead = "make one for such images"

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(h, w, c) of the images it takes, (t, h, w, c) of clips."""
        return tuple(self.record["image_shape"])

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raises InputError unless the extractor takes images of this (h, w, c)."""
        if tuple(shape) != self.image_shape:
            axes = "height x width x channels"
            if 4 in (len(shape), len(self.image_shape)):
                axes = f"clips: frames x {axes}"
            raise InputError(
                f"the images are {shape_text(shape)} and the extractor {self.stamp} "
                f"{self._takes.format(shape_text(self.image_shape))} ({axes}): "
                f"resize or convert them, or {self._instead}."
            )


def digest_of(record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over a record in canonical JSON and each array's name, dtype, shape and bytes.

    Arrays go by name; their order does not count. Returns 64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    digest.update(json.dumps(record, sort_keys=True, separators=(",", ":")).encode())
    for name in sorted(arrays):
        value = np.ascontiguousarray(arrays[name])
        digest.update(f"\n{name} {value.dtype} {list(value.shape)}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def checked_images(images: np.ndarray) -> np.ndarray:
    """Returns `images` if they are uint8 [n, h, w, c] or clips, none of these 0, or InputError."""
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise InputError(
            f"the images are {images.dtype}; an extractor takes uint8 from 0 to 255. Images from 0 "
            "to 1 are converted by np.uint8(np.round(255 * x)), images from -1 to 1 by "
            "np.uint8(np.round(127.5 * (x + 1)))."
        )
    if images.ndim not in (4, 5) or 0 in images.shape:
        raise InputError(
            f"the images have shape {list(images.shape)}; expected [n, height, width, channels], "
            "none of them 0. Grey images need a last axis of 1: images[..., None]."
        )
    return images


def shape_text(shape: tuple[int, ...]) -> str:
    """An image's shape as messages name it, such as '28x28x1'."""
    return "x".join(str(side) for side in shape)
