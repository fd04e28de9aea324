"""Which real images a study learns from and tests on: disjoint, and nested over sizes."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence

import numpy as np
from ml_collections import ConfigDict

from gan_jax.data import Dataset, load
from gan_jax.data.dataset import check_same_shape, check_test_labels
from gan_jax.errors import InputError
from gan_jax.judging.overlap import independent_images

_ORDER_SEED = 20261124  # beside the run's seed, so that no other draw of that seed is repeated
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, eq=False)
class Splits:
    """The real images of a study, in memory and in the order of their content.

    So subsets do not depend on the order in files.

    Attributes:
        train: the images that subsets are taken from; none is in `test`.
        test: held out; no training, filter or choice of the study sees it. Of crops that overlap
            it holds those that share nothing, since its images count as independent ones.
        dropped: training images left out because a test image is equal to them, pixel by pixel.
        num_classes: of both.
    """

    train: Dataset
    test: Dataset
    dropped: int
    num_classes: int


def load_splits(config: ConfigDict) -> Splits:
    """The splits of a study's config, checked for all of its sizes.

    Raises InputError for no labels, one class only, a class that the training images lack, too few
    images for a size, or a set too large for memory.
    """
    train, test = load(config.dataset, "train"), load(config.dataset, "test")
    return make_splits(train, test, sizes=config.sizes, balanced=config.balanced)


def make_splits(train: Dataset, test: Dataset, *, sizes: Sequence[int], balanced: bool) -> Splits:
    """`load_splits` of sets that are at hand."""
    for part in (train, test):
        if part.images is None:
            raise InputError(
                f"{part.name} ({part.split}) is larger than config.dataset.memory_limit_mb, and a "
                "study needs its images in memory: raise that limit."
            )
    train.require_classes()
    check_test_labels(test)
    check_same_shape(train, test)
    train, test = (part.subset(part.content_order()) for part in (train, test))
    rows = independent_images(test)
    if len(rows) < len(test):
        _log.warning(
            "The test images are crops that overlap: the study tests on the %d of %d that share "
            "nothing.",
            len(rows),
            len(test),
        )
        test = test.subset(rows)
        check_test_labels(test)
    fresh = np.flatnonzero(~np.isin(train.content_keys, test.content_keys))
    dropped = len(train) - len(fresh)
    if dropped:
        _log.warning(
            "%d of the %d training images are equal to test images, and are left out.",
            dropped,
            len(train),
        )
        train = train.subset(fresh)
        train.require_classes()
    missing = sorted(set(test.class_labels.tolist()) - set(train.class_labels.tolist()))
    if missing:
        raise InputError(
            f"{train.name}: class {_class_name(train, missing[0])} has test images, and no "
            "training images to learn it from: give some, or leave the class out of the test."
        )
    _check_sizes(train, sizes, balanced)
    return Splits(train, test, dropped, max(len(train.label_names), len(test.label_names)))


def nested_order(labels: np.ndarray, seed: int, *, balanced: bool) -> np.ndarray:
    """An order of the training images whose first n are the subset of size n.

    So subsets of one seed are nested: a larger one holds a smaller one. Balanced, their classes
    differ by one image at most, as long as each class has some left; else each class has its share
    of the whole set, rounded. `labels` are int [n]; returns a permutation, int64 [n].
    """
    rng = np.random.default_rng((_ORDER_SEED, seed))
    order = rng.permutation(len(labels))
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = order[labels[order] == label]
        # The rank in the class, or the share of the class that comes before.
        steps = np.arange(len(members)) + 0.5
        place[members] = steps if balanced else steps / len(members)
    ties = np.empty(len(labels))
    ties[order] = np.arange(len(labels))
    return np.lexsort((ties, place))


def _check_sizes(train: Dataset, sizes: Sequence[int], balanced: bool) -> None:
    classes, counts = np.unique(train.class_labels, return_counts=True)
    largest, smallest = max(sizes), min(sizes)
    if largest > len(train):
        raise InputError(
            f"config.sizes goes up to {largest:,}, and {train.name} has {len(train):,} training "
            f"images: leave out sizes above that, such as config.sizes={_up_to(sizes, len(train))}."
        )
    if smallest < 2 * len(classes):
        raise InputError(
            f"config.sizes begins with {smallest}, and {train.name} has {len(classes)} classes: a "
            f"subset needs at least 2 images of each, which is {2 * len(classes)}."
        )
    if balanced and -(-largest // len(classes)) > counts.min():
        rare = classes[np.argmin(counts)]
        most = int(counts.min()) * len(classes)
        raise InputError(
            f"config.sizes goes up to {largest:,} images of {len(classes)} balanced classes, and "
            f"class {_class_name(train, rare)} has {counts.min():,} training images: leave out "
            f"sizes above {most:,}, or set config.balanced=False to keep the training set's own "
            "mix of classes."
        )
    if not balanced and smallest * counts.min() < 2 * len(train):
        rare = classes[np.argmin(counts)]
        raise InputError(
            f"config.sizes begins with {smallest}, in which class {_class_name(train, rare)} "
            f"({counts.min():,} of {len(train):,} training images) would have fewer than 2: begin "
            f"with {-(-2 * len(train) // int(counts.min())):,}, or set config.balanced=True."
        )


def _up_to(sizes: Sequence[int], most: int) -> tuple[int, ...]:
    return tuple(size for size in sizes if size <= most) or (most,)


def _class_name(dataset: Dataset, label: int) -> str:
    return f"'{dataset.class_names[label]}'" if dataset.class_names else str(int(label))
