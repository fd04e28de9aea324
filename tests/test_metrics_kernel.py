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
    monkeypatch.setattr(kernel, "_TILE", tile)
    x, y = mixed_normal(1, 90, 6), mixed_normal(2, 70, 6, shift=0.2)
    result = metrics.kernel_distance(x, y, **options)
    assert result.value == pytest.approx(_naive(x, y, **options), rel=1e-10)
    # The jackknife by its definition: everything again without one image.
    gone = [np.delete(np.arange(90), i) for i in range(90)]
    real = [_naive(x[kept], y, **options) for kept in gone]
    fake = [_naive(x, np.delete(y, i, axis=0), **options) for i in range(70)]
    variance = 89 * np.var(real) + 69 * np.var(fake)
    assert result.standard_error == pytest.approx(np.sqrt(variance), rel=1e-8)


def test_value_of_torchmetrics():
    # torchmetrics 1.9.0 with torch 2.14.1, float64: KernelInceptionDistance(feature=identity,
    # subsets=1, subset_size=260) of the first 260 rows and of the fakes.
    real, fake = mixed_normal(31, 300, 16)[:260], mixed_normal(32, 260, 16, shift=0.2)
    assert metrics.kernel_distance(real, fake).value == pytest.approx(0.603620394292824, rel=1e-10)
    subset = metrics.kernel_distance_subsets(real, fake, num_subsets=1, subset_size=260)
    assert subset.mean == pytest.approx(0.603620394292824, rel=1e-10) and subset.std == 0.0


def test_subsets_of_torch_fidelity():
    # torch-fidelity 0.4.0: kid_features_to_metric(kid_subsets=10, kid_subset_size=100).
    real, fake = mixed_normal(31, 300, 16), mixed_normal(32, 260, 16, shift=0.2)
    result = metrics.kernel_distance_subsets(real, fake, num_subsets=10, subset_size=100)
    assert result.mean == pytest.approx(0.6398477058576554, rel=1e-10)
    assert result.std == pytest.approx(0.03663899593421304, rel=1e-8)


@pytest.mark.parametrize(("shift", "most"), [(0.4, 1.25), (0.0, 1.8)])
def test_value_is_unbiased_and_the_error_is_the_spread_over_fresh_data(shift, most):
    rng = np.random.default_rng(0)
    results = [
        metrics.kernel_distance(rng.normal(size=(120, 5)), rng.normal(size=(90, 5)) + shift)
        for _ in range(200)
    ]
    values = np.array([result.value for result in results])
    spread = values.std(ddof=1)
    assert 0.85 < np.mean([result.standard_error for result in results]) / spread < most
    # E (x.y / 5 + 1)^3 of independent normal vectors, by the moments of x.y; s = shift^2.
    s = shift**2
    real, cross, fake = 1.6, 1.6 + 0.6 * s, 1.6 + 5.04 * s + 4.2 * s**2 + s**3
    expected = real + fake - 2 * cross
    assert values.mean() == pytest.approx(expected, abs=4 * spread / np.sqrt(200))


def test_order_and_type_of_the_features_change_nothing():
    x, y = mixed_normal(3, 80, 6).astype(np.float32), mixed_normal(4, 60, 6).astype(np.float32)
    expected = metrics.kernel_distance(x, y)
    again = metrics.kernel_distance(x[::-1].astype(np.float64), y[::-1].astype(np.float64))
    assert again.value == pytest.approx(expected.value, rel=1e-10)
    swapped = metrics.kernel_distance(y, x)
    assert swapped.standard_error == pytest.approx(expected.standard_error, rel=1e-10)


def test_subsets_are_reproducible():
    x, y = mixed_normal(3, 80, 6), mixed_normal(4, 60, 6)
    options = {"num_subsets": 5, "subset_size": 30}
    first = metrics.kernel_distance_subsets(x, y, **options)
    assert metrics.kernel_distance_subsets(x, y, **options) == first
    assert metrics.kernel_distance_subsets(x, y, seed=1, **options) != first


def test_identical_images():
    same = np.full((30, 4), 0.7)
    result = metrics.kernel_distance(same, same)
    assert result.value == pytest.approx(0.0, abs=1e-12)
    assert result.standard_error == pytest.approx(0.0, abs=1e-12)


def test_bad_input_is_one_clear_error():
    x = mixed_normal(0, 20, 3)
    with pytest.raises(InputError, match="n >= 3 images a side, but the fake side has n = 1"):
        metrics.kernel_distance(x, x[:1])
    with pytest.raises(InputError, match="3 columns and fake features 2"):
        metrics.kernel_distance(x, x[:, :2])
    with pytest.raises(InputError, match="degree is 0"):
        metrics.kernel_distance(x, x, degree=0)
    with pytest.raises(InputError, match="kernel overflows"):
        metrics.kernel_distance(x * 1e200, x)
    with pytest.raises(InputError, match="subset_size is 1000 for n = 20 real"):
        metrics.kernel_distance_subsets(x, x)
    with pytest.raises(InputError, match="num_subsets is 0"):
        metrics.kernel_distance_subsets(x, x, num_subsets=0, subset_size=5)
    x[2, 0] = np.inf
    with pytest.raises(InputError, match="real features: row 2"):
        metrics.kernel_distance(x, x)
