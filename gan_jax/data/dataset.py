"""The one dataset type that every source ends in."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from gan_jax.data.content import content_keys
from gan_jax.errors import InputError

Indices = Sequence[int] | np.ndarray
Shape = tuple[int, ...]  # (h, w, c) of an image, (t, h, w, c) of a clip


class ImageSource(Protocol):
    """Random access to images that are too many to hold in memory.

    `treatment` tells how the images are made of the stored bytes that `keys` hashes, '' if they are
    these. `take(indices)` returns uint8 [k, h, w, c] and may be called from several threads.
    `keys()` returns a hash of each example, uint64 [n], that does not depend on names, order or
    machine; it may read the whole set.
    """

    image_shape: Shape
    treatment: str

    def __len__(self) -> int: ...

    def take(self, indices: Indices) -> np.ndarray: ...

    def keys(self) -> np.ndarray: ...


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Images and optional labels of one split.

    Attributes:
        name: where the images come from, such as 'mnist5k' or 'folder:cats'.
        split: 'train', 'test' or 'all'.
        images, source: the whole set, uint8 [n, h, w, c], of clips [n, t, h, w, c], or else random
            access to it.
        labels: int32 [n] in [0, num_classes), or None.
        class_names: one name a class, or None.
        own_parts: whether the set came with a training and a test part; if not, it was divided by
            `gan_jax.data.split`, or `split` is 'all'.
        cropped: whether the images were cut out of larger pictures, so that they may overlap.

    Raises:
        InputError: no images, wrong dtype or rank, labels of another length or out of range.
    """

    name: str
    split: str
    images: np.ndarray | None = None
    source: ImageSource | None = None
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    own_parts: bool = True
    cropped: bool = False

    def __post_init__(self) -> None:
        if (self.images is None) == (self.source is None):
            raise InputError(f"{self._title}: give either images or a source, not both or neither.")
        if len(self) == 0:
            raise InputError(f"{self._title} holds no images: at least one is needed.")
        if self.images is not None:
            if self.images.dtype != np.uint8 or self.images.ndim not in (4, 5):
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
        return len(self.images if self.images is not None else self._streamed)

    def __repr__(self) -> str:
        place = "in memory" if self.source is None else getattr(self.source, "place", "streamed")
        shape = "x".join(str(size) for size in self.image_shape)
        classes = "no labels" if self.labels is None else f"{self.num_classes} classes"
        return f"Dataset({self.name}, {self.split}: {len(self)} of {shape}, {classes}, {place})"

    @property
    def image_shape(self) -> Shape:
        """(height, width, channels) of every image, (frames, height, ...) of every clip."""
        return self._streamed.image_shape if self.images is None else self.images.shape[1:]

    @property
    def _streamed(self) -> ImageSource:
        """The source of a set that is not in memory."""
        assert self.source is not None
        return self.source

    @functools.cached_property
    def num_classes(self) -> int | None:
        """The number of classes; None without labels."""
        if self.labels is None:
            return None
        return len(self.class_names) if self.class_names else int(self.labels.max()) + 1

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of the classes of a labelled set; their numbers where they have none."""
        if self.class_names:
            return self.class_names
        assert self.num_classes is not None
        return tuple(str(label) for label in range(self.num_classes))

    @property
    def described(self) -> str:
        """Which images of the set these are, in words: 'folder:cats, all 300 images ...'."""
        parts = "" if self.own_parts else " (it has no parts of its own)"
        if self.split == "all":
            return f"{self.name}, all {len(self):,} images{parts}"
        if self.own_parts:
            part = "training" if self.split == "train" else self.split
            return f"{self.name}, its {part} part: {len(self):,} images"
        use = "for training" if self.split == "train" else "that are held out"
        return f"{self.name}, {len(self):,} images {use}{parts}"

    @functools.cached_property
    def content_keys(self) -> np.ndarray:
        """A hash of each image, uint64 [n], that depends neither on names nor on the order.

        In memory the pixels are hashed. Of a streamed set the stored bytes are: a file, an array's
        row, a TFDS record, a crop's photograph and place. They are read once, not decoded.
        """
        keys = content_keys(self.images) if self.images is not None else self._streamed.keys()
        keys.flags.writeable = False
        return keys

    def content_order(self) -> np.ndarray:
        """The permutation int64 [n] that puts the images in the order of their content.

        That order looks random, and is the same for every order of the set and all names of its
        files. Equal images stand together, by their labels.
        """
        return self._content_order

    @functools.cached_property
    def _content_order(self) -> np.ndarray:
        order = self._sorted(self.content_keys)
        order.flags.writeable = False
        return order

    def _sorted(self, keys: np.ndarray) -> np.ndarray:
        return np.lexsort((keys,) if self.labels is None else (self.labels, keys))

    def draw(self, most: int, *, seed: int) -> np.ndarray:
        """Rows of `most` images, or of all if there are no more, drawn by the seed: int64 [k].

        The images drawn and their order depend on the seed and on the images alone.
        """
        return self._sorted(content_keys(self.content_keys, seed=seed))[:most]

    @functools.cached_property
    def fingerprint(self) -> str:
        """sha256 in hex over `content_keys` and labels, the same for every order of a set.

        A streamed set has another than in memory, unless its images are stored as they are given.
        """
        order, treatment = self.content_order(), getattr(self.source, "treatment", "")
        digest = hashlib.sha256(f"{len(self)} x {self.image_shape} {treatment}\n".encode())
        digest.update(np.ascontiguousarray(self.content_keys[order], "<u8").data)
        if self.labels is not None:
            digest.update(np.ascontiguousarray(self.labels[order], "<i4").data)
        return digest.hexdigest()

    def take(self, indices: Indices) -> np.ndarray:
        """The images at `indices` (integers [k], repeats allowed) as uint8 [k, h, w, c]."""
        if self.images is not None:
            return self.images[np.asarray(indices, np.intp)]
        return self._streamed.take(indices)

    def all_images(self) -> np.ndarray:
        """The whole set, uint8 [n, h, w, c]; a streamed one is read."""
        return self.take(np.arange(len(self))) if self.images is None else self.images

    def subset(self, rows: np.ndarray) -> Dataset:
        """The images at `rows`, int64 [k], in memory, with their labels."""
        labels = None if self.labels is None else self.labels[rows]
        return dataclasses.replace(self, images=self.take(rows), source=None, labels=labels)

    @property
    def class_labels(self) -> np.ndarray:
        """`labels` of a labelled set; InputError without."""
        if self.labels is None:
            raise InputError(
                f"{self._title} has no labels, and a recogniser needs them: use a labelled set, or "
                "put the images of each class in a subfolder of their own."
            )
        return self.labels

    def require_classes(self) -> None:
        """Raises InputError for a set without labels, or with examples of a single class."""
        present = np.unique(self.class_labels)
        if len(present) < 2:
            only = ", ".join(self.label_names[label] for label in present)
            raise InputError(
                f"{self._title} has examples of {len(present)} class(es) only ({only}): a "
                "recogniser needs at least 2 classes to tell apart."
            )


def check_same_shape(
    train: Dataset,
    test: Dataset,
    advice: str = "set dataset.image_size=(h, w) and dataset.channels to bring them to one shape",
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
