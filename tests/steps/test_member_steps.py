"""Many GANs in one step: each is the GAN that is trained alone, whatever befalls the others."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.data import Dataset
from gan_jax.errors import InputError
from gan_jax.models.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_jax.runtime import parallel
from gan_jax.runtime.feed import make_feed, make_members_feed
from gan_jax.runtime.members_parallel import (
    MembersPlan,
    compile_members,
    make_members_plan,
    on_host,
    place_members,
)
from gan_jax.steps import gan_step, simultaneous_step
from gan_jax.steps.hyperparameters import with_hyperparameters
from gan_jax.steps.members import (
    MemberInputs,
    MembersState,
    create_members_state,
    member_state,
    member_step,
    stack_members,
)
from gan_jax.steps.optimizer import Adam
from gan_jax.steps.penalties import R1, R2
from gan_jax.steps.schedules import Decay
from gan_jax.steps.state import GAN, create_gan_state
from tests.networks import LATENT_DIM, SHAPE, TinyDiscriminator, TinyGenerator
from tests.tiny_gan import double, make_batch, make_gan, make_state, plain_logits, same

pytestmark = pytest.mark.usefixtures("quickly_compiled")

STEPS, BATCH = 20, 8
ADAM = Adam(2e-4, 0.5, 0.999)
TINY = GAN(TinyGenerator(), TinyDiscriminator(), ADAM, ADAM, LATENT_DIM, ema_half_life=50.0)
IMAGES = np.random.default_rng(0).integers(0, 256, (40, *SHAPE), np.uint8)


def dataset(images=IMAGES):
    return Dataset("noise", "train", images)


def train_members(
    gan, layout, seeds, values=None, *, devices=1, mode="pmap", step=gan_step, steps=STEPS,
    per_call=5, images=IMAGES, scan=None, state=None, start=0,
):  # fmt: skip
    plan = MembersPlan(parallel.make_plan(mode, BATCH, devices), layout)
    feed = make_members_feed(
        dataset(images), plan.plan, batch_size=BATCH, steps_per_call=per_call, seeds=seeds,
        batch_shared=layout == "batch",
    )  # fmt: skip
    state = state or create_members_state(gan, seeds, images.shape[1:])
    state = place_members(state, plan)
    inputs = MemberInputs(
        jnp.stack([jax.random.key(seed) for seed in seeds]),
        {place: jnp.asarray(np.array(numbers)) for place, numbers in (values or {}).items()},
    )
    inputs = parallel.replicate(inputs, plan.plan)
    compiled = compile_members(gan, step, feed.fetch, plan, scan=scan)
    rows = []
    for call in feed.calls(start, steps):
        state, metrics = compiled(state, inputs, feed.data, call)
        rows.append(on_host(metrics))
    return on_host(state), rows


def train_alone(gan, seed, *, step=gan_step, steps=STEPS, images=IMAGES):
    plan = parallel.make_plan("pmap", BATCH, 1)
    feed = make_feed(dataset(images), plan, batch_size=BATCH, steps_per_call=5, seed=seed)
    key = jax.random.key(seed)
    state = parallel.replicate(create_gan_state(gan, key, images.shape[1:]), plan)
    compiled = parallel.compile_steps(functools.partial(step, gan=gan), feed.fetch, plan)
    rows = []
    for call in feed.calls(0, steps):
        state, metrics = compiled(state, parallel.replicate(key, plan), feed.data, call)
        rows.append(on_host(metrics))
    return on_host(state), rows


def assert_member_is(result, index, alone, atol=1e-5):
    state, rows = result
    own = member_state(state, index).gans
    for a, b in zip(jax.tree.leaves(own), jax.tree.leaves(alone[0]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=atol)
    for mine, single in zip(rows, alone[1], strict=True):
        for name, value in single.items():
            np.testing.assert_allclose(mine[name][index], value, rtol=1e-4, atol=1e-5)


DCGAN_IMAGES = np.random.default_rng(1).integers(0, 256, (40, 8, 8, 1), np.uint8)
# Glorot's kernels: with those of N(0, 0.02) first gradients are so small that rounding shows.
DCGAN = GAN(
    DCGANGenerator((8, 8, 1), width=2, initialization="xavier"),
    DCGANDiscriminator(width=2, initialization="xavier"),
    ADAM, ADAM, 5, ema_half_life=50.0,
)  # fmt: skip
WITH_R1 = dataclasses.replace(TINY, penalties=(R1(1.0),))


@pytest.mark.parametrize("layout", ["members", "turns"])
@pytest.mark.parametrize(
    ("gan", "images", "step", "values"),
    [
        (DCGAN, DCGAN_IMAGES, gan_step, {}),
        (WITH_R1, IMAGES, gan_step, {"penalties.0.weight": (0.5, 4.0)}),
        (TINY, IMAGES, simultaneous_step, {"generator_optimizer.learning_rate": (1e-4, 3e-4)}),
    ],
    ids=["batch norm", "R1", "simultaneous"],
)
def test_a_member_is_the_single_run_of_its_seed_and_values(layout, gan, images, step, values):
    members = train_members(gan, layout, [3, 4], values, step=step, images=images)
    for index, seed in enumerate([3, 4]):
        own = with_hyperparameters(gan, {p: v[index] for p, v in values.items()})
        assert_member_is(members, index, train_alone(own, seed, step=step, images=images))


@pytest.mark.parametrize(
    ("layout", "devices", "mode", "scan"),
    [
        pytest.param("members", 4, "pmap", None, marks=pytest.mark.slow),
        ("members", 2, "jit", True),
        ("batch", 8, "pmap", None),
        ("batch", 2, "jit", None),
        ("turns", 1, "pmap", None),
    ],
)
def test_all_layouts_on_devices_agree(layout, devices, mode, scan):
    """With dropout, batch norm and swept values: one device, eight, members or batches shared."""
    values = {"generator_optimizer.learning_rate": (1e-4, 2e-4, 3e-4, 4e-4)}
    result = train_members(
        TINY, layout, [0, 1, 0, 1], values, devices=devices, mode=mode, scan=scan
    )
    for index, seed in enumerate([0, 1, 0, 1]):
        rates = {place: numbers[index] for place, numbers in values.items()}
        assert_member_is(result, index, _tiny_alone(with_hyperparameters(TINY, rates), seed))


@functools.cache
def _tiny_alone(gan, seed):
    state, rows = train_alone(gan, seed)
    return state, rows


def test_the_plan_shares_members_before_batches():
    assert make_members_plan("pmap", 16, 3).layout == "members"
    assert make_members_plan("pmap", 16, 3, 4).plan.devices == tuple(jax.devices()[:4])
    assert make_members_plan("pmap", 3, 16).layout == "batch"
    assert make_members_plan("pmap", 3, 5, 1).layout == "turns"
    with pytest.raises(InputError, match="batch_size is 5, which 8 devices"):
        make_members_plan("pmap", 3, 5)
    with pytest.raises(InputError, match="parallel is 'tmap'"):
        make_members_plan("tmap", 3, 5)


@pytest.mark.parametrize("layout", ["members", "turns"])
def test_one_that_diverges_is_frozen_and_the_others_go_on(layout):
    gan, rate = TINY, "discriminator_optimizer.learning_rate"
    values = {rate: (2e-4, 5e18, 2e-4)}  # logits overflow after some steps
    with_lost, rows = train_members(gan, layout, [0, 2, 1], values, steps=10)
    whole, expected = train_members(gan, layout, [0, 3, 1], {rate: (2e-4, 2e-4, 2e-4)}, steps=10)
    at = with_lost.diverged[1]
    assert list(with_lost.diverged) == [-1, at, -1]
    assert 0 < at < 10
    for index in (0, 2):
        assert same(member_state(with_lost, index), member_state(whole, index))
        for row, other in zip(rows, expected, strict=True):
            assert all(np.array_equal(row[n][index], other[n][index]) for n in row)
    lost = member_state(with_lost, 1).gans
    assert np.isnan([row["loss/discriminator"][1] for row in rows])[-1]
    before, _ = train_members(gan, layout, [0, 2, 1], values, steps=int(at), per_call=1)
    kept = member_state(before, 1).gans
    assert same(lost.replace(step=kept.step), kept)
    assert (int(kept.step), int(lost.step)) == (at, 10)


def test_going_on_from_the_middle_is_exact():
    values = {"penalties.0.weight": (1.0, 3.0)}
    gan = dataclasses.replace(TINY, penalties=(R2(1.0),))
    whole, _ = train_members(gan, "members", [0, 1], values, steps=10)
    half, _ = train_members(gan, "members", [0, 1], values, steps=5)
    resumed, _ = train_members(
        gan, "members", [0, 1], values, steps=10, start=5, state=jax.tree.map(jnp.asarray, half)
    )
    assert same(resumed, whole)


def test_taking_apart_and_stacking_are_inverse():
    state = create_members_state(TINY, [0, 1, 2], SHAPE)
    assert same(stack_members([member_state(state, index) for index in range(3)]), state)


def test_members_begin_as_single_runs_do():
    state = create_members_state(TINY, [7, 8], SHAPE)
    for index, seed in enumerate([7, 8]):
        alone = create_gan_state(TINY, jax.random.key(seed), SHAPE)
        for a, b in zip(
            jax.tree.leaves(member_state(state, index).gans), jax.tree.leaves(alone), strict=True
        ):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8)


def test_streamed_sets_are_refused():
    class Endless:
        image_shape = SHAPE
        threads = block = 1
        place = "streamed"

        def __len__(self):
            return 40

    streamed = Dataset("large", "train", source=Endless())
    plan = parallel.make_plan("pmap", BATCH, 1)
    with pytest.raises(InputError, match=r"large .*memory_limit_mb .*num_seeds=1"):
        make_members_feed(
            streamed, plan, batch_size=BATCH, steps_per_call=1, seeds=[0], batch_shared=False
        )


class TestClosedForm:
    """Swept values do what they say, in float64 and against sums written out."""

    pytestmark = pytest.mark.usefixtures("precise_and_quickly_compiled")

    @pytest.mark.parametrize("weight", [0.0, 0.5, 8.0])
    def test_the_penalty_has_the_weight_that_is_swept(self, weight):
        gan = make_gan(penalties=(R1(1.0),))
        state, batch = make_state(gan), make_batch()
        members = _as_member(state)
        key = MemberInputs(jax.random.key(3), {"penalties.0.weight": jnp.float64(weight)})
        step = jax.jit(functools.partial(member_step, gan=gan, step=gan_step))
        metrics = step(members, batch, key)[1]
        gradient = jax.grad(
            lambda images: jnp.sum(plain_logits(state.discriminator.params, images))
        )(batch["images"])
        norms = jnp.sum(gradient**2, axis=(1, 2, 3))
        np.testing.assert_allclose(
            metrics["penalty/r1"], weight / 2 * jnp.mean(norms), rtol=1e-9, atol=1e-14
        )

    def test_the_rate_scales_adams_first_step(self):
        """Adam's first step is rate * g / (|g| + eps): in proportion to the rate."""
        gan = make_gan()
        gan = dataclasses.replace(gan, generator_optimizer=Adam(1e-3, 0.5, 0.99))
        state, moves = double(create_gan_state(gan, jax.random.key(3), SHAPE)), []
        step = jax.jit(functools.partial(member_step, gan=gan, step=gan_step))
        for rate in (1e-3, 4e-3):
            values = {"generator_optimizer.learning_rate": jnp.float64(rate)}
            key = MemberInputs(jax.random.key(3), values)
            after = step(_as_member(state), make_batch(), key)[0].gans
            moves.append(jax.tree.map(jnp.subtract, after.generator.params, state.generator.params))
        for small, large in zip(*map(jax.tree.leaves, moves), strict=True):
            np.testing.assert_allclose(large, 4 * small, rtol=1e-9, atol=1e-15)
            assert np.max(np.abs(small)) == pytest.approx(1e-3, rel=1e-3)

    @pytest.mark.parametrize("half_life", [0.0, 20.0])
    def test_the_average_has_the_half_life_that_is_swept(self, half_life):
        gan = dataclasses.replace(make_gan(), ema_rampup=0.0)
        state = make_state(make_gan())
        key = MemberInputs(jax.random.key(3), {"ema_half_life": jnp.float64(half_life)})
        step = jax.jit(functools.partial(member_step, gan=gan, step=gan_step))
        after = step(_as_member(state), make_batch(), key)[0].gans
        decay = 0.5 ** (6 / half_life) if half_life else 0.0
        expected = jax.tree.map(
            lambda old, new: decay * old + (1 - decay) * new,
            state.ema["params"],
            after.generator.params,
        )
        for a, b in zip(*map(jax.tree.leaves, (after.ema["params"], expected)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9)


def _as_member(state):
    return MembersState(state, jnp.int32(-1))


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("warmup", [0, 3])
def test_adam_is_optax_adam(schedule, warmup):
    rate, steps = 3e-3, 8
    schedules = {
        "constant": optax.constant_schedule(rate),
        "linear": optax.linear_schedule(rate, 0.0, steps - warmup),
        "cosine": optax.cosine_decay_schedule(rate, steps - warmup),
    }
    expected = schedules[schedule]
    if warmup:
        expected = optax.join_schedules(
            [optax.linear_schedule(0.0, rate, warmup), expected], [warmup]
        )
    reference = optax.adam(expected, b1=0.5, b2=0.9)
    ours = Adam(Decay(rate, schedule, steps, warmup), 0.5, 0.9)
    params = {"w": jnp.arange(3.0)}
    states = [reference.init(params), ours.init(params)]
    assert jax.tree.structure(states[0]) == jax.tree.structure(states[1])
    for step in range(steps):
        gradient = {"w": jnp.sin(jnp.arange(3.0) + step)}
        updates, states[0] = reference.update(gradient, states[0], params)
        own, states[1] = ours.update(gradient, states[1], params)
        assert same(own, updates)
    assert hash(ours) == hash(Adam(Decay(rate, schedule, steps, warmup), 0.5, 0.9))
