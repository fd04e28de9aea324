"""An extractor of small images that reads what is made of them: channels, as of Stacked MNIST, and
the frames of clips.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from typing import Any

import numpy as np

from gan_jax.data import Dataset, StackedSource
from gan_jax.errors import InputError
from gan_jax.extractors.common import Features, OfOneShape, digest_of
from gan_jax.extractors.extractor import Extractor

_MOST_COMBINATIONS = 100_000


@dataclasses.dataclass(frozen=True)
class PartReader(OfOneShape):
    """A pack as a judge of what has several parts, each of which it reads by itself."""

    extractor: Extractor

    @property
    def gate(self) -> str:
        """The degradation gate's verdict of the pack."""
        return self.extractor.gate


@dataclasses.dataclass(frozen=True)
class ChannelExtractor(PartReader):
    """A pack of images [n, h, w, 1] as a judge of images of several `channels`."""

    channels: int

    # References are stacks of few digits, each of which is read once.
    reference_limit = 60_000
    _takes = "reads {}, each channel by itself"
    _instead = "take a pack trained on such channels"

    @functools.cached_property
    def record(self) -> dict[str, Any]:
        """The pack's record, for all channels; 'accuracy' and 'num_test' are a single channel's.

        The first channel's class is in front: (1, 2, 3) is class 123 of 1,000.
        """
        record = self.extractor.record
        names = itertools.product(self.extractor.class_names, repeat=self.channels)
        return record | {
            "name": f"{record['name']}-x{self.channels}",
            "image_shape": [*self.extractor.image_shape[:2], self.channels],
            "preprocessing": f"each channel by itself, {record['preprocessing']}",
            "class_names": ["".join(name) for name in names],
        }

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the pack's digest and the number of channels, 64 hexadecimal digits."""
        return digest_of({"extractor": self.extractor.digest, "channels": self.channels}, {})

    def features(self, images: np.ndarray, *, batch_size: int = 500, progress=None) -> Features:
        """The features of uint8 images [n, h, w, c]; equal channels are read once.

        'semantic' [n, c * d] and 'texture' [n, c * t] hold the channels' features one after
        another, 'channels' [n, c, k] their probabilities, and 'probabilities' [n, k ** c] the
        products of these. Raises InputError for images of another dtype, size or number of
        channels.
        """
        images = self.checked(images)
        distinct, places = _distinct(np.moveaxis(images, 3, 1).reshape(-1, *images.shape[1:3]))
        found = self.extractor.features(
            distinct[..., None], batch_size=batch_size, progress=progress
        )
        assert found.texture is not None
        places = places.reshape(len(images), self.channels)
        channels = found.class_probabilities[places]
        return Features(
            semantic=found.semantic[places].reshape(len(images), -1),
            texture=found.texture[places].reshape(len(images), -1),
            probabilities=_products(channels),
            channels=channels,
        )


@dataclasses.dataclass(frozen=True)
class FrameExtractor(PartReader):
    """A pack of images [n, h, w, c] as a judge of clips of so many `frames`."""

    frames: int

    _takes = "reads {}, frame by frame"
    _instead = "take a pack trained on such frames"

    @functools.cached_property
    def record(self) -> dict[str, Any]:
        """The pack's record, for clips; 'accuracy' and 'num_test' are those of single frames."""
        record = self.extractor.record
        return record | {
            "name": f"{record['name']}-frames",
            "image_shape": [self.frames, *self.extractor.image_shape],
            "preprocessing": f"frame by frame, {record['preprocessing']}; features: one frame of "
            "each clip, the first frame of the first clip, the second of the second and so on",
        }

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the pack's digest and the number of frames, 64 hexadecimal digits."""
        return digest_of({"extractor": self.extractor.digest, "frames": self.frames}, {})

    def features(self, images: np.ndarray, *, batch_size: int = 500, progress=None) -> Features:
        """The features of uint8 clips [n, t, h, w, c].

        'semantic' [n, d] and 'texture' [n, t] are of one frame of each clip, as the frames of a
        clip are no independent images. 'frames' [n, t, k] are the probabilities of all frames, and
        'probabilities' [n, k] their means. Raises InputError for clips of another dtype or shape.
        """
        clips = self.checked(images)
        count, length = clips.shape[:2]
        found = self.extractor.features(
            clips.reshape(-1, *clips.shape[2:]), batch_size=batch_size, progress=progress
        )
        assert found.texture is not None
        chosen = np.arange(count) * length + np.arange(count) % length
        frames = found.class_probabilities.reshape(count, length, -1)
        return Features(
            semantic=found.semantic[chosen],
            texture=found.texture[chosen],
            probabilities=frames.mean(1),
            frames=frames,
        )


def reading_parts(extractor: Any, dataset: Dataset | None) -> Any:
    """The extractor for a dataset: it reads each channel of stacks, each frame of clips.

    For any other extractor or dataset, the extractor as it is. Raises InputError for more than
    100,000 combinations of classes.
    """
    if dataset is None or not isinstance(extractor, Extractor):
        return extractor
    if len(dataset.image_shape) == 4 and len(extractor.image_shape) == 3:
        return FrameExtractor(extractor, dataset.image_shape[0])
    if not isinstance(dataset.source, StackedSource) or extractor.image_shape[2] != 1:
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
    """The different planes of uint8 [m, h, w], in order, and each plane's place among them, [m]."""
    numbers: dict[bytes, int] = {}
    places = np.array([numbers.setdefault(plane.tobytes(), len(numbers)) for plane in planes])
    first = np.unique(places, return_index=True)[1]
    return planes[first], places


def _products(channels: np.ndarray) -> np.ndarray:
    """Probabilities float32 [n, k ** c] of combinations, from the channels' own [n, c, k]."""
    product = channels[:, 0]
    for number in range(1, channels.shape[1]):
        product = (product[:, :, None] * channels[:, None, number]).reshape(len(channels), -1)
    return product
