"""Small sets for the tests of data, and what those tests ask of them."""

import gzip
import struct

import numpy as np
import pytest

from gan_jax import data
from gan_jax.errors import InputError

TINY_LIMIT = 1e-6  # MiB: everything streams
SMALL = {"image_size": (8, 8), "num_crops": 120, "num_test_crops": 40}
_RNG = np.random.default_rng(0)


def pixels(*shape):
    return _RNG.integers(0, 256, shape, dtype=np.uint8)


def contents(dataset):
    return dataset.take(np.arange(len(dataset)))


def fails(message, config, split="train"):
    with pytest.raises(InputError, match=message):
        data.load(config, split)


def write_idx(path, array, *, kind=8, gzipped=False):
    packed = struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape)
    packed += array.tobytes()
    path.write_bytes(gzip.compress(packed) if gzipped else packed)


def idx_folder(folder, prefix="", separator="-", suffix="", test="t10k", first_label=0):
    arrays = {}
    for split, count in (("train", 12), (test, 6)):
        images = pixels(count, 4, 3)
        labels = (np.arange(count) % 3 + first_label).astype(np.uint8)
        for array, kind in ((images, "images"), (labels, "labels")):
            name = f"{prefix}{split}-{kind}{separator}idx{array.ndim}-ubyte{suffix}"
            write_idx(folder / name, array, gzipped=suffix == ".gz")
        arrays[split] = images, labels
    return arrays


def coded(height, width, photograph=0):
    """A photograph whose every pixel says where it is: (row, column, number of the photograph)."""
    picture = np.full((height, width, 3), photograph, np.uint8)
    picture[..., 0], picture[..., 1] = np.indices((height, width))
    return picture


def places(images):
    """The pixels that images show, as a set of (row, column, photograph)."""
    return set(map(tuple, images.reshape(-1, images.shape[-1]).tolist()))
