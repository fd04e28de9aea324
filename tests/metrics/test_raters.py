"""Agreement of several recognisers: worked examples, special cases, and what chance gives."""

import itertools

import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.metrics import rater_agreement

# The worked example of the English Wikipedia's article on Fleiss' kappa: 14 raters, 10 subjects, 5
# categories, kappa 0.210.
_EXAMPLE = np.array(
    [[0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
     [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]]
)  # fmt: skip


def test_a_worked_example():
    labels = np.stack([np.repeat(np.arange(5), row) for row in _EXAMPLE])
    assert rater_agreement(labels, 5).kappa == pytest.approx(0.210, abs=5e-4)


def test_two_raters_give_scotts_pi():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (200, 2))
    labels[:90, 1] = labels[:90, 0]
    observed = np.mean(labels[:, 0] == labels[:, 1])
    shares = np.bincount(labels.ravel()) / labels.size
    expected = np.sum(shares**2)
    assert rater_agreement(labels, 3).kappa == pytest.approx((observed - expected) / (1 - expected))
    assert rater_agreement(labels, 3).pairwise == pytest.approx(observed)


def test_pairs_by_loop():
    labels = np.random.default_rng(1).integers(0, 4, (50, 5))
    found = rater_agreement(labels, 4)
    pairs = [labels[:, a] == labels[:, b] for a, b in itertools.combinations(range(5), 2)]
    assert found.pairwise == pytest.approx(np.mean(pairs))
    assert found.unanimous == np.sum((labels == labels[:, :1]).all(1))
    assert (found.count, found.raters) == (50, 5)
    # Neither the order of raters nor the numbers of the classes matter.
    same = (3 - labels)[:, ::-1]
    assert rater_agreement(same, 4).kappa == pytest.approx(found.kappa)


def test_chance_is_zero_and_full_agreement_one():
    rng = np.random.default_rng(2)
    chance = rater_agreement(rng.choice(3, (4000, 3), p=[0.7, 0.2, 0.1]), 3)
    low, high = chance.kappa_interval
    assert abs(chance.kappa) < 0.03 and low < chance.kappa < high and high - low < 0.08
    assert chance.pairwise > 0.5  # which is why kappa is wanted
    full = rater_agreement(np.repeat(rng.integers(0, 3, (40, 1)), 3, axis=1), 3)
    assert full.kappa == full.pairwise == 1.0 and full.kappa_interval == (1.0, 1.0)


def test_one_class_has_no_kappa():
    found = rater_agreement(np.full((30, 3), 2), 4)
    assert found.kappa is None and found.kappa_interval is None
    assert found.pairwise == 1.0 and found.unanimous == 30


def test_a_single_image_has_no_interval():
    found = rater_agreement([[0, 1, 1]], 3)
    assert found.pairwise == pytest.approx(1 / 3) and found.pairwise_interval is None
    assert found.kappa_interval is None


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros((4, 1), int), "at least two"),
        (np.zeros((0, 3), int), "at least one image"),
        (np.zeros((4, 3)), "expected integers"),
        (np.full((4, 3), 7), "from 0 to 2"),
    ],
)
def test_what_are_no_ratings(labels, message):
    with pytest.raises(InputError, match=message):
        rater_agreement(labels, 3)
