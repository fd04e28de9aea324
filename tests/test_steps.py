"""The pure updates: what each writes, and that they compute what plain JAX computes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import steps
from gan_jax.augment import Affine
from gan_jax.axis import named_key
from gan_jax.models.article import ArticleDiscriminator
from gan_jax.models.cnn import CNN
from gan_jax.models.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_jax.penalties import R1
from gan_jax.state import (
    GAN,
    Recogniser,
    create_cnn_state,
    create_gan_state,
    update_ema,
)

SHAPE = (16, 16, 1)
KEY = jax.random.key(3)


def make_gan(discriminator=None, **fields):
    return GAN(
        generator=DCGANGenerator(SHAPE, width=4),
        discriminator=discriminator or DCGANDiscriminator(width=4, norm="none"),
        generator_optimizer=optax.sgd(0.1),
        discriminator_optimizer=optax.sgd(0.1),
        latent_dim=5,
        **fields,
    )


def batch(count=6, seed=0):
    images = np.random.default_rng(seed).uniform(-1, 1, (count, *SHAPE)).astype(np.float32)
    return {"images": jnp.asarray(images), "labels": jnp.arange(count) % 3}


def same(a, b):
    return all(
        np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )


@pytest.fixture(scope="module")
def trained():
    gan = make_gan(DCGANDiscriminator(width=4, norm="batch"))
    state = create_gan_state(gan, KEY, SHAPE)
    return gan, state


def test_discriminator_update_writes_the_discriminator_only(trained):
    gan, state = trained
    new, metrics = steps.discriminator_update(state, batch(), KEY, gan=gan)
    assert same(new.generator, state.generator)
    assert same(new.ema, state.ema)
    assert int(new.step) == int(state.step)
    assert not same(new.discriminator.params, state.discriminator.params)
    assert not same(new.discriminator.collections, state.discriminator.collections)
    assert set(metrics) == {"loss/discriminator", "logits/real", "logits/fake"}


def test_generator_update_leaves_the_discriminator(trained):
    gan, state = trained
    new, metrics = steps.generator_update(state, batch(), KEY, gan=gan)
    assert same(new.discriminator, state.discriminator)
    assert not same(new.generator.params, state.generator.params)
    assert not same(new.generator.collections, state.generator.collections)
    assert not same(new.ema, state.ema)
    assert int(new.step) == int(state.step) + 1
    assert set(metrics) == {"loss/generator"}


def test_steps_are_pure_and_each_step_draws_anew(trained):
    gan, state = trained
    before = jax.tree.map(np.array, state)
    first, _ = steps.gan_step(state, batch(), KEY, gan=gan)
    again, _ = steps.gan_step(state, batch(), KEY, gan=gan)
    assert same(first, again)
    assert same(state, before)
    later, _ = steps.generator_update(state.replace(step=state.step + 1), batch(), KEY, gan=gan)
    assert not same(later.generator.params, first.generator.params)


def test_discriminator_update_equals_a_hand_written_one():
    gan = make_gan(penalties=(R1(2.0),))
    state = create_gan_state(gan, KEY, SHAPE)
    real = batch()["images"]
    new, metrics = steps.discriminator_update(state, batch(), KEY, gan=gan)

    key = named_key(jax.random.fold_in(KEY, 0), "discriminator")
    latents = steps.draw_latents(named_key(key, "latents"), 6, 5)
    fake, _ = gan.generator.apply(
        state.generator.variables(), latents, train=True, mutable=["batch_stats"]
    )

    def loss(params):
        def logits(x):
            return gan.discriminator.apply({"params": params}, x, train=True)

        gradient = jax.vmap(jax.grad(lambda x: logits(x[None])[0]))(real)
        penalty = jnp.mean(jnp.sum(gradient**2, (1, 2, 3)))  # weight 2, halved
        r, f = logits(real), logits(fake)
        return -jnp.mean(jnp.log(jax.nn.sigmoid(r)) + jnp.log(1 - jax.nn.sigmoid(f))) + penalty

    grads = jax.grad(loss)(state.discriminator.params)
    wanted = jax.tree.map(lambda p, g: p - 0.1 * g, state.discriminator.params, grads)
    for a, b in zip(
        jax.tree.leaves(new.discriminator.params), jax.tree.leaves(wanted), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=2e-6)
    assert float(metrics["penalty/r1"]) > 0


def test_generator_update_equals_a_hand_written_one():
    gan = make_gan()
    state = create_gan_state(gan, KEY, SHAPE)
    new, _ = steps.generator_update(state, batch(), KEY, gan=gan)
    key = named_key(jax.random.fold_in(KEY, 0), "generator")
    latents = steps.draw_latents(named_key(key, "latents"), 6, 5)

    def loss(params):
        fake, _ = gan.generator.apply(
            {"params": params, **state.generator.collections},
            latents,
            train=True,
            mutable=["batch_stats"],
        )
        logits = gan.discriminator.apply(state.discriminator.variables(), fake, train=True)
        return -jnp.mean(jnp.log(jax.nn.sigmoid(logits)))

    grads = jax.grad(loss)(state.generator.params)
    wanted = jax.tree.map(lambda p, g: p - 0.1 * g, state.generator.params, grads)
    for a, b in zip(jax.tree.leaves(new.generator.params), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)


def test_dropout_and_augmentation_change_the_step_with_the_key():
    gan = make_gan(ArticleDiscriminator(), augment=Affine(shift=0.2))
    state = create_gan_state(gan, KEY, SHAPE)
    update = jax.jit(functools.partial(steps.discriminator_update, gan=gan))
    first, _ = update(state, batch(), KEY)
    other, _ = update(state, batch(), jax.random.key(4))
    assert not same(first.discriminator.params, other.discriminator.params)


def test_latents_belong_to_global_indices_and_are_standard_normal():
    latents = np.asarray(steps.draw_latents(KEY, 4000, 5))
    np.testing.assert_array_equal(latents[:7], steps.draw_latents(KEY, 7, 5))
    assert abs(latents.mean()) < 0.03
    assert abs(latents.std() - 1) < 0.03


def test_ema_half_life_is_in_images_whatever_the_batch():
    for batch_size in (10, 50):
        ema = {"w": jnp.ones(())}
        for step in range(100 // batch_size):
            ema = update_ema(
                ema,
                {"w": jnp.zeros(())},
                step=jnp.int32(1000 + step),
                batch_size=batch_size,
                half_life=100.0,
                rampup=0.0,
            )
        assert float(ema["w"]) == pytest.approx(0.5, abs=1e-5)


def test_ema_forgets_the_start_by_its_rampup():
    values = {"w": jnp.full((), 7.0)}
    ema = update_ema(
        {"w": jnp.ones(())}, values, step=jnp.int32(0), batch_size=8, half_life=1e9, rampup=0.05
    )
    assert float(ema["w"]) == 7.0


def test_cnn_update_learns_and_equals_a_hand_written_one():
    network = CNN(3, widths=(4,), dense=8, dropout_rate=0.0)
    recogniser = Recogniser(network, optax.sgd(0.1), label_smoothing=0.1)
    state = create_cnn_state(recogniser, KEY, SHAPE)
    data = batch()
    new, metrics = steps.cnn_update(state, data, KEY, recogniser=recogniser)

    def loss(params):
        outputs, _ = network.apply(
            {"params": params, **state.network.collections},
            data["images"],
            train=True,
            mutable=["batch_stats"],
        )
        targets = jax.nn.one_hot(data["labels"], 3) * 0.9 + 0.1 / 3
        return -jnp.mean(jnp.sum(targets * jax.nn.log_softmax(outputs["logits"]), -1))

    value, grads = jax.value_and_grad(loss)(state.network.params)
    assert float(metrics["loss/cross_entropy"]) == pytest.approx(float(value), rel=1e-5)
    wanted = jax.tree.map(lambda p, g: p - 0.1 * g, state.network.params, grads)
    for a, b in zip(jax.tree.leaves(new.network.params), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)
    update = jax.jit(functools.partial(steps.cnn_update, recogniser=recogniser))
    for _ in range(30):
        state, last = update(state, data, KEY)
    assert float(last["loss/cross_entropy"]) < float(metrics["loss/cross_entropy"])
