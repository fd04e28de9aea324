"""Metrics against closed forms, scipy, brute force, and the invariances that they promise."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.linalg
import scipy.special

from gan_jax import metrics
from gan_jax.data.content import in_content_order
from gan_jax.errors import InputError
from gan_jax.metrics import Moments


def _features(seed: int, n: int, d: int, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) / math.sqrt(d) + shift


def _textbook_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The published formula with a general matrix square root; sound at full rank only."""
    root = scipy.linalg.sqrtm(np.cov(a.T) @ np.cov(b.T))
    trace = np.trace(np.cov(a.T) + np.cov(b.T) - 2.0 * np.real(root))
    return float(np.sum((a.mean(0) - b.mean(0)) ** 2) + trace)


# Moments


@pytest.mark.parametrize("sizes", [[50] * 20, [1] * 10 + [990], [999, 0, 1], [3, 700, 297], [1000]])
def test_moments_do_not_depend_on_batching(sizes):
    x = _features(0, 1000, 12, shift=100.0)
    batches = np.split(x, np.cumsum(sizes)[:-1])
    for order in (batches, batches[::-1]):
        streamed = Moments.of_batches(order)
        assert streamed.count == 1000
        np.testing.assert_allclose(streamed.mean, x.mean(0), rtol=1e-12)
        np.testing.assert_allclose(streamed.covariance(), np.cov(x.T), rtol=0, atol=1e-10)


def test_moments_merge_in_any_grouping():
    parts = [Moments.of(_features(i, 40 + i, 5, shift=10.0 * i)) for i in range(5)]
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
    x = _features(0, 20, 3).astype(np.float32)
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


# Fréchet distance


@pytest.mark.parametrize(("n", "m", "d"), [(200, 200, 4), (500, 300, 32), (400, 900, 64)])
def test_frechet_equals_the_published_formula_at_full_rank(n, m, d):
    a, b = _features(1, n, d), _features(2, m, d, shift=0.3)
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
    a, b = _features(3, n, 24), _features(4, n + 5, 24, shift=0.2)
    value = metrics.frechet_distance(a, b)
    rotation = np.linalg.qr(np.random.default_rng(5).normal(size=(24, 24)))[0]
    assert metrics.frechet_distance(b, a) == pytest.approx(value, rel=1e-10)
    assert metrics.frechet_distance(a @ rotation + 7.0, b @ rotation + 7.0) == pytest.approx(
        value, rel=1e-9
    )


@pytest.mark.parametrize(("n", "m"), [(2, 2), (20, 30), (20, 500), (65, 64)])
def test_frechet_with_fewer_images_than_features(n, m):
    a, b = _features(6, n, 64), _features(7, m, 64)
    value = metrics.frechet_distance(a, b)
    roots = [(x - x.mean(0)) / math.sqrt(len(x) - 1) for x in (a, b)]
    nuclear = np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum()
    expected = np.sum((a.mean(0) - b.mean(0)) ** 2) + sum(np.sum(r**2) for r in roots) - 2 * nuclear
    assert value == pytest.approx(expected, abs=1e-9)
    from_moments = metrics.frechet_distance_from_moments(Moments.of(a), Moments.of(b))
    assert from_moments == pytest.approx(value, abs=1e-5)


def test_frechet_of_a_set_with_itself_is_zero_and_never_negative():
    for n, d in ((2, 3), (50, 200), (500, 40)):
        x = 50 * _features(8, n, d)
        for y in (x, x[::-1].copy()):
            assert 0.0 <= metrics.frechet_distance(x, y) < 1e-8
            moments = Moments.of(x), Moments.of(y)
            assert 0.0 <= metrics.frechet_distance_from_moments(*moments) < 1e-6


def test_frechet_of_features_that_do_not_vary():
    flat, other = np.full((30, 4), 2.0), np.full((40, 4), 5.0)
    assert metrics.frechet_distance(flat, other) == pytest.approx(4 * 9.0)
    dead = _features(9, 100, 4) * np.array([1, 0, 1, 0])  # units that never fire
    live = _features(10, 100, 4)
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
    x = _features(0, 20, 3)
    bad = x.copy()
    bad[4, 1] = np.inf
    with pytest.raises(InputError, match="fake features: row 4"):
        metrics.frechet_distance(x, bad)
    with pytest.raises(InputError, match="n >= 2 images a side, but the fake side has n = 1"):
        metrics.frechet_distance(x, x[:1])
    with pytest.raises(InputError, match="3 features an image and the other 2"):
        metrics.frechet_distance(x, x[:, :2])
    with pytest.raises(InputError, match="n = 1"):
        metrics.frechet_distance_from_moments(Moments.of(x), Moments.of(x[:1]))


# The headline value and its floor


def test_real_images_score_their_own_floor():
    x = _features(11, 1500, 16)
    result = metrics.frechet_with_floor(x[:1000], x[1000:], interval=False)
    assert result.n == 500 and result.interval is None
    assert result.ratio == pytest.approx(1.0, abs=0.25)


def test_value_and_floor_use_the_same_number_of_images():
    x = _features(12, 1000, 8)
    for generated, n in ((300, 300), (500, 500), (900, 500)):
        assert metrics.frechet_with_floor(x, x[:generated], interval=False).n == n
    floor = metrics.frechet_with_floor(x, x[:700] + 1, num_splits=3, interval=False, seed=4).floor
    assert metrics.frechet_floor(x, num_splits=3, seed=4) == pytest.approx(floor, rel=1e-12)


def test_headline_value_is_reproducible_and_ordered_by_damage():
    x = _features(13, 1000, 16)
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
    x = _features(15, 100, 128)
    result = metrics.frechet_with_floor(x[:60], x[60:])
    assert result.n == 30
    assert all(map(math.isfinite, (result.value, result.floor, *result.interval)))
    assert result.interval[0] < result.value < result.interval[1]


def test_headline_value_refuses_too_few_images():
    x = _features(0, 20, 3)
    with pytest.raises(InputError, match="reference has 3 images; a floor needs at least 4"):
        metrics.frechet_with_floor(x[:3], x)
    with pytest.raises(InputError, match="there are 1 generated images"):
        metrics.frechet_with_floor(x, x[:1])
    with pytest.raises(InputError, match="num_splits is 0"):
        metrics.frechet_with_floor(x, x, num_splits=0)
    with pytest.raises(InputError, match="num_splits is 1; an interval needs 2"):
        metrics.frechet_with_floor(x, x, num_splits=1)


# The recogniser's opinion


def test_classifier_score_between_its_ends():
    k = 7
    assert metrics.classifier_score(np.eye(k)) == pytest.approx(k)
    assert metrics.classifier_score(np.tile(np.eye(k)[:1], (9, 1))) == pytest.approx(1.0)
    assert metrics.classifier_score(np.full((9, k), 1 / k)) == pytest.approx(1.0)
    assert metrics.classifier_score(np.ones((3, 1))) == pytest.approx(1.0)


def test_classifier_score_by_scipy():
    logits = np.random.default_rng(0).normal(scale=3, size=(100, 5))
    p = scipy.special.softmax(logits, axis=1)
    parts = np.split(in_content_order(p), 4)
    scores = [np.exp(scipy.special.rel_entr(q, q.mean(0)).sum(1).mean()) for q in parts]
    assert metrics.classifier_score(p, splits=4) == pytest.approx(np.mean(scores), rel=1e-12)
    assert metrics.classifier_score(p.astype(np.float32)) == pytest.approx(
        metrics.classifier_score(p), rel=1e-5
    )
    assert metrics.mean_confidence(p) == pytest.approx(p.max(1).mean())


def test_classifier_score_refuses_logits():
    with pytest.raises(InputError, match="not logits"):
        metrics.classifier_score(np.random.default_rng(0).normal(size=(4, 3)))
    with pytest.raises(InputError, match="row 1 sums to nan"):
        metrics.mean_confidence(np.array([[0.5, 0.5], [np.nan, 0.5]]))
    with pytest.raises(InputError, match="splits is 5 for n = 3"):
        metrics.classifier_score(np.eye(3), splits=5)
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


# Nearest training images


@pytest.mark.parametrize("k", [1, 5, 300])
def test_neighbours_equal_brute_force(k):
    rng = np.random.default_rng(0)
    queries, references = rng.normal(size=(17, 6)) + 40, rng.normal(size=(300, 6)) + 40
    exact = np.linalg.norm(queries[:, None] - references[None], axis=2)
    indices, distances = metrics.nearest_neighbours(queries, references, k)
    np.testing.assert_array_equal(indices, np.argsort(exact, axis=1, kind="stable")[:, :k])
    np.testing.assert_allclose(distances, np.sort(exact, axis=1)[:, :k], rtol=1e-12)


def test_neighbours_of_copies_among_near_duplicates():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(1, 64)) + 1000
    references = (base + 1e-5 * rng.normal(size=(5000, 64))).astype(np.float64)
    copied = rng.permutation(5000)[:20]
    indices, distances = metrics.nearest_neighbours(references[copied], references, 3)
    np.testing.assert_array_equal(indices[:, 0], copied)
    assert (distances[:, 0] == 0.0).all() and (distances[:, 1] > 0.0).all()
    for row, i in itertools.product(range(5), range(3)):
        exact = np.sort(np.linalg.norm(references - references[copied[row]], axis=1))
        assert distances[row, i] == pytest.approx(exact[i], rel=1e-12)


def test_neighbours_break_ties_by_index():
    references = np.repeat(np.arange(4.0)[:, None], 50, axis=0)  # 50 equal rows of each value
    indices, distances = metrics.nearest_neighbours([[2.0], [0.4]], references, 3)
    assert indices.tolist() == [[100, 101, 102], [0, 1, 2]]
    np.testing.assert_allclose(distances, [[0, 0, 0], [0.4] * 3])


def test_neighbours_of_images():
    rng = np.random.default_rng(0)
    references = rng.integers(0, 256, size=(2500, 6, 5, 3), dtype=np.uint8)
    indices, distances = metrics.nearest_neighbours(references[2400:2410], references, 2)
    assert indices[:, 0].tolist() == list(range(2400, 2410))
    assert (distances[:, 0] == 0).all()
    second = references[indices[0, 1]].astype(float) - references[2400]
    assert distances[0, 1] == pytest.approx(np.sqrt(np.sum(second**2)))


def test_neighbours_refuse_bad_input():
    x = _features(0, 10, 3)
    with pytest.raises(InputError, match="k is 11; expected 1 to 10"):
        metrics.nearest_neighbours(x, x, 11)
    with pytest.raises(InputError, match="queries have 2 numbers an image and references 3"):
        metrics.nearest_neighbours(x[:, :2], x, 1)
    with pytest.raises(InputError, match="at least one image"):
        metrics.nearest_neighbours(x, x[:0], 1)
    x[3, 0] = np.nan
    with pytest.raises(InputError, match="references: row 3"):
        metrics.nearest_neighbours(x[:1], x, 1)
