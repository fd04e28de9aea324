"""An extractor of one channel that reads each channel of an image, as Stacked MNIST asks for.

The recogniser of the digits is applied to every channel by itself. Features of the channels stand
one after another, and a class is a combination of theirs: (1, 2, 3) is class 123 of 1,000.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

from gan_jax.data import Dataset, StackedSource
from gan_jax.errors import InputError
from gan_jax.extractors.common import checked_images, digest_of, shape_text
from gan_jax.extractors.pack import Extractor, Features

_MOST_COMBINATIONS = 100_000


@dataclasses.dataclass(frozen=True)
class ChannelExtractor:
    """A pack of one-channel images as a judge of images of several channels.

    Attributes:
        extractor: of images [n, h, w, 1].
        channels: how many it reads.
    """

    extractor: Extractor
    channels: int

    # References are stacks of few digits, each of which is read once.
    reference_limit = 60_000

    @functools.cached_property
    def record(self) -> dict[str, Any]:
        """What the pack says of its network, for the channels together.

        'accuracy' and 'num_test' are those of a channel.
        """
        record = self.extractor.record
        return record | {
            "name": f"{record['name']}-x{self.channels}",
            "image_shape": list(self.image_shape),
            "preprocessing": f"each channel by itself, {record['preprocessing']}",
            "class_names": list(self.class_names),
        }

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the pack's digest and the number of channels, 64 hexadecimal digits."""
        return digest_of({"extractor": self.extractor.digest, "channels": self.channels}, {})

    @property
    def stamp(self) -> str:
        """'name-x', the channels, '@' and the first eight digits of the digest."""
        return f"{self.record['name']}@{self.digest[:8]}"

    @property
    def gate(self) -> str:
        """What the degradation gate says of the pack."""
        return self.extractor.gate

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(h, w, c) of the images it takes."""
        return (*self.extractor.image_shape[:2], self.channels)

    @functools.cached_property
    def class_names(self) -> tuple[str, ...]:
        """One name a combination: the channels' names, the first channel's in front."""
        names = [""]
        for _ in range(self.channels):
            names = [first + own for first in names for own in self.extractor.class_names]
        return tuple(names)

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raises InputError unless images have this (h, w, c)."""
        if tuple(shape) != self.image_shape:
            raise InputError(
                f"the images are {shape_text(shape)} and the extractor {self.stamp} reads "
                f"{shape_text(self.image_shape)}, each channel by itself (height x width x "
                "channels): resize or convert them, or take a pack trained on such channels."
            )

    def features(self, images: np.ndarray, *, batch_size: int = 500, progress=None) -> Features:
        """The features of uint8 images [n, h, w, c]; equal channels are read once.

        'semantic' [n, c * d] and 'texture' [n, c * t] are those of the channels one after another,
        'probabilities' [n, k ** c] products of the channels', and 'channels' [n, c, k] these.

        Raises:
            InputError: images of another dtype, size or number of channels.
        """
        images = checked_images(images)
        self.check_shape(images.shape[1:])
        distinct, places = _distinct(np.moveaxis(images, 3, 1).reshape(-1, *images.shape[1:3]))
        found = self.extractor.features(
            distinct[..., None], batch_size=batch_size, progress=progress
        )
        places = places.reshape(len(images), self.channels)
        channels = found.probabilities[places]
        return Features(
            semantic=found.semantic[places].reshape(len(images), -1),
            texture=found.texture[places].reshape(len(images), -1),
            probabilities=_products(channels),
            channels=channels,
        )


def reading_channels(extractor: Any, dataset: Dataset | None) -> Any:
    """The extractor for the images of a dataset: of one channel, applied to each of a stack's.

    Any other extractor, and any other dataset, gets the extractor as it is.

    Raises:
        InputError: more combinations of classes than 100,000.
    """
    if dataset is None or not isinstance(dataset.source, StackedSource):
        return extractor
    if not isinstance(extractor, Extractor) or extractor.image_shape[2] != 1:
        return extractor
    channels, classes = dataset.image_shape[2], len(extractor.class_names)
    if classes**channels > _MOST_COMBINATIONS:
        raise InputError(
            f"the extractor {extractor.stamp} knows {classes:,} classes, and {channels} channels "
            f"have {classes**channels:,} combinations of them; expected {_MOST_COMBINATIONS:,} at "
            "most: take a pack of fewer classes."
        )
    return ChannelExtractor(extractor, channels)


def _distinct(planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of the planes uint8 [m, h, w] differ, in order, and where each is among them, [m]."""
    numbers: dict[bytes, int] = {}
    places = np.array([numbers.setdefault(plane.tobytes(), len(numbers)) for plane in planes])
    first = np.unique(places, return_index=True)[1]
    return planes[first], places


def _products(channels: np.ndarray) -> np.ndarray:
    """Probabilities float32 [n, k ** c] of combinations, from those of the channels, [n, c, k]."""
    product = channels[:, 0]
    for number in range(1, channels.shape[1]):
        product = (product[:, :, None] * channels[:, None, number]).reshape(len(channels), -1)
    return product
