"""Calibration: closed forms, the formulas spelled out, and what a perfect recogniser would have."""

import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.metrics import (
    brier_score,
    calibration_floor,
    confidence_for_accuracy,
    measure_calibration,
    negative_log_likelihood,
    reliability,
)


def softmax_outputs(count=400, classes=5, seed=0):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(classes, 0.4), count)
    labels = np.array([rng.choice(classes, p=p) for p in probabilities])
    return probabilities, labels


def test_expected_and_maximum_error_by_loop():
    probabilities, labels = softmax_outputs()
    confidences = probabilities.max(1)
    correct = probabilities.argmax(1) == labels
    for bins in (1, 10, 15):
        gaps, weights = [], []
        for i in range(bins):
            inside = (confidences > i / bins) & (confidences <= (i + 1) / bins)
            if inside.any():
                gaps.append(abs(correct[inside].mean() - confidences[inside].mean()))
                weights.append(inside.mean())
        curve = reliability(confidences, correct, num_bins=bins)
        assert curve.counts.sum() == len(labels)
        assert curve.expected_error == pytest.approx(np.dot(gaps, weights), abs=1e-12)
        assert curve.maximum_error == pytest.approx(max(gaps), abs=1e-12)


def test_bins_end_above():
    """0.2, 0.4, ... and 1 belong to the bin that they end; 0 to the first."""
    curve = reliability([0.0, 0.2, 0.4, 1.0, 1.0], [True] * 5, num_bins=5)
    np.testing.assert_array_equal(curve.counts, [2, 1, 0, 0, 2])
    assert np.isnan(curve.accuracy[2]) and curve.accuracy[4] == 1.0


def test_certain_recognisers():
    eye = np.eye(3)
    right = measure_calibration(eye, np.arange(3))
    assert (right.brier, right.negative_log_likelihood, right.accuracy) == (0.0, 0.0, 1.0)
    assert right.curve.expected_error == right.floor == 0.0 and right.sure == 1.0
    wrong = measure_calibration(eye, np.array([1, 2, 0]))
    assert wrong.brier == 2.0 and wrong.curve.expected_error == 1.0 and wrong.sure is None
    assert wrong.negative_log_likelihood == pytest.approx(-np.log(1e-12))


def test_one_that_knows_nothing():
    """Uniform over k: Brier 1 - 1/k, likelihood log k, and calibrated if right once in k."""
    found = measure_calibration(np.full((8, 4), 0.25), np.repeat(np.arange(4), 2))
    assert found.brier == pytest.approx(0.75)
    assert found.negative_log_likelihood == pytest.approx(np.log(4))
    assert found.curve.expected_error == pytest.approx(0.0)


def test_scores_as_scikit_learn_has_them():
    """By hand: log_loss, and for two classes half of ours is brier_score_loss."""
    probabilities, labels = softmax_outputs(classes=2)
    chosen = probabilities[np.arange(len(labels)), labels]
    assert negative_log_likelihood(probabilities, labels) == pytest.approx(-np.log(chosen).mean())
    binary = np.mean((probabilities[:, 1] - labels) ** 2)
    assert brier_score(probabilities, labels) == pytest.approx(2 * binary)


def test_the_floor_is_what_calibrated_answers_show():
    probabilities, labels = softmax_outputs(count=3000)
    found = measure_calibration(probabilities, labels)  # labels are drawn from the probabilities
    assert 0.5 < found.curve.expected_error / found.floor < 2.0
    sharper = probabilities**3 / (probabilities**3).sum(1, keepdims=True)
    over = measure_calibration(sharper, labels)
    assert over.confidence > over.accuracy and over.curve.expected_error > 4 * over.floor
    few = calibration_floor(probabilities.max(1)[:100])
    assert few > 3 * found.floor  # chance shrinks with the root of n


def test_the_least_confidence_that_is_right_so_often():
    """The wrong answer at 0.7 is pooled with the right ones below it: 2 of 3."""
    confidences = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    correct = np.array([True, True, False, True, True])
    assert confidence_for_accuracy(confidences, correct, 1.0) == 0.8
    assert confidence_for_accuracy(confidences, correct, 0.67) == 0.8
    assert confidence_for_accuracy(confidences, correct, 2 / 3) == 0.5
    assert confidence_for_accuracy(confidences[::-1], correct[::-1], 0.99) == 0.8
    assert confidence_for_accuracy([0.9, 0.8], [False, False]) is None


def test_a_good_recogniser_is_not_sure_everywhere():
    """995 sure and right, 5 unsure and wrong: the threshold leaves the unsure ones out."""
    confidences = np.append(np.full(995, 0.999), np.full(5, 0.4))
    correct = np.append(np.ones(995, bool), np.zeros(5, bool))
    assert confidence_for_accuracy(confidences, correct, 0.99) == 0.999
    rng = np.random.default_rng(0)
    drawn = rng.uniform(0.5, 1.0, 40_000)  # calibrated: right 9 times in 10 at 0.9
    found = confidence_for_accuracy(drawn, rng.random(40_000) < drawn, 0.9)
    assert found == pytest.approx(0.9, abs=0.02)


def test_equal_confidences_are_not_torn_apart():
    assert confidence_for_accuracy([1.0, 1.0, 0.5], [True, False, True], 0.9) is None
    assert confidence_for_accuracy([1.0, 1.0], [True, True]) == 1.0


def test_a_single_image():
    found = measure_calibration([[0.25, 0.75]], [1])
    assert (found.count, found.accuracy, found.confidence) == (1, 1.0, 0.75)
    assert found.curve.expected_error == pytest.approx(0.25)
    assert found.interval[0] < 0.3


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        ([[0.5, 0.6]], [0], "expected a softmax"),
        ([[0.5, 0.5]], [2], "from 0 to 1"),
        ([[0.5, 0.5]], [0, 1], "one an image"),
        ([[0.5, 0.5]], [0.0], "expected integers"),
        (np.zeros((0, 2)), np.zeros(0, int), "n >= 1"),
    ],
)
def test_what_is_no_pair_of_probabilities_and_labels(probabilities, labels, message):
    for score in (brier_score, negative_log_likelihood, measure_calibration):
        with pytest.raises(InputError, match=message):
            score(np.asarray(probabilities, float), np.asarray(labels))


def test_what_are_no_confidences():
    with pytest.raises(InputError, match="outside 0 to 1"):
        reliability([1.5], [True])
    with pytest.raises(InputError, match="at least one image"):
        reliability([], [])
