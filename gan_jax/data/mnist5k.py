"""The built-in digits: 5,000 of MNIST, 500 a class, kept in the package.

`files/SOURCE.md` names their source and licence.
"""

from __future__ import annotations

import importlib.resources
import io

import numpy as np

from gan_jax.data.dataset import Dataset
from gan_jax.data.options import SourceOptions
from gan_jax.data.sources import ArraySource, make_dataset

CLASS_NAMES = tuple("0123456789")


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
    source = ArraySource(images[..., None], indices=indices, preprocess=options.preprocess)
    return make_dataset(
        [source],
        [labels[indices].astype(np.int32)],
        name="mnist5k",
        split=split,
        class_names=CLASS_NAMES,
        options=options,
    )
