"""The filters against closed forms."""

import numpy as np
import pytest
from scipy import special, stats

from gan_jax.studies.augmentation.filters import (
    acceptance_probabilities,
    accepted,
    agreed,
    calibrated_log_ratio,
    first_of_each_class,
    gamma_for,
)


def test_with_gamma_zero_it_is_plain_rejection_sampling():
    """Accepted with the density ratio over its greatest value, exactly."""
    ratio = np.array([0.001, 0.3, 1.0, 2.5, 4.0])
    np.testing.assert_allclose(acceptance_probabilities(np.log(ratio)), ratio / 4.0, rtol=1e-9)
    far = acceptance_probabilities(np.array([-800.0, 0.0]))
    assert far[0] == 0.0 and far[1] == pytest.approx(1.0)


def test_what_is_accepted_follows_the_data():
    """A generator on five points, with its density ratio known: accepted draws have p_data."""
    generated = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
    data = np.array([0.1, 0.2, 0.2, 0.2, 0.3])
    rng = np.random.default_rng(0)
    drawn = rng.choice(5, 200_000, p=generated)
    log_ratio = np.log(data / generated)[drawn]
    kept = drawn[rng.random(len(drawn)) < acceptance_probabilities(log_ratio)]
    counts = np.bincount(kept, minlength=5)
    assert stats.chisquare(counts, counts.sum() * data).pvalue > 1e-3
    assert counts.sum() / len(drawn) == pytest.approx(1 / (data / generated).max(), rel=0.02)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_gamma_accepts_the_share_asked_for(share):
    log_ratio = np.random.default_rng(1).normal(0, 3, 5000)
    probabilities = acceptance_probabilities(log_ratio, gamma_for(log_ratio, share))
    assert probabilities.mean() == pytest.approx(share, abs=1e-9)
    assert np.all(np.diff(probabilities[np.argsort(log_ratio)]) >= 0)


def test_each_class_is_accepted_alike_though_the_discriminator_prefers_one():
    labels = np.repeat([0, 1], 4000)
    log_ratio = np.random.default_rng(2).normal(0, 1, 8000) + 5 * labels
    kept = accepted(log_ratio, labels, 0.25, seed=0)
    assert np.array_equal(kept, accepted(log_ratio, labels, 0.25, seed=0))
    for label in (0, 1):
        assert kept[labels == label].mean() == pytest.approx(0.25, abs=0.03)
        assert log_ratio[kept & (labels == label)].mean() > log_ratio[labels == label].mean()


def test_equal_logits_are_accepted_by_lot():
    kept = accepted(np.zeros(4000), np.zeros(4000, int), 0.3, seed=0)
    assert kept.mean() == pytest.approx(0.3, abs=0.03)


def test_calibration_finds_the_true_log_ratio():
    """N(1, 1) against N(-1, 1): the log ratio is 2x; logits are given on another scale."""
    rng = np.random.default_rng(3)
    real, fake = rng.normal(1, 1, 40_000), rng.normal(-1, 1, 20_000)
    points = np.array([-1.0, 0.0, 1.5])
    found = calibrated_log_ratio(7 * points + 3, 7 * real + 3, 7 * fake + 3)
    np.testing.assert_allclose(found, 2 * points, atol=0.1)


def test_calibration_stays_finite_where_real_and_generated_do_not_overlap():
    """A discriminator that learned its few images by heart; or that says the same of all."""
    found = calibrated_log_ratio(np.array([-5.0, 5.0]), np.full(50, 5.0), np.full(50, -5.0))
    # Platt's targets: 51/52 and 1/52.
    np.testing.assert_allclose(found, special.logit([1 / 52, 51 / 52]), rtol=1e-3)
    flat = calibrated_log_ratio(np.ones(3), np.ones(50), np.ones(70))
    assert np.ptp(flat) == 0 and np.isfinite(flat).all()


def test_agreement_needs_every_recogniser_and_their_mean_confidence():
    labels = np.array([0, 0, 0, 1])
    first = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.9, 0.1]])
    second = np.array([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.9, 0.1]])
    both = np.stack([first, second])
    assert agreed(both, labels, 0.8).tolist() == [True, False, False, False]
    assert agreed(both, labels, 0.6).tolist() == [True, False, True, False]


def test_the_first_kept_of_each_class_are_taken():
    labels = np.array([0, 1, 0, 1, 0, 2])
    kept = np.array([False, True, True, True, True, False])
    assert first_of_each_class(kept, labels, np.array([1, 5, 2])).tolist() == [1, 2, 3]
    assert len(first_of_each_class(np.zeros(6, bool), labels, np.array([1, 5, 2]))) == 0
