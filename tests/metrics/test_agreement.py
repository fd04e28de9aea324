"""Asked and found classes: the share that agree, its interval, and what is taken for what."""

import numpy as np
import pytest
import scipy.stats

from gan_jax.errors import InputError
from gan_jax.metrics import class_agreement


def test_agreement_is_the_share_of_equal_classes():
    rng = np.random.default_rng(0)
    asked, found = rng.integers(0, 4, 300), rng.integers(0, 4, 300)
    result = class_agreement(found, asked, 5)
    right = int(np.sum(asked == found))
    assert result.count == 300 and result.share == right / 300
    expected = scipy.stats.binomtest(right, 300).proportion_ci(0.95, method="wilson")
    assert result.interval == pytest.approx((expected.low, expected.high), abs=1e-4)
    for label in range(5):
        members = found[asked == label]
        assert result.of_class(label) == (np.sum(members == label), len(members))


def test_what_a_class_is_taken_for():
    """Asked for class 0: found 0, 0, 0, 2, 2, 1; class 1 is always found; class 2 never asked."""
    result = class_agreement([0, 0, 0, 2, 2, 1, 1], [0, 0, 0, 0, 0, 0, 1], 3)
    np.testing.assert_array_equal(result.confusion, [[3, 1, 2], [0, 1, 0], [0, 0, 0]])
    assert [result.taken_for(label) for label in range(3)] == [2, None, None]


@pytest.mark.parametrize(("found", "share"), [([1, 1], 1.0), ([0, 0], 0.0)])
def test_intervals_stay_inside_the_possible(found, share):
    result = class_agreement(found, [1, 1], 2)
    low, high = result.interval
    assert result.share == share and 0 <= low <= share <= high <= 1 and high - low > 0.3


@pytest.mark.parametrize(
    ("found", "asked", "message"),
    [
        ([], [], "at least one image"),
        ([0, 1], [0], "one of each an image"),
        ([0, 3], [0, 1], "from 0 to 2"),
        ([0, 1], [-1, 1], "from 0 to 2"),
        ([0.5, 1.0], [0, 1], "predictions are float64"),
    ],
)
def test_what_is_no_pair_of_classes_an_image(found, asked, message):
    with pytest.raises(InputError, match=message):
        class_agreement(found, asked, 3)
