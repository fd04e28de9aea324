"""The pure updates with losses and penalties that look at more than one side, or at the past."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import steps
from gan_jax.steps.losses import RELATIVISTIC
from gan_jax.steps.penalties import R1, R2, LeCam
from tests.tiny_gan import (
    KEY,
    assert_close,
    jitted,
    make_batch,
    make_gan,
    make_state,
    plain_adam,
    plain_images,
    plain_logits,
    purpose_latents,
)

pytestmark = pytest.mark.usefixtures("precise_and_quickly_compiled")


def test_the_relativistic_generator_looks_at_the_batch():
    gan = make_gan(loss=RELATIVISTIC)
    state, batch, latents = make_state(gan), make_batch(), purpose_latents("generator")
    real = plain_logits(state.discriminator.params, batch["images"])

    def loss(params):
        fake = plain_logits(state.discriminator.params, plain_images(params, latents)[0])
        return jnp.mean(jnp.log1p(jnp.exp(real - fake)))

    value, gradient = jax.value_and_grad(loss)(state.generator.params)
    new, metrics = jitted(steps.generator_update, gan=gan)(state, batch, KEY)
    np.testing.assert_allclose(metrics["loss/generator"], value, rtol=1e-9)
    assert_close(new.generator.params, plain_adam(state.generator.params, [gradient]))


@pytest.mark.parametrize("update", [steps.gan_step, steps.simultaneous_step])
def test_accumulated_parts_pair_their_own_images(update):
    """Without batch statistics in the way: the discriminator's losses of both are the same."""
    gan = make_gan(loss=RELATIVISTIC, penalties=(R1(1.0), R2(1.0)))
    cut = dataclasses.replace(gan, accumulation=2)
    state = make_state(gan)
    whole = jitted(update, gan=gan)(state, make_batch(), KEY)[1]
    parts = jitted(update, gan=cut)(state, make_batch(), KEY)[1]
    np.testing.assert_allclose(parts["logits/real"], whole["logits/real"], rtol=1e-9)
    np.testing.assert_allclose(parts["penalty/r1"], whole["penalty/r1"], rtol=1e-9)


def test_lazy_penalties_count_for_the_steps_between():
    gan = make_gan(penalties=(R1(1.0),))
    lazy = dataclasses.replace(gan, penalty_interval=3)
    state, seen, always = make_state(gan), [], []
    for step in range(4):
        at = state.replace(step=jnp.int32(step))
        for of, values in ((gan, always), (lazy, seen)):
            new, metrics = jitted(steps.discriminator_update, gan=of)(at, make_batch(), KEY)
            values.append(float(metrics["penalty/r1"]))
            assert float(metrics["loss/discriminator"]) > 0
    np.testing.assert_allclose(seen, [3 * always[0], 0, 0, 3 * always[3]], rtol=1e-9)


@pytest.mark.parametrize("update", [steps.gan_step, steps.simultaneous_step])
def test_lecam_is_added_and_its_averages_go_along(update):
    gan = make_gan(lecam=LeCam(0.5, decay=0.9))
    state = make_state(gan)
    assert not hasattr(make_state(make_gan()), "averages")
    state = state.replace(averages={"lecam": {"real": jnp.float64(2), "fake": jnp.float64(-2)}})
    new, metrics = jitted(update, gan=gan)(state, make_batch(), KEY)
    for side, before in (("real", 2.0), ("fake", -2.0)):
        expected = 0.9 * before + 0.1 * float(metrics[f"logits/{side}"])
        np.testing.assert_allclose(new.averages["lecam"][side], expected, rtol=1e-9)
    # Logits near 0: each side lies about 2 beyond the other's average.
    np.testing.assert_allclose(metrics["penalty/lecam"], 0.5 * (4 + 4), rtol=0.5)
    without, _ = jitted(update, gan=make_gan())(make_state(make_gan()), make_batch(), KEY)
    leaves = (jax.tree.leaves(s.discriminator.params) for s in (new, without))
    assert not all(map(np.array_equal, *leaves))
