"""The one dataset type that every source ends in."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from gan_jax.errors import InputError

_HASHED_ROWS = 4096  # bounds the copy made of a memory-mapped or strided array


class ImageSource(Protocol):
    """Random access to images that are too many to hold in memory.

    `image_shape` is (h, w, c). `take(indices)` returns examples as uint8 [k, h, w, c] and may be
    called from several threads at once. `listing()` yields one line a file or record group, the
    same on every machine that holds the same data: the fingerprint is taken over it.
    """

    image_shape: tuple[int, int, int]

    def __len__(self) -> int: ...

    def take(self, indices: Sequence[int]) -> np.ndarray: ...

    def listing(self) -> Iterable[str]: ...


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Images and optional labels of one split.

    Exactly one of `images` and `source` is given.

    Attributes:
        name: where the images come from, such as 'mnist5k' or 'folder:cats'.
        split: 'train', 'test' or 'all'.
        images: the whole set, uint8 [n, h, w, c], when it is held in memory; else None.
        source: random access to the examples when the set is streamed; else None.
        labels: int32 [n] in [0, num_classes), or None.
        class_names: one name a class, or None.

    Raises:
        InputError: no images, wrong dtype or rank, labels of another length or out of range.
    """

    name: str
    split: str
    images: np.ndarray | None = None
    source: ImageSource | None = None
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if (self.images is None) == (self.source is None):
            raise InputError(f"{self._title}: give either images or a source, not both or neither.")
        if len(self) == 0:
            raise InputError(f"{self._title} holds no images: at least one is needed.")
        if self.images is not None:
            if self.images.dtype != np.uint8 or self.images.ndim != 4:
                raise InputError(
                    f"{self._title}: images must be uint8 [n, h, w, c], got "
                    f"{self.images.dtype} {list(self.images.shape)}."
                )
            if 0 in self.images.shape:
                raise InputError(
                    f"{self._title}: images of shape {self.image_shape} hold no pixels."
                )
        if self.labels is not None:
            self._check_labels(self.labels)

    def _check_labels(self, labels: np.ndarray) -> None:
        if labels.dtype != np.int32 or labels.shape != (len(self),):
            raise InputError(
                f"{self._title}: labels must be int32 [{len(self)}], one an image, got "
                f"{labels.dtype} {list(labels.shape)}."
            )
        limit = len(self.class_names) if self.class_names else None
        outside = labels < 0 if limit is None else (labels < 0) | (labels >= limit)
        if outside.any():
            index = int(np.argmax(outside))
            expected = "0 or more" if limit is None else f"in [0, {limit})"
            raise InputError(
                f"{self._title}: label {labels[index]} of image {index} is out of range: "
                f"labels must be {expected}."
            )

    @property
    def _title(self) -> str:
        return f"dataset '{self.name}' ({self.split})"

    def __len__(self) -> int:
        return len(self.images if self.images is not None else self.source)

    def __repr__(self) -> str:
        place = getattr(self.source, "place", "streamed")
        if self.images is not None:
            place = "in memory"
        shape = "x".join(str(size) for size in self.image_shape)
        classes = "no labels" if self.labels is None else f"{self.num_classes} classes"
        return f"Dataset({self.name}, {self.split}: {len(self)} of {shape}, {classes}, {place})"

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of every image."""
        if self.images is not None:
            return self.images.shape[1:]
        return self.source.image_shape

    @functools.cached_property
    def num_classes(self) -> int | None:
        """The number of classes; None without labels."""
        if self.labels is None:
            return None
        return len(self.class_names) if self.class_names else int(self.labels.max()) + 1

    @functools.cached_property
    def fingerprint(self) -> str:
        """sha256 in hex: over pixels and labels in memory, over listing and labels if streamed."""
        digest = hashlib.sha256(f"{len(self)} x {self.image_shape}\n".encode())
        if self.images is not None:
            for start in range(0, len(self), _HASHED_ROWS):
                digest.update(np.ascontiguousarray(self.images[start : start + _HASHED_ROWS]))
        else:
            for line in self.source.listing():
                digest.update(line.encode("utf-8", "surrogateescape") + b"\n")
        if self.labels is not None:
            digest.update(np.ascontiguousarray(self.labels, "<i4"))
        return digest.hexdigest()

    def take(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """The images at `indices` (integers [k], repeats allowed) as uint8 [k, h, w, c]."""
        if self.images is not None:
            return self.images[np.asarray(indices, np.intp)]
        return self.source.take(indices)

    def require_classes(self, minimum: int = 2) -> None:
        """Checks that the set can teach a recogniser.

        Raises:
            InputError: there are no labels, or examples of fewer than `minimum` classes.
        """
        if self.labels is None:
            raise InputError(
                f"{self._title} has no labels, and a recogniser needs them: use a labelled set, or "
                "put the images of each class in a subfolder of their own."
            )
        present = np.unique(self.labels)
        if len(present) < minimum:
            only = ", ".join(
                self.class_names[label] if self.class_names else str(label) for label in present
            )
            raise InputError(
                f"{self._title} has examples of {len(present)} class(es) only ({only}): a "
                f"recogniser needs at least {minimum} classes to tell apart."
            )


def check_same_shape(
    train: Dataset,
    test: Dataset,
    advice: str = "set config.dataset.image_size=(h, w) and config.dataset.channels to bring them "
    "to one shape",
) -> None:
    """Raises InputError unless training and test images have one (h, w, c)."""
    if train.image_shape != test.image_shape:
        raise InputError(
            f"{train.name}: training images are {train.image_shape} and test images "
            f"{test.image_shape} (height, width, channels): {advice}."
        )


def check_test_labels(test: Dataset) -> None:
    """Raises InputError if there are no labels to measure a recogniser's accuracy by."""
    if test.labels is None:
        raise InputError(f"the test images of {test.name} have no labels to measure accuracy by.")
