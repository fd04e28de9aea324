"""The Fréchet distance beside other libraries, its bias, and its extrapolation to infinite n."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg

from gan_jax import metrics
from gan_jax.errors import InputError
from gan_jax.metrics import Moments
from tests.features import mixed_normal


def _textbook_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The published formula with a general matrix square root; sound at full rank only."""
    root = scipy.linalg.sqrtm(np.cov(a.T) @ np.cov(b.T))
    trace = np.trace(np.cov(a.T) + np.cov(b.T) - 2.0 * np.real(root))
    return float(np.sum((a.mean(0) - b.mean(0)) ** 2) + trace)


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
    with pytest.raises(InputError, match="3 columns and fake features 2"):
        metrics.frechet_infinity(x, x[:, :2])


# Closed forms and bad input


@pytest.mark.parametrize(("n", "m", "d"), [(200, 200, 4), (500, 300, 32), (400, 900, 64)])
def test_frechet_equals_the_published_formula_at_full_rank(n, m, d):
    a, b = mixed_normal(1, n, d), mixed_normal(2, m, d, shift=0.3)
    expected = _textbook_distance(a, b)
    assert metrics.frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)
    moments = Moments.of(a), Moments.of(b)
    assert metrics.frechet_distance_from_moments(*moments) == pytest.approx(expected, rel=1e-9)


def test_frechet_of_commuting_gaussians_has_a_closed_form():
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    stds = rng.uniform(0.1, 3, size=(2, 6))
    means = rng.normal(size=(2, 6))
    sides = [
        Moments(11, means[i], 10 * rotation @ np.diag(stds[i] ** 2) @ rotation.T) for i in range(2)
    ]
    expected = np.sum((means[0] - means[1]) ** 2) + np.sum((stds[0] - stds[1]) ** 2)
    assert metrics.frechet_distance_from_moments(*sides) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n", [10, 200])
def test_frechet_is_symmetric_and_sees_no_rotation_or_shift(n):
    a, b = mixed_normal(3, n, 24), mixed_normal(4, n + 5, 24, shift=0.2)
    value = metrics.frechet_distance(a, b)
    rotation = np.linalg.qr(np.random.default_rng(5).normal(size=(24, 24)))[0]
    assert metrics.frechet_distance(b, a) == pytest.approx(value, rel=1e-10)
    assert metrics.frechet_distance(a @ rotation + 7.0, b @ rotation + 7.0) == pytest.approx(
        value, rel=1e-9
    )


@pytest.mark.parametrize(("n", "m"), [(2, 2), (20, 30), (20, 500), (65, 64)])
def test_frechet_with_fewer_images_than_features(n, m):
    a, b = mixed_normal(6, n, 64), mixed_normal(7, m, 64)
    value = metrics.frechet_distance(a, b)
    roots = [(x - x.mean(0)) / math.sqrt(len(x) - 1) for x in (a, b)]
    nuclear = np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum()
    expected = np.sum((a.mean(0) - b.mean(0)) ** 2) + sum(np.sum(r**2) for r in roots) - 2 * nuclear
    assert value == pytest.approx(expected, abs=1e-9)
    from_moments = metrics.frechet_distance_from_moments(Moments.of(a), Moments.of(b))
    assert from_moments == pytest.approx(value, abs=1e-5)


def test_frechet_of_a_set_with_itself_is_zero_and_never_negative():
    for n, d in ((2, 3), (50, 200), (500, 40)):
        x = 50 * mixed_normal(8, n, d)
        for y in (x, x[::-1].copy()):
            assert 0.0 <= metrics.frechet_distance(x, y) < 1e-8
            moments = Moments.of(x), Moments.of(y)
            assert 0.0 <= metrics.frechet_distance_from_moments(*moments) < 1e-6


def test_frechet_of_features_that_do_not_vary():
    flat, other = np.full((30, 4), 2.0), np.full((40, 4), 5.0)
    assert metrics.frechet_distance(flat, other) == pytest.approx(4 * 9.0)
    dead = mixed_normal(9, 100, 4) * np.array([1, 0, 1, 0])  # units that never fire
    live = mixed_normal(10, 100, 4)
    difference = np.sum((flat[0] - live.mean(0)) ** 2)
    assert metrics.frechet_distance(flat, live) == pytest.approx(
        difference + np.trace(np.cov(live.T))
    )
    assert math.isfinite(metrics.frechet_distance(dead, live))


def test_frechet_bias_is_the_one_expected_of_finite_samples():
    n, d, rng = 2000, 16, np.random.default_rng(0)
    draws = [
        metrics.frechet_distance(rng.normal(size=(n, d)), rng.normal(size=(n, d)))
        for _ in range(20)
    ]
    assert np.mean(draws) == pytest.approx((2 * d + d * (d + 1) / 2) / n, rel=0.05)


def test_frechet_refuses_bad_input():
    x = mixed_normal(0, 20, 3)
    bad = x.copy()
    bad[4, 1] = np.inf
    with pytest.raises(InputError, match="fake features: row 4"):
        metrics.frechet_distance(x, bad)
    with pytest.raises(InputError, match="n >= 2 images a side, but the fake side has n = 1"):
        metrics.frechet_distance(x, x[:1])
    with pytest.raises(InputError, match="3 columns and fake features 2"):
        metrics.frechet_distance(x, x[:, :2])
    with pytest.raises(InputError, match="n = 1"):
        metrics.frechet_distance_from_moments(Moments.of(x), Moments.of(x[:1]))


# The headline value and its floor


def test_real_images_score_their_own_floor():
    x = mixed_normal(11, 1500, 16)
    result = metrics.frechet_with_floor(x[:1000], x[1000:], interval=False)
    assert result.n == 500 and result.interval is None
    assert result.ratio == pytest.approx(1.0, abs=0.25)


def test_value_and_floor_use_the_same_number_of_images():
    x = mixed_normal(12, 1000, 8)
    for generated, n in ((300, 300), (500, 500), (900, 500)):
        assert metrics.frechet_with_floor(x, x[:generated], interval=False).n == n
    floor = metrics.frechet_with_floor(x, x[:700] + 1, num_splits=3, interval=False, seed=4).floor
    assert metrics.frechet_floor(x, num_splits=3, seed=4) == pytest.approx(floor, rel=1e-12)


def test_headline_value_is_reproducible_and_ordered_by_damage():
    x = mixed_normal(13, 1000, 16)
    rng = np.random.default_rng(0)
    results = [
        metrics.frechet_with_floor(x, x[:500] + strength * rng.normal(size=(500, 16)), seed=1)
        for strength in (0.0, 0.3, 0.6, 1.2)
    ]
    values = [result.value for result in results]
    assert values == sorted(values)
    assert len({result.floor for result in results}) == 1
    for result in results:
        assert 0.0 <= result.interval[0] < result.value < result.interval[1]
    again = metrics.frechet_with_floor(x, x[:500], seed=1)
    other = metrics.frechet_with_floor(x, x[:500], seed=2)
    assert again == metrics.frechet_with_floor(x, x[:500], seed=1)
    assert again.value != other.value


def test_headline_value_with_fewer_images_than_features():
    x = mixed_normal(15, 100, 128)
    result = metrics.frechet_with_floor(x[:60], x[60:])
    assert result.n == 30
    assert all(map(math.isfinite, (result.value, result.floor, *result.interval)))
    assert result.interval[0] < result.value < result.interval[1]


def test_headline_value_refuses_too_few_images():
    x = mixed_normal(0, 20, 3)
    with pytest.raises(InputError, match="reference has 3 images; a floor needs at least 4"):
        metrics.frechet_with_floor(x[:3], x)
    with pytest.raises(InputError, match="there are 1 generated images"):
        metrics.frechet_with_floor(x, x[:1])
    with pytest.raises(InputError, match="num_splits is 0"):
        metrics.frechet_with_floor(x, x, num_splits=0)
    with pytest.raises(InputError, match="num_splits is 1; an interval needs 2"):
        metrics.frechet_with_floor(x, x, num_splits=1)
