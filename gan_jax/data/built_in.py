"""The built-in sets: 5,000 digits of MNIST, and scikit-image's photographs of textures.

`files/SOURCE.md` names their sources and licences. Nothing is downloaded; scikit-image is imported
only when the photographs are asked for.
"""

from __future__ import annotations

import importlib.resources
import io

import numpy as np

from gan_jax.data.crops import Part, Photographs, crop_dataset
from gan_jax.data.dataset import Dataset
from gan_jax.data.options import SourceOptions, split_names
from gan_jax.data.preprocess import convert_channels
from gan_jax.data.sources import array_source, make_dataset

DIGITS = tuple("0123456789")
PHOTOGRAPHS = ("brick", "grass", "gravel")


def load_mnist5k(options: SourceOptions, split: str) -> Dataset:
    """Images uint8 [n, 28, 28, 1], white on black, with labels.

    The split is part of the file: 'train' has 4,000 images (400 a class), 'test' 1,000 (100 a
    class), 'all' both.
    """
    packed = importlib.resources.files("gan_jax.data").joinpath("files", "mnist5k.npz")
    with np.load(io.BytesIO(packed.read_bytes()), allow_pickle=False) as stored:
        images, labels, is_test = stored["images"], stored["labels"], stored["is_test"]
    chosen = {"train": ~is_test, "test": is_test, "all": np.ones_like(is_test)}[split]
    indices = np.flatnonzero(chosen)
    return make_dataset(
        [array_source(images[..., None], "mnist5k", indices=indices, options=options)],
        [labels[indices].astype(np.int32)],
        name="mnist5k",
        split=split,
        class_names=DIGITS,
        options=options,
    )


def load_textures(options: SourceOptions, split: str) -> Dataset:
    """Crops of the built-in photographs, a class a photograph.

    uint8 [n, h, w, 1], or 3 equal channels if `options.channels` is 3; 64 x 64 where no size is
    given. `options.photographs` chooses, `options.cut` says how crops are cut ('' means random).
    """
    parts = texture_parts(options, split)
    return crop_dataset(parts, name="textures", split=split, options=options)


def texture_parts(options: SourceOptions, split: str) -> list[Part]:
    """The chosen photographs, uint8 [512, 512, 1 or 3], as the parts of a split."""
    from skimage import data

    names = split_names(options.photographs, PHOTOGRAPHS, "photographs")
    grey = [getattr(data, name)()[..., None] for name in names]
    pictures = [convert_channels(picture, options.channels) for picture in grey]
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
