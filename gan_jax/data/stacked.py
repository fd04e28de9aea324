"""Stacked MNIST: three digits as the channels of an image, 1,000 classes (Metz et al. 2017,
"Unrolled generative adversarial networks", section 3.3.1; Lin et al. 2018, "PacGAN").

A set is the digits once, as uint8, and three of their numbers an image: 12 bytes instead of 2,352.
Images are put together where they are needed, on the host or, in training, on the devices.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from gan_jax.data.built_in import load_mnist5k
from gan_jax.data.content import content_keys
from gan_jax.data.dataset import Dataset
from gan_jax.data.idx import load_idx
from gan_jax.data.options import SourceOptions
from gan_jax.data.sources import ComposedSource
from gan_jax.data.tfds_source import load_tfds
from gan_jax.errors import InputError

CHANNELS = 3
_MOST_CLASSES = 10
_TEST_SEED = 20170110  # fixed: the test images never depend on the run
_SPLIT_KEYS = {"train": 1, "test": 2}


class StackedSource(ComposedSource):
    """Images whose channels are digits, put together on access.

    `digits` are uint8 [d, h, w], in C order; `stacks` int32 [n, 3], which digit each channel of
    each image is.
    """

    place = "put together on access"

    def __init__(self, digits: np.ndarray, stacks: np.ndarray) -> None:
        super().__init__(
            {"digits": digits, "stacks": stacks},
            count=len(stacks),
            image_shape=(*digits.shape[1:], stacks.shape[1]),
            treatment="stacked",
        )

    def keys(self) -> np.ndarray:
        return content_keys(content_keys(self.parts["digits"])[self.parts["stacks"]])

    @staticmethod
    def compose(parts: Mapping[str, Any], rows: Any) -> Any:
        """The images at `rows`, integers [k], as uint8 [k, h, w, 3]; of numpy or of JAX arrays."""
        return parts["digits"][parts["stacks"][rows]].transpose(0, 2, 3, 1)


def load_stacked_mnist(options: SourceOptions, split: str) -> Dataset:
    """Images uint8 [n, h, w, 3] and the labels of their 1,000 classes.

    The first channel is the leading digit: (1, 2, 3) is class 123, as in
    `gan_jax.metrics.stacked_classes`. 'train' stacks training digits, drawn from
    `options.stacking.seed`; 'test' stacks test digits, the same for every seed; 'all' is both. Each
    channel is drawn evenly, with replacement, from the split's digits in the order of their
    content. Digits are resized before stacking.
    """
    if options.channels not in (0, CHANNELS):
        raise InputError(
            f"dataset.channels is {options.channels}, and a stack of digits has {CHANNELS}: set it "
            "to 0."
        )
    splits = ("train", "test") if split == "all" else (split,)
    bases = [_digits(options, part) for part in splits]
    names = bases[0].label_names
    digits, stacks, labels, first = [], [], [], 0
    for base, part in zip(bases, splits):
        count = options.stacking.num_stacks if part == "train" else options.stacking.num_test_stacks
        chosen = draw_stacks(len(base), count, seed=options.stacking.seed, split=part)
        if options.stacking.stack != "mnist5k":  # which has one order only
            chosen = base.content_order()[chosen].astype(np.int32)
        digits.append(base.all_images()[..., 0])
        stacks.append(chosen + np.int32(first))
        labels.append(_stacked_labels(base.class_labels[chosen], len(names)))
        first += len(base)
    return Dataset(
        f"stacked_mnist:{bases[0].name}",
        split,
        source=StackedSource(np.concatenate(digits), np.concatenate(stacks)),
        labels=np.concatenate(labels),
        class_names=tuple(a + b + c for a in names for b in names for c in names),
    )


def draw_stacks(num_digits: int, count: int, *, seed: int, split: str) -> np.ndarray:
    """Which digits are stacked: int32 [count, 3], each even in [0, num_digits), below 2**31.

    The first rows do not depend on `count`, nor those of split 'test' on the seed.
    """
    # Raw Philox numbers are the part of NumPy's random streams that never changes.
    key = [_TEST_SEED if split == "test" else seed, _SPLIT_KEYS[split]]
    raw = np.random.Philox(key=key).random_raw(count * CHANNELS)
    drawn = (raw >> np.uint64(32)) * np.uint64(num_digits) >> np.uint64(32)
    return drawn.astype(np.int32).reshape(count, CHANNELS)


def _digits(options: SourceOptions, split: str) -> Dataset:
    name, _, tfds_name = options.stacking.stack.partition(":")
    loader = {"mnist5k": load_mnist5k, "idx": load_idx, "tfds": load_tfds}[name]
    tfds_name = tfds_name or options.tfds_name
    base = loader(dataclasses.replace(options, channels=1, tfds_name=tfds_name, divide=True), split)
    base.require_classes()
    if len(base.class_names or ()) not in range(2, _MOST_CLASSES + 1):
        raise InputError(
            f"dataset.stack '{options.stacking.stack}' has {base.num_classes} classes, and stacks "
            f"have that number to the power of {CHANNELS}: give a set of 2 to {_MOST_CLASSES} "
            "named classes, such as mnist5k."
        )
    return base


def _stacked_labels(labels: np.ndarray, num_classes: int) -> np.ndarray:
    places = num_classes ** np.arange(CHANNELS - 1, -1, -1)
    return (labels @ places).astype(np.int32)
