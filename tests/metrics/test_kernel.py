"""The kernel distance against the double sum, torch libraries and the spread over fresh data."""

from __future__ import annotations

import numpy as np
import pytest

from gan_jax import metrics
from gan_jax.errors import InputError
from gan_jax.metrics import kernel
from tests.features import mixed_normal


def _naive(x, y, degree=3, gamma=None, offset=1.0) -> float:
    gamma = 1 / x.shape[1] if gamma is None else gamma
    n, m = len(x), len(y)
    xx, yy, xy = ((gamma * a @ b.T + offset) ** degree for a, b in ((x, x), (y, y), (x, y)))
    within = (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return within - 2 * xy.mean()


@pytest.mark.parametrize("tile", [1024, 17])
@pytest.mark.parametrize("options", [{}, {"degree": 1}, {"degree": 2, "gamma": 0.3, "offset": 0.0}])
def test_all_pairs_by_the_double_sum(options, tile, monkeypatch):
    monkeypatch.setattr(kernel, "TILE", tile)
    x, y = mixed_normal(1, 90, 6), mixed_normal(2, 70, 6, shift=0.2)
    result = metrics.kernel_distance(x, y, **options)
    assert result.value == pytest.approx(_naive(x, y, **options), rel=1e-10)
    # What each image made of it, by its definition: everything again without the image.
    without = np.array([_naive(np.delete(x, i, axis=0), y, **options) for i in range(90)])
    expected = 89 * (without.mean() - without) * np.sqrt(90 / 89)
    # But for what a product of two influences counts twice.
    share = result.real_influence @ expected / (expected @ expected)
    np.testing.assert_allclose(result.real_influence, share * expected, atol=1e-9)
    assert 0.7 < share <= 1.0


def test_the_error_is_that_of_first_and_second_order():
    # Far apart the jackknife is right; in between, its excess is the variance of the pairs.
    x, y = mixed_normal(1, 90, 6), mixed_normal(2, 70, 6, shift=0.2)
    kernel_of = [(a @ b.T / 6 + 1) ** 3 for a, b in ((x, x), (y, y), (x, y))]
    jackknife = sum(
        (n - 1) * np.var([_naive(*drop(i)) for i in range(n)])
        for n, drop in (
            (90, lambda i: (np.delete(x, i, axis=0), y)),
            (70, lambda i: (x, np.delete(y, i, axis=0))),
        )
    )
    pairs = 0.0
    for matrix, n, m in zip(kernel_of, (90, 70, 90), (90, 70, 70)):
        if n != m:  # of two sides: centred by rows and by columns
            centred = matrix - matrix.mean(0) - matrix.mean(1)[:, None] + matrix.mean()
            pairs += 4 * np.sum(centred**2) / ((n - 1) * (m - 1)) / (n * m)
            continue
        np.fill_diagonal(matrix, 0.0)
        rows = matrix.sum(0)
        centred = matrix - (rows + rows[:, None]) / (n - 2) + rows.sum() / ((n - 1) * (n - 2))
        np.fill_diagonal(centred, 0.0)
        pairs += 2 * np.sum(centred**2) / (n * (n - 3)) / (n * (n - 1))
    value, bias = _naive(x, y), 0.0
    for side, matrix in ((x, kernel_of[0]), (y, kernel_of[1])):
        n = len(side)
        bias += (np.mean((np.sum(side**2, 1) / 6 + 1) ** 3) - matrix.sum() / (n * (n - 1))) / n
    expected = pairs + (jackknife - pairs) * value / (value + bias / 2)
    result = metrics.kernel_distance(x, y)
    assert result.standard_error == pytest.approx(np.sqrt(expected), rel=1e-9)
    far = metrics.kernel_distance(x, y + 30)
    assert far.standard_error == pytest.approx(
        np.sqrt(
            89 * np.var([_naive(np.delete(x, i, axis=0), y + 30) for i in range(90)])
            + 69 * np.var([_naive(x, np.delete(y, i, axis=0) + 30) for i in range(70)])
        ),
        rel=1e-3,
    )


def test_value_of_torchmetrics():
    # torchmetrics 1.9.0 with torch 2.14.1, float64: KernelInceptionDistance(feature=identity,
    # subsets=1, subset_size=260) of the first 260 rows and of the fakes.
    real, fake = mixed_normal(31, 300, 16)[:260], mixed_normal(32, 260, 16, shift=0.2)
    assert metrics.kernel_distance(real, fake).value == pytest.approx(0.603620394292824, rel=1e-10)


@pytest.mark.parametrize(("shift", "most"), [(0.4, 1.15), (0.0, 1.3)])
def test_value_is_unbiased_and_the_error_is_the_spread_over_fresh_data(shift, most):
    rng = np.random.default_rng(0)
    results = [
        metrics.kernel_distance(rng.normal(size=(120, 5)), rng.normal(size=(90, 5)) + shift)
        for _ in range(200)
    ]
    values = np.array([result.value for result in results])
    spread = values.std(ddof=1)
    # At shift 0 the jackknife was 1.7 times the spread.
    assert 0.85 < np.mean([result.standard_error for result in results]) / spread < most
    inside = [result.interval[0] <= values.mean() <= result.interval[1] for result in results]
    assert 0.9 < np.mean(inside)
    # E (x.y / 5 + 1)^3 of independent normal vectors, by the moments of x.y; s = shift^2.
    s = shift**2
    real, cross, fake = 1.6, 1.6 + 0.6 * s, 1.6 + 5.04 * s + 4.2 * s**2 + s**3
    expected = real + fake - 2 * cross
    assert values.mean() == pytest.approx(expected, abs=4 * spread / np.sqrt(200))


def test_the_order_of_the_features_changes_nothing():
    x, y = mixed_normal(3, 80, 6), mixed_normal(4, 60, 6)
    expected = metrics.kernel_distance(x, y)
    for seed in range(5):
        one, other = (np.random.default_rng([seed, n]).permutation(n) for n in (80, 60))
        again = metrics.kernel_distance(x[one], y[other])
        assert again == expected
        np.testing.assert_array_equal(again.real_influence, expected.real_influence[one])


def test_type_and_sides_of_the_features_change_nothing():
    x, y = mixed_normal(3, 80, 6).astype(np.float32), mixed_normal(4, 60, 6).astype(np.float32)
    expected = metrics.kernel_distance(x, y)
    again = metrics.kernel_distance(x.astype(np.float64), y.astype(np.float64))
    assert again.value == pytest.approx(expected.value, rel=1e-10)
    swapped = metrics.kernel_distance(y, x)
    assert swapped.standard_error == pytest.approx(expected.standard_error, rel=1e-10)


def test_identical_images():
    same = np.full((30, 4), 0.7)
    result = metrics.kernel_distance(same, same)
    assert result.value == pytest.approx(0.0, abs=1e-12)
    assert result.standard_error == pytest.approx(0.0, abs=1e-12)


def test_bad_input_is_one_clear_error():
    x = mixed_normal(0, 20, 3)
    with pytest.raises(InputError, match="n >= 4 images a side, but the fake side has n = 1"):
        metrics.kernel_distance(x, x[:1])
    with pytest.raises(InputError, match="3 columns and fake features 2"):
        metrics.kernel_distance(x, x[:, :2])
    with pytest.raises(InputError, match="degree is 0"):
        metrics.kernel_distance(x, x, degree=0)
    with pytest.raises(InputError, match="kernel overflows"):
        metrics.kernel_distance(x * 1e200, x)
    x[2, 0] = np.inf
    with pytest.raises(InputError, match="real features: row 2"):
        metrics.kernel_distance(x, x)
