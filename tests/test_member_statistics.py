"""Means over seeds and their intervals, against scipy; which setting is called the best."""

import numpy as np
import pytest
from scipy import stats

from gan_jax.members.statistics import choose, summarise


@pytest.mark.parametrize("count", [2, 3, 8, 40])
def test_the_summary_is_scipys(count):
    values = np.random.default_rng(count).lognormal(size=count)
    found = summarise(values)
    assert found.mean == pytest.approx(np.mean(values), rel=1e-14)
    assert found.std == pytest.approx(stats.tstd(values), rel=1e-12)
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert found.interval == pytest.approx(tuple(expected), rel=1e-10)
    assert found.n == count


def test_the_interval_covers_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(3.0, 2.0, (4000, 3))
    covered = np.mean([low <= 3.0 <= high for low, high in (summarise(d).interval for d in draws)])
    assert 0.94 < covered < 0.96


def test_one_value_has_no_spread_and_none_no_summary():
    assert summarise([2.5]) == summarise([2.5])
    assert (summarise([2.5]).mean, summarise([2.5]).std, summarise([2.5]).interval) == (
        2.5, None, None,
    )  # fmt: skip
    assert summarise([]) is None


def test_the_lowest_mean_is_chosen_and_its_certainty_told():
    apart = [summarise(v) for v in ([10.0, 10.1, 9.9], [5.0, 5.1, 4.9], [7.0, 7.1, 6.9])]
    choice = choose(apart, [3, 3, 3])
    assert (choice.best, choice.runner_up, choice.overlap) == (1, 2, False)
    assert choose(apart, [3, 3, 3], higher=True).best == 0
    near = [summarise(v) for v in ([5.0, 6.0], [5.2, 6.1])]
    assert choose(near, [2, 2]).overlap is True
    alone = choose([summarise([1.0]), summarise([2.0])], [1, 1])
    assert (alone.best, alone.runner_up, alone.overlap) == (0, 1, None)


def test_a_setting_that_lost_seeds_is_passed_over_while_others_did_not():
    lucky, whole = summarise([1.0, 1.1]), summarise([4.0, 4.1, 4.2])
    choice = choose([lucky, whole, None], [3, 3, 3])
    assert (choice.best, choice.left_out, choice.complete) == (1, (0, 2), True)
    choice = choose([lucky, summarise([3.0])], [3, 3])
    assert (choice.best, choice.complete) == (0, False)
    assert choose([None, None], [3, 3]) is None
