"""Whether images are of the classes that were asked for: classes are matched by their names."""

import dataclasses

import numpy as np

from gan_jax.data import Dataset, load
from gan_jax.extractors.common import Features
from gan_jax.extractors.pack import load_pack
from gan_jax.judging.class_agreement import judge_by_each, with_agreement
from gan_jax.judging.judge import Judge, Judgement, make_judge


def _images(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


class _Extractor:
    """A recogniser of three classes; `record` and `class_names` as an `Extractor` has them."""

    class_names = ("bird", "cat", "dog")

    def __init__(self, found, accuracy):
        self._found, self.record = found, {"accuracy": accuracy}

    def features(self, images, **options):
        return _features(self._found)


def _features(found):
    return Features(np.eye(3)[np.asarray(found)], None, np.eye(3)[np.asarray(found)])


def _judged(asked, found, *, names, reference_labels=None, accuracy=0.9, **changes):
    train = Dataset("t", "train", _images(3, 2, 2, 1), labels=np.arange(3, dtype=np.int32) % 2)
    train = dataclasses.replace(train, class_names=names)
    labels = None if reference_labels is None else np.array(reference_labels, np.int32)
    reference = Dataset("r", "test", _images(4, 2, 2, 1), labels=labels, class_names=names)
    judge = Judge(_Extractor([0, 1, 2, 2], accuracy), reference, reference.images)
    judgement = Judgement({"fd_semantic": {}}, {"seed": 0} | changes, _features(found))
    return with_agreement(judgement, judge, np.array(asked, np.int32), train)


def test_classes_are_matched_by_name():
    """The training set calls 'dog' 0 and 'cat' 1; the recogniser 2 and 1."""
    result = _judged(
        [0, 0, 1, 1], [2, 2, 1, 0], names=("dog", "cat"), reference_labels=[1, 1, 0, 0]
    )
    entry = result.metrics["class_agreement"]
    assert entry["value"] == 0.75 and entry["n"] == 4 and entry["real"] == 0.75
    dog, cat = entry["classes"]["dog"], entry["classes"]["cat"]
    assert dog["value"] == 1 and dog["taken_for"] is None and dog["real"] == 1
    assert cat["value"] == 0.5 and cat["taken_for"] == "bird" and cat["real"] == 0.5
    assert "fd_semantic" in result.metrics and "skipped" not in result.protocol


def test_a_reference_without_labels_gives_no_real_share():
    entry = _judged([0, 1], [2, 1], names=("dog", "cat")).metrics["class_agreement"]
    assert entry["value"] == 1 and "real" not in entry and "real" not in entry["classes"]["dog"]


def test_a_recogniser_of_other_classes_says_so():
    result = _judged([0, 1], [2, 1], names=("dog", "horse"), skipped={"copying": "why"})
    assert "class_agreement" not in result.metrics
    assert set(result.protocol["skipped"]) == {"copying", "class_agreement"}
    assert "bird, cat, dog" in result.protocol["skipped"]["class_agreement"]


def test_a_control_knows_no_classes_to_agree_with():
    result = _judged([0, 1], [2, 1], names=("dog", "cat"), accuracy=None)
    assert set(result.metrics) == {"fd_semantic"} and "skipped" not in result.protocol


def test_judges_beside_the_first_give_what_says_whether_they_agree():
    train = load({"name": "mnist5k"}, "train")
    held_out = load({"name": "mnist5k"}, "test")
    few = dataclasses.replace(held_out, images=held_out.images[:200], labels=held_out.labels[:200])
    judges = [make_judge(load_pack("mnist-v1"), few) for _ in range(2)]
    drawn = held_out.images[200:300]
    first, beside = judge_by_each(judges, drawn, None, train)
    assert first.metrics["fd_semantic"] == beside.metrics["fd_semantic"]
    assert first.headline == beside.headline
    assert {"auth_pct", "coverage"} & set(first.metrics) == {"auth_pct", "coverage"}
    assert not {"auth_pct", "coverage"} & set(beside.metrics)
    named = judge_by_each(judges, drawn, None, train, families=["neighbours"])
    assert all(set(one.metrics) >= {"coverage"} for one in named)
    assert judge_by_each([], drawn, None, train) == []
