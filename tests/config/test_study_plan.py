"""What a study trains and compares, on which images; no training."""

import dataclasses

import numpy as np
import pytest

from configs import augmentation_study
from gan_jax.config import study_config
from gan_jax.config.checks import check_config
from gan_jax.config.study_plan import Added, Arm, Question, arms_of, cells_of, groups_of, pairs_of
from gan_jax.config.study_settings import gan_run_config, recogniser_config
from gan_jax.data import Dataset, load
from gan_jax.errors import InputError
from gan_jax.studies.augmentation.control import extra_steps, from_plain, to_plain
from gan_jax.studies.augmentation.subsets import make_splits, nested_order


def make_set(labels, split, seed, **fields):
    images = np.random.default_rng(seed).integers(0, 256, (len(labels), 4, 4, 1), np.uint8)
    return Dataset("toy", split, images, None, np.asarray(labels, np.int32), **fields)


def splits_of(train_labels, test_labels=(0, 1, 2), sizes=(6,), balanced=True):
    train, test = make_set(train_labels, "train", 0), make_set(test_labels, "test", 1)
    return make_splits(train, test, sizes=sizes, balanced=balanced)


def test_the_default_study_has_every_arm_of_every_size_and_seed():
    config = study_config()
    names = [arm.name for arm in arms_of(config)]
    assert names == [
        "real", "classical", "gan_0.5", "gan_1", "gan_4", "agreement_1", "rejection_1",
        "classical+gan_1", "classical+agreement_1", "classical+rejection_1",
        "real_longer", "classical_longer",
    ]  # fmt: skip
    cells = cells_of(config)
    assert len(cells) == len({cell.name for cell in cells}) == 4 * 3 * 12
    sizes = [group.size for group in groups_of(config)]
    assert sizes == [size for size in (100, 300, 1000, 3000) for _ in range(3)]


def test_each_arm_with_generated_images_is_compared_with_its_own_training_without():
    pairs = pairs_of(study_config())
    arms = arms_of(study_config())
    for question, longer in ((Question.ADDING, False), (Question.CONTROL, True)):
        asked = [pair for pair in pairs if pair.question is question]
        assert len(asked) == sum(arm.added is not Added.NONE for arm in arms)
        for pair in asked:
            assert pair.against == Arm(classical=pair.arm.classical, longer=longer)
    for pair in pairs:
        assert {pair.arm, pair.against} <= set(arms)
        if pair.question is Question.FILTERING:
            assert pair.against == dataclasses.replace(pair.arm, added=Added.GAN)


def test_the_mixed_ratio_is_trained_unfiltered_too():
    config = study_config()
    config.ratios, config.mixed_ratio = (0.5,), 2.0
    names = [arm.name for arm in arms_of(config)]
    assert {"gan_0.5", "gan_2", "agreement_2", "classical+gan_2"} <= set(names)


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sizes": ()}, "config.sizes is"),
        ({"sizes": (300, 100)}, "ascending"),
        ({"sizes": (0.5,)}, "config.sizes"),
        ({"ratios": (1.0, -1.0)}, "config.ratios"),
        ({"pool_ratio": 2.0}, "pool_ratio is 2.0, less than"),
        ({"num_seeds": 0}, "num_seeds is 0"),
        ({"gan.model.conditional": ""}, "images without a class"),
        ({"filters.recognisers": 0}, "filters.recognisers"),
        ({"filters.confidence": 1.0}, "filters.confidence"),
        ({"filters.acceptance": 0.0}, "filters.acceptance"),
        ({"control.most": 0.5}, "config.control.most is 0.5; expected 1 or more times"),
        ({"recogniser.num_steps": 0}, "config.recogniser.num_steps is 0"),
        ({"gan.batch_size": 0}, "config.gan.batch_size is 0"),
    ],
)
def test_configs_that_cannot_work(changes, message):
    config = study_config()
    config.update_from_flattened_dict(changes)
    with pytest.raises(InputError, match=message):
        check_config(config)


def test_a_mistyped_field_is_named():
    config = study_config()
    config.gan.augment.translations = 0.1
    with pytest.raises(InputError, match="Did you mean config.gan.augment.translation"):
        check_config(config)


def test_arms_without_classical_augmentation_have_none(tmp_path):
    config = augmentation_study.get_config()
    check_config(config)
    with_it, without = (recogniser_config(config, classical=flag) for flag in (True, False))
    assert with_it.augment.rotation > 0 and not any(
        value for name, value in without.augment.items() if name not in ("fill", "probability")
    )
    with_it.augment = without.augment
    assert with_it.to_dict() == without.to_dict()


def test_the_gan_sees_the_subset_and_no_judge(tmp_path):
    config = augmentation_study.get_config()
    own = gan_run_config(config, tmp_path / "subset.npz", 2)
    assert own.seed == 2 and own.dataset.path == str(tmp_path / "subset.npz")
    assert own.judge.pack == "" and own.evaluation.every == 0
    assert own.augment.cutout == config.gan.augment.cutout


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
