"""The judge as a whole: no order matters, equal n, and what must be known is flagged."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from gan_jax.data import Dataset, load
from gan_jax.errors import InputError
from gan_jax.extractors.controls import random_extractor
from gan_jax.judging.judge import make_judge
from gan_jax.models.cnn import CNN
from gan_jax.reports.influences import load_influences, save_influences


@pytest.fixture(scope="module")
def digits():
    """160 real digits of 14 x 14 pixels to compare with, 120 to judge, and 300 of the training."""
    test, train = (load({"name": "mnist5k", "image_size": (14, 14)}, s) for s in ("test", "train"))
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(test))[:280]
    reference = Dataset("digits", "test", test.images[rows[:160]], labels=test.labels[rows[:160]])
    others = rng.permutation(len(train))[:300]
    training = Dataset("digits", "train", train.images[others], labels=train.labels[others])
    return reference, test.images[rows[160:]], training


@pytest.fixture(scope="module")
def extractor():
    """Random weights that pass for a trained recogniser of ten classes."""
    network = CNN(num_classes=10, widths=(4, 6), dense=8)
    found = random_extractor((14, 14, 1), network=network)
    record = found.record | {"accuracy": 0.9, "name": "cnn-made"}
    return dataclasses.replace(found, record=record, gate="passed")


def _shuffled(dataset: Dataset, seed: int) -> Dataset:
    order = np.random.default_rng(seed).permutation(len(dataset))
    return dataclasses.replace(dataset, images=dataset.images[order], labels=dataset.labels[order])


def _judged(extractor, reference, images, training, **options):
    options = dict(families=None, training=training, complete=True) | options
    judgement = make_judge(extractor, reference).judge(images, **options)
    return judgement, json.dumps(judgement.content(), sort_keys=True)


def test_no_order_of_any_side_changes_anything(extractor, digits):
    reference, images, training = digits
    first, text = _judged(extractor, *digits)
    assert {"kernel_distance", "data_copying", "coverage", "vendi"} <= set(first.metrics)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(images))
        again, other = _judged(
            extractor, _shuffled(reference, seed), images[order], _shuffled(training, seed)
        )
        assert other == text
        np.testing.assert_array_equal(again.features.semantic, first.features.semantic[order])


def test_a_reference_sorted_by_class_is_no_other_reference(extractor, digits):
    reference, images, training = digits
    order = np.argsort(reference.labels, kind="stable")
    by_class = dataclasses.replace(
        reference, images=reference.images[order], labels=reference.labels[order]
    )
    assert _judged(extractor, by_class, images, training)[1] == _judged(extractor, *digits)[1]


def test_what_depends_on_n_stands_beside_real_images_of_the_same_n(extractor, digits):
    """Twice as many real images as judged ones: 60 against 60, whatever is at hand."""
    reference, images, training = digits
    metrics = _judged(extractor, reference, images[:60], training)[0].metrics
    assert metrics["classifier_score"]["n"] == metrics["modes"]["n"] == 60
    assert metrics["class_kl"]["floor"] > 0 and metrics["class_kl"]["n"] == 60
    assert sum(metrics["class_histogram"]["value"]) == 60
    assert sum(metrics["class_histogram"]["real"]) == 60


def test_the_floor_has_a_spread_and_every_distance_an_error(extractor, digits):
    judgement, _ = _judged(extractor, *digits)
    for name in ("fd_semantic", "fd_texture"):
        entry = judgement.metrics[name]
        assert entry["floor_spread"] > 0 and entry["standard_error"] > 0
        assert entry["ci"][0] <= entry["value"] <= entry["ci"][1]


def test_influences_are_kept_for_comparisons(extractor, digits, tmp_path):
    judgement, _ = _judged(extractor, *digits)
    save_influences(tmp_path, {extractor.digest: judgement.influences})
    found = load_influences(tmp_path, extractor.digest)
    assert {"fd_semantic", "kernel_distance", "size"} <= set(found)
    assert all(values.shape == (160,) for values in found.values())
    assert load_influences(tmp_path, "0" * 64) == {}
    assert load_influences(tmp_path / "nowhere", "0" * 64) == {}


def _names(judgement) -> set[str]:
    return {flag["name"] for flag in judgement.flags}


def test_fresh_real_images_have_no_flag(extractor, digits):
    assert _names(_judged(extractor, *digits)[0]) == set()


def test_one_image_over_and_over_is_flagged_and_stands_apart(extractor, digits):
    reference, images, training = digits
    judgement, _ = _judged(extractor, reference, np.repeat(images[:1], 120, axis=0), training)
    (flag,) = [flag for flag in judgement.flags if flag["name"] == "collapsed"]
    assert flag["apart"] and "Vendi score" in flag["text"]


def test_copies_of_the_training_images_are_flagged_and_stand_apart(extractor, digits):
    reference, _, training = digits
    judgement, _ = _judged(extractor, reference, training.images[:120], training)
    (flag,) = [flag for flag in judgement.flags if flag["name"] == "copied"]
    assert flag["apart"] and "100.0% of the images are equal to a training image" in flag["text"]


def test_images_of_the_reference_are_flagged_and_stand_apart(extractor, digits):
    reference, _, training = digits
    judgement, _ = _judged(extractor, reference, reference.images[:120], training)
    (flag,) = [flag for flag in judgement.flags if flag["name"] == "leaked"]
    assert flag["apart"]


def test_what_the_judge_is_is_flagged(extractor, digits):
    reference, images, training = digits
    for gate, name in (("failed: blur is not seen", "gate failed"), ("not run", "not gated")):
        judge = dataclasses.replace(extractor, gate=gate)
        assert _names(_judged(judge, reference, images, training)[0]) == {name}
    learned = dataclasses.replace(extractor, training_keys=reference.content_keys[:40])
    judgement, _ = _judged(learned, reference, images, training)
    (flag,) = judgement.flags
    assert flag["name"] == "judge trained on the reference" and "25%" in flag["text"]


def test_a_control_has_a_test_and_no_size(digits):
    control = random_extractor((14, 14, 1), network=CNN(num_classes=10, widths=(4, 6), dense=8))
    judgement, _ = _judged(control, *digits)
    assert _names(judgement) == {"control"}
    assert judgement.headline["test"]["p"] > 0.05 and "size" not in judgement.headline


def test_two_images_are_too_few_to_say(extractor, digits):
    reference, images, _ = digits
    judgement, _ = _judged(extractor, reference, images[:2], None)
    assert "too few" in _names(judgement) and judgement.headline["verdict"] == "too few images"


@pytest.mark.parametrize("value", [0, 128])
def test_a_reference_of_one_image_is_refused(extractor, value):
    black = Dataset("black", "all", np.full((30, 14, 14, 1), value, np.uint8))
    with pytest.raises(InputError, match="30 images of the reference black are all the same"):
        make_judge(extractor, black)


def test_images_that_the_extractor_cannot_tell_apart_are_refused(digits):
    blind = dataclasses.replace(random_extractor((14, 14, 1)), variables=None)
    blind = dataclasses.replace(blind, variables=_zeros(random_extractor((14, 14, 1)).variables))
    with pytest.raises(InputError, match="sees no difference between the 160 images"):
        make_judge(blind, digits[0]).judge(digits[1])


def _zeros(variables):
    import jax

    return jax.tree.map(np.zeros_like, variables)


def test_more_real_images_than_a_distance_takes(extractor, digits):
    """What each image of the reference does to a number is known of all of them."""
    rng = np.random.default_rng(0)
    many = Dataset("noise", "test", rng.integers(0, 256, (5_200, 14, 14, 1), np.uint8))
    judge = make_judge(extractor, many)
    judgement = judge.judge(digits[1], families=["kernel", "neighbours"], complete=True)
    assert judgement.headline["distance"]["value"] > 0
    assert {name: len(found) for name, found in judgement.influences.items()} == dict.fromkeys(
        ("kernel_distance", "precision", "recall", "density", "coverage", "size"), 5_200
    )


def test_the_training_images_are_read_once_for_all_that_is_judged(extractor, digits):
    reference, images, training = digits
    seen = []

    class Counting:
        def __getattr__(self, name):
            return getattr(extractor, name)

        def features(self, images, **options):
            seen.append(len(images))
            return extractor.features(images, **options)

    judge = make_judge(Counting(), reference)
    found = [judge.judge(images, families=("copying",), training=training) for _ in range(2)]
    assert seen.count(len(training)) == 1
    assert found[0].metrics == found[1].metrics
    assert (
        found[0].metrics
        == _judged(extractor, *digits, families=("copying",), complete=False)[0].metrics
    )
