"""The Fréchet distance beside other libraries, its bias, and its extrapolation to infinite n."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gan_jax import metrics
from gan_jax.errors import InputError
from gan_jax.metrics import Moments
from tests.features import mixed_normal


def test_value_of_torchmetrics_and_pot():
    # torchmetrics 1.9.0 with torch 2.14.1, float64: FrechetInceptionDistance(feature=identity);
    # POT 0.9.7: ot.gaussian.bures_wasserstein_distance of means and covariances, squared.
    real, fake = mixed_normal(31, 300, 16), mixed_normal(32, 260, 16, shift=0.2)
    value = metrics.frechet_distance(real, fake)
    assert value == pytest.approx(9.67536427676961, rel=1e-9)
    assert value == pytest.approx(9.675364276769551, rel=1e-9)


def test_value_equals_pot_when_it_is_installed():
    ot = pytest.importorskip("ot")
    for d in (3, 40):
        sides = [Moments.of(mixed_normal(i, 300, d, shift=0.2 * i)) for i in range(2)]
        (m1, s1), (m2, s2) = ((side.mean, side.covariance()) for side in sides)
        expected = float(np.squeeze(ot.gaussian.bures_wasserstein_distance(m1, m2, s1, s2))) ** 2
        assert metrics.frechet_distance_from_moments(*sides) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("decades", [0, 2, 5])
def test_the_fast_road_for_many_features_loses_nothing(decades):
    scales = np.logspace(0, -decades, 300)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(300, 300)))[0]
    sides = [
        Moments.of(np.random.default_rng(i).normal(size=(900, 300)) * scales @ rotation)
        for i in range(2)
    ]
    roots = []
    for side in sides:
        eigenvalues, vectors = np.linalg.eigh(side.covariance())
        roots.append(np.sqrt(eigenvalues)[:, None] * vectors.T)
    overlap = np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum()
    apart = np.sum((sides[0].mean - sides[1].mean) ** 2)
    expected = apart + sum(np.trace(side.covariance()) for side in sides) - 2 * overlap
    assert metrics.frechet_distance_from_moments(*sides) == pytest.approx(expected, rel=1e-9)


def test_many_features_of_a_set_with_itself_and_of_one_without_spread():
    x = mixed_normal(0, 700, 300)
    same = Moments.of(x)
    assert 0.0 <= metrics.frechet_distance_from_moments(same, same) < 1e-9
    flat = Moments.of(np.ones((700, 300)))
    expected = np.sum((x.mean(0) - 1) ** 2) + np.trace(np.cov(x.T))
    assert metrics.frechet_distance_from_moments(same, flat) == pytest.approx(expected, rel=1e-9)
    dead = Moments.of(x * (np.arange(300) % 3 > 0))
    assert math.isfinite(metrics.frechet_distance_from_moments(same, dead))


@pytest.mark.parametrize("n", [2000, 5000, 10_000])
def test_bias_of_normal_samples_follows_its_law(n):
    d = 32
    exact = Moments(10**9, np.zeros(d), (10**9 - 1) * np.eye(d))
    rng = np.random.default_rng(n)
    draws = [
        n * metrics.frechet_distance_from_moments(exact, Moments.of(rng.normal(size=(n, d))))
        for _ in range(5)
    ]
    assert np.mean(draws) == pytest.approx(d + d * (d + 1) / 4, rel=0.05)


def test_moments_of_shards_give_the_distance_of_the_whole():
    real, fake = mixed_normal(1, 1000, 24, shift=30.0), mixed_normal(2, 900, 24, shift=30.0)
    whole = metrics.frechet_distance(real, fake)
    shards = [Moments.of_batches(np.array_split(fake[i::8], 3)) for i in range(8)]
    merged = shards[0]
    for shard in shards[:0:-1]:
        merged = merged.merge(shard)
    assert metrics.frechet_distance_from_moments(Moments.of(real), merged) == pytest.approx(
        whole, rel=1e-10
    )


# FD-infinity


def test_infinity_takes_the_bias_of_few_images_away():
    d, mean = 16, np.full(16, 0.1)
    rng = np.random.default_rng(0)
    real = rng.normal(size=(40_000, d))
    fake = rng.normal(size=(3000, d)) + mean
    truth = float(mean @ mean)
    result = metrics.frechet_infinity(real, fake)
    plain = metrics.frechet_distance(real, fake)
    law = d + d * (d + 1) / 4
    assert plain - truth > 0.5 * law / 3000
    assert abs(result.value - truth) < 0.5 * (plain - truth) + 2 * np.sqrt(4 * truth / 3000)
    assert result.slope == pytest.approx(law, rel=0.5)
    assert 0 < result.standard_error < truth
    assert len(result.sizes) == 15 and (result.sizes[0], result.sizes[-1]) == (1500, 3000)
    assert result.distances[-1] == pytest.approx(plain, rel=1e-10)


def test_infinity_is_the_intercept_of_the_fit():
    real, fake = mixed_normal(1, 300, 20), mixed_normal(2, 200, 20, shift=0.2)
    result = metrics.frechet_infinity(real, fake, num_points=6, smallest=10, seed=3)
    assert result.sizes == (10, 48, 86, 124, 162, 200)
    (slope, value), covariance = np.polyfit(
        1 / np.array(result.sizes), result.distances, 1, cov=True
    )
    assert (result.slope, result.value) == pytest.approx((slope, value), rel=1e-9)
    assert result.standard_error == pytest.approx(math.sqrt(covariance[1, 1]), rel=1e-9)
    again = metrics.frechet_infinity(real, fake, num_points=6, smallest=10, seed=3)
    assert again == result
    other = metrics.frechet_infinity(real, fake, num_points=6, smallest=10, seed=4)
    assert other.value != result.value
    assert other.distances[-1] == pytest.approx(result.distances[-1], rel=1e-12)


def test_infinity_of_identical_images():
    same = np.full((300, 4), 0.5)
    result = metrics.frechet_infinity(same, same)
    assert result.value == 0.0 and result.standard_error == 0.0


def test_infinity_refuses_too_few_images():
    x = mixed_normal(0, 40, 3)
    with pytest.raises(InputError, match="15 points from 5 to n = 10 fake images"):
        metrics.frechet_infinity(x, x[:10])
    with pytest.raises(InputError, match="2 points"):
        metrics.frechet_infinity(x, x, num_points=2)
    with pytest.raises(InputError, match="the real side has n = 1"):
        metrics.frechet_infinity(x[:1], x)
    with pytest.raises(InputError, match="3 features an image and the other 2"):
        metrics.frechet_infinity(x, x[:, :2])
