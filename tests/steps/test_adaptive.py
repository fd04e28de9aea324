"""Adaptive augmentation: the law of its probability, and what it follows."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import steps
from gan_jax.steps.adaptive import AdaptiveProbability
from gan_jax.steps.schedules import BurnIn
from gan_jax.steps.state import FollowingGANState
from tests.networks import SHAPE
from tests.tiny_gan import COUNT, KEY, jitted, make_batch, make_gan, make_state, plain_logits

pytestmark = pytest.mark.usefixtures("precise_and_quickly_compiled")


def probabilities(adaptive, series):
    """p after each update, given the mean signs."""

    def follow(followed, mean_sign):
        followed = adaptive.update(followed, mean_sign)
        return followed, followed["p"]

    start = jax.tree.map(
        lambda x: x.astype(jnp.float64) if x.dtype == jnp.float32 else x, adaptive.start()
    )
    return np.asarray(jax.lax.scan(follow, start, jnp.asarray(series))[1])


def by_hand(series, *, batch_size, target, interval, images, limit):
    """The same in plain Python: a list of signs, looked at and emptied every so often."""
    p, signs, found = 0.0, [], []
    for value in series:
        signs.append(value)
        if len(signs) == interval:
            mean = sum(signs) / interval
            step = int(mean > target) - int(mean < target)
            p = min(max(p + step * batch_size * interval / images, 0.0), limit)
            signs = []
        found.append(p)
    return np.array(found)


@pytest.mark.parametrize("interval", [1, 4])
def test_the_probability_follows_the_signs_and_stays_within_its_bounds(interval):
    """Down at 0, up to the limit, and back, against a loop in Python."""
    rng = np.random.default_rng(0)
    centres = np.repeat([0.0, 0.95, 0.2], [60, 160, 20])
    logits = rng.normal(size=(240, 32)) + np.where(centres > 0, 2 * centres, -1.0)[:, None]
    series = np.sign(logits).mean(1)
    options = dict(batch_size=32, target=0.6, interval=interval, images=1500.0, limit=0.8)
    found = probabilities(AdaptiveProbability(**options), series)
    np.testing.assert_allclose(found, by_hand(series, **options), atol=1e-9)
    assert (found[:60] == 0).all()  # not below
    assert found.max() == 0.8 and (found == 0.8).sum() > 10  # and not above
    assert 0 < found[-1] < 0.8


def test_signs_at_the_target_change_nothing():
    assert (probabilities(AdaptiveProbability(64, target=0.5), np.full(9, 0.5)) == 0).all()


def test_the_defaults_are_those_of_the_paper():
    """From 0 to 1 in 500 thousand images, at batch 64: 256 images every 4 updates."""
    series = np.ones(4 * 50)
    found = probabilities(AdaptiveProbability(64), series)
    np.testing.assert_allclose(found[3::4], np.arange(1, 51) * 256 / 500_000, rtol=1e-9)
    assert (probabilities(AdaptiveProbability(2**16), np.ones(40))[-1]) == 0.8


# In the steps


@dataclasses.dataclass(frozen=True)
class Painted:
    """Images that show the probability they were augmented with."""

    probability: Any

    def __call__(self, images, keys):
        return 0 * images + self.probability


class Untouched(Painted):
    def __call__(self, images, keys):
        return images


@pytest.mark.parametrize("update", [steps.gan_step, steps.simultaneous_step])
def test_a_step_augments_with_p_and_moves_it(update):
    adaptive = AdaptiveProbability(COUNT, interval=2, images=24.0)
    gan = make_gan(augment=Painted(adaptive))
    state = make_state(gan)
    assert isinstance(state, FollowingGANState) and set(state.averages) == {"augment"}
    followed, expected = state.averages["augment"], 0.0
    for step in range(4):
        p = float(followed["p"])
        np.testing.assert_allclose(p, expected, rtol=1e-6)
        logit = plain_logits(state.discriminator.params, jnp.full((1, *SHAPE), p))[0]
        state, metrics = jitted(update, gan=gan)(state, make_batch(step), KEY)
        np.testing.assert_allclose(metrics["logits/real"], logit, rtol=1e-9)
        assert float(metrics["augment/p"]) == p
        assert float(metrics["augment/real_signs"]) == np.sign(logit)
        followed = state.averages["augment"]
        if step % 2:
            expected = np.clip(expected + (0.5 if np.sign(logit) > 0.6 else -0.5), 0, 0.8)
    assert int(followed["updates"]) == 0


def test_real_signs_are_a_mean_over_the_batch():
    gan = make_gan(augment=Untouched(AdaptiveProbability(COUNT)))
    state = make_state(gan)
    bias = state.discriminator.params["Dense_1"]["bias"]
    logits = plain_logits(state.discriminator.params, make_batch()["images"])
    shifted = dict(state.discriminator.params)  # so that signs differ
    shifted["Dense_1"] = shifted["Dense_1"] | {"bias": bias - jnp.sort(logits)[1] - 1e-6}
    state = state.replace(discriminator=state.discriminator.replace(params=shifted))
    new, metrics = jitted(steps.discriminator_update, gan=gan)(state, make_batch(), KEY)
    np.testing.assert_allclose(metrics["augment/real_signs"], (COUNT - 4) / COUNT)
    np.testing.assert_allclose(new.averages["augment"]["mean_sign"], (COUNT - 4) / COUNT)
    assert int(new.averages["augment"]["updates"]) == 1 and float(new.averages["augment"]["p"]) == 0


def test_a_scheduled_probability_needs_no_state():
    gan = make_gan(augment=Painted(BurnIn(0.0, 0.6, 4 * COUNT, COUNT, "linear")))
    state = make_state(gan)
    assert not hasattr(state, "averages")
    for step, p in [(0, 0.0), (1, 0.15), (2, 0.3), (4, 0.6), (9, 0.6)]:
        at = state.replace(step=jnp.int32(step))
        _, metrics = jitted(steps.discriminator_update, gan=gan)(at, make_batch(), KEY)
        np.testing.assert_allclose(metrics["augment/p"], p, atol=1e-7)
        logit = plain_logits(state.discriminator.params, jnp.full((1, *SHAPE), p))[0]
        np.testing.assert_allclose(metrics["logits/real"], logit, rtol=1e-6)
