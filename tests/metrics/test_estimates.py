"""Standard errors and intervals: against plain formulas, over fresh sets, and at the ends."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import scipy.special

from gan_jax import metrics
from gan_jax.errors import InputError
from tests.features import mixed_normal

_SCORES = ("precision", "recall", "density", "coverage")


def _real(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    scales = np.arange(1, d + 1) ** -0.5
    centres = np.random.default_rng(d).normal(size=(10, d))
    return centres[rng.integers(0, 10, n)] * 0.6 + rng.gamma(2.0, 1.0, size=(n, d)) * scales


def _fake(kind: str, rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    if kind == "collapsed":
        modes = _real(np.random.default_rng(99), 5, d)
        return modes[rng.integers(0, 5, n)] + 0.15 * _real(rng, n, d)
    rows = _real(rng, n, d)
    return {"alike": rows, "shifted": rows + 0.3, "shrunk": 0.7 * rows}[kind]


def _covering(estimates) -> tuple[float, float]:
    """Root mean square of the standard errors over the true spread, and coverage of the mean."""
    values = np.array([e.value for e in estimates])
    errors = np.array([e.standard_error for e in estimates])
    inside = [e.interval[0] <= values.mean() <= e.interval[1] for e in estimates]
    return float(np.sqrt(np.mean(errors**2)) / values.std(ddof=1)), float(np.mean(inside))


# Precision, recall, density and coverage


def _plain(real, fake, k: int, density_k: int) -> list[float]:
    """The variances as the module describes them, by whole matrices of sets without copies."""
    squares = {
        key: np.sum((a[:, None] - b[None]) ** 2, axis=2)
        for key, a, b in (("rr", real, real), ("ff", fake, fake), ("rf", real, fake))
    }
    n, m = len(real), len(fake)

    def near(own, k):
        order = np.argsort(own + np.diag(np.full(len(own), np.inf)), axis=1)[:, : 2 * k]
        radii = np.take_along_axis(own, order, axis=1)
        return order[:, :k], radii[:, [k - 1]], radii[:, [2 * k - 1]]

    def lost(rate, order):
        return np.array([rate[(order == i).any(axis=1)].sum() for i in range(len(order))])

    def spread(influence):
        return len(influence) * influence.var(ddof=1)

    def covered(own, across):
        order, radius, wide = near(own, k)
        inside = across <= radius
        alone = (inside & (inside.sum(axis=0) == 1)).sum(axis=1)
        reached = ((across <= wide) & (inside.sum(axis=0) - inside == 0)).sum(axis=1)
        rate = 0.5 * reached / (2 * k)
        balls = spread(alone - lost(rate, order)) - alone.sum() - k * rate.sum() * 0.5 / (2 * k)
        share, count = inside.any(axis=0).mean(), across.shape[1]
        return share * (1 - share) / (count - 1) + max(balls, 0) / count**2

    order, radius, wide = near(squares["rr"], density_k)
    inside = squares["rf"] <= radius
    held = inside.sum(axis=1)
    rate = (squares["rf"] <= wide).sum(axis=1) / (2 * density_k)
    balls = spread(held - lost(rate, order)) - held.sum() - density_k * rate.sum() / (2 * density_k)
    density = inside.sum(axis=0).var(ddof=1) * m + max(balls, 0)
    outer = (held == 0) & (squares["rf"] <= wide).any(axis=1)
    rate = ((held == 1) + outer.astype(float)) / (2 * density_k)
    only = inside[held == 1].sum(axis=0)
    points = np.sum(only**2) - only.sum() - only.sum() ** 2 / m
    coverage = spread((held > 0) - lost(rate, order)) + max(points, 0)
    return [
        covered(squares["rr"], squares["rf"]),
        covered(squares["ff"], squares["rf"].T),
        density / (density_k * m) ** 2,
        coverage / n**2,
    ]


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_neighbour_errors_by_whole_matrices(shift):
    real, fake = mixed_normal(1, 150, 8), mixed_normal(2, 110, 8, shift=shift)
    found = metrics.neighbour_estimates(real, fake, precision_k=2, density_k=4)
    scores = metrics.neighbour_scores(real, fake, precision_k=2, density_k=4)
    expected = _plain(real, fake, 2, 4)
    for name, variance in zip(_SCORES, expected, strict=True):
        estimate = getattr(found, name)
        assert estimate.value == getattr(scores, name)
        assert estimate.standard_error == pytest.approx(math.sqrt(variance), rel=1e-9)
        assert estimate.interval[0] < estimate.value < estimate.interval[1]
        assert len(estimate.real_influence) == 150
        assert estimate.real_influence.mean() == pytest.approx(0.0, abs=1e-12)


def test_neighbour_estimates_do_not_depend_on_the_order_of_the_rows():
    rng = np.random.default_rng(0)
    real, fake = mixed_normal(1, 200, 6), mixed_normal(2, 150, 6, shift=0.3)
    real[100:] = real[rng.integers(0, 30, 100)]  # copies, as of a collapsed or a repeated set
    fake[:60] = fake[60:90].repeat(2, axis=0)
    once = metrics.neighbour_estimates(real, fake)
    order = rng.permutation(200)
    again = metrics.neighbour_estimates(real[order], rng.permutation(fake))
    for name in _SCORES:
        a, b = getattr(once, name), getattr(again, name)
        assert a.value == b.value == getattr(metrics.neighbour_scores(real, fake), name)
        assert b.standard_error == pytest.approx(a.standard_error, rel=1e-10)
        np.testing.assert_allclose(b.real_influence, a.real_influence[order], atol=1e-10)


@pytest.mark.parametrize("kind", ["alike", "shifted", "shrunk"])
def test_neighbour_intervals_cover_the_mean_of_fresh_sets(kind):
    rng = np.random.default_rng(0)
    found = [
        metrics.neighbour_estimates(_real(rng, 100, 16), _fake(kind, rng, 100, 16))
        for _ in range(120)
    ]
    for name in _SCORES:
        ratio, coverage = _covering([getattr(one, name) for one in found])
        assert 0.85 < ratio < 1.6 and coverage > 0.88, name


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["alike", "shifted", "shrunk", "collapsed"])
@pytest.mark.parametrize(
    ("d", "n", "m"), [(64, 100, 100), (16, 500, 500), (64, 500, 500), (64, 500, 100)]
)
def test_neighbour_intervals_cover_the_mean_of_larger_sets(kind, d, n, m):
    rng = np.random.default_rng(0)
    found = [
        metrics.neighbour_estimates(_real(rng, n, d), _fake(kind, rng, m, d)) for _ in range(300)
    ]
    for name in _SCORES:
        estimates = [getattr(one, name) for one in found]
        if len({estimate.value for estimate in estimates}) > 2:
            # The few images of a collapsed set are found or not found one by one: no normal spread.
            least = 0.82 if kind == "collapsed" and name == "precision" else 0.9
            assert _covering(estimates)[1] > least, name


def test_two_runs_on_one_reference_are_compared_more_sharply_than_apart():
    rng = np.random.default_rng(0)
    differences = []
    for _ in range(60):
        real = _real(rng, 150, 16)
        a, b = (metrics.neighbour_estimates(real, _fake("shifted", rng, 150, 16)) for _ in "ab")
        differences.append([metrics.paired_difference(*(getattr(x, n) for x in (a, b)))
                            for n in _SCORES])  # fmt: skip
    for column in zip(*differences, strict=True):
        true = np.std([one.value for one in column])
        assert 0.7 < np.mean([one.standard_error for one in column]) / true < 1.4
        assert np.mean([one.interval[0] <= 0 <= one.interval[1] for one in column]) > 0.85
    alone = metrics.paired_difference(
        dataclasses.replace(a.coverage, real_influence=None), b.coverage
    )
    assert metrics.paired_difference(a.coverage, b.coverage).standard_error < alone.standard_error


def test_scores_at_their_ends_keep_an_interval():
    real = mixed_normal(3, 60, 5)
    far = metrics.neighbour_estimates(real, real[:50] + 1e4)
    for estimate, trials in ((far.precision, 50), (far.recall, 60), (far.coverage, 60)):
        assert (estimate.value, estimate.interval) == (0.0, metrics.wilson_interval(0, trials))
        assert estimate.standard_error > 0
    assert far.density.value == 0.0 and 0 < far.density.interval[1] < 0.1
    same = metrics.neighbour_estimates(real, real)
    assert same.precision.interval[0] > 0.9 and same.precision.interval[1] == 1.0
    assert same.precision.standard_error > 0
    least = metrics.neighbour_estimates(real[:4], real[4:8], density_k=3)
    assert all(np.isfinite(getattr(least, name).standard_error) for name in _SCORES)
    one = metrics.neighbour_estimates(np.ones((6, 2)), np.ones((4, 2)))
    assert (one.precision.value, one.density.value) == (1.0, 6 / 5)
    with pytest.raises(InputError, match="k is 5 but the real side has n = 5"):
        metrics.neighbour_estimates(real[:5], real)


# Vendi


@pytest.mark.parametrize(("n", "d"), [(100, 16), (40, 48)])
@pytest.mark.parametrize("kind", ["alike", "collapsed"])
def test_vendi_intervals_cover_the_mean_of_fresh_sets(n, d, kind):
    rng = np.random.default_rng(0)
    found = [metrics.vendi_estimate(_fake(kind, rng, n, d)) for _ in range(120)]
    ratio, coverage = _covering(found)
    assert 0.8 < ratio < 1.3 and coverage > 0.86


def test_vendi_errors_through_either_gram_matrix():
    x = mixed_normal(1, 40, 30)
    x[3] = 0.0
    wide = np.concatenate([x, np.zeros((40, 30))], axis=1)  # more columns than rows, same cosines
    narrow, other = metrics.vendi_estimate(x), metrics.vendi_estimate(wide)
    assert narrow.value == pytest.approx(metrics.vendi_score(x), rel=1e-12)
    assert other.value == pytest.approx(narrow.value, rel=1e-12)
    assert other.standard_error == pytest.approx(narrow.standard_error, rel=1e-9)
    shuffled = metrics.vendi_estimate(np.random.default_rng(0).permutation(1e200 * x))
    assert shuffled.standard_error == pytest.approx(narrow.standard_error, rel=1e-9)
    # Three kinds in known shares: the entropy's influence is -log of the share.
    shares = np.repeat([0.5, 0.3, 0.2], (50, 30, 20))
    found = metrics.vendi_estimate(np.repeat(np.eye(3), (50, 30, 20), axis=0))
    expected = found.value * np.log(shares).std(ddof=1) / 10
    assert found.standard_error == pytest.approx(expected, rel=1e-9)


def test_vendi_without_spread_keeps_an_interval():
    alike = metrics.vendi_estimate(np.full((30, 4), 0.2))
    assert alike.value == pytest.approx(1.0) and 1.2 < alike.interval[1] < 2
    low, high = metrics.vendi_estimate(np.repeat(np.eye(3), 20, axis=0)).interval
    assert 1 < low < 3 and high == pytest.approx(3.0)
    with pytest.raises(InputError, match="n >= 2 images, but n = 1"):
        metrics.vendi_estimate(np.ones((1, 3)))


# The recogniser's numbers


def _probabilities(rng: np.random.Generator, n: int, k: int) -> np.ndarray:
    logits = 1.5 * rng.normal(size=(n, k))
    logits[np.arange(n), rng.choice(k, n, p=np.arange(1, k + 1) / (k * (k + 1) / 2))] += rng.gamma(
        3.0, 2.0, n
    )
    return scipy.special.softmax(logits, axis=1)


def test_classifier_score_error_is_the_jackknife():
    p = _probabilities(np.random.default_rng(0), 60, 5)
    p[7], p[8, 4] = np.eye(5)[4], 0.0
    p /= p.sum(axis=1, keepdims=True)
    found = metrics.classifier_score_estimate(p)
    logs = np.log([metrics.classifier_score(np.delete(p, i, axis=0)) for i in range(60)])
    assert found.value == metrics.classifier_score(p)
    error = found.value * math.sqrt(59 / 60 * np.sum((logs - logs.mean()) ** 2))
    assert found.standard_error == pytest.approx(error, rel=1e-9)
    sure = metrics.confidence_estimate(p)
    assert sure.value == pytest.approx(metrics.mean_confidence(p))
    assert sure.standard_error == pytest.approx(p.max(axis=1).std(ddof=1) / math.sqrt(60))


@pytest.mark.parametrize(("n", "k"), [(40, 10), (200, 10), (100, 100)])
def test_recogniser_intervals_cover_the_mean_of_fresh_images(n, k):
    rng = np.random.default_rng(0)
    sets = [_probabilities(rng, n, k) for _ in range(200)]
    score = _covering([metrics.classifier_score_estimate(p) for p in sets])
    sure = _covering([metrics.confidence_estimate(p) for p in sets])
    for ratio, coverage in (score, sure):
        assert 0.88 < ratio < 1.2 and coverage > 0.9
    found = []
    for p in sets:
        counts = np.bincount(p.argmax(axis=1), minlength=k)
        found.append(metrics.class_kl_estimate(counts, rng.multinomial(n, np.full(k, 1 / k))))
    ratio, coverage = _covering(found)
    assert (
        ratio > 0.9 and coverage > 0.9
    )  # cautious where both mixes are alike, and with few images
    assert ratio < 2.0


@pytest.mark.parametrize(("n", "k"), [(100, 100), (500, 100), (2000, 1000)])
def test_intervals_of_the_modes_cover_the_mean_of_fresh_images(n, k):
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, k + 1)
    sets = [rng.choice(k, n, p=shares / shares.sum()) for _ in range(200)]
    found = [metrics.modes_estimate(predictions, k) for predictions in sets]
    assert [one.value for one in found] == [metrics.count_modes(each, k) for each in sets]
    ratio, coverage = _covering(found)
    assert 0.85 < ratio < 1.2 and coverage > 0.9
    solid = metrics.modes_estimate(np.arange(10).repeat(100), 10)
    assert solid.standard_error < 1e-6 and solid.interval == pytest.approx((9.5, 10.0))
    assert metrics.modes_estimate([3] * 50, 10).interval == (1.0, 2.0)
    with pytest.raises(InputError, match="no predictions"):
        metrics.modes_estimate(np.array([], int), 3)


def test_recogniser_numbers_without_spread_keep_an_interval():
    certain = np.tile(np.eye(4)[1], (50, 1))
    score = metrics.classifier_score_estimate(certain)
    assert score.value == 1.0 and 1.2 < score.interval[1] < 4
    sure = metrics.confidence_estimate(certain)
    assert sure.value == 1.0 and sure.interval == metrics.wilson_interval(50, 50)
    mix = metrics.class_kl_estimate([50, 0, 0], [40, 0, 0])
    assert mix.value == 0.0 and mix.interval[0] == 0.0 < mix.interval[1]
    with pytest.raises(InputError, match="n >= 2 images, but n = 1"):
        metrics.classifier_score_estimate(certain[:1])
    with pytest.raises(InputError, match="not all 0"):
        metrics.class_kl_estimate([0, 0], [1, 2])
