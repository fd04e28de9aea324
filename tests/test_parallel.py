"""One device, jit and pmap on eight: the same run."""

import functools
import warnings

import jax
import numpy as np
import optax
import pytest

from gan_jax import parallel
from gan_jax.augment import Affine
from gan_jax.data import Dataset
from gan_jax.errors import InputError
from gan_jax.feed import make_feed
from gan_jax.models.article import ArticleDiscriminator, ArticleGenerator
from gan_jax.models.cnn import CNN
from gan_jax.models.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_jax.penalties import R1
from gan_jax.state import GAN, Recogniser, create_cnn_state, create_gan_state
from gan_jax.steps import cnn_update, gan_step

SHAPE = (16, 16, 1)
KEY = jax.random.key(0)
LAYOUTS = [("pmap", 1), ("pmap", 8), ("jit", 8)]


def digits(streamed=False):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, *SHAPE), dtype=np.uint8)
    labels = (np.arange(40) % 3).astype(np.int32)
    if streamed:
        return Dataset("random", "train", source=Rows(images), labels=labels)
    return Dataset("random", "train", images=images, labels=labels)


class Rows:
    def __init__(self, images):
        self._images = images
        self.image_shape = images.shape[1:]

    def __len__(self):
        return len(self._images)

    def take(self, indices):
        return self._images[np.asarray(indices)]

    def listing(self):
        return ["rows"]


def trajectory(create, step, mode, devices, num_steps=3, dataset=None):
    """(state, metrics) after some steps, on the host."""
    plan = parallel.make_plan(mode, 16, devices)
    feed = make_feed(dataset or digits(), plan, batch_size=16, steps_per_call=2, seed=1)
    run = parallel.compile_steps(step, feed.fetch, plan)
    state = parallel.replicate(create(), plan)
    key = parallel.replicate(KEY, plan)
    for rows in feed.calls(0, num_steps):
        state, metrics = run(state, key, feed.data, rows)
    return jax.tree.map(np.asarray, parallel.local_copy((state, metrics)))


def gan_parts(kind):
    adam = optax.adam(1e-3, b1=0.5)
    if kind == "article with dropout":
        gan = GAN(ArticleGenerator(SHAPE), ArticleDiscriminator(), adam, adam, 4)
    elif kind == "dcgan with R1 and augmentation":
        gan = GAN(
            DCGANGenerator(SHAPE, width=4),
            DCGANDiscriminator(width=4, norm="none"),
            optax.sgd(0.05),
            optax.sgd(0.05),
            4,
            penalties=(R1(1.0),),
            augment=Affine(shift=0.1),
        )
    else:
        sgd = optax.sgd(0.05)  # parameters then show gradients, whatever their scale
        gan = GAN(DCGANGenerator(SHAPE, width=4), DCGANDiscriminator(width=4), sgd, sgd, 4)
    return (
        functools.partial(create_gan_state, gan, KEY, SHAPE),
        functools.partial(gan_step, gan=gan),
    )


def cnn_parts():
    network = CNN(3, widths=(4, 8), dense=8, dropout_rate=0.5)
    recogniser = Recogniser(network, optax.sgd(0.05), Affine(shift=0.1, rotation=20.0))
    return (
        functools.partial(create_cnn_state, recogniser, KEY, SHAPE),
        functools.partial(cnn_update, recogniser=recogniser),
    )


@pytest.mark.parametrize(
    "kind", ["dcgan", "dcgan with R1 and augmentation", "article with dropout", "cnn"]
)
def test_one_device_equals_jit_and_pmap_on_eight(kind):
    assert jax.device_count() == 8
    create, step = cnn_parts() if kind == "cnn" else gan_parts(kind)
    # Adam divides by tiny second moments at first: two of its steps blow round-off up.
    tolerance = 2e-3 if "article" in kind else 2e-5
    results = [trajectory(create, step, *layout) for layout in LAYOUTS]
    for other in results[1:]:
        for (path, a), b in zip(
            jax.tree_util.tree_leaves_with_path(results[0]), jax.tree.leaves(other), strict=True
        ):
            np.testing.assert_allclose(a, b, atol=tolerance, rtol=1e-4, err_msg=str(path))


def test_streamed_images_give_the_same_run_as_resident_ones():
    create, step = gan_parts("dcgan")
    resident = trajectory(create, step, "pmap", 8)
    streamed = trajectory(create, step, "pmap", 8, dataset=digits(streamed=True))
    for a, b in zip(jax.tree.leaves(resident), jax.tree.leaves(streamed), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_call_is_cut_at_the_same_steps_wherever_it_starts():
    feed = make_feed(
        digits(), parallel.make_plan("pmap", 8), batch_size=8, steps_per_call=4, seed=1
    )
    whole = np.concatenate(list(feed.calls(0, 10)))
    calls = list(feed.calls(6, 10))
    assert [len(rows) for rows in calls] == [2, 2]
    np.testing.assert_array_equal(np.concatenate(calls), whole[6:])


def test_the_state_is_given_up_without_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trajectory(*gan_parts("dcgan"), "pmap", 8)


def test_a_batch_that_devices_cannot_share():
    with pytest.raises(InputError, match="batch_size is 20.*multiple of 8, such as 16"):
        parallel.make_plan("pmap", 20)
    with pytest.raises(InputError, match="num_devices is 9, but there are 8"):
        parallel.make_plan("pmap", 18, 9)
    with pytest.raises(InputError, match="'pmpa'"):
        parallel.make_plan("pmpa", 8)


@pytest.mark.parametrize("count", [1, 7, 16, 37])
def test_map_batches_pads_and_cuts(count):
    inputs = np.arange(count * 2, dtype=np.float32).reshape(count, 2)
    function = jax.jit(lambda scale, x: {"sum": scale * x.sum(1), "row": x})
    seen = []
    result = parallel.map_batches(
        function, np.float32(2), inputs, batch_size=16, progress=seen.append
    )
    np.testing.assert_array_equal(result["sum"], 2 * inputs.sum(1))
    np.testing.assert_array_equal(result["row"], inputs)
    assert seen[-1] == count
