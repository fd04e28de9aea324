"""Which real images a study learns from, and how long its controls train; no training."""

import dataclasses

import numpy as np
import pytest

from gan_jax.config import study_config
from gan_jax.data import Dataset, load
from gan_jax.errors import InputError
from gan_jax.metrics.overlap import independent_rows
from gan_jax.studies.augmentation.control import extra_steps, from_plain, to_plain
from gan_jax.studies.augmentation.subsets import make_splits, nested_order


def make_set(labels, split, seed, **fields):
    images = np.random.default_rng(seed).integers(0, 256, (len(labels), 4, 4, 1), np.uint8)
    return Dataset("toy", split, images, None, np.asarray(labels, np.int32), **fields)


def splits_of(train_labels, test_labels=(0, 1, 2), sizes=(6,), balanced=True):
    train, test = make_set(train_labels, "train", 0), make_set(test_labels, "test", 1)
    return make_splits(train, test, sizes=sizes, balanced=balanced)


@pytest.mark.parametrize("balanced", [True, False])
def test_subsets_are_nested_and_keep_the_mix(balanced):
    labels = np.repeat([0, 1, 2], [600, 300, 100])
    order = nested_order(labels, 3, balanced=balanced)
    assert np.array_equal(np.sort(order), np.arange(1000))
    for size in (30, 31, 100, 250):
        counts = np.bincount(labels[order[:size]], minlength=3)
        if balanced:
            assert np.ptp(counts) <= 1
        else:
            assert np.abs(counts - size * np.array([0.6, 0.3, 0.1])).max() <= 1
    other = nested_order(labels, 4, balanced=balanced)
    assert not np.array_equal(order[:100], other[:100])
    again = nested_order(labels, 3, balanced=balanced)
    assert np.array_equal(order, again)


def test_subsets_of_the_digits_are_disjoint_from_the_test_and_balanced():
    train, test = (load({"name": "mnist5k"}, split) for split in ("train", "test"))
    splits = make_splits(train, test, sizes=(100, 3000), balanced=True)
    tested = {image.tobytes() for image in splits.test.images}
    assert not tested & {image.tobytes() for image in splits.train.images}
    order = nested_order(splits.train.labels, 0, balanced=True)
    assert set(np.bincount(splits.train.labels[order[:100]])) == {10}
    assert set(np.bincount(splits.train.labels[order[:3000]])) == {300}


@pytest.mark.parametrize("balanced", [True, False])
def test_subsets_do_not_hang_on_the_order_of_the_set(balanced):
    train = make_set(np.repeat([0, 1, 2], [90, 60, 50]), "train", 0)
    test = make_set([0, 1, 2] * 5, "test", 1)
    found = []
    for seed in (0, 1):
        moved = []
        for part in (train, test):
            rows = np.random.default_rng(seed).permutation(len(part))
            moved.append(
                dataclasses.replace(part, images=part.images[rows], labels=part.labels[rows])
            )
        splits = make_splits(*moved, sizes=(30,), balanced=balanced)
        rows = nested_order(splits.train.labels, 5, balanced=balanced)[:30]
        found.append((splits.train.images[rows], splits.train.labels[rows], splits.test.images))
    for first, second in zip(*found):
        np.testing.assert_array_equal(first, second)


def test_a_training_image_that_is_in_the_test_is_left_out():
    train, test = make_set([0, 1] * 10, "train", 0), make_set([0, 1] * 3, "test", 1)
    leaked = train.images.copy()
    leaked[[3, 8]] = test.images[[0, 5]]
    train = dataclasses.replace(train, images=leaked)
    splits = make_splits(train, test, sizes=(8,), balanced=True)
    assert splits.dropped == 2 and len(splits.train) == 18
    tested = {image.tobytes() for image in splits.test.images}
    assert not tested & {image.tobytes() for image in splits.train.images}
    assert len(splits.test) == 6


@pytest.mark.parametrize(
    ("train", "options", "message"),
    [
        ([0, 1, 2] * 5, {"sizes": (6, 30)}, r"up to 30, and toy has 15 training images.*\(6,\)"),
        ([0] * 9, {"test_labels": (0, 0)}, "examples of 1 class"),
        ([0, 1] * 9, {}, "class 2 has test images, and no training images"),
        ([0, 1, 2] * 5, {"sizes": (5,)}, "begins with 5.*3 classes.*which is 6"),
        ([0, 1] * 9 + [2] * 2, {"sizes": (6, 12)}, "class 2 has 2 .*above 6.*balanced=False"),
        ([0, 1] * 9 + [2] * 2, {"balanced": False}, "class 2 .2 of 20.*begin with 20"),
    ],
)  # fmt: skip
def test_sets_that_cannot_be_studied(train, options, message):
    with pytest.raises(InputError, match=message):
        splits_of(train, **options)


def test_sets_without_labels_and_of_two_shapes():
    train, test = make_set([0, 1] * 5, "train", 0), make_set([0, 1], "test", 1)
    for part in (train, test):
        bare = dataclasses.replace(part, labels=None)
        pair = (bare, test) if part is train else (train, bare)
        with pytest.raises(InputError, match="labels"):
            make_splits(*pair, sizes=(4,), balanced=True)
    wide = dataclasses.replace(test, images=np.zeros((2, 4, 5, 1), np.uint8))
    with pytest.raises(InputError, match="image_size"):
        make_splits(train, wide, sizes=(4,), balanced=True)


def test_unbalanced_classes_are_studied_in_their_own_mix():
    splits = splits_of([0] * 30 + [1] * 20 + [2] * 10, sizes=(12, 60), balanced=False)
    order = nested_order(splits.train.labels, 0, balanced=False)
    assert np.bincount(splits.train.labels[order[:12]]).tolist() == [6, 4, 2]


def test_the_control_has_the_compute_of_the_gan():
    config = study_config()
    config.gan.num_steps, config.recogniser.num_steps, config.control.most = 1000, 200, 4.0
    extra = extra_steps(config, [0.02, 0.03, 9.0], [0.1, 0.1, 4.0], [0.2])
    assert extra.asked == (300, 150)
    assert (extra.of(classical=False), extra.of(classical=True)) == (300, 150)
    config.control.most = 2.0
    limited = extra_steps(config, [0.03], [0.1], [0.2])
    assert (limited.plain, limited.classical, limited.asked) == (200, 150, (300, 150))
    assert from_plain(to_plain(limited)) == limited
    config.control.extra_steps = 50
    fixed = extra_steps(config, [], [], [])
    assert (fixed.plain, fixed.classical, fixed.measured) == (50, 50, {})


def test_of_overlapping_test_images_those_that_share_nothing_are_kept():
    options = {"name": "textures", "image_size": (64, 64), "num_images": 120}
    train, test = (load(options, split) for split in ("train", "test"))
    splits = make_splits(train, test, sizes=(9,), balanced=True)
    kept = len(splits.test)
    assert 3 <= kept < len(test) / 2
    assert len(independent_rows(splits.test.images)) == kept
    assert set(splits.test.labels.tolist()) == set(test.labels.tolist())
