"""One device, jit and pmap on eight: the same run, in float64 to the last digits."""

import dataclasses
import functools
import warnings

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.data import Dataset
from gan_jax.errors import InputError
from gan_jax.models.article import ArticleDiscriminator, ArticleGenerator
from gan_jax.models.cnn import CNN
from gan_jax.models.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_jax.runtime import parallel
from gan_jax.runtime.feed import make_feed
from gan_jax.runtime.startup import initialise_processes
from gan_jax.steps import cnn_update, gan_step, simultaneous_step
from gan_jax.steps.adaptive import AdaptiveProbability
from gan_jax.steps.augment import Affine, Brightness, Cutout, Sequence
from gan_jax.steps.losses import MINIMAX
from gan_jax.steps.penalties import DRAGAN, R1, LeCam
from gan_jax.steps.schedules import BurnIn
from gan_jax.steps.state import GAN, Recogniser, create_cnn_state, create_gan_state
from tests.networks import LATENT_DIM, SHAPE, TinyDiscriminator, TinyGenerator

_KEY = jax.random.key(0)
_BATCH, _STEPS = 16, 2
_LAYOUTS = [("pmap", 1), ("pmap", 8), ("jit", 8)]


pytestmark = pytest.mark.usefixtures("precise_and_quickly_compiled")


def _double(tree):
    """Floating leaves as float64, copied to the host."""

    def convert(leaf):
        if jnp.issubdtype(leaf.dtype, jnp.floating):
            return np.array(leaf, np.float64)
        return np.array(leaf)

    return jax.tree.map(convert, tree)


def _data(shape):
    rng = np.random.default_rng(0)
    labels = (np.arange(40) % 3).astype(np.int32)
    return {"images": rng.uniform(-1, 1, (40, *shape)), "labels": labels}


def _fetch(data, rows):
    return {name: values[rows] for name, values in data.items()}


def _rows(steps=_STEPS):
    return np.random.default_rng(1).integers(0, 40, (steps, _BATCH)).astype(np.int32)


def _host(tree):
    """A copy on the host of the first device's part; what all hold is checked."""
    for leaf in jax.tree.leaves(tree):
        parts = [np.array(shard.data) for shard in leaf.addressable_shards]
        for part in parts[1:]:
            np.testing.assert_array_equal(part, parts[0])
    return jax.tree.map(np.array, parallel.local_copy(tree))


def _run(parts, layout, scan=None):
    """(state, metrics) after one step, and after the others in a second call."""
    state, step, shape = parts
    plan = parallel.make_plan(layout[0], _BATCH, layout[1])
    call = parallel.compile_steps(step, _fetch, plan, scan=scan)
    key, data = parallel.replicate((_KEY, _data(shape)), plan)
    first = call(parallel.replicate(state, plan), key, data, _rows()[:1])
    kept = _host(first)
    return kept, _host(call(first[0], key, data, _rows()[1:]))


def _assert_close(one, other, **tolerances):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for (path, a), b in zip(
        jax.tree_util.tree_leaves_with_path(one), jax.tree.leaves(other), strict=True
    ):
        np.testing.assert_allclose(a, b, **tolerances, err_msg=jax.tree_util.keystr(path))


def _dcgan():
    """Batch normalisation in both networks; SGD shows gradients whatever their scale."""
    shape, sgd = (16, 16, 2), optax.sgd(0.1)
    gan = GAN(DCGANGenerator(shape, width=4), DCGANDiscriminator(width=4), sgd, sgd, 4)
    state = _double(create_gan_state(gan, _KEY, shape))
    return state, functools.partial(gan_step, gan=gan), shape


def _article():
    """Dropout, R1 and augmentation."""
    shape, sgd = (4, 4, 1), optax.sgd(1e-2)
    gan = GAN(
        ArticleGenerator(shape),
        ArticleDiscriminator(),
        sgd,
        sgd,
        4,
        loss=MINIMAX,
        penalties=(R1(1.0),),
        augment=Affine(shift=0.2, flip=True),
    )
    state = _double(create_gan_state(gan, _KEY, shape))
    return state, functools.partial(gan_step, gan=gan), shape


def _simultaneous():
    """Shared passes, gradients of two parts, batch normalisation in both networks."""
    state, step, shape = _dcgan()
    gan = dataclasses.replace(step.keywords["gan"], accumulation=2)
    return state, functools.partial(simultaneous_step, gan=gan), shape


def _recipe():
    """Two discriminator updates, an adaptive probability, a schedule; every example counts."""
    gan = GAN(
        TinyGenerator(),
        TinyDiscriminator(),
        optax.sgd(0.1),
        optax.sgd(0.1),
        LATENT_DIM,
        lecam=LeCam(0.1),
        augment=Sequence(
            (Brightness(0.5), Cutout(0.5)), AdaptiveProbability(_BATCH // 2, 0.01, 1, 10.0)
        ),
        ema_half_life=BurnIn(10.0, 99.0, 4.0, 1),
        discriminator_steps=2,
    )
    state = create_gan_state(gan, _KEY, SHAPE)
    averages = state.averages | {"augment": state.averages["augment"] | {"p": jnp.float32(0.5)}}
    state = _double(state.replace(averages=averages))
    return state, functools.partial(gan_step, gan=gan), SHAPE


def _dragan():
    """The deviation of the images of the whole batch."""
    gan = GAN(
        TinyGenerator(),
        TinyDiscriminator(dropout_rate=0.0),
        optax.sgd(0.1),
        optax.sgd(0.1),
        LATENT_DIM,
        penalties=(DRAGAN(10.0),),
    )
    return _double(create_gan_state(gan, _KEY, SHAPE)), functools.partial(gan_step, gan=gan), SHAPE


def _cnn():
    """Batch normalisation, dropout, augmentation, an average; Adam."""
    shape = (8, 8, 1)
    network = CNN(3, widths=(4, 8), dense=8, dropout_rate=0.5)
    recogniser = Recogniser(
        network, optax.adam(1e-2), Affine(shift=0.1, rotation=20.0), 0.1, ema_half_life=100.0
    )
    state = _double(create_cnn_state(recogniser, _KEY, shape))
    return state, functools.partial(cnn_update, recogniser=recogniser), shape


def _slow(make):
    return pytest.param(make, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "make", [_dcgan, _slow(_article), _simultaneous, _slow(_recipe), _dragan, _cnn]
)
def test_one_device_equals_jit_and_pmap_on_eight(make):
    """Losses, gradients (as SGD steps), batch statistics, optimisers, averages."""
    assert jax.device_count() == 8
    parts = make()
    results = [_run(parts, layout) for layout in _LAYOUTS]
    for other in results[1:]:
        _assert_close(results[0], other, rtol=1e-7, atol=1e-10)
    (state, metrics), (later, _) = results[0]
    assert all(np.isfinite(value) for value in metrics.values())
    assert int(state.step) == 1 and int(later.step) == _STEPS
    # What was compared has moved.
    moved = jax.tree.map(lambda a, b: np.abs(a - b).max(initial=0) > 1e-9, parts[0], later)
    assert np.mean(jax.tree.leaves(moved)) > 0.9


# What follows needs no real network


@pytest.fixture(scope="module")
def tiny():
    sgd = optax.sgd(0.1)
    gan = GAN(TinyGenerator(), TinyDiscriminator(), sgd, sgd, LATENT_DIM)
    state = _double(create_gan_state(gan, _KEY, SHAPE))
    return state, functools.partial(gan_step, gan=gan), SHAPE


@pytest.mark.parametrize("layout", _LAYOUTS[1:])
def test_steps_scanned_in_one_program_equal_steps_one_by_one(tiny, layout):
    """What GPUs and TPUs run, and what the CPU runs."""
    _assert_close(
        _run(tiny, layout, scan=True), _run(tiny, layout, scan=False), rtol=1e-9, atol=1e-12
    )


def test_generated_images_are_shared_out_in_the_global_view_too(tiny):
    """Each device draws and generates its own share, not the whole batch."""
    shares = []

    class Watched(TinyGenerator):
        @nn.compact
        def __call__(self, latents, *, train):
            for x in (latents, images := super().__call__(latents, train=train)):
                jax.debug.inspect_array_sharding(
                    x, callback=lambda s, shape=x.shape: shares.append(s.shard_shape(shape)[0])
                )
            return images

    state, step, shape = tiny
    watched = dataclasses.replace(step.keywords["gan"], generator=Watched())
    plan = parallel.make_plan("jit", _BATCH, 8)
    call = parallel.compile_steps(functools.partial(gan_step, gan=watched), _fetch, plan)
    key, data = parallel.replicate((_KEY, _data(shape)), plan)
    call(parallel.replicate(state, plan), key, data, _rows(1))
    assert len(shares) == 4 and set(shares) == {_BATCH // 8}


def test_numbers_of_a_call_are_means_over_its_steps(tiny):
    state, step, shape = tiny
    plan = parallel.make_plan("pmap", _BATCH, 8)
    call = parallel.compile_steps(step, _fetch, plan)
    key, data = parallel.replicate((_KEY, _data(shape)), plan)
    _, together = call(parallel.replicate(state, plan), key, data, _rows())
    alone, current = [], parallel.replicate(state, plan)
    for index in range(_STEPS):
        current, metrics = call(current, key, data, _rows()[index : index + 1])
        alone.append(_host(metrics))
    for name, value in _host(together).items():
        np.testing.assert_allclose(value, np.mean([row[name] for row in alone]), rtol=1e-12)


@pytest.mark.parametrize("scan", [False, True])
@pytest.mark.parametrize("mode", parallel.MODES)
def test_the_state_is_given_up_without_warnings(tiny, mode, scan):
    state, step, shape = tiny
    plan = parallel.make_plan(mode, _BATCH, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call = parallel.compile_steps(step, _fetch, plan, scan=scan)
        key, data = parallel.replicate((_KEY, _data(shape)), plan)
        before = parallel.replicate(state, plan)
        after, _ = call(before, key, data, _rows(2))
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(before))
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves((after, key, data)))


def test_a_dataset_in_memory_and_one_that_streams_train_alike(tiny):
    state, step, _ = tiny
    images = np.random.default_rng(2).integers(0, 256, (40, *SHAPE), np.uint8)

    class Source:
        image_shape = SHAPE

        def __len__(self):
            return len(images)

        def take(self, indices):
            return images[np.asarray(indices)]

    results = []
    for dataset in (
        Dataset("set", "train", images=images),
        Dataset("set", "train", source=Source()),
    ):
        plan = parallel.make_plan("pmap", _BATCH, 8)
        feed = make_feed(dataset, plan, batch_size=_BATCH, steps_per_call=2, seed=1)
        call = parallel.compile_steps(step, feed.fetch, plan)
        current, key = parallel.replicate(state, plan), parallel.replicate(_KEY, plan)
        for rows in feed.calls(0, 5):
            current, metrics = call(current, key, feed.data, rows)
        results.append(_host((current, metrics)))
    _assert_close(*results, rtol=1e-6, atol=1e-7)


# Plans


@pytest.mark.parametrize("mode", parallel.MODES)
def test_a_plan_takes_the_devices_asked_for(mode):
    assert len(parallel.make_plan(mode, 16).devices) == 8
    plan = parallel.make_plan(mode, 15, 3)
    assert [device.id for device in plan.devices] == [0, 1, 2]
    assert plan.local_devices == list(plan.devices)
    assert parallel.shard_rows(15, plan) == slice(0, 15)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pmap", 20), "batch_size is 20, which 8 devices.*multiple of 8, such as 16"),
        (("jit", 3), "batch_size is 3, which 8 devices.*such as 8"),
        (("jit", 0), "batch_size is 0.*such as 8"),
        (("pmap", 18, 9), "num_devices is 9, but there are 8; give 0 for all"),
        (("pmap", 8, -1), "num_devices is -1"),
        (("pmpa", 8), "parallel is 'pmpa'; expected one of pmap, jit"),
    ],
)
def test_plans_that_cannot_be(arguments, message):
    with pytest.raises(InputError, match=message):
        parallel.make_plan(*arguments)


def test_copies_are_on_every_device_and_one_comes_back():
    plan = parallel.make_plan("pmap", 8)
    tree = {"a": np.arange(6.0).reshape(2, 3), "key": jax.random.key(3)}
    copies = parallel.replicate(tree, plan)
    assert copies["a"].sharding.is_fully_replicated and len(copies["a"].devices()) == 8
    back = parallel.local_copy(copies | {"n": 5})
    assert len(back["a"].devices()) == 1 and back["n"] == 5
    np.testing.assert_array_equal(back["a"], tree["a"])


def test_a_single_process_needs_nobody():
    initialise_processes("", 1, 0)
    parallel.wait_for_all("nobody")
    assert parallel.is_main_process() and parallel.process_count() == 1
    assert parallel.any_process(True) and not parallel.any_process(False)


# Work on many examples


@pytest.mark.parametrize("count", [1, 7, 8, 16, 37])
def test_map_batches_pads_the_last_batch_and_cuts_it(count):
    inputs = {"x": np.random.default_rng(0).normal(size=(count, 2)), "i": np.arange(count)}
    sizes, seen = set(), []

    @jax.jit
    def function(scale, batch):
        sizes.add(len(batch["i"]))  # as traced: one program serves all
        return {"sum": scale * batch["x"].sum(1), "row": (batch["i"], batch["x"])}

    result = parallel.map_batches(
        function, np.float64(2), inputs, batch_size=13, progress=seen.append
    )
    assert sizes == {1, 16}  # one example, to see what memory it takes; rounded up to the devices
    assert seen == [min(n, count) for n in range(16, count + 16, 16)]
    np.testing.assert_allclose(result["sum"], 2 * inputs["x"].sum(1))
    np.testing.assert_array_equal(result["row"][0], inputs["i"])
    np.testing.assert_array_equal(result["row"][1], inputs["x"])
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(result))


def test_map_batches_uses_every_device():
    devices = set()

    @jax.jit
    def function(_, x):
        jax.debug.inspect_array_sharding(x, callback=lambda s: devices.update(s.device_set))
        return x + 1

    parallel.map_batches(function, (), np.zeros((32, 3)), batch_size=16)
    assert devices == set(jax.devices())


def test_map_batches_of_nothing():
    with pytest.raises(InputError, match="no examples"):
        parallel.map_batches(lambda _, x: x, (), np.zeros((0, 3)), batch_size=16)
