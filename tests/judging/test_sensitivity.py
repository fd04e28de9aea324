"""How it is judged whether a metric sees damage, and sees more damage as more."""

from __future__ import annotations

import numpy as np
import pytest

from gan_jax.judging.sensitivity import Row, judge_damage

_STRENGTHS = (1.0, 2.0, 3.0)


def _row(means, *, spread=0.0, floor_spread=0.0) -> Row:
    """What is said of distances with these means over two seeds, floors about 1."""
    distances = np.array([np.array(means) - spread, np.array(means) + spread])
    floors = np.array([1.0 - floor_spread, 1.0 + floor_spread])
    return judge_damage("made", "semantic", _STRENGTHS, distances, floors)


def test_ratios_and_spreads_in_closed_form():
    distances = np.array([[2.0, 4.0, 8.0], [4.0, 4.0, 16.0]])
    row = judge_damage("made", "texture", _STRENGTHS, distances, np.array([1.0, 3.0]))
    assert row.ratios == (1.5, 2.0, 6.0)
    assert row.spreads == pytest.approx((0.5**0.5, 0.0, 8**0.5))
    assert (row.degradation, row.metric, row.strengths) == ("made", "texture", (1.0, 2.0, 3.0))


def test_monotone_is_no_fall_beyond_the_spread():
    assert _row([1, 2, 3]).monotone and _row([2, 2, 2]).monotone
    assert not _row([1, 3, 2]).monotone and not _row([3, 2, 4]).monotone
    # Two values m -+ s have the standard deviation s * sqrt(2).
    assert _row([1.0, 3.0, 2.0], spread=0.71).monotone
    assert not _row([1.0, 3.0, 2.0], spread=0.70).monotone


def test_seen_is_three_spreads_above_the_floor_at_the_strongest():
    assert _row([1, 1, 1.01]).seen == (False, False, True)
    assert _row([9, 9, 1.0]).seen == (True, True, False)
    deviation = 0.1 * 2**0.5
    assert _row([1, 1, 1 + 3.01 * deviation], floor_spread=0.1).seen[-1]
    assert not _row([1, 1, 1 + 2.99 * deviation], floor_spread=0.1).seen[-1]


def test_a_layer_that_is_constant_sees_nothing():
    for distances in (np.zeros((2, 3)), np.full((2, 3), 1e-30)):
        row = judge_damage("made", "semantic", _STRENGTHS, distances, np.zeros(2))
        assert row.ratios == (1.0, 1.0, 1.0) and row.spreads == (0.0, 0.0, 0.0)
        assert not any(row.seen)
