"""Labels as they come, checked and brought to int32."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gan_jax.errors import InputError

_TRUSTED_CLASSES = 64  # a part of a set may lack classes; beyond this, gaps look like damage


def check_count(labels: np.ndarray, num_examples: int, where: str) -> None:
    """Raises InputError unless there is one label an image."""
    if len(labels) != num_examples:
        raise InputError(
            f"{where}: {len(labels)} labels for {num_examples} images: there must be one label an "
            "image; the two do not belong together or one is cut short."
        )


def int32_labels(labels: np.ndarray, *, where: str) -> np.ndarray:
    """Class numbers counted from 0.

    Args:
        labels: integers [n] or [n, 1].
        where: the file or set, for the message.

    Returns:
        int32 [n].

    Raises:
        InputError: not integers, none, negative, or so large that most classes would be empty (a
            sign of damage or of numbers that are no class numbers).
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise InputError(
            f"{where}: labels must be integers of shape [n], got {labels.dtype} "
            f"{list(labels.shape)}: store class numbers 0, 1, 2, ... (argmax of a one-hot row)."
        )
    if len(labels) == 0:
        raise InputError(f"{where} holds no labels: there must be one an image.")
    smallest, largest = int(np.argmin(labels)), int(np.argmax(labels))
    if labels[smallest] < 0:
        raise InputError(
            f"{where}: label {labels[smallest]} of image {smallest} is out of range: class numbers "
            "start at 0."
        )
    present = len(np.unique(labels))
    if labels[largest] >= max(_TRUSTED_CLASSES, 2 * present):
        raise InputError(
            f"{where}: label {labels[largest]} of image {largest} is out of range: only {present} "
            "different labels occur, so most classes would be empty. Number the classes 0, 1, 2, "
            "... or mend the file."
        )
    return labels.astype(np.int32)


def renumbered(
    labels: np.ndarray, own_names: Sequence[str], names: Sequence[str]
) -> np.ndarray | None:
    """Labels of classes `own_names` as numbers of `names`; None if that lacks one that occurs.

    Args:
        labels: integers [n] in [0, len(own_names)).
        own_names: of the classes as the labels number them.
        names: of the same classes, and perhaps others, in another order.
    """
    number = {name: index for index, name in enumerate(names)}
    present = np.unique(labels)
    if any(own_names[label] not in number for label in present):
        return None
    table = np.full(len(own_names), -1)
    table[present] = [number[own_names[label]] for label in present]
    return table[labels]
