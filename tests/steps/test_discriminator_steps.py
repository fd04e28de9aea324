"""Several updates of the discriminator before one of the generator."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import steps
from gan_jax.config import gan_config
from gan_jax.config.checks import check_config
from gan_jax.config.counts import count_steps
from gan_jax.errors import InputError
from gan_jax.steps.axis import named_key
from gan_jax.steps.gradients import in_turn
from gan_jax.steps.losses import RELATIVISTIC
from tests.networks import SHAPE, TinyGenerator
from tests.tiny_gan import (
    COUNT,
    KEY,
    assert_close,
    jitted,
    make_gan,
    make_state,
)

pytestmark = pytest.mark.usefixtures("precise_and_quickly_compiled")

TIMES = 3


def large_batch():
    images = np.random.default_rng(5).uniform(-1, 1, (TIMES * COUNT, *SHAPE))
    return {"images": jnp.asarray(images)}


def test_a_step_is_its_updates_one_after_another():
    """On every third image each, with latents of their own; then the generator's, on the last."""
    seen = []

    class Watching(TinyGenerator):
        def __call__(self, latents, *, train):
            jax.debug.callback(lambda x: seen.append(np.array(x)), latents)
            return super().__call__(latents, train=train)

    gan = make_gan(loss=RELATIVISTIC, discriminator_steps=TIMES)
    gan = dataclasses.replace(gan, generator=Watching())
    state, batch = make_state(gan), large_batch()
    whole, metrics = jitted(steps.gan_step, gan=gan)(state, batch, KEY)
    jax.effects_barrier()
    rows = {tuple(row) for latents in seen for row in latents}
    assert len(seen) == TIMES + 1 and len(rows) == (TIMES + 1) * COUNT
    update, collected = jitted(steps.discriminator_update, gan=gan), []
    for turn in range(TIMES):
        part = {"images": batch["images"][turn::TIMES]}
        key = KEY if turn == 0 else named_key(KEY, f"turn_{turn}")
        state, values = update(state, part, key)
        collected.append(values)
    state, last = jitted(steps.generator_update, gan=gan)(state, part, KEY)
    assert_close(whole, state)
    means = {name: np.mean([float(v[name]) for v in collected]) for name in collected[0]}
    assert_close(metrics, {k: jnp.asarray(v) for k, v in means.items()} | last)
    assert int(whole.step) == 1
    counts = (int(net.opt_state[0].count) for net in (whole.discriminator, whole.generator))
    assert tuple(counts) == (TIMES, 1)


def test_one_update_a_step_gets_the_batch_as_it_is():
    batch, seen = large_batch(), []
    state, returned, _ = in_turn(
        lambda *arguments: seen.append(arguments) or ("after", {}), "before", batch, KEY, 1, None
    )
    assert seen == [("before", batch, KEY)] and returned is batch and state == "after"


def test_a_batch_that_cannot_be_shared():
    gan = make_gan(discriminator_steps=TIMES)
    batch = {"images": large_batch()["images"][1:]}
    with pytest.raises(InputError, match="batch of 17 images.*3 updates.*multiple of 3"):
        steps.gan_step(make_state(gan), batch, KEY, gan=gan)


def test_epochs_count_every_image():
    config = gan_config()
    config.batch_size, config.num_epochs = 10, 3.0
    assert count_steps(config, 1000) == 300
    config.discriminator_steps = 5
    assert count_steps(config, 1000) == 60


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"discriminator_steps": 0}, "discriminator_steps is 0; expected 1 or more"),
        (
            {"discriminator_steps": 2, "updates": "simultaneous"},
            "discriminator_steps is 2.*'simultaneous'.*updates='alternating'",
        ),
    ],
)
def test_refusals(changes, message):
    config = gan_config()
    config.update(changes)
    with pytest.raises(InputError, match=message):
        check_config(config)
