"""Precision, recall, density and coverage against a naive count, the prdc package and geometry."""

from __future__ import annotations

import dataclasses
import itertools
import tracemalloc

import numpy as np
import pytest

from gan_jax import metrics
from gan_jax.errors import InputError
from gan_jax.metrics import points
from tests.features import mixed_normal


def _naive(real, fake, k: int, density_k: int, strict: bool) -> metrics.NeighbourScores:
    """The definitions, one pair after the other, from float64 differences."""
    real, fake = np.asarray(real, np.float64), np.asarray(fake, np.float64)

    def squares(a, b):
        return np.array([[np.sum((x - y) ** 2) for y in b] for x in a])

    def radii(points, k):
        own = squares(points, points)
        np.fill_diagonal(own, np.inf)
        return np.sort(own, axis=1)[:, k - 1]

    across = squares(real, fake)
    within = np.less if strict else np.less_equal
    in_real = within(across, radii(real, density_k)[:, None])
    return metrics.NeighbourScores(
        precision=within(across, radii(real, k)[:, None]).any(axis=0).mean(),
        recall=within(across, radii(fake, k)[None]).any(axis=1).mean(),
        density=in_real.sum() / (density_k * len(fake)),
        coverage=in_real.any(axis=1).mean(),
    )


def _sets(name: str):
    rng = np.random.default_rng(0)
    modes = rng.normal(size=(4, 30))
    if name == "normal":
        return mixed_normal(1, 130, 8), mixed_normal(2, 90, 8, shift=0.3).astype(np.float32)
    if name == "quantised":
        return rng.integers(0, 3, size=(130, 4)), rng.integers(0, 3, size=(90, 4))
    if name == "bytes":
        return rng.integers(0, 256, (90, 20), np.uint8), rng.integers(0, 256, (80, 20), np.uint8)
    if name == "identical":
        return np.full((40, 5), 0.1), np.full((30, 5), 0.1)
    if name == "one image repeated":
        return modes[rng.integers(0, 4, 60)] + rng.normal(size=(60, 30)), np.repeat(
            modes[:1], 50, 0
        )
    if name == "near duplicates far from 0":
        return [1000 + 1e-9 * rng.normal(size=(n, 30)) for n in (90, 80)]
    if name == "collapsed to four modes":
        return [modes[rng.integers(0, 4, n)] + 1e-6 * rng.normal(size=(n, 30)) for n in (90, 80)]
    if name == "copies of four modes":
        unique = mixed_normal(3, 20, 30)
        return np.concatenate([modes[rng.integers(0, 4, 60)], unique]), modes[[0] * 9 + [1, 2] * 9]
    if name == "copies of real images":
        real = mixed_normal(4, 90, 30)
        return real, real[rng.integers(0, 90, 70)]
    raise AssertionError(name)


_NAMES = [
    "normal",
    "quantised",
    "bytes",
    "identical",
    "one image repeated",
    "near duplicates far from 0",
    "collapsed to four modes",
    "copies of four modes",
    "copies of real images",
]


@pytest.mark.parametrize("tile", [2048, 23])
@pytest.mark.parametrize("name", _NAMES)
def test_every_count_is_exact(name, tile, monkeypatch):
    monkeypatch.setattr(points, "TILE", tile)
    real, fake = _sets(name)
    for strict in (False, True):
        expected = _naive(real, fake, 3, 5, strict)
        assert metrics.neighbour_scores(real, fake, strict=strict) == expected
        other = metrics.density_coverage(real, fake, k=5, strict=strict)
        assert (other.density, other.coverage) == (expected.density, expected.coverage)


@pytest.mark.parametrize("factor", [2.0**-660, 2.0**660])
def test_very_large_and_very_small_features(factor):
    real, fake = _sets("normal")
    expected = metrics.neighbour_scores(real, fake)
    fake = fake.astype(np.float64)
    assert metrics.neighbour_scores(real * factor, fake * factor) == expected


def test_points_at_one_distance_are_all_inside_unless_strict():
    corners = np.eye(50)
    real, fake = corners[:25], corners[25:]
    assert metrics.neighbour_scores(real, fake) == metrics.NeighbourScores(1.0, 1.0, 5.0, 1.0)
    strict = metrics.neighbour_scores(real, fake, strict=True)
    assert strict == metrics.NeighbourScores(0.0, 0.0, 0.0, 0.0)


# Computed once by prdc 0.2 (Naeem et al.'s package; numpy 2.4, scikit-learn's distances) for
# mixed_normal(31, 300, 16) and mixed_normal(32, 260, 16, 0.2), and for the first four columns of
# both, doubled and rounded to whole numbers. k: (precision, recall, density, coverage).
_PRDC = {
    (3, False): (56 / 260, 74 / 300, 110 / 780, 69 / 300),
    (5, False): (79 / 260, 104 / 300, 218 / 1300, 100 / 300),
    (3, True): (191 / 260, 245 / 300, 392 / 780, 158 / 300),
    (5, True): (219 / 260, 279 / 300, 658 / 1300, 214 / 300),
}


def _prdc_sets(rounded: bool):
    real, fake = mixed_normal(31, 300, 16), mixed_normal(32, 260, 16, shift=0.2)
    return (np.round(real[:, :4] * 2), np.round(fake[:, :4] * 2)) if rounded else (real, fake)


@pytest.mark.parametrize(("k", "rounded"), list(_PRDC))
def test_strict_counts_are_those_of_prdc(k, rounded):
    ours = metrics.neighbour_scores(*_prdc_sets(rounded), precision_k=k, density_k=k, strict=True)
    assert dataclasses.astuple(ours) == pytest.approx(_PRDC[k, rounded], abs=1e-12)


def test_strict_counts_equal_prdc_when_it_is_installed():
    prdc = pytest.importorskip("prdc")
    for rounded in (False, True):
        real, fake = _prdc_sets(rounded)
        for k in (1, 3, 5, 40):
            theirs = prdc.compute_prdc(real_features=real, fake_features=fake, nearest_k=k)
            ours = metrics.neighbour_scores(real, fake, precision_k=k, density_k=k, strict=True)
            assert dataclasses.asdict(ours) == pytest.approx(theirs, abs=1e-12)


def test_precision_is_of_the_fakes_and_recall_of_the_real():
    real = mixed_normal(5, 200, 4)
    one_mode = real[:1] + 0.01 * mixed_normal(6, 100, 4)
    result = metrics.neighbour_scores(real, one_mode)
    assert result.precision > 0.9 and result.recall < 0.1
    assert result.coverage < 0.1
    far = metrics.neighbour_scores(real, one_mode + 1000)
    assert dataclasses.astuple(far) == (0.0, 0.0, 0.0, 0.0)


def test_order_and_shift_change_nothing():
    real, fake = mixed_normal(7, 300, 12), mixed_normal(8, 250, 12)
    expected = metrics.neighbour_scores(real, fake)
    rng = np.random.default_rng(0)
    assert metrics.neighbour_scores(rng.permutation(real), rng.permutation(fake)) == expected
    assert metrics.neighbour_scores(real + 50, fake + 50) == expected


def test_memory_does_not_grow_with_the_number_of_pairs(monkeypatch):
    monkeypatch.setattr(points, "TILE", 512)
    real, fake = np.random.default_rng(0).normal(size=(2, 6000, 4)).astype(np.float32)
    tracemalloc.start()
    metrics.density_coverage(real, fake)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6000 * 6000  # a byte a pair; one matrix of float64 distances would be 8


def test_bad_input_is_one_clear_error():
    x = mixed_normal(0, 20, 3)
    with pytest.raises(InputError, match="k is 3 but the fake side has n = 3 images"):
        metrics.neighbour_scores(x, x[:3])
    with pytest.raises(InputError, match="k is 5 but the real side has n = 1 images"):
        metrics.density_coverage(x[:1], x)
    with pytest.raises(InputError, match="k is 0"):
        metrics.density_coverage(x, x, k=0)
    with pytest.raises(InputError, match="no fake features"):
        metrics.density_coverage(x, x[:0])
    with pytest.raises(InputError, match="3 columns and fake features 2"):
        metrics.neighbour_scores(x, x[:, :2])
    assert metrics.density_coverage(x, x[:1]).density > 0
    x[4, 1] = np.nan
    with pytest.raises(InputError, match="fake features: row 4 holds nan"):
        metrics.neighbour_scores(mixed_normal(0, 20, 3), x)


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
    x = mixed_normal(0, 10, 3)
    with pytest.raises(InputError, match="k is 11; expected 1 to 10"):
        metrics.nearest_neighbours(x, x, 11)
    with pytest.raises(InputError, match="queries have 2 numbers an image and references 3"):
        metrics.nearest_neighbours(x[:, :2], x, 1)
    with pytest.raises(InputError, match="at least one image"):
        metrics.nearest_neighbours(x, x[:0], 1)
    x[3, 0] = np.nan
    with pytest.raises(InputError, match="references: row 3"):
        metrics.nearest_neighbours(x[:1], x, 1)
