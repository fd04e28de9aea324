"""Losses beside the adversarial one, in float64: closed forms, gradients, and where they stand."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.errors import InputError
from gan_jax.models.cnn import CNN
from gan_jax.runtime import parallel
from gan_jax.steps import gan_step, generator_update, simultaneous_step
from gan_jax.steps.generator_losses import FeatureMatching, FrozenFeatures, Perceptual, Pixel
from gan_jax.steps.state import GAN, create_gan_state
from tests.networks import LATENT_DIM, SHAPE, TinyCNN, TinyDiscriminator, TinyGenerator
from tests.packs import untrained_pack
from tests.tiny_gan import KEY, double, make_batch, make_gan, make_state, same

pytestmark = pytest.mark.usefixtures("precise_and_quickly_compiled")

_BATCH = 16


def _initialised(network, shape):
    images = jnp.zeros((1, *shape))
    return jax.jit(lambda: network.init(jax.random.key(1), images, train=False))()


@functools.cache
def tiny_features(scale=1.0):
    """Logits [n, 3] of a network of the tiny GAN's images."""
    network = TinyCNN()
    variables = _initialised(network, SHAPE)
    variables = jax.tree.map(lambda x: scale * np.asarray(x, np.float64), variables)
    return FrozenFeatures(network, "logits", f"digest-{scale}", variables)


@functools.cache
def cnn_features(layer):
    network = CNN(2, widths=(2, 3), dense=4)
    variables = _initialised(network, (4, 4, 1))
    variables = jax.tree.map(lambda x: np.asarray(x, np.float64), variables)
    return FrozenFeatures(network, layer, "digest", variables)


def images(seed, shape=(3, 4, 4, 1)):
    return np.random.default_rng(seed).uniform(-1, 1, shape)


def test_closed_forms():
    fake, real = images(0), images(1)
    assert Pixel(kind="l1")(fake, real) == pytest.approx(np.abs(fake - real).mean(), rel=1e-12)
    assert Pixel(kind="l2")(fake, real) == pytest.approx(((fake - real) ** 2).mean(), rel=1e-12)
    features = cnn_features("block2")

    @jax.jit
    def found(fake, real):
        losses = FeatureMatching(features)(fake, real), Perceptual(features)(fake, real)
        return features(fake), features(real), *losses

    *seen, matching, perceptual = map(np.asarray, found(fake, real))
    assert seen[0].shape == (3, 2, 2, 3)
    expected = ((seen[0].mean(0) - seen[1].mean(0)) ** 2).sum()
    assert matching == pytest.approx(expected, rel=1e-9)
    assert perceptual == pytest.approx(((seen[0] - seen[1]) ** 2).mean(), rel=1e-9)
    # The same images in another order: as a batch they match, one by one they do not.
    *_, matching, perceptual = found(real[::-1], real)
    assert matching == pytest.approx(0, abs=1e-12) and perceptual > 1e-4


@pytest.mark.parametrize(
    "loss",
    [
        Pixel(kind="l1"),
        Pixel(kind="l2"),
        FeatureMatching("penultimate"),
        FeatureMatching("block1"),
        Perceptual("block2"),
    ],
    ids=lambda loss: type(loss).__name__,
)
def test_gradients_equal_finite_differences(loss):
    if not isinstance(loss, Pixel):
        loss = dataclasses.replace(loss, features=cnn_features(loss.features))
    fake, real, direction = images(0), images(1), images(2)
    found = jax.jit(jax.value_and_grad(lambda x: loss(x, real)))
    slope = np.vdot(found(fake)[1], direction)
    step = 1e-6
    above, below = (found(fake + sign * step * direction)[0] for sign in (1, -1))
    expected = (above - below) / (2 * step)
    assert abs(slope) > 1e-6
    np.testing.assert_allclose(slope, expected, rtol=1e-5)


def test_what_is_not_there(tmp_path):
    with pytest.raises(InputError, match="'l3' is not known.*l1"):
        Pixel(kind="l3")
    extractor = untrained_pack(tmp_path / "pack")
    with pytest.raises(InputError, match="'block7' is not one of cnn-made@"):
        FrozenFeatures.of(extractor, "block7")
    assert FrozenFeatures.of(extractor, "block1").digest == extractor.digest


def test_the_loss_is_added_and_nothing_of_it_is_kept(update=simultaneous_step):
    """The generator's gradient is that of both losses; the state has no leaf more."""
    gan = make_gan()
    state, batch = make_state(gan), make_batch()
    loss = FeatureMatching(tiny_features(), 0.7)
    plain, _ = jax.jit(functools.partial(update, gan=gan))(state, batch, KEY)
    guided = dataclasses.replace(gan, generator_losses=(loss,))
    assert hash(guided) == hash(dataclasses.replace(gan, generator_losses=(loss,)))
    after, metrics = jax.jit(functools.partial(update, gan=guided))(state, batch, KEY)
    assert jax.tree.structure(after) == jax.tree.structure(plain)
    assert same(after.discriminator, plain.discriminator)
    assert not same(after.generator.params, plain.generator.params)
    assert float(metrics["loss/feature_matching"]) > 0


def test_gradients_add_up():
    """With both losses the generator's change is the sum of the changes by each, as weighted."""
    sgd = optax.sgd(1.0)
    gan = dataclasses.replace(make_gan(), generator_optimizer=sgd)
    losses = (FeatureMatching(tiny_features(), 0.7),)
    state, batch = double(create_gan_state(gan, KEY, SHAPE)), make_batch()

    def change(**fields):
        own = dataclasses.replace(gan, **fields)
        after, _ = jax.jit(functools.partial(generator_update, gan=own))(state, batch, KEY)
        params = after.generator.params, state.generator.params
        return [np.subtract(*pair) for pair in zip(*map(jax.tree.leaves, params), strict=True)]

    both = change(generator_losses=losses, adversarial_weight=0.5)
    adversarial = change()
    matching = change(generator_losses=losses, adversarial_weight=0.0)
    for total, one, other in zip(both, adversarial, matching, strict=True):
        np.testing.assert_allclose(total, 0.5 * one + other, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("update", [gan_step, simultaneous_step])
def test_one_device_equals_jit_and_pmap_on_eight(update):
    """The batch means are those of all devices, and so are their gradients."""
    sgd = optax.sgd(0.1)
    losses = (FeatureMatching(tiny_features(), 3.0), Perceptual(tiny_features(2.0), 2.0))
    gan = GAN(TinyGenerator(), TinyDiscriminator(), sgd, sgd, LATENT_DIM, generator_losses=losses)
    state = jax.tree.map(np.asarray, double(create_gan_state(gan, KEY, SHAPE)))
    data = {"images": np.random.default_rng(0).uniform(-1, 1, (40, *SHAPE))}
    rows = np.arange(2 * _BATCH, dtype=np.int32).reshape(2, _BATCH)
    results = []
    for mode, count in (("pmap", 1), ("pmap", 8), ("jit", 8)):
        plan = parallel.make_plan(mode, _BATCH, count)
        step = functools.partial(update, gan=gan)
        call = parallel.compile_steps(step, lambda d, r: {"images": d["images"][r]}, plan)
        key, placed = parallel.replicate((KEY, data), plan)
        found = call(parallel.replicate(state, plan), key, placed, rows)
        results.append(jax.tree.map(np.asarray, parallel.local_copy(found)))
    for other in results[1:]:
        for a, b in zip(jax.tree.leaves(results[0]), jax.tree.leaves(other), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-10)
    assert float(results[0][1]["loss/feature_matching"]) > 1e-4
