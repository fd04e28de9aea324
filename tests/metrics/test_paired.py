"""Differences of two results on one reference, and corrections for the number of tests."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from gan_jax import metrics
from gan_jax.errors import InputError
from tests.features import Family


@dataclasses.dataclass
class Result:
    value: float
    standard_error: float | None
    real_influence: np.ndarray | None = None


def test_what_the_reference_made_of_both_drops_out():
    # Means of y - x and of z - x: the variance of x is in both and not in their difference.
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    errors = math.sqrt(x.var() / 400 + 0.01), math.sqrt(x.var() / 400 + 0.04)
    influence = x.mean() - x
    a, b = (Result(v, e, influence) for v, e in zip((1.0, 0.5), errors))
    found = metrics.paired_difference(a, b)
    assert found.paired and found.value == 0.5
    assert found.standard_error == pytest.approx(math.sqrt(0.05), rel=1e-9)
    assert found.interval == pytest.approx(
        (0.5 - 1.96 * 0.05**0.5, 0.5 + 1.96 * 0.05**0.5), rel=1e-3
    )
    assert found.p == pytest.approx(0.0253473, rel=1e-5)  # 2 (1 - Phi(0.5 / 0.05^0.5))
    swapped = metrics.paired_difference(b, a)
    assert (swapped.value, swapped.p) == (-0.5, found.p)


def test_without_influences_results_are_independent_and_it_is_said():
    a, b = Result(1.0, 0.3, np.ones(3)), Result(1.0, 0.4)
    found = metrics.paired_difference(a, b)
    assert not found.paired and found.p == 1.0
    assert found.standard_error == pytest.approx(0.5)


def test_a_difference_without_spread():
    assert metrics.paired_difference(Result(1.0, 0.0), Result(1.0, 0.0)).p == 1.0
    assert metrics.paired_difference(Result(2.0, 0.0), Result(1.0, 0.0)).p == 0.0


def test_bad_results_are_refused():
    with pytest.raises(InputError, match="no standard error"):
        metrics.paired_difference(Result(1.0, None), Result(1.0, 0.1))
    with pytest.raises(InputError, match="3 reference rows and the other of 4"):
        metrics.paired_difference(Result(1.0, 0.1, np.ones(3)), Result(1.0, 0.1, np.ones(4)))


@pytest.mark.parametrize("measure", [metrics.frechet_with_floor, metrics.kernel_distance])
@pytest.mark.parametrize("changes", [(0.0, 0.0), (1.2, 1.2), (1.2, 0.8)])
def test_the_interval_of_a_difference_holds_the_truth(measure, changes):
    family = Family("relu", 12)
    differences = []
    for i in range(100):
        real = family.draw(3 * i, 200)
        a, b = (
            measure(real, family.draw(3 * i + 1 + j, 100, change=change))
            for j, change in enumerate(changes)
        )
        differences.append(metrics.paired_difference(a, b))
    values = [found.value for found in differences]
    truth = np.mean(values) if changes[0] != changes[1] else 0.0
    inside = np.mean([x.interval[0] <= truth <= x.interval[1] for x in differences])
    error = math.sqrt(np.mean([x.standard_error**2 for x in differences]))
    assert 0.9 <= inside
    assert 0.8 < error / np.std(values) < 1.4


def test_holm_by_hand():
    assert metrics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert metrics.holm([0.9, 0.6]).tolist() == [1.0, 1.0]
    assert metrics.holm([0.2]).tolist() == [0.2] and metrics.holm([]).shape == (0,)
    with pytest.raises(InputError, match="a p value is 1.5"):
        metrics.holm([0.1, 1.5])


def test_holm_bounds_the_chance_of_one_false_finding():
    p_values = np.random.default_rng(0).random(size=(4000, 10))
    false = np.mean([metrics.holm(row).min() <= 0.05 for row in p_values])
    assert 0.04 < false < 0.06
