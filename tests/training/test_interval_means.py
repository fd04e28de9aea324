"""The numbers of a line of the log: means over its steps, and a speed without compilation."""

import pytest

from gan_jax.training.records import IntervalMeans
from gan_jax.training.task import Pace


class Clock:
    """A stopwatch that stands at `seconds` of training."""

    seconds = 0.0

    def training(self):
        return self.seconds


def means_of(start, log_every):
    clock = Clock()
    pace = Pace(
        num_steps=100, batch_size=8, log_every=log_every, checkpoint_every=0, evaluate_every=0
    )
    return IntervalMeans(start, pace, clock), clock


@pytest.mark.parametrize("start", [0, 40])
def test_the_first_call_has_no_speed(start):
    """Its time is compilation's, which the stopwatch does not count as training."""
    means, clock = means_of(start, log_every=20)
    clock.seconds = 0.001
    assert means.add(start + 20, {"loss": 1.0})
    row, rate = means.take()
    assert (row, rate) == ({"loss": 1.0}, None)
    clock.seconds = 4.001
    assert means.add(start + 40, {"loss": 3.0})
    row, rate = means.take()
    assert row == {"loss": 3.0} and rate == pytest.approx(20 * 8 / 4)


def test_calls_count_by_their_steps_and_the_first_one_not_in_the_speed():
    means, clock = means_of(0, log_every=20)
    assert not means.add(5, {"loss": 1.0})
    clock.seconds = 3.0
    assert means.add(20, {"loss": 5.0})
    row, rate = means.take()
    assert row == {"loss": 4.0} and rate == pytest.approx(15 * 8 / 3)
