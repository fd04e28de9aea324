"""Moments of features: any batching, few images, bad features; and the effective rank."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gan_jax import metrics
from gan_jax.errors import InputError
from gan_jax.metrics import Moments
from tests.features import mixed_normal


@pytest.mark.parametrize("sizes", [[50] * 20, [1] * 10 + [990], [999, 0, 1], [3, 700, 297], [1000]])
def test_moments_do_not_depend_on_batching(sizes):
    x = mixed_normal(0, 1000, 12, shift=100.0)
    batches = np.split(x, np.cumsum(sizes)[:-1])
    for order in (batches, batches[::-1]):
        streamed = Moments.of_batches(order)
        assert streamed.count == 1000
        np.testing.assert_allclose(streamed.mean, x.mean(0), rtol=1e-12)
        np.testing.assert_allclose(streamed.covariance(), np.cov(x.T), rtol=0, atol=1e-10)


def test_moments_merge_in_any_grouping():
    parts = [Moments.of(mixed_normal(i, 40 + i, 5, shift=10.0 * i)) for i in range(5)]
    left, tree = Moments.empty(5), Moments.empty(5)
    for part in parts:
        left = left.merge(part)
    pairs = parts[4].merge(parts[2]).merge(parts[0].merge(parts[3]))
    tree = tree.merge(pairs).merge(parts[1])
    np.testing.assert_allclose(left.scatter, tree.scatter, rtol=1e-12)
    np.testing.assert_allclose(left.mean, tree.mean, rtol=1e-12)


def test_moments_survive_a_mean_far_larger_than_the_spread():
    x = np.random.default_rng(0).normal(size=(20_000, 3))
    shifted = Moments.of((x + 1e6).astype(np.float64)).covariance()
    np.testing.assert_allclose(shifted, np.cov(x.T), rtol=0, atol=1e-9)
    float32 = (x + 100).astype(np.float32)
    exact = np.cov(float32.astype(np.float64).T)
    np.testing.assert_allclose(Moments.of(float32).covariance(), exact, rtol=0, atol=1e-12)


def test_moments_of_few_images():
    assert Moments.of(np.zeros((0, 4))).count == 0
    single = Moments.of([[1.0, 2.0]])
    assert single.count == 1 and single.mean.tolist() == [1.0, 2.0]
    for moments, n in ((single, 1), (Moments.empty(2), 0)):
        with pytest.raises(InputError, match=f"n = {n}"):
            moments.covariance()


def test_moments_refuse_bad_features():
    x = mixed_normal(0, 20, 3).astype(np.float32)
    x[7, 2] = np.nan
    x[9, 0] = np.inf
    with pytest.raises(InputError, match="row 7 holds nan in column 2"):
        Moments.of(x)
    with pytest.raises(InputError, match="row 7 "):
        Moments.of_batches([x[:5], x[5:]])
    with pytest.raises(InputError, match=r"shape \(20,\)"):
        Moments.of(x[:, 0])
    with pytest.raises(InputError, match="real numbers"):
        Moments.of(np.array([["a", "b"]]))
    with pytest.raises(InputError, match="3 and of 2 features"):
        Moments.empty(3).merge(Moments.empty(2))
    with pytest.raises(InputError, match="no batch"):
        Moments.of_batches([])


def test_effective_rank():
    assert metrics.effective_rank(np.eye(7)) == pytest.approx(7.0)
    assert metrics.effective_rank(np.diag([5.0, 0.0, 0.0])) == pytest.approx(1.0)
    assert metrics.effective_rank(np.zeros((4, 4))) == 0.0
    shares = np.array([0.7, 0.2, 0.1])
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    expected = math.exp(-np.sum(shares * np.log(shares)))
    assert metrics.effective_rank(rotation @ np.diag(9 * shares) @ rotation.T) == pytest.approx(
        expected
    )
