"""An extractor of images that reads clips frame by frame."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

from gan_jax.extractors.common import Features, digest_of
from gan_jax.extractors.extractor import PartReader


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
