"""Values that change over a burn-in: their law, and that each reaches what it is to change."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import steps
from gan_jax.config import cnn_config, gan_config
from gan_jax.config.build import build_gan
from gan_jax.config.build_parts import build_optimizer
from gan_jax.steps.augment import Sequence, Translation
from gan_jax.steps.optimizer import scale_by_changing_adam
from gan_jax.steps.penalties import R1, R2
from gan_jax.steps.schedules import BurnIn, definition_at, value_at
from tests.tiny_gan import COUNT, KEY, jitted, make_batch, make_gan, make_state, plain_logits

pytestmark = pytest.mark.usefixtures("precise_and_quickly_compiled")


def test_start_middle_end_and_after():
    for shape, quarter in (("linear", 0.25), ("cosine", 0.5 - 0.5 * np.cos(np.pi / 4))):
        schedule = BurnIn(2.0, 0.2, 6400, 64, shape)
        values = [float(schedule(jnp.int32(step))) for step in (0, 25, 50, 100, 101, 10**8)]
        expected = [2.0, 2.0 - 1.8 * quarter, 1.1, 0.2, 0.2, 0.2]
        np.testing.assert_allclose(values, expected, rtol=1e-6)
        assert values[0] == 2.0 and values[3] == np.float32(0.2)  # to the last bit


def test_a_schedule_is_counted_in_images():
    """Steps of other batches, and fractions of steps, at the same images."""
    values = [
        float(BurnIn(0.0, 1.0, 1e6, batch, "linear")(jnp.float32(3e5 / batch)))
        for batch in (8, 64, 512)
    ]
    np.testing.assert_allclose(values, 0.3, rtol=1e-6)


def test_what_is_no_schedule_stays_as_it_is():
    step, penalty = jnp.int32(50), R1(1.0)
    assert value_at(3.0, step) == 3.0 and value_at(None, step) is None
    assert definition_at(penalty, step) is penalty and definition_at(len, step) is len
    moved = definition_at(R1(BurnIn(1.0, 0.0, 100, 1)), step)
    assert isinstance(moved, R1) and float(moved.weight) == 0.5


# What they change


def test_penalties_follow_their_weights():
    gan = make_gan(penalties=(R1(BurnIn(2.0, 0.2, 8 * COUNT, COUNT)),))
    assert isinstance(hash(gan), int)
    state, update = make_state(gan), jitted(steps.discriminator_update, gan=gan)
    found = {
        step: float(update(state.replace(step=jnp.int32(step)), make_batch(), KEY)[1]["penalty/r1"])
        for step in (0, 3, 8, 20)
    }
    for step, value in found.items():
        weight = 1.0 - 0.9 * (1 - np.cos(np.pi * min(step / 8, 1))) / 2
        np.testing.assert_allclose(value, weight * found[0], rtol=1e-6)
    gradient = jax.vmap(
        jax.grad(lambda x: plain_logits(state.discriminator.params, x[None])[0])
    )(make_batch()["images"])  # fmt: skip
    np.testing.assert_allclose(found[0], jnp.mean(jnp.sum(gradient**2, (1, 2, 3))), rtol=1e-9)


def test_the_average_follows_its_half_life():
    schedule = BurnIn(0.0, 10.0 * COUNT, 4 * COUNT, COUNT, "linear")
    gan = make_gan(ema_half_life=schedule, ema_rampup=0.0)
    state = make_state(gan)
    for step, half_life in [(0, 0.0), (1, 2.5), (4, 10.0), (50, 10.0)]:
        at = state.replace(step=jnp.int32(step))
        new, _ = jitted(steps.generator_update, gan=gan)(at, make_batch(), KEY)
        decay = 0.5 ** (1 / half_life) if half_life else 0.0
        for old, now, ema in zip(
            *map(jax.tree.leaves, (state.ema, new.generator.variables(), new.ema)), strict=True
        ):
            np.testing.assert_allclose(ema, decay * old + (1 - decay) * now, rtol=1e-6, atol=1e-12)


def test_adam_with_a_changing_second_decay_is_the_loop_in_numpy():
    """The correction is that of the decay of the moment, as PyTorch's Adam has it."""
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(30, 5))
    adam = scale_by_changing_adam(0.3, lambda count: 0.9 + 0.003 * count)
    state, found = adam.init(jnp.zeros(5, jnp.float64)), []
    update = jax.jit(adam.update)
    for gradient in gradients:
        direction, state = update(jnp.asarray(gradient), state)
        found.append(np.asarray(direction))
    first, second = np.zeros(5), np.zeros(5)
    for t, (gradient, direction) in enumerate(zip(gradients, found, strict=True), start=1):
        b2 = 0.9 + 0.003 * (t - 1)
        first = 0.3 * first + 0.7 * gradient
        second = b2 * second + (1 - b2) * gradient**2
        expected = (first / (1 - 0.3**t)) / (np.sqrt(second / (1 - b2**t)) + 1e-8)
        np.testing.assert_allclose(direction, expected, rtol=1e-9)


def config_with(**changes):
    config = gan_config()
    config.batch_size = 50
    config.update_from_flattened_dict({k.replace("__", "."): v for k, v in changes.items()})
    return config


def rates(optimizer, count):
    """What each update moves a parameter whose gradient is always 1, when b1 is 0."""
    state, found = optimizer.init(jnp.zeros(())), []
    update = jax.jit(optimizer.update)
    for _ in range(count):
        change, state = update(jnp.ones(()), state, jnp.zeros(()))
        found.append(-float(change))
    return np.array(found)


@pytest.mark.parametrize("updates_per_step", [1, 2])
def test_learning_rates_go_to_their_ends_over_the_burn_in(updates_per_step):
    config = config_with(burn_in__images=500, burn_in__shape="linear")
    options = config.generator_optimizer
    options.b1, options.learning_rate, options.learning_rate_end = 0.0, 1e-2, 2e-3
    optimizer = build_optimizer(config, "generator_optimizer", 100, updates_per_step)
    found = rates(optimizer, 15 * updates_per_step)
    share = np.minimum(np.arange(15 * updates_per_step) / (10 * updates_per_step), 1)
    np.testing.assert_allclose(found, 1e-2 - 8e-3 * share, rtol=1e-5)
    constant = build_optimizer(config, "discriminator_optimizer", 100)
    np.testing.assert_allclose(rates(constant, 3)[0], 2e-4, rtol=1e-5)


def test_b2_goes_to_its_end_over_the_burn_in():
    config = config_with(burn_in__images=500, generator_optimizer__b2=0.5)
    config.generator_optimizer.b2_end = 0.9
    config.generator_optimizer.b1 = 0.0
    optimizer = build_optimizer(config, "generator_optimizer", 100)
    plain = optax.adam(optax.constant_schedule(1e-3), b1=0.0)
    like = (jax.tree.structure(o.init(jnp.zeros(()))) for o in (optimizer, plain))
    assert len(set(like)) == 1  # checkpoints are those of Adam
    second, gradients, found = 0.0, [1.0, 3.0, -2.0, 0.5] * 4, []
    state = optimizer.init(jnp.zeros(()))
    for t, gradient in enumerate(gradients, start=1):
        change, state = optimizer.update(jnp.float64(gradient), state, jnp.zeros(()))
        share = min((t - 1) / 10, 1)
        b2 = 0.5 + 0.4 * (1 - np.cos(np.pi * share)) / 2
        second = b2 * second + (1 - b2) * gradient**2
        found.append(float(change))
        expected = -2e-4 * gradient / (np.sqrt(second / (1 - b2**t)) + 1e-8)
        np.testing.assert_allclose(change, expected, rtol=1e-5)
    assert len(set(np.abs(found))) > 10


def test_schedules_run_over_all_updates_of_the_optimiser():
    """Two updates a step: the schedule ends with the last step, the warm-up is in steps."""
    config = config_with(discriminator_optimizer__schedule="linear")
    config.discriminator_optimizer.warmup_steps = 2
    config.discriminator_optimizer.b1 = 0.0
    one, two = (build_optimizer(config, "discriminator_optimizer", 10, n) for n in (1, 2))
    np.testing.assert_allclose(rates(two, 20)[::2], rates(one, 10), rtol=1e-5, atol=1e-12)


def test_a_config_becomes_schedules():
    config = config_with(
        burn_in__images=2000, r1_weight=1.0, r1_weight_end=0.1, r2_weight_end=0.2,
        ema_half_life=0.0, ema_half_life_end=500.0, augment__translation=0.125,
        augment__probability=0.0, augment__probability_end=0.3, model__discriminator_norm="none",
    )  # fmt: skip
    gan = build_gan(config, (28, 28, 1), 10)

    def schedule(start, end):
        return BurnIn(start, end, 2000.0, 50)

    assert gan.penalties == (R1(schedule(1.0, 0.1)), R2(schedule(0.0, 0.2)))
    assert gan.ema_half_life == schedule(0.0, 500.0) and gan.ema_rampup == 0.0
    assert gan.augment == Sequence((Translation(0.125),), schedule(0.0, 0.3))


def test_defaults_change_nothing():
    gan = build_gan(gan_config(), (28, 28, 1), 10)
    assert gan.augment is None
    assert gan.ema_half_life == 10_000.0 and gan.ema_rampup == 0.05
    assert gan.discriminator_steps == 1 and not hasattr(cnn_config(), "burn_in")
