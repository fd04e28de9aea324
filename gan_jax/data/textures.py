"""The built-in textures: photographs of brick, grass and gravel that scikit-image carries.

`files/SOURCE.md` names their sources and licence. scikit-image is imported only when they are
asked for; nothing is downloaded.
"""

from __future__ import annotations

import numpy as np

from gan_jax.data.crops import Part, Photographs, crop_dataset
from gan_jax.data.dataset import Dataset
from gan_jax.data.options import SourceOptions, split_names
from gan_jax.data.preprocess import convert_channels

PHOTOGRAPHS = ("brick", "grass", "gravel")


def load_textures(options: SourceOptions, split: str) -> Dataset:
    """Crops of the built-in photographs, a class a photograph.

    uint8 [n, h, w, 1], or 3 equal channels if `options.channels` is 3; 64 x 64 where no size is
    given. `options.photographs` chooses, `options.cut` says how crops are cut ('' means random).
    """
    return crop_dataset(
        texture_parts(options, split), name="textures", split=split, options=options
    )


def texture_parts(options: SourceOptions, split: str) -> list[Part]:
    """The chosen photographs, uint8 [512, 512, 1 or 3], as the parts of a split."""
    names = split_names(options.photographs, PHOTOGRAPHS, "photographs")
    pictures = [convert_channels(_read(name), options.channels) for name in names]
    photographs = Photographs(
        names=names,
        sizes=[picture.shape[:2] for picture in pictures],
        channels=pictures[0].shape[2],
        read=pictures.__getitem__,
        keys=lambda: np.arange(len(names), dtype=np.uint64),  # known, and always in this order
        labels=np.arange(len(names), dtype=np.int32),
        class_names=names,
    )
    splits = ("train", "test") if split == "all" else (split,)
    return [Part(photographs, part, divided=True) for part in splits]


def _read(name: str) -> np.ndarray:
    """A photograph as uint8 [512, 512, 1]."""
    from skimage import data

    return getattr(data, name)()[..., None]
