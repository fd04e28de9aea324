"""Holding out a test part where a set has none of its own."""

from __future__ import annotations

import numpy as np

from gan_jax.errors import InputError

_SPLIT_SEED = 20240229  # fixed: the split of a set never depends on the run


def split_indices(
    num_examples: int, labels: np.ndarray | None, *, split: str, test_fraction: float
) -> np.ndarray:
    """Indices of one split, stratified by class, in increasing order.

    The same fraction of each class is held out, chosen by a fixed seed, the class and the number
    of its examples alone: not by what the images show. A class of two or more examples has at
    least one on either side; a single example is for training.

    Args:
        num_examples: n.
        labels: int [n], or None for one class.
        split: 'train', 'test' or 'all'.
        test_fraction: the part of each class in the test split, in [0, 1).

    Returns:
        int64 [k], each in [0, n).

    Raises:
        InputError: the split would be empty.
    """
    if split == "all":
        return np.arange(num_examples)
    if labels is None:
        labels = np.zeros(num_examples, np.int32)
    held_out = np.zeros(num_examples, bool)
    for label in np.unique(labels) if test_fraction > 0 else ():
        members = np.flatnonzero(labels == label)
        count = min(max(round(test_fraction * len(members)), 1), len(members) - 1)
        # Raw Philox numbers are the part of NumPy's random streams that never changes.
        keys = np.random.Philox(key=[_SPLIT_SEED, int(label)]).random_raw(len(members))
        held_out[members[np.argsort(keys, kind="stable")[:count]]] = True
    indices = np.flatnonzero(held_out if split == "test" else ~held_out)
    if len(indices) == 0:
        raise InputError(
            f"dataset.test_fraction {test_fraction} leaves no image of {num_examples} for the "
            f"'{split}' split: give another fraction or more images."
        )
    return indices
