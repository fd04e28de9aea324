"""Crops of a photograph that overlap are not counted as independent by any judge."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from gan_jax.data import Dataset, load
from gan_jax.data.procedural import procedural_textures
from gan_jax.extractors.controls import random_extractor
from gan_jax.judging.class_agreement import judge_asked
from gan_jax.judging.judge import make_judge
from gan_jax.judging.overlap import independent_images
from gan_jax.judging.unlabelled import judge_unlabelled
from gan_jax.models.cnn import CNN

_SIDE, _COUNT = 16, 150


def _overlapping(seed: int) -> np.ndarray:
    """Crops of one small picture, uint8 [150, 16, 16, 1]: 12 of them fit side by side."""
    picture = procedural_textures("noise", 1, size=(48, 64), seed=seed)[0]
    places = np.random.default_rng(seed).integers((0, 0), (33, 49), (_COUNT, 2))
    return np.stack([picture[top : top + _SIDE, left : left + _SIDE] for top, left in places])


@pytest.fixture(scope="module")
def crops():
    labels = np.arange(_COUNT, dtype=np.int32) % 2
    return Dataset(
        "crops", "test", _overlapping(4), labels=labels, class_names=("0", "1"), cropped=True
    )


@pytest.fixture(scope="module")
def others():
    """As many images of the same texture, each of a picture of its own."""
    return procedural_textures("noise", _COUNT, size=(48, 64), seed=1)[:, :_SIDE, :_SIDE]


@pytest.fixture(scope="module")
def extractor():
    """Random weights that pass for a trained recogniser of two classes."""
    network = CNN(num_classes=2, widths=(4, 6), dense=8)
    found = random_extractor((_SIDE, _SIDE, 1), network=network)
    record = found.record | {"accuracy": 0.9, "name": "cnn-made", "class_names": ["0", "1"]}
    return dataclasses.replace(found, record=record, gate="passed")


def _flag(judgement) -> str:
    return next((f["text"] for f in judgement.flags if f["name"] == "overlapping"), "")


def test_a_judge_tests_by_the_crops_that_share_nothing(extractor, crops, others):
    judgement = make_judge(extractor, crops).judge(others, complete=True)
    test, noticed = judgement.headline["test"], judgement.headline["noticed"]
    assert 5 <= test["n_real"] <= 14 and test["n_fake"] == _COUNT
    assert noticed["n"] == test["n_real"] // 2
    assert f"{test['n_real']} of 150 share nothing" in _flag(judgement)
    assert judgement.influences["size"].shape == (_COUNT,)
    # The same images taken for independent ones.
    wrong = make_judge(extractor, dataclasses.replace(crops, cropped=False))
    wrong = wrong.judge(others, complete=True)
    assert wrong.headline["test"]["n_real"] == _COUNT and not _flag(wrong)
    assert wrong.headline["test"]["p"] <= 0.05 < test["p"], "they are of one texture"


def test_the_order_of_crops_changes_nothing(extractor, crops, others):
    order = np.random.default_rng(5).permutation(_COUNT)
    again = dataclasses.replace(crops, images=crops.images[order], labels=crops.labels[order])
    one, other = (make_judge(extractor, c).judge(others, complete=True) for c in (crops, again))
    assert one.headline == other.headline


def test_classes_are_compared_by_the_crops_that_share_nothing(extractor, crops, others):
    judge = make_judge(extractor, crops)
    asked = np.arange(_COUNT, dtype=np.int32) % 2
    found = judge_asked(judge, others, asked, crops, families=None, complete=True)
    classes = found.metrics["class_agreement"]["classes"]
    assert sum(part["n_real"] for part in classes.values()) == len(judge.independent)


def test_crops_that_all_overlap_are_one_image(extractor, others):
    picture = procedural_textures("noise", 1, size=(20, 20), seed=0)[0]
    images = np.stack([picture[i : i + _SIDE, j : j + _SIDE] for i in range(4) for j in range(4)])
    labels = np.arange(len(images), dtype=np.int32) % 2
    cut = Dataset("crops", "test", images, labels=labels, class_names=("0", "1"), cropped=True)
    assert len(independent_images(cut)) == 1
    asked = np.arange(_COUNT, dtype=np.int32) % 2
    judgement = judge_asked(
        make_judge(extractor, cut), others, asked, cut, families=None, complete=True
    )
    assert judgement.headline == {} and "count as one" in _flag(judgement)


def test_without_labels_too(crops, others):
    judgement = judge_unlabelled(others, dataclasses.replace(crops, labels=None))
    assert judgement.headline["test"]["n_real"] <= 14 and "share nothing" in _flag(judgement)


def test_photographs_are_known_to_be_cut_and_other_sets_count_whole():
    cut = load({"name": "textures", "image_size": (64, 64)}, "test")
    assert 20 < len(independent_images(cut)) < 60 < len(cut)
    digits = load({"name": "mnist5k"}, "test")
    assert len(independent_images(digits)) == len(digits)
