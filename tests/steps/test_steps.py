"""The pure updates: what each writes, and that they compute what plain JAX computes."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import steps
from gan_jax.steps.augment import Affine
from gan_jax.steps.axis import named_key
from gan_jax.steps.losses import MINIMAX
from gan_jax.steps.passes import Passes, with_index
from gan_jax.steps.penalties import R1
from gan_jax.steps.state import GAN, Recogniser, create_cnn_state, create_gan_state
from tests.networks import LATENT_DIM, SHAPE, TinyCNN, TinyDiscriminator, TinyGenerator
from tests.tiny_gan import (
    ADAM,
    COUNT,
    KEY,
    assert_close,
    double,
    jitted,
    leaves,
    make_batch,
    make_gan,
    make_state,
    plain_adam,
    plain_images,
    plain_logits,
    purpose_latents,
    same,
)

pytestmark = pytest.mark.usefixtures("precise_and_quickly_compiled")


@pytest.fixture(scope="module")
def gan():
    """Batch normalisation and dropout in the discriminator, so that it has all to lose."""
    return make_gan(TinyDiscriminator(batch_norm=True))


@pytest.fixture(scope="module")
def state(gan):
    """A GAN after a step, when optimisers and averages hold something."""
    return jitted(steps.gan_step, gan=gan)(make_state(gan), make_batch(9), KEY)[0]


# What each update writes


def test_discriminator_update_writes_the_discriminator_only(gan, state):
    new, metrics = jitted(steps.discriminator_update, gan=gan)(state, make_batch(), KEY)
    assert same(new.generator, state.generator)  # its batch statistics too
    assert same(new.ema, state.ema)
    assert int(new.step) == int(state.step)
    for part in ("params", "collections", "opt_state"):
        assert not same(getattr(new.discriminator, part), getattr(state.discriminator, part))
    assert set(metrics) == {"loss/discriminator", "logits/real", "logits/fake"}


def test_generator_update_writes_all_but_the_discriminator(gan, state):
    new, metrics = jitted(steps.generator_update, gan=gan)(state, make_batch(), KEY)
    assert same(new.discriminator, state.discriminator)  # its batch statistics too
    for part in ("params", "collections", "opt_state"):
        assert not same(getattr(new.generator, part), getattr(state.generator, part))
    for part in ("params", "batch_stats"):
        assert not same(new.ema[part], state.ema[part])
    assert int(new.step) == int(state.step) + 1
    assert set(metrics) == {"loss/generator"}


def test_generator_update_does_not_look_at_the_images(gan, state):
    update = jitted(steps.generator_update, gan=gan)
    assert same(update(state, make_batch(0), KEY), update(state, make_batch(1), KEY))


def test_gan_step_is_one_update_of_each(gan, state):
    whole, metrics = jitted(steps.gan_step, gan=gan)(state, make_batch(), KEY)
    half, first = jitted(steps.discriminator_update, gan=gan)(state, make_batch(), KEY)
    parts, second = jitted(steps.generator_update, gan=gan)(half, make_batch(), KEY)
    assert_close(whole, parts)
    assert_close(metrics, first | second)


def test_cnn_update_writes_everything():
    recogniser = Recogniser(TinyCNN(), optax.adam(0.1))
    state = double(create_cnn_state(recogniser, KEY, SHAPE))
    new, metrics = jitted(steps.cnn_update, recogniser=recogniser)(state, make_batch(), KEY)
    for part in ("params", "collections", "opt_state"):
        assert not same(getattr(new.network, part), getattr(state.network, part))
    assert same(new.ema, new.network.variables())  # no half-life: the last values
    assert int(new.step) == 1
    assert set(metrics) == {"loss/cross_entropy", "accuracy/train"}


# Purity and keys


def test_steps_are_pure(gan, state):
    before = leaves((state, make_batch()))
    batch = make_batch()
    step = jitted(steps.gan_step, gan=gan)
    assert same(step(state, batch, KEY), step(state, batch, KEY))
    for now, then in zip(leaves((state, batch)), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_run_cut_in_two_is_the_run_in_one(gan):
    """The state on the host and the root key are all that a resumed run needs."""
    step = jitted(steps.gan_step, gan=gan)
    whole = cut = make_state(gan)
    for index in range(4):
        whole, metrics = step(whole, make_batch(index), KEY)
        cut = jax.tree.map(jnp.asarray, jax.tree.map(np.array, cut))
        cut, cut_metrics = step(cut, make_batch(index), jax.random.key(3))
    assert same((cut, cut_metrics), (whole, metrics))
    assert int(whole.step) == 4


def test_each_step_and_each_key_draws_anew(gan, state):
    update = jitted(steps.discriminator_update, gan=gan)

    def fakes(step, key):
        metrics = update(state.replace(step=jnp.int32(step)), make_batch(), key)[1]
        return float(metrics["logits/fake"])

    drawn = {fakes(step, jax.random.key(seed)) for step in range(4) for seed in range(2)}
    assert len(drawn) == 8


def test_the_two_updates_draw_different_latents():
    """The generator is not trained on the very images that the discriminator has just seen."""
    seen = []

    class Watching(TinyGenerator):
        def __call__(self, latents, *, train):
            jax.debug.callback(lambda x: seen.append(np.array(x)), latents)
            return super().__call__(latents, train=train)

    gan = GAN(Watching(), TinyDiscriminator(), optax.sgd(0.1), optax.sgd(0.1), LATENT_DIM)
    state = create_gan_state(gan, KEY, SHAPE)
    seen.clear()
    step = jitted(steps.gan_step, gan=gan)
    state, _ = step(state, make_batch(), KEY)
    step(state, make_batch(), KEY)
    jax.effects_barrier()
    rows = {tuple(row) for latents in seen for row in latents.round(6)}
    assert len(seen) == 4 and len(rows) == 4 * COUNT


def test_a_batch_may_number_its_examples(gan, state):
    """Shares of a batch draw what the whole batch draws for them."""
    step = jitted(steps.gan_step, gan=gan)
    numbered = step(state, make_batch() | {"index": jnp.arange(COUNT)}, KEY)
    assert same(numbered, step(state, make_batch(), KEY))
    others = step(state, make_batch() | {"index": jnp.arange(COUNT) + COUNT}, KEY)
    assert not same(others, numbered)


# The numbers, against plain JAX with a hand-written Adam


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_discriminator_update_is_the_textbook_one(weight):
    gan = make_gan(penalties=(R1(weight),) if weight else ())
    state, real = make_state(gan), make_batch()["images"]
    fake, _ = plain_images(state.generator.params, purpose_latents("discriminator"))

    def loss(params):
        r, f = plain_logits(params, real), plain_logits(params, fake)
        value = -jnp.mean(jnp.log(jax.nn.sigmoid(r)) + jnp.log(1 - jax.nn.sigmoid(f)))
        gradient = jax.vmap(jax.grad(lambda x: plain_logits(params, x[None])[0]))(real)
        penalty = weight / 2 * jnp.mean(jnp.sum(gradient**2, (1, 2, 3)))
        return value + penalty, (value, penalty, r.mean(), f.mean())

    gradient, (value, penalty, real_mean, fake_mean) = jax.jit(jax.grad(loss, has_aux=True))(
        state.discriminator.params
    )
    new, metrics = jitted(steps.discriminator_update, gan=gan)(state, make_batch(), KEY)
    assert_close(new.discriminator.params, plain_adam(state.discriminator.params, [gradient]))
    expected = {
        "loss/discriminator": value, "logits/real": real_mean, "logits/fake": fake_mean
    }  # fmt: skip
    assert_close(metrics, expected | ({"penalty/r1": penalty} if weight else {}))


@pytest.mark.parametrize("minimax", [False, True])
def test_two_generator_updates_are_the_textbook_ones(minimax):
    gan = make_gan(**({"loss": MINIMAX} if minimax else {}))
    state = start = make_state(gan)
    update = jitted(steps.generator_update, gan=gan)
    params, gradients = start.generator.params, []

    def loss(params, latents):
        images, statistics = plain_images(params, latents)
        fooled = jax.nn.sigmoid(plain_logits(start.discriminator.params, images))
        return jnp.mean(jnp.log(1 - fooled) if minimax else -jnp.log(fooled)), statistics

    loss = jax.jit(jax.value_and_grad(loss, has_aux=True))
    for step in range(2):
        (value, statistics), gradient = loss(params, purpose_latents("generator", step))
        gradients.append(gradient)
        params = plain_adam(start.generator.params, gradients)
        state, metrics = update(state, make_batch(), KEY)
        assert_close(state.generator.params, params)
        assert_close(metrics, {"loss/generator": value})
        if step == 0:
            assert_close(state.generator.collections["batch_stats"]["BatchNorm_0"], statistics)


def test_cnn_update_is_the_textbook_one():
    recogniser = Recogniser(TinyCNN(dropout_rate=0.0), ADAM, label_smoothing=0.1)
    state, batch = double(create_cnn_state(recogniser, KEY, SHAPE)), make_batch()

    def loss(params):
        x = batch["images"].reshape(COUNT, -1) @ params["Dense_0"]["kernel"]
        x = (x - x.mean(0)) / jnp.sqrt(x.var(0) + 1e-5)
        x = x * params["BatchNorm_0"]["scale"] + params["BatchNorm_0"]["bias"]
        x = jnp.log1p(jnp.exp(x))
        logits = x @ params["Dense_1"]["kernel"] + params["Dense_1"]["bias"]
        targets = 0.9 * jnp.eye(3)[batch["labels"]] + 0.1 / 3
        log_probabilities = jnp.log(jnp.exp(logits) / jnp.exp(logits).sum(1, keepdims=True))
        right = jnp.mean(jnp.argmax(logits, 1) == batch["labels"])
        return -jnp.mean(jnp.sum(targets * log_probabilities, 1)), right

    gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))
    (value, right), gradient = gradients(state.network.params)
    new, metrics = jitted(steps.cnn_update, recogniser=recogniser)(state, batch, KEY)
    assert_close(new.network.params, plain_adam(state.network.params, [gradient]))
    np.testing.assert_allclose(metrics["loss/cross_entropy"], value, rtol=1e-10)
    np.testing.assert_allclose(metrics["accuracy/train"], right)


# The simultaneous step


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_simultaneous_step_is_both_gradients_at_the_same_point(weight):
    """The shared forward passes give what two losses written apart give."""
    gan = make_gan(penalties=(R1(weight),) if weight else ())
    state, real, latents = make_state(gan), make_batch()["images"], purpose_latents("simultaneous")

    def discriminator_loss(params):
        fake, _ = plain_images(state.generator.params, latents)
        value = jnp.mean(jax.nn.softplus(-plain_logits(params, real)))
        value += jnp.mean(jax.nn.softplus(plain_logits(params, fake)))
        gradient = jax.vmap(jax.grad(lambda x: plain_logits(params, x[None])[0]))(real)
        return value + weight / 2 * jnp.mean(jnp.sum(gradient**2, (1, 2, 3)))

    def generator_loss(params):
        fake, statistics = plain_images(params, latents)
        logits = plain_logits(state.discriminator.params, fake)
        return jnp.mean(jax.nn.softplus(-logits)), statistics

    gradient = jax.grad(discriminator_loss)(state.discriminator.params)
    (value, statistics), generator_gradient = jax.value_and_grad(generator_loss, has_aux=True)(
        state.generator.params
    )
    new, metrics = jitted(steps.simultaneous_step, gan=gan)(state, make_batch(), KEY)
    assert_close(new.discriminator.params, plain_adam(state.discriminator.params, [gradient]))
    assert_close(new.generator.params, plain_adam(state.generator.params, [generator_gradient]))
    assert_close(new.generator.collections["batch_stats"]["BatchNorm_0"], statistics)
    np.testing.assert_allclose(metrics["loss/generator"], value, rtol=1e-10)
    assert int(new.step) == 1 and not same(new.ema, state.ema)


def test_simultaneous_step_generates_once(gan, state):
    """The discriminator's statistics see real, then generated images, as in the other step."""
    calls = []

    class Counting(TinyGenerator):
        def __call__(self, latents, *, train):
            calls.append(latents.shape)
            return super().__call__(latents, train=train)

    gan = GAN(Counting(), gan.discriminator, ADAM, ADAM, LATENT_DIM)
    new, metrics = jax.jit(functools.partial(steps.simultaneous_step, gan=gan))(
        state, make_batch(), KEY
    )
    assert len(calls) == 1
    assert not same(new.discriminator.collections, state.discriminator.collections)
    assert set(metrics) == {"loss/discriminator", "loss/generator", "logits/real", "logits/fake"}


# Accumulation


class _FreeGenerator(TinyGenerator):
    """Without batch normalisation, so that examples do not meet."""

    def __call__(self, latents, *, train):
        return super().__call__(latents, train=False)


@pytest.mark.parametrize("update", [steps.gan_step, steps.simultaneous_step])
@pytest.mark.parametrize("parts", [2, 3])
def test_accumulated_parts_are_the_whole_batch(update, parts):
    """With augmentation and R1: what is drawn belongs to examples, not to parts."""
    gan = GAN(
        _FreeGenerator(),
        TinyDiscriminator(dropout_rate=0.0),
        optax.sgd(0.1),
        optax.sgd(0.1),
        LATENT_DIM,
        penalties=(R1(1.0),),
        augment=Affine(shift=0.3),
    )
    state = double(create_gan_state(gan, KEY, SHAPE))
    whole = jitted(update, gan=gan)(state, make_batch(), KEY)
    cut = dataclasses.replace(gan, accumulation=parts)
    assert_close(jitted(update, gan=cut)(state, make_batch(), KEY), whole)


def test_accumulated_parts_drop_anew():
    """With the same images in every part, only dropout can tell the parts from one another."""
    gan = make_gan(TinyDiscriminator(), accumulation=2)
    state = make_state(gan)
    same = {"images": jnp.broadcast_to(make_batch()["images"][:1], (COUNT, *SHAPE))}
    half = {"images": same["images"][: COUNT // 2]}
    two = jitted(steps.discriminator_update, gan=gan)(state, same, KEY)[1]["logits/real"]
    ones = []
    for key in jax.random.split(named_key(jax.random.fold_in(KEY, 0), "discriminator"), 2):
        passes = Passes(gan, state, with_index(half, None), key, key, None)
        outputs, _ = passes.discriminate(state.discriminator.params, {}, half["images"], "real")
        ones.append(float(outputs.logits.mean()))
    assert ones[0] != ones[1]
    np.testing.assert_allclose(two, np.mean(ones), rtol=1e-9)


def test_accumulation_hands_batch_statistics_on(gan, state):
    """Each part moves the running mean by its own share, one after another."""
    cut = dataclasses.replace(gan, accumulation=2)
    new, _ = jitted(steps.generator_update, gan=cut)(state, make_batch(), KEY)
    latents = purpose_latents("generator", int(state.step))
    before = state.generator.collections["batch_stats"]["BatchNorm_0"]["mean"]
    means = [
        (latents[part::2] @ state.generator.params["Dense_0"]["kernel"]).mean(0) for part in (0, 1)
    ]
    expected = 0.9 * (0.9 * before + 0.1 * means[0]) + 0.1 * means[1]
    after = new.generator.collections["batch_stats"]["BatchNorm_0"]["mean"]
    np.testing.assert_allclose(after, expected, rtol=1e-9)
