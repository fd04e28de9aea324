"""Holding out a test part where a set has none of its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gan_jax.data.content import content_keys
from gan_jax.errors import InputError

_SPLIT_SEED = 20240229  # fixed: the split of a set never depends on the run


def split_indices(
    keys: Callable[[], np.ndarray],
    num_examples: int,
    labels: np.ndarray | None,
    *,
    split: str,
    test_fraction: float,
) -> np.ndarray:
    """Indices of one split, stratified by class, in increasing order: int64 [k].

    The same fraction of each class is held out, chosen by the images' content and a fixed seed,
    whatever their order and names. All copies of an image lie on one side, even under different
    labels. A class of two or more different images has at least one on either side if its images
    are in no other class; a single one is for training.

    Args:
        keys: gives a hash of each image, uint64 [n], equal for equal images; called if needed.
        labels: int [n], or None for one class.
        split: 'train', 'test' or 'all'.
        test_fraction: the part of each class in the test split, in [0, 1).

    Raises:
        InputError: the split would be empty.
    """
    if split == "all":
        return np.arange(num_examples)
    held_out = np.zeros(num_examples, bool)
    if test_fraction > 0:
        held_out = _held_out(keys(), labels, test_fraction)
    indices = np.flatnonzero(held_out if split == "test" else ~held_out)
    if len(indices) == 0:
        raise InputError(_nothing_left(keys, num_examples, split, test_fraction))
    return indices


def _nothing_left(
    keys: Callable[[], np.ndarray], num_examples: int, split: str, test_fraction: float
) -> str:
    if test_fraction == 0:
        return "dataset.test_fraction 0 holds no image out: give a larger one, such as 0.1."
    if num_examples == 1:
        reason = "there is 1 image only"
    elif len(np.unique(keys())) == 1:
        reason = f"all {num_examples} images are the same"
    else:
        reason = f"no class of the {num_examples} images has two that differ"
    return (
        f"dataset.test_fraction {test_fraction} leaves no image for the '{split}' split, as "
        f"{reason}: no fraction helps; give more images."
    )


def _held_out(keys: np.ndarray, labels: np.ndarray | None, test_fraction: float) -> np.ndarray:
    if labels is None:
        labels = np.zeros(len(keys), np.int32)
    # Different images by number, in an order that is drawn; and on which side each is.
    _, image = np.unique(content_keys(keys, seed=_SPLIT_SEED), return_inverse=True)
    is_test = np.zeros(len(keys), bool)
    is_decided = np.zeros(len(keys), bool)
    for members in _classes(image, labels):
        different, copies = np.unique(members, return_counts=True)
        decided, tested = is_decided[different], is_test[different]
        free = different[~decided]
        wanted = round(test_fraction * len(members)) - copies[tested].sum()
        reached = np.concatenate([[0], np.cumsum(copies[~decided])])
        count = int(np.argmin(np.abs(reached - wanted)))
        fewest = 0 if tested.any() else 1
        most = len(free) if (decided & ~tested).any() else len(free) - 1
        is_test[free[: max(min(max(count, fewest), most), 0)]] = True
        is_decided[free] = True
    return is_test[image]


def _classes(image: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """The images of each class, those of the smallest class first: it has the least choice."""
    order = np.argsort(labels, kind="stable")
    bounds = np.flatnonzero(np.diff(labels[order])) + 1
    return sorted(np.split(image[order], bounds), key=lambda members: (len(members), members.min()))
