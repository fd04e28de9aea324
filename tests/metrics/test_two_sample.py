"""The permutation test: exact at any n, blind to order, and it sees what is there."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.metrics import kernel_distance
from gan_jax.metrics.two_sample import permutation_test


def _normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def test_the_statistic_is_the_unbiased_kernel_distance():
    real, fake = _normal(0, 40, 6), _normal(1, 25, 6) + 0.5
    found = permutation_test(real, fake)
    assert found.statistic == pytest.approx(kernel_distance(real, fake).value, rel=1e-10)
    assert (found.n_real, found.n_fake, found.permutations) == (40, 25, 999)


def test_p_is_the_share_of_all_divisions_that_are_as_far_apart():
    real, fake = _normal(0, 4, 2), _normal(1, 4, 2) + 0.8
    pool = np.concatenate([real, fake])

    def distance(chosen):
        """By the definition, in loops."""
        sides = [pool[list(chosen)], np.delete(pool, list(chosen), axis=0)]

        def kernel(x, y):
            return (x @ y / 2 + 1) ** 3

        within = [
            np.mean([kernel(a, b) for a, b in itertools.permutations(side, 2)]) for side in sides
        ]
        return sum(within) - 2 * np.mean([kernel(a, b) for a in sides[0] for b in sides[1]])

    values = [distance(chosen) for chosen in itertools.combinations(range(8), 4)]
    exact = np.mean(np.array(values) >= distance(range(4)) - 1e-9)
    found = permutation_test(real, fake, num_permutations=19_999).p
    assert found == pytest.approx(exact, abs=0.01)


def _null_rate(count: int, width: int, repeats: int) -> float:
    hits = 0
    for seed in range(repeats):
        rng = np.random.default_rng([seed, count, width])
        sides = rng.gamma(2.0, size=(2, count, width))
        hits += permutation_test(*sides, num_permutations=199, seed=seed).p <= 0.05
    return hits / repeats


def test_real_against_real_is_told_apart_no_more_often_than_it_says():
    assert 0.03 <= _null_rate(28, 8, 600) <= 0.07


@pytest.mark.slow
@pytest.mark.parametrize("width", [8, 128])
@pytest.mark.parametrize("count", [28, 100, 500])
def test_its_size_over_2000_nulls(count, width):
    assert abs(_null_rate(count, width, 2000) - 0.05) <= 0.01


@pytest.mark.parametrize("count", [28, 200])
def test_a_shift_is_found(count):
    assert permutation_test(_normal(0, count, 8), _normal(1, count, 8) + 1.0).p == 0.001


def test_the_order_of_neither_side_matters():
    real, fake = _normal(0, 300, 5), _normal(1, 200, 5)
    classes = np.arange(300) % 3, np.arange(200) % 3
    found = permutation_test(real, fake, real_classes=classes[0], fake_classes=classes[1], most=150)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        orders = rng.permutation(300), rng.permutation(200)
        again = permutation_test(
            real[orders[0]],
            fake[orders[1]],
            real_classes=classes[0][orders[0]],
            fake_classes=classes[1][orders[1]],
            most=150,
        )
        assert again == found


def test_within_classes_another_mix_is_no_difference():
    centres = 3.0 * _normal(5, 4, 6)
    rng = np.random.default_rng(0)
    real_classes, fake_classes = rng.integers(0, 4, 300), rng.choice(4, 300, p=[0.7, 0.1, 0.1, 0.1])
    real, fake = (centres[c] + rng.standard_normal((300, 6)) for c in (real_classes, fake_classes))
    inside = permutation_test(real, fake, real_classes=real_classes, fake_classes=fake_classes)
    assert inside.within_classes and inside.p > 0.05
    assert permutation_test(real, fake).p == 0.001
    worse = permutation_test(real, fake + 0.7, real_classes=real_classes, fake_classes=fake_classes)
    assert worse.p == 0.001


def test_images_that_are_all_the_same_are_not_told_apart():
    assert permutation_test(np.ones((20, 3)), np.ones((10, 3))).p == 1.0


@pytest.mark.parametrize(
    ("real", "fake", "options", "message"),
    [
        (np.zeros((1, 3)), np.zeros((5, 3)), {}, "n >= 2 images a side, but the real side"),
        (np.zeros((5, 3)), np.zeros((5, 4)), {}, "3 columns and fake features 4"),
        (np.zeros((5, 3)), np.full((5, 3), np.nan), {}, "fake features: row 0 holds nan"),
        (np.zeros((5, 3)), np.zeros((5, 3)), {"num_permutations": 5}, "expected at least 19"),
        (np.zeros((5, 3)), np.zeros((5, 3)), {"real_classes": np.zeros(5)}, "of one side only"),
        (np.full((5, 3), 1e200), np.zeros((5, 3)), {}, "overflows"),
    ],
)
def test_bad_input(real, fake, options, message):
    with pytest.raises(InputError, match=message), np.errstate(over="ignore"):
        permutation_test(real, fake, **options)
