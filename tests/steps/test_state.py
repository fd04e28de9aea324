"""States before the first step, and the law of the moving average."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.models.cnn import CNN
from gan_jax.models.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_jax.steps import generator_update
from gan_jax.steps.losses import MINIMAX
from gan_jax.steps.penalties import R1
from gan_jax.steps.state import (
    GAN,
    Recogniser,
    create_cnn_state,
    create_gan_state,
    create_net_state,
    update_ema,
)

_SHAPE = (16, 16, 2)


pytestmark = pytest.mark.usefixtures("quickly_compiled")


@pytest.fixture(scope="module")
def gan():
    adam = optax.adam(1e-3)
    return GAN(DCGANGenerator(_SHAPE, width=4), DCGANDiscriminator(width=4), adam, adam, 5)


@pytest.fixture(scope="module")
def state(gan):
    return create_gan_state(gan, jax.random.key(0), _SHAPE)


def _leaves(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]


def _same(tree, other):
    return all(map(np.array_equal, _leaves(tree), _leaves(other)))


def test_gan_state_before_the_first_step(gan, state):
    assert state.step.dtype == jnp.int32 and int(state.step) == 0
    assert set(state.generator.collections) == {"batch_stats"}
    assert set(state.discriminator.collections) == {"batch_stats"}
    images = gan.generator.apply(state.generator.variables(), jnp.zeros((3, 5)), train=False)
    assert images.shape == (3, *_SHAPE)
    logits = gan.discriminator.apply(state.discriminator.variables(), images, train=False)
    assert logits.shape == (3,)


def test_the_average_starts_at_the_generator_in_buffers_of_its_own(state):
    """The state is given up to each step: a buffer in it twice could not be."""
    variables = state.generator.variables()
    assert jax.tree.structure(state.ema) == jax.tree.structure(variables)
    assert set(state.ema) == {"params", "batch_stats"}
    assert _same(state.ema, variables)
    addresses = [leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves(state)]
    assert len(set(addresses)) == len(addresses)


def test_the_key_decides(gan, state):
    again = create_gan_state(gan, jax.random.key(0), _SHAPE)
    assert _same(again, state)
    other = create_gan_state(gan, jax.random.key(1), _SHAPE)
    assert not _same(other.generator.params, state.generator.params)
    assert not _same(other.discriminator.params, state.discriminator.params)


def test_the_two_networks_do_not_share_their_draws():
    """Equal layers of equal shape must differ, or the two would start alike."""

    class Plain(nn.Module):
        @nn.compact
        def __call__(self, x, *, train):
            return nn.Dense(3)(x.reshape(len(x), -1))

    gan = GAN(Plain(), Plain(), optax.sgd(1.0), optax.sgd(1.0), latent_dim=4)
    state = create_gan_state(gan, jax.random.key(0), (2, 2, 1))
    one, other = (net.params["Dense_0"]["kernel"] for net in (state.generator, state.discriminator))
    assert one.shape == other.shape and not np.array_equal(one, other)


def test_cnn_state_before_the_first_step():
    recogniser = Recogniser(CNN(3, widths=(4,), dense=8), optax.adam(1e-3))
    state = create_cnn_state(recogniser, jax.random.key(0), _SHAPE)
    assert int(state.step) == 0
    assert _same(state.ema, state.network.variables())
    outputs = recogniser.network.apply(state.ema, jnp.zeros((2, *_SHAPE)), train=False)
    assert outputs["logits"].shape == (2, 3)


def test_definitions_can_be_static_arguments(gan):
    """They are hashed by value, so an equal one does not compile again."""
    assert hash(gan) == hash(gan)
    equal = GAN(**{name: getattr(gan, name) for name in gan.__dataclass_fields__})
    assert equal == gan and hash(equal) == hash(gan)
    penalised = GAN(
        DCGANGenerator(_SHAPE), DCGANDiscriminator(), gan.generator_optimizer,
        gan.discriminator_optimizer, 5, loss=MINIMAX, penalties=(R1(1.0),),
    )  # fmt: skip
    assert penalised != gan and isinstance(hash(penalised), int)
    traces = []

    @functools.partial(jax.jit, static_argnames="definition")
    def traced(x, definition):
        traces.append(definition)
        return x

    traced(1.0, gan), traced(1.0, equal), traced(1.0, penalised)
    assert len(traces) == 2


def test_optimisers_start_empty():
    state = create_net_state(
        CNN(3, widths=(4,), dense=8), optax.adam(1e-3), jax.random.key(0), jnp.zeros((1, *_SHAPE))
    )
    adam = state.opt_state[0]
    assert int(adam.count) == 0
    assert all(not leaf.any() for leaf in _leaves((adam.mu, adam.nu)))


# The moving average


def _average(values, batch_size, half_life, rampup, start=0):
    ema = {"w": jnp.float32(0.0)}
    for step, value in enumerate(values, start):
        ema = update_ema(
            ema, {"w": jnp.float32(value)}, step=jnp.int32(step), batch_size=batch_size,
            half_life=half_life, rampup=rampup,
        )  # fmt: skip
    return float(ema["w"])


@pytest.mark.parametrize("batch_size", [10, 25, 100])
def test_a_value_has_lost_half_its_weight_after_the_half_life(batch_size):
    """The weight of what was there before is 0.5 ** (images / half-life), for any batch size."""
    for half_lives in (1, 3):
        steps = half_lives * 200 // batch_size
        kept = 1 - _average(np.ones(steps), batch_size, half_life=200.0, rampup=0.0)
        assert kept == pytest.approx(0.5**half_lives, rel=1e-5)


def test_the_average_weighs_geometrically():
    values = np.random.default_rng(0).normal(size=12)
    decay = 0.5 ** (8 / 30)
    expected = sum((1 - decay) * decay**age * value for age, value in enumerate(values[::-1]))
    assert _average(values, 8, half_life=30.0, rampup=0.0) == pytest.approx(expected, rel=1e-5)


def test_early_values_are_forgotten_by_the_ramp():
    """The half-life is at most a share of the images seen before: here 5 % of step * batch."""
    values = np.random.default_rng(0).normal(size=40)
    expected = 0.0
    for step, value in enumerate(values):
        half_life = min(100.0, 0.05 * step * 64)
        decay = 0.5 ** (64 / half_life) if half_life else 0.0
        expected = decay * expected + (1 - decay) * value
    assert _average(values, 64, half_life=100.0, rampup=0.05) == pytest.approx(expected, rel=1e-4)
    assert _average(values[:1], 64, half_life=1e9, rampup=0.05) == pytest.approx(values[0])


def test_the_ramp_is_in_images_too():
    """After the same images, batches of 8 and of 32 have forgotten about the same."""
    averages = []
    for batch_size in (8, 32):
        images = np.arange(0, 40_000, batch_size)
        averages.append(_average(images / 40_000, batch_size, half_life=1e9, rampup=0.05))
    assert averages[0] == pytest.approx(averages[1], abs=2e-3)
    # Under a half-life of 5 % of the images seen, weights fall as a power of the images seen:
    # the mean of t/T under density (p + 1)(t/T)^p, with p + 1 = ln 2 / 0.05, is (p + 1) / (p + 2).
    power = np.log(2) / 0.05
    assert averages[0] == pytest.approx(power / (power + 1), abs=2e-3)


@pytest.mark.parametrize("rampup", [0.0, 0.05])
def test_no_half_life_keeps_the_last_value(rampup):
    assert _average([3.0, 5.0, 7.0], 16, half_life=0.0, rampup=rampup) == 7.0


def test_an_average_of_a_constant_is_that_constant_exactly():
    """Written as new + decay * (old - new), rounding cannot make it creep."""
    ema = {"w": jnp.float32(0.1)}
    for step in range(50):
        ema = update_ema(
            ema, {"w": jnp.float32(0.1)}, step=jnp.int32(step), batch_size=64, half_life=1e4,
            rampup=0.05,
        )  # fmt: skip
    assert float(ema["w"]) == float(np.float32(0.1))


def test_the_average_carries_batch_statistics(gan, state):
    batch = {"images": jnp.zeros((4, *_SHAPE))}
    step = jax.jit(functools.partial(generator_update, gan=gan))
    first, _ = step(state, batch, jax.random.key(1))
    assert _same(first.ema, first.generator.variables())  # the ramp begins at nothing
    later = first.replace(step=jnp.int32(100_000))
    second, _ = step(later, batch, jax.random.key(1))
    decay = 0.5 ** (4 / 10_000)
    for name in ("params", "batch_stats"):
        for old, new, ema in zip(
            _leaves(first.ema[name]), _leaves(second.generator.variables()[name]),
            _leaves(second.ema[name]), strict=True,
        ):  # fmt: skip
            np.testing.assert_allclose(ema, decay * old + (1 - decay) * new, rtol=1e-5, atol=1e-8)
    assert not _same(first.ema["batch_stats"], second.ema["batch_stats"])
