"""Labels as they come, checked and brought to int32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gan_jax.errors import InputError, printable

_TRUSTED_CLASSES = 64  # a part of a set may lack classes; beyond this, gaps look like damage
_LARGEST_WHOLE = 2**31


def check_count(num_labels: int, num_examples: int, where: str) -> None:
    """Raises InputError unless there is one label an image."""
    if num_labels != num_examples:
        raise InputError(
            f"{where}: {num_labels} labels for {num_examples} images: there must be one label an "
            "image; the two do not belong together or one is cut short."
        )


def class_labels(
    stored: Mapping[str, np.ndarray], where: Mapping[str, str]
) -> tuple[dict[str, np.ndarray], tuple[str, ...] | None]:
    """Labels of the parts of a set, numbered together: int32 [n] by part, and the classes' names.

    Names are the texts, sorted, or the numbers up to the greatest. ({}, None) for no labels. Stored
    are labels as `int32_labels` takes them, or texts [n]; `where` names them in messages.

    Raises:
        InputError: as `int32_labels`; texts in one part and numbers in another.
    """
    if not stored:
        return {}, None
    if not all(labels.dtype.kind in "US" and labels.ndim == 1 for labels in stored.values()):
        numbers = {part: int32_labels(labels, where=where[part]) for part, labels in stored.items()}
        greatest = max(int(labels.max()) for labels in numbers.values())
        return numbers, tuple(map(str, range(greatest + 1)))
    try:
        found = {part: texts(labels) for part, labels in stored.items()}
    except ValueError as error:
        raise InputError(
            f"{next(iter(where.values()))} holds no valid texts: store class numbers 0, 1, 2, ..."
        ) from error
    names = sorted(set().union(*found.values()))
    number = {name: label for label, name in enumerate(names)}
    numbers = {
        part: np.array([number[text] for text in own], np.int32) for part, own in found.items()
    }
    return numbers, tuple(map(printable, names))


def int32_labels(labels: np.ndarray, *, where: str) -> np.ndarray:
    """Class numbers counted from 0, int32 [n].

    Args:
        labels: whole numbers [n] or [n, 1] of any type, or one-hot rows [n, classes].
        where: the file or set, for the message.

    Raises:
        InputError: others, none, negative, or so large that most classes would be empty (a sign of
            damage or of other numbers).
    """
    given = labels
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    elif labels.ndim == 2 and labels.dtype.kind in "biuf" and _are_one_hot(labels):
        labels = np.argmax(labels, axis=1)
    if labels.dtype.kind == "b" or (labels.dtype.kind == "f" and _are_whole(labels)):
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise InputError(
            f"{where}: labels must be whole numbers of shape [n] or one-hot rows [n, classes], got "
            f"{given.dtype} {list(given.shape)}: store class numbers 0, 1, 2, ... (of rows with "
            "several classes an image, one of them; of scores, their argmax)."
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


def texts(stored: np.ndarray) -> list[str]:
    """The texts of an array [n], of bytes or of strings; ValueError for bytes that are no UTF-8."""
    return [text.decode() if isinstance(text, bytes) else str(text) for text in stored.tolist()]


def _are_one_hot(labels: np.ndarray) -> bool:
    ones = labels == 1
    return bool((ones | (labels == 0)).all() and (ones.sum(axis=1) == 1).all())


def _are_whole(labels: np.ndarray) -> bool:
    whole = np.isfinite(labels) & (labels == np.rint(labels)) & (np.abs(labels) < _LARGEST_WHOLE)
    return bool(whole.all())


def renumbered(
    labels: np.ndarray, own_names: Sequence[str], names: Sequence[str]
) -> np.ndarray | None:
    """Labels, integers [n], of classes `own_names` as numbers of `names`.

    None if a class that occurs is not among `names`.
    """
    number = {name: index for index, name in enumerate(names)}
    present: list[int] = np.unique(labels).tolist()
    if any(own_names[label] not in number for label in present):
        return None
    table = np.full(len(own_names), -1)
    table[present] = [number[own_names[label]] for label in present]
    return table[labels]
