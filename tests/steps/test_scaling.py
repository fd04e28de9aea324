"""What a step sends between devices, read off the program compiled for eight."""

import functools
import itertools

import jax
import numpy as np
import optax
import pytest

from benchmarks import scaling
from benchmarks.programs import compiled_members_program, compiled_program
from gan_jax.models.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_jax.runtime import parallel
from gan_jax.runtime.members_parallel import MembersPlan
from gan_jax.steps import gan_step
from gan_jax.steps.members import MemberInputs, create_members_state
from gan_jax.steps.state import GAN, create_gan_state

_SHAPE, _BATCH = (16, 16, 1), 16


def _bytes(tree):
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


@functools.cache
def _compiled(mode, norm):
    sgd, key = optax.sgd(0.1), jax.random.key(0)
    gan = GAN(
        DCGANGenerator(_SHAPE, width=8, norm=norm),
        DCGANDiscriminator(width=8, norm="none"),
        sgd,
        sgd,
        4,
    )
    plan = parallel.make_plan(mode, _BATCH)
    state = create_gan_state(gan, key, _SHAPE)
    rows = {"images": np.zeros((_BATCH, *_SHAPE), np.float32)}
    program = compiled_program(
        functools.partial(gan_step, gan=gan), lambda data, rows: rows, plan, state, key, {}, rows
    )
    return state, scaling.find_collectives(program.as_text())


@pytest.mark.parametrize("mode", parallel.MODES)
def test_without_batch_normalisation_only_gradients_and_metrics_travel(mode):
    state, found = _compiled(mode, "none")
    gradients = _bytes((state.generator.params, state.discriminator.params))
    assert not found.others  # nothing is gathered: no device sees another's images
    # Seen globally, a kernel's gradient is summed while its taps are still padded and regrouped.
    most = 1.5 * gradients if mode == "jit" else gradients
    assert gradients <= sum(found.sizes) <= most + 64


def test_batch_normalisation_adds_two_numbers_a_channel_and_pass():
    state, found = _compiled("pmap", "batch")
    gradients = _bytes((state.generator.params, state.discriminator.params))
    channels = _bytes([
        leaf["mean"] for leaf in state.generator.collections["batch_stats"].values()
    ])  # fmt: skip
    # Forward in both updates, backward in the generator's, and the running statistics once.
    passes = (sum(found.sizes) - gradients) / (2 * channels)
    assert not found.others
    assert 3 <= passes < 5


@pytest.mark.parametrize(("layout", "times"), [("members", 0), ("batch", 2)])
def test_members_on_chips_of_their_own_send_nothing(layout, times):
    sgd, count = optax.sgd(0.1), 8 if layout == "members" else 2
    networks = (
        DCGANGenerator(_SHAPE, width=4, norm="none"),
        DCGANDiscriminator(width=4, norm="none"),
    )
    gan = GAN(*networks, sgd, sgd, 4)
    state, inputs = jax.eval_shape(
        lambda: (
            create_members_state(gan, range(count), _SHAPE),
            MemberInputs(jax.random.split(jax.random.key(0), count), {}),
        )
    )
    program = compiled_members_program(
        gan,
        gan_step,
        lambda data, rows: {"images": data[rows]},
        MembersPlan(parallel.make_plan("pmap", _BATCH), layout),
        state,
        inputs,
        jax.ShapeDtypeStruct((32, *_SHAPE), np.float32),
        jax.ShapeDtypeStruct((_BATCH, count), np.int32),
    )
    found = scaling.find_collectives(program.as_text())
    gradients = _bytes((state.gans.generator.params, state.gans.discriminator.params)) // count
    assert not found.others
    assert times * gradients <= sum(found.sizes) <= times * (gradients + 64)


def test_sizes_are_read_from_the_program():
    program = """
      %a = f32[8,3]{1,0} all-reduce(%x), replica_groups={}
      %b = (bf16[4]{0}, f32[]) all-reduce-start(%y, %z), channel_id=1
      %c = f32[2]{0} all-gather(%x), dimensions={0}
    """
    assert scaling.find_collectives(program) == scaling.Collectives((96, 12), ("all-gather",))


def test_efficiency_falls_with_chips_and_rises_with_the_batch():
    work = scaling.Work("w", 1e9, scaling.Collectives((40_000_000, 400), ()))
    for chip in scaling.CHIPS:
        shares = [scaling.efficiency(work, 64, n, chip) for n in (1, 8, 64, 512)]
        assert shares[0] == 1.0
        assert all(a > b for a, b in itertools.pairwise(shares))
        batch = scaling.needed_batch(work, 512, chip)
        assert scaling.efficiency(work, batch, 512, chip) >= 0.9
        assert scaling.efficiency(work, batch - 1, 512, chip) < 0.9
