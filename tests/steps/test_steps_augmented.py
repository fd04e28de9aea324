"""The pure updates with augmentation, and that they learn."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import steps
from gan_jax.steps.augment import Affine
from gan_jax.steps.axis import example_keys, named_key
from gan_jax.steps.penalties import R1
from gan_jax.steps.state import Recogniser, create_cnn_state
from tests.networks import SHAPE, TinyCNN
from tests.tiny_gan import (
    COUNT,
    KEY,
    assert_close,
    double,
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


def test_real_and_generated_images_are_augmented_in_both_updates():
    """A discriminator that never sees the images as they are: augmented by 0, all look black."""

    def black(images, keys):
        assert len(keys) == len(images)
        return jnp.full_like(images, -1.0)

    gan = make_gan(augment=black)
    state = make_state(gan)
    logit = float(plain_logits(state.discriminator.params, -jnp.ones((1, *SHAPE)))[0])
    _, metrics = jitted(steps.discriminator_update, gan=gan)(state, make_batch(), KEY)
    np.testing.assert_allclose(metrics["logits/real"], logit, rtol=1e-10)
    np.testing.assert_allclose(metrics["logits/fake"], logit, rtol=1e-10)
    _, metrics = jitted(steps.generator_update, gan=gan)(state, make_batch(), KEY)
    np.testing.assert_allclose(metrics["loss/generator"], np.log1p(np.exp(-logit)), rtol=1e-10)


def test_the_generator_learns_through_the_augmentation():
    gan = make_gan(augment=lambda images, keys: -images)
    state, latents = make_state(gan), purpose_latents("generator")

    def loss(params):
        logits = plain_logits(state.discriminator.params, -plain_images(params, latents)[0])
        return jnp.mean(jnp.log1p(jnp.exp(-logits)))

    gradient = jax.jit(jax.grad(loss))(state.generator.params)
    new, _ = jitted(steps.generator_update, gan=gan)(state, make_batch(), KEY)
    assert_close(new.generator.params, plain_adam(state.generator.params, [gradient]))


def test_every_image_is_augmented_by_a_key_of_its_own():
    seen = []

    def watch(images, keys):
        data = jax.random.key_data(keys)
        jax.debug.callback(lambda x: seen.extend(tuple(row) for row in np.array(x)), data)
        return images

    gan = make_gan(augment=watch)
    jitted(steps.gan_step, gan=gan)(make_state(gan), make_batch(), KEY)
    jax.effects_barrier()
    assert len(seen) == len(set(seen)) == 3 * COUNT  # real, fake; and fake again for G


def test_r1_is_taken_before_the_augmentation():
    """For images augmented to twice themselves the gradient is twice that of the logits."""
    gan = make_gan(augment=lambda images, keys: 2 * images, penalties=(R1(1.0),))
    state, real = make_state(gan), make_batch()["images"]
    gradient = jax.vmap(
        jax.grad(lambda x: plain_logits(state.discriminator.params, 2 * x[None])[0])
    )(real)  # fmt: skip
    _, metrics = jitted(steps.discriminator_update, gan=gan)(state, make_batch(), KEY)
    expected = 0.5 * jnp.mean(jnp.sum(gradient**2, (1, 2, 3)))
    np.testing.assert_allclose(metrics["penalty/r1"], expected, rtol=1e-9)


def test_the_recogniser_is_trained_on_augmented_images():
    affine = Affine(shift=0.4, flip=True)
    recogniser = Recogniser(TinyCNN(), optax.sgd(0.1), augment=affine)
    state, batch = double(create_cnn_state(recogniser, KEY, SHAPE)), make_batch()
    new, metrics = jitted(steps.cnn_update, recogniser=recogniser)(state, batch, KEY)
    key = named_key(jax.random.fold_in(KEY, 0), "recogniser")
    keys = example_keys(named_key(key, "augment_real"), jnp.arange(COUNT))
    changed = batch | {"images": jax.jit(affine)(batch["images"], keys)}
    plain = Recogniser(TinyCNN(), optax.sgd(0.1))
    expected, _ = jitted(steps.cnn_update, recogniser=plain)(state, changed, KEY)
    assert_close(new.network.params, expected.network.params)
    assert not np.array_equal(changed["images"], batch["images"])


# Learning


def test_the_discriminator_learns_to_tell_and_the_recogniser_to_read():
    gan = make_gan()
    state = make_state(gan)
    batch = {"images": jnp.full((COUNT, *SHAPE), 0.9)}
    update = jitted(steps.discriminator_update, gan=gan)
    losses = []
    for step in range(60):
        state, metrics = update(state.replace(step=jnp.int32(step)), batch, KEY)
        losses.append(float(metrics["loss/discriminator"]))
    assert losses[-1] < 0.5 * losses[0]

    recogniser = Recogniser(TinyCNN(dropout_rate=0.0), optax.adam(0.1))
    state = double(create_cnn_state(recogniser, KEY, SHAPE))
    update = jitted(steps.cnn_update, recogniser=recogniser)
    for _ in range(60):
        state, metrics = update(state, make_batch(), KEY)
    assert float(metrics["accuracy/train"]) == 1.0
    assert float(metrics["loss/cross_entropy"]) < 0.1


def test_the_generator_learns_to_fool():
    gan = make_gan()
    state = make_state(gan)
    update = jitted(steps.generator_update, gan=gan)
    losses = []
    for _ in range(60):
        state, metrics = update(state, make_batch(), KEY)
        losses.append(float(metrics["loss/generator"]))
    assert losses[-1] < 0.8 * losses[0]
