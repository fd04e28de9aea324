"""Vendi, modes, the sliced Wasserstein distance and the classifier's statistics."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from gan_jax import metrics
from gan_jax.errors import InputError
from tests.features import mixed_normal

# Vendi


def test_vendi_counts_different_images():
    assert metrics.vendi_score(np.eye(7)) == pytest.approx(7.0)
    assert metrics.vendi_score(np.repeat(3.0 * np.eye(5), 9, axis=0)) == pytest.approx(5.0)
    assert metrics.vendi_score(np.full((30, 4), 0.2)) == pytest.approx(1.0)
    assert metrics.vendi_score(np.ones((1, 4))) == pytest.approx(1.0)
    shares = np.array([0.5, 0.3, 0.2])
    uneven = np.repeat(np.eye(3), (50, 30, 20), axis=0)
    assert metrics.vendi_score(uneven) == pytest.approx(math.exp(-np.sum(shares * np.log(shares))))


def test_vendi_through_either_gram_matrix():
    x = mixed_normal(1, 40, 60)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    for rows in (unit, unit[:, :25]):
        cosines = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        eigenvalues = np.clip(np.linalg.eigvalsh(cosines @ cosines.T / 40), 1e-300, None)
        expected = np.exp(-np.sum(eigenvalues * np.log(eigenvalues)))
        assert metrics.vendi_score(rows) == pytest.approx(expected, rel=1e-10)
        assert metrics.vendi_score(1e200 * rows[::-1]) == pytest.approx(expected, rel=1e-10)


def test_vendi_of_the_vendi_score_package():
    # vendi_score 0.0.3: vendi.score_dual(x, normalize=True).
    assert metrics.vendi_score(mixed_normal(31, 300, 16)) == pytest.approx(
        9.556799394789685, rel=1e-9
    )
    few = mixed_normal(32, 260, 16, shift=0.2)[:10]
    assert metrics.vendi_score(few) == pytest.approx(6.526117696050832, rel=1e-9)


def test_vendi_equals_the_package_when_it_is_installed():
    vendi = pytest.importorskip("vendi_score.vendi")
    for n, d in ((200, 20), (20, 200)):
        x = mixed_normal(2, n, d, shift=0.5)
        expected = vendi.score_dual(x, normalize=True)
        assert metrics.vendi_score(x) == pytest.approx(expected, rel=1e-9)


def test_vendi_of_rows_without_direction():
    assert metrics.vendi_score(np.zeros((10, 3))) == pytest.approx(1.0)
    half = np.concatenate([np.zeros((10, 3)), np.tile([[1.0, 2, 3]], (10, 1))])
    assert metrics.vendi_score(half) == pytest.approx(2.0)
    with pytest.raises(InputError, match="n = 0"):
        metrics.vendi_score(np.zeros((0, 3)))
    with pytest.raises(InputError, match="row 0 holds nan"):
        metrics.vendi_score([[math.nan, 1.0]])


# Modes


def test_modes_and_their_mix():
    rng = np.random.default_rng(0)
    real = np.repeat(np.arange(10), 100)
    fake = rng.permutation(np.repeat([0, 3, 4, 9], 50))
    assert metrics.count_modes(fake, 10) == 4
    result = metrics.mode_coverage(fake, real, 10)
    assert result.modes == 4
    assert result.kl == pytest.approx(math.log(10 / 4))
    assert metrics.mode_coverage(real, real, 10).kl == 0.0
    with pytest.raises(InputError, match="class 9 is outside 0 to 8"):
        metrics.count_modes(fake, 9)
    with pytest.raises(InputError, match="generated class counts"):
        metrics.mode_coverage(fake[:0], real, 10)


def test_stacked_classes_are_three_digit_numbers():
    digits = np.array([[1, 2, 3], [0, 0, 7], [9, 9, 9]], np.uint8)
    assert metrics.stacked_classes(digits).tolist() == [123, 7, 999]
    assert metrics.stacked_classes([[1, 1]], num_classes=2).tolist() == [3]
    every = np.array(np.meshgrid(*[np.arange(10)] * 3)).reshape(3, -1).T
    assert metrics.count_modes(metrics.stacked_classes(every), 1000) == 1000
    with pytest.raises(InputError, match="class 10 is outside 0 to 9"):
        metrics.stacked_classes([[1, 10, 2]])
    with pytest.raises(InputError, match=r"shape \(3,\)"):
        metrics.stacked_classes([1, 2, 3])
    with pytest.raises(InputError, match="expected integers"):
        metrics.stacked_classes([[1.0, 2.0]])


# Sliced Wasserstein distance


def _projections() -> np.ndarray:
    directions = np.random.default_rng(33).normal(size=(16, 20))
    return directions / np.linalg.norm(directions, axis=0)


def test_sliced_distance_of_pot():
    # POT 0.9.7: ot.sliced_wasserstein_distance(real, fake, projections=P), also with p=1.
    real, fake = mixed_normal(31, 300, 16), mixed_normal(32, 260, 16, shift=0.2)
    options = {"projections": _projections()}
    assert metrics.sliced_wasserstein(real, fake, **options) == pytest.approx(
        0.34805575179032894, rel=1e-10
    )
    assert metrics.sliced_wasserstein(real, fake, p=1, **options) == pytest.approx(
        0.2666791614604155, rel=1e-10
    )
    assert metrics.sliced_wasserstein(real[:260], fake, **options) == pytest.approx(
        0.3565902370237446, rel=1e-10
    )


def test_sliced_distance_equals_pot_when_it_is_installed():
    ot = pytest.importorskip("ot")
    for n, m in ((50, 50), (70, 31), (1, 20)):
        x, y = mixed_normal(1, n, 16), mixed_normal(2, m, 16, shift=0.4)
        for p in (1, 2, 3):
            expected = ot.sliced_wasserstein_distance(x, y, projections=_projections(), p=p)
            ours = metrics.sliced_wasserstein(x, y, projections=_projections(), p=p)
            assert ours == pytest.approx(expected, rel=1e-10)


def test_sliced_distance_on_a_line_equals_scipy_at_unequal_n():
    rng = np.random.default_rng(0)
    for n, m in ((7, 5), (100, 33), (1, 9), (64, 128)):
        x, y = rng.normal(size=n), rng.normal(size=m) * 2
        ours = metrics.sliced_wasserstein(x[:, None], y[:, None], projections=[[1.0]], p=1)
        assert ours == pytest.approx(scipy.stats.wasserstein_distance(x, y), rel=1e-12)


def test_sliced_distance_of_shifted_and_repeated_sets():
    x = mixed_normal(3, 60, 16)
    assert metrics.sliced_wasserstein(x, x[::-1]) == 0.0
    repeated = np.repeat(x, 3, axis=0)
    assert metrics.sliced_wasserstein(x, repeated) == pytest.approx(0.0, abs=1e-12)
    shift = np.zeros(16)
    shift[0] = 2.0
    directions = _projections()
    expected = math.sqrt(np.mean((shift @ directions) ** 2))
    assert metrics.sliced_wasserstein(x, x + shift, projections=directions) == pytest.approx(
        expected
    )
    assert metrics.sliced_wasserstein(x, x + shift, num_projections=4000) == pytest.approx(
        2.0 / math.sqrt(16), rel=0.05
    )
    assert metrics.sliced_wasserstein(x, x + 1, seed=1) == metrics.sliced_wasserstein(
        x, x + 1, seed=1
    )
    np.testing.assert_allclose(
        np.linalg.norm(metrics.random_projections(5, 7, seed=2), axis=0), 1.0
    )


def test_sliced_distance_does_not_depend_on_the_order():
    x, y = mixed_normal(1, 70, 16), mixed_normal(2, 31, 16, shift=0.4)
    expected = metrics.sliced_wasserstein(x, y, num_projections=32)
    for seed in range(5):
        one, other = (np.random.default_rng([seed, n]).permutation(n) for n in (70, 31))
        assert metrics.sliced_wasserstein(x[one], y[other], num_projections=32) == expected


def test_sliced_distance_refuses_bad_input():
    x = mixed_normal(0, 20, 3)
    with pytest.raises(InputError, match="20 real and 0 fake"):
        metrics.sliced_wasserstein(x, x[:0])
    with pytest.raises(InputError, match="3 columns and fake features 2"):
        metrics.sliced_wasserstein(x, x[:, :2])
    with pytest.raises(InputError, match=r"projections have shape \(4, 2\) for 3 features"):
        metrics.sliced_wasserstein(x, x, projections=np.ones((4, 2)))
    with pytest.raises(InputError, match="num_projections is 0"):
        metrics.sliced_wasserstein(x, x, num_projections=0)
    with pytest.raises(InputError, match="p is 0.5"):
        metrics.sliced_wasserstein(x, x, p=0.5)
    x[0, 0] = np.nan
    with pytest.raises(InputError, match="real features: row 0"):
        metrics.sliced_wasserstein(x, x)
