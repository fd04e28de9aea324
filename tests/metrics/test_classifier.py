"""The classifier score, the class histogram and its divergence, by hand and by scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import scipy.special

from gan_jax import metrics
from gan_jax.errors import InputError


def test_classifier_score_between_its_ends():
    k = 7
    assert metrics.classifier_score(np.eye(k)) == pytest.approx(k)
    assert metrics.classifier_score(np.tile(np.eye(k)[:1], (9, 1))) == pytest.approx(1.0)
    assert metrics.classifier_score(np.full((9, k), 1 / k)) == pytest.approx(1.0)
    assert metrics.classifier_score(np.ones((3, 1))) == pytest.approx(1.0)


def test_classifier_score_by_scipy():
    logits = np.random.default_rng(0).normal(scale=3, size=(100, 5))
    p = scipy.special.softmax(logits, axis=1)
    expected = np.exp(scipy.special.rel_entr(p, p.mean(0)).sum(1).mean())
    assert metrics.classifier_score(p) == pytest.approx(expected, rel=1e-12)
    assert metrics.classifier_score(p.astype(np.float32)) == pytest.approx(
        metrics.classifier_score(p), rel=1e-5
    )
    assert metrics.mean_confidence(p) == pytest.approx(p.max(1).mean())


def test_classifier_score_refuses_logits():
    with pytest.raises(InputError, match="not logits"):
        metrics.classifier_score(np.random.default_rng(0).normal(size=(4, 3)))
    with pytest.raises(InputError, match="row 1 sums to nan"):
        metrics.mean_confidence(np.array([[0.5, 0.5], [np.nan, 0.5]]))
    with pytest.raises(InputError, match=r"shape \(0, 3\)"):
        metrics.mean_confidence(np.zeros((0, 3)))


def test_class_histogram_counts():
    assert metrics.class_histogram(np.array([0, 2, 2, 3]), 5) == [1, 0, 2, 1, 0]
    assert metrics.class_histogram(np.zeros(0, np.int32), 2) == [0, 0]
    with pytest.raises(InputError, match="class 5 is outside 0 to 4"):
        metrics.class_histogram(np.array([1, 5]), 5)
    with pytest.raises(InputError, match="expected integers"):
        metrics.class_histogram(np.array([0.5]), 5)


def test_class_kl_by_hand():
    assert metrics.class_kl([10, 10], [500, 500]) == 0.0
    assert metrics.class_kl([1, 3], [1, 1]) == pytest.approx(
        0.25 * math.log(0.5) + 0.75 * math.log(1.5)
    )
    assert metrics.class_kl([0, 8], [1, 1]) == pytest.approx(math.log(2))
    assert metrics.class_kl([3], [9]) == 0.0
    only_absent = metrics.class_kl([0, 10], [100, 0])
    assert only_absent == pytest.approx(math.log(100.5 / 0.5))


def test_class_kl_refuses_what_is_not_counts():
    with pytest.raises(InputError, match=r"shapes \(2,\) and \(3,\)"):
        metrics.class_kl([1, 2], [1, 2, 3])
    with pytest.raises(InputError, match="generated class counts"):
        metrics.class_kl([0, 0], [1, 2])
    with pytest.raises(InputError, match="real class counts"):
        metrics.class_kl([1, 0], [1, -2])
