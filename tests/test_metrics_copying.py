"""AuthPct and C_T against brute force, and on generators that copy and that do not."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from gan_jax import metrics
from gan_jax.errors import InputError
from gan_jax.metrics import memorisation
from tests.features import mixed_normal


def _normal(seed: int, n: int, d: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def _lengths(a, b) -> np.ndarray:
    return np.sqrt(np.array([[np.sum((x - y) ** 2) for y in b] for x in a]))


def test_auth_pct_by_brute_force():
    train, fake = mixed_normal(1, 120, 6), mixed_normal(2, 90, 6)
    fake[:20] = train[:20] + 0.01
    train[50] = train[51]  # a duplicate: its own nearest is at 0
    within = _lengths(train, train)
    np.fill_diagonal(within, np.inf)
    across = _lengths(fake, train)
    nearest = across.argmin(axis=1)
    authentic = across.min(axis=1) > within[nearest].min(axis=1)
    assert metrics.auth_pct(train, fake) == 100.0 * authentic.mean()
    assert metrics.auth_pct(train.astype(np.float32), fake.astype(np.float32)) == pytest.approx(
        100.0 * authentic.mean()
    )


def test_a_copier_is_flagged_by_both():
    train, test = _normal(0, 600), _normal(1, 400)
    copies = train[np.random.default_rng(2).integers(0, 600, 500)]
    assert metrics.auth_pct(train, copies) == 0.0
    assert metrics.data_copying(train, test, copies).value < -10
    nearly = copies + 0.05 * _normal(3, 500)
    assert metrics.auth_pct(train, nearly) < 1.0
    assert metrics.data_copying(train, test, nearly).value < -10


def test_fresh_images_and_a_poor_fit_are_not_flagged():
    train, test = _normal(0, 600), _normal(1, 400)
    scores = [metrics.data_copying(train, test, _normal(10 + i, 500)).value for i in range(20)]
    assert abs(np.mean(scores)) < 1.0 and np.std(scores) < 1.5
    assert 35 < metrics.auth_pct(train, _normal(4, 500)) < 75
    assert metrics.data_copying(train, test, 1.5 * _normal(5, 500)).value > 5


def test_mann_whitney_equals_scipy_with_and_without_ties():
    rng = np.random.default_rng(0)
    for a, b in (
        (rng.normal(size=40), rng.normal(size=30) + 0.3),
        (rng.integers(0, 5, 40).astype(float), rng.integers(1, 6, 30).astype(float)),
    ):
        theirs = scipy.stats.mannwhitneyu(
            a, b, alternative="less", method="asymptotic", use_continuity=False
        )
        assert scipy.stats.norm.cdf(memorisation._mann_whitney(a, b)) == pytest.approx(
            theirs.pvalue, rel=1e-9
        )
    assert memorisation._mann_whitney(np.zeros(5), np.zeros(4)) == 0.0


@pytest.mark.parametrize("width", [5, 80])
def test_data_copying_is_the_weighted_mean_over_cells(width):
    rng = np.random.default_rng(0)
    centres = 40 * rng.normal(size=(3, width))  # far apart, so the cells are known
    kinds = [rng.integers(0, 3, n) for n in (150, 120, 140)]
    train, test, fake = (centres[kind] + rng.normal(size=(len(kind), width)) for kind in kinds)
    result = metrics.data_copying(train, test, fake, num_components=64)
    if width > 64:
        mean = train.mean(axis=0)
        axes = np.linalg.svd(train - mean, full_matrices=False)[2][:64].T
        train, test, fake = ((x - mean) @ axes for x in (train, test, fake))
    scores, weights = [], []
    for cell in range(3):
        members = [x[kind == cell] for x, kind in zip((train, test, fake), kinds)]
        to_test, to_fake = (_lengths(x, members[0]).min(axis=1) for x in members[1:])
        m, n = len(to_fake), len(to_test)
        u = np.sum(to_fake[:, None] > to_test[None])
        scores.append((u - m * n / 2) / np.sqrt(m * n * (m + n + 1) / 12))
        weights.append(n)
    assert sorted(result.cells) == pytest.approx(sorted(scores), rel=1e-9)
    assert result.value == pytest.approx(np.average(scores, weights=weights), rel=1e-9)


def test_a_cell_without_fakes_is_left_out():
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0], [50, 0], [0, 50]])
    train, test = (centres[rng.integers(0, 3, n)] + rng.normal(size=(n, 2)) for n in (90, 80))
    fake = centres[rng.integers(0, 2, 60)] + rng.normal(size=(60, 2))
    cells = metrics.data_copying(train, test, fake).cells
    assert cells.count(None) == 1 and np.isfinite([c for c in cells if c is not None]).all()
    rare = np.concatenate([fake, centres[2:] + rng.normal(size=(1, 2))])
    assert metrics.data_copying(train, test, rare, min_share=0.05).cells.count(None) == 1


def test_identical_images_give_a_number():
    same = np.full((30, 4), 0.3)
    assert metrics.auth_pct(same, same) == 0.0
    assert metrics.data_copying(same, same, same).value == 0.0
    assert metrics.data_copying(_normal(0, 60, 4), _normal(1, 60, 4), same).value == pytest.approx(
        0, abs=100
    )


def test_results_repeat():
    train, test, fake = _normal(0, 200), _normal(1, 150), _normal(2, 150)
    first = metrics.data_copying(train, test, fake, seed=3)
    assert metrics.data_copying(train, test, fake, seed=3) == first


def test_bad_input_is_one_clear_error():
    x = _normal(0, 20, 3)
    with pytest.raises(InputError, match="n >= 2 training images"):
        metrics.auth_pct(x[:1], x)
    with pytest.raises(InputError, match="2 numbers an image and references 3"):
        metrics.auth_pct(x, x[:, :2])
    with pytest.raises(InputError, match=r"columns|have \[3, 3, 2\]"):
        metrics.data_copying(x, x, x[:, :2])
    with pytest.raises(InputError, match="num_cells is 21"):
        metrics.data_copying(x, x, x, num_cells=21)
    with pytest.raises(InputError, match="num_components is 0"):
        metrics.data_copying(x, x, x, num_components=0)
    with pytest.raises(InputError, match="none of 1 cells|at least one image"):
        metrics.data_copying(x, x[:0], x)
    x[1, 1] = np.nan
    with pytest.raises(InputError, match="held-out features: row 1"):
        metrics.data_copying(_normal(0, 20, 3), x, x)
