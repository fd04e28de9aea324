"""The pure updates: what each writes, and that they compute what plain JAX computes."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import steps
from gan_jax.augment import Affine
from gan_jax.axis import example_keys, named_key
from gan_jax.losses import MINIMAX
from gan_jax.passes import draw_latents, make_judge
from gan_jax.penalties import R1
from gan_jax.state import GAN, Recogniser, create_cnn_state, create_gan_state
from tests.networks import LATENT_DIM, SHAPE, TinyCNN, TinyDiscriminator, TinyGenerator

_KEY = jax.random.key(3)
_COUNT = 6
_RATE, _B1, _B2, _EPSILON = 0.05, 0.5, 0.99, 1e-8
_ADAM = optax.adam(_RATE, b1=_B1, b2=_B2, eps=_EPSILON)


pytestmark = pytest.mark.usefixtures("precise_and_quickly_compiled")


def _double(tree):
    return jax.tree.map(
        lambda x: x.astype(jnp.float64) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree
    )


def _batch(seed=0):
    images = np.random.default_rng(seed).uniform(-1, 1, (_COUNT, *SHAPE))
    return {"images": jnp.asarray(images), "labels": jnp.arange(_COUNT) % 3}


def _gan(discriminator=None, **fields):
    discriminator = discriminator or TinyDiscriminator(dropout_rate=0.0)
    return GAN(TinyGenerator(), discriminator, _ADAM, _ADAM, LATENT_DIM, **fields)


def _state(gan):
    return _double(_created(gan.discriminator))


@functools.cache
def _created(discriminator):
    return create_gan_state(_gan(discriminator), _KEY, SHAPE)


@functools.cache
def _jitted(update, **static):
    return jax.jit(functools.partial(update, **static))


def _leaves(tree):
    return [np.array(leaf) for leaf in jax.tree.leaves(tree)]


def _same(tree, other):
    assert jax.tree.structure(tree) == jax.tree.structure(other)
    return all(map(np.array_equal, _leaves(tree), _leaves(other)))


def _assert_close(tree, other):
    assert jax.tree.structure(tree) == jax.tree.structure(other)
    for a, b in zip(_leaves(tree), _leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.fixture(scope="module")
def gan():
    """Batch normalisation and dropout in the discriminator, so that it has all to lose."""
    return _gan(TinyDiscriminator(batch_norm=True))


@pytest.fixture(scope="module")
def state(gan):
    """A GAN after a step, when optimisers and averages hold something."""
    return _jitted(steps.gan_step, gan=gan)(_state(gan), _batch(9), _KEY)[0]


# What each update writes


def test_discriminator_update_writes_the_discriminator_only(gan, state):
    new, metrics = _jitted(steps.discriminator_update, gan=gan)(state, _batch(), _KEY)
    assert _same(new.generator, state.generator)  # its batch statistics too
    assert _same(new.ema, state.ema)
    assert int(new.step) == int(state.step)
    for part in ("params", "collections", "opt_state"):
        assert not _same(getattr(new.discriminator, part), getattr(state.discriminator, part))
    assert set(metrics) == {"loss/discriminator", "logits/real", "logits/fake"}


def test_generator_update_writes_all_but_the_discriminator(gan, state):
    new, metrics = _jitted(steps.generator_update, gan=gan)(state, _batch(), _KEY)
    assert _same(new.discriminator, state.discriminator)  # its batch statistics too
    for part in ("params", "collections", "opt_state"):
        assert not _same(getattr(new.generator, part), getattr(state.generator, part))
    for part in ("params", "batch_stats"):
        assert not _same(new.ema[part], state.ema[part])
    assert int(new.step) == int(state.step) + 1
    assert set(metrics) == {"loss/generator"}


def test_generator_update_does_not_look_at_the_images(gan, state):
    update = _jitted(steps.generator_update, gan=gan)
    assert _same(update(state, _batch(0), _KEY), update(state, _batch(1), _KEY))


def test_gan_step_is_one_update_of_each(gan, state):
    whole, metrics = _jitted(steps.gan_step, gan=gan)(state, _batch(), _KEY)
    half, first = _jitted(steps.discriminator_update, gan=gan)(state, _batch(), _KEY)
    parts, second = _jitted(steps.generator_update, gan=gan)(half, _batch(), _KEY)
    _assert_close(whole, parts)
    _assert_close(metrics, first | second)


def test_cnn_update_writes_everything():
    recogniser = Recogniser(TinyCNN(), optax.adam(0.1))
    state = _double(create_cnn_state(recogniser, _KEY, SHAPE))
    new, metrics = _jitted(steps.cnn_update, recogniser=recogniser)(state, _batch(), _KEY)
    for part in ("params", "collections", "opt_state"):
        assert not _same(getattr(new.network, part), getattr(state.network, part))
    assert _same(new.ema, new.network.variables())  # no half-life: the last values
    assert int(new.step) == 1
    assert set(metrics) == {"loss/cross_entropy", "accuracy/train"}


# Purity and keys


def test_steps_are_pure(gan, state):
    before = _leaves((state, _batch()))
    batch = _batch()
    step = _jitted(steps.gan_step, gan=gan)
    assert _same(step(state, batch, _KEY), step(state, batch, _KEY))
    for now, then in zip(_leaves((state, batch)), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_run_cut_in_two_is_the_run_in_one(gan):
    """The state on the host and the root key are all that a resumed run needs."""
    step = _jitted(steps.gan_step, gan=gan)
    whole = cut = _state(gan)
    for index in range(4):
        whole, metrics = step(whole, _batch(index), _KEY)
        cut = jax.tree.map(jnp.asarray, jax.tree.map(np.array, cut))
        cut, cut_metrics = step(cut, _batch(index), jax.random.key(3))
    assert _same((cut, cut_metrics), (whole, metrics))
    assert int(whole.step) == 4


def test_each_step_and_each_key_draws_anew(gan, state):
    update = _jitted(steps.discriminator_update, gan=gan)

    def fakes(step, key):
        return float(update(state.replace(step=jnp.int32(step)), _batch(), key)[1]["logits/fake"])

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
    state = create_gan_state(gan, _KEY, SHAPE)
    seen.clear()
    step = _jitted(steps.gan_step, gan=gan)
    state, _ = step(state, _batch(), _KEY)
    step(state, _batch(), _KEY)
    jax.effects_barrier()
    rows = {tuple(row) for latents in seen for row in latents.round(6)}
    assert len(seen) == 4 and len(rows) == 4 * _COUNT


def test_a_batch_may_number_its_examples(gan, state):
    """Shares of a batch draw what the whole batch draws for them."""
    step = _jitted(steps.gan_step, gan=gan)
    numbered = step(state, _batch() | {"index": jnp.arange(_COUNT)}, _KEY)
    assert _same(numbered, step(state, _batch(), _KEY))
    others = step(state, _batch() | {"index": jnp.arange(_COUNT) + _COUNT}, _KEY)
    assert not _same(others, numbered)


# The numbers, against plain JAX with a hand-written Adam


def _latents(purpose, step=0):
    key = named_key(jax.random.fold_in(_KEY, step), purpose)
    return draw_latents(named_key(key, "latents"), jnp.arange(_COUNT), LATENT_DIM)


@jax.jit
def _images(params, latents):
    """TinyGenerator in training mode, and the running statistics after it."""
    x = latents @ params["Dense_0"]["kernel"]
    mean, variance = x.mean(0), x.var(0)
    normal = (x - mean) / jnp.sqrt(variance + 1e-5)
    x = normal * params["BatchNorm_0"]["scale"] + params["BatchNorm_0"]["bias"]
    x = jnp.tanh(x @ params["Dense_1"]["kernel"] + params["Dense_1"]["bias"])
    return x.reshape(-1, *SHAPE), {"mean": 0.1 * mean, "var": 0.9 + 0.1 * variance}


def _logits(params, images):
    """TinyDiscriminator without batch normalisation and dropout."""
    x = images.reshape(len(images), -1) @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"]
    x = jnp.log1p(jnp.exp(x))
    return (x @ params["Dense_1"]["kernel"] + params["Dense_1"]["bias"])[:, 0]


@jax.jit
def _adam(params, gradients):
    """Adam's parameters after each of the gradients (Kingma and Ba 2015, algorithm 1)."""
    first = second = jax.tree.map(jnp.zeros_like, params)
    for t, gradient in enumerate(gradients, start=1):
        first = jax.tree.map(lambda m, g: _B1 * m + (1 - _B1) * g, first, gradient)
        second = jax.tree.map(lambda v, g: _B2 * v + (1 - _B2) * g**2, second, gradient)
        mean = jax.tree.map(lambda m, t=t: m / (1 - _B1**t), first)
        spread = jax.tree.map(lambda v, t=t: jnp.sqrt(v / (1 - _B2**t)) + _EPSILON, second)
        params = jax.tree.map(lambda p, m, s: p - _RATE * m / s, params, mean, spread)
    return params


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_discriminator_update_is_the_textbook_one(weight):
    gan = _gan(penalties=(R1(weight),) if weight else ())
    state, real = _state(gan), _batch()["images"]
    fake, _ = _images(state.generator.params, _latents("discriminator"))

    def loss(params):
        r, f = _logits(params, real), _logits(params, fake)
        value = -jnp.mean(jnp.log(jax.nn.sigmoid(r)) + jnp.log(1 - jax.nn.sigmoid(f)))
        gradient = jax.vmap(jax.grad(lambda x: _logits(params, x[None])[0]))(real)
        penalty = weight / 2 * jnp.mean(jnp.sum(gradient**2, (1, 2, 3)))
        return value + penalty, (value, penalty, r.mean(), f.mean())

    gradient, (value, penalty, real_mean, fake_mean) = jax.jit(jax.grad(loss, has_aux=True))(
        state.discriminator.params
    )
    new, metrics = _jitted(steps.discriminator_update, gan=gan)(state, _batch(), _KEY)
    _assert_close(new.discriminator.params, _adam(state.discriminator.params, [gradient]))
    expected = {
        "loss/discriminator": value, "logits/real": real_mean, "logits/fake": fake_mean
    }  # fmt: skip
    _assert_close(metrics, expected | ({"penalty/r1": penalty} if weight else {}))


@pytest.mark.parametrize("minimax", [False, True])
def test_two_generator_updates_are_the_textbook_ones(minimax):
    gan = _gan(**({"loss": MINIMAX} if minimax else {}))
    state = start = _state(gan)
    update = _jitted(steps.generator_update, gan=gan)
    params, gradients = start.generator.params, []

    def loss(params, latents):
        images, statistics = _images(params, latents)
        fooled = jax.nn.sigmoid(_logits(start.discriminator.params, images))
        return jnp.mean(jnp.log(1 - fooled) if minimax else -jnp.log(fooled)), statistics

    loss = jax.jit(jax.value_and_grad(loss, has_aux=True))
    for step in range(2):
        (value, statistics), gradient = loss(params, _latents("generator", step))
        gradients.append(gradient)
        params = _adam(start.generator.params, gradients)
        state, metrics = update(state, _batch(), _KEY)
        _assert_close(state.generator.params, params)
        _assert_close(metrics, {"loss/generator": value})
        if step == 0:
            _assert_close(state.generator.collections["batch_stats"]["BatchNorm_0"], statistics)


def test_cnn_update_is_the_textbook_one():
    recogniser = Recogniser(TinyCNN(dropout_rate=0.0), _ADAM, label_smoothing=0.1)
    state, batch = _double(create_cnn_state(recogniser, _KEY, SHAPE)), _batch()

    def loss(params):
        x = batch["images"].reshape(_COUNT, -1) @ params["Dense_0"]["kernel"]
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
    new, metrics = _jitted(steps.cnn_update, recogniser=recogniser)(state, batch, _KEY)
    _assert_close(new.network.params, _adam(state.network.params, [gradient]))
    np.testing.assert_allclose(metrics["loss/cross_entropy"], value, rtol=1e-10)
    np.testing.assert_allclose(metrics["accuracy/train"], right)


# The simultaneous step


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_simultaneous_step_is_both_gradients_at_the_same_point(weight):
    """The shared forward passes give what two losses written apart give."""
    gan = _gan(penalties=(R1(weight),) if weight else ())
    state, real, latents = _state(gan), _batch()["images"], _latents("simultaneous")

    def discriminator_loss(params):
        fake, _ = _images(state.generator.params, latents)
        value = jnp.mean(jax.nn.softplus(-_logits(params, real)))
        value += jnp.mean(jax.nn.softplus(_logits(params, fake)))
        gradient = jax.vmap(jax.grad(lambda x: _logits(params, x[None])[0]))(real)
        return value + weight / 2 * jnp.mean(jnp.sum(gradient**2, (1, 2, 3)))

    def generator_loss(params):
        fake, statistics = _images(params, latents)
        return jnp.mean(jax.nn.softplus(-_logits(state.discriminator.params, fake))), statistics

    gradient = jax.grad(discriminator_loss)(state.discriminator.params)
    (value, statistics), generator_gradient = jax.value_and_grad(generator_loss, has_aux=True)(
        state.generator.params
    )
    new, metrics = _jitted(steps.simultaneous_step, gan=gan)(state, _batch(), _KEY)
    _assert_close(new.discriminator.params, _adam(state.discriminator.params, [gradient]))
    _assert_close(new.generator.params, _adam(state.generator.params, [generator_gradient]))
    _assert_close(new.generator.collections["batch_stats"]["BatchNorm_0"], statistics)
    np.testing.assert_allclose(metrics["loss/generator"], value, rtol=1e-10)
    assert int(new.step) == 1 and not _same(new.ema, state.ema)


def test_simultaneous_step_generates_once(gan, state):
    """The discriminator's statistics see real, then generated images, as in the other step."""
    calls = []

    class Counting(TinyGenerator):
        def __call__(self, latents, *, train):
            calls.append(latents.shape)
            return super().__call__(latents, train=train)

    gan = GAN(Counting(), gan.discriminator, _ADAM, _ADAM, LATENT_DIM)
    new, metrics = jax.jit(functools.partial(steps.simultaneous_step, gan=gan))(
        state, _batch(), _KEY
    )
    assert len(calls) == 1
    assert not _same(new.discriminator.collections, state.discriminator.collections)
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
    state = _double(create_gan_state(gan, _KEY, SHAPE))
    whole = _jitted(update, gan=gan)(state, _batch(), _KEY)
    cut = dataclasses.replace(gan, accumulation=parts)
    _assert_close(_jitted(update, gan=cut)(state, _batch(), _KEY), whole)


def test_accumulated_parts_drop_anew():
    """With the same images in every part, only dropout can tell the parts from one another."""
    gan = _gan(TinyDiscriminator(), accumulation=2)
    state = _state(gan)
    same = {"images": jnp.broadcast_to(_batch()["images"][:1], (_COUNT, *SHAPE))}
    half = {"images": same["images"][: _COUNT // 2]}
    two = _jitted(steps.discriminator_update, gan=gan)(state, same, _KEY)[1]["logits/real"]
    ones = []
    for key in jax.random.split(named_key(jax.random.fold_in(_KEY, 0), "discriminator"), 2):
        logits, _ = make_judge(gan, key, None)(
            state.discriminator.params, {}, half["images"], "real"
        )
        ones.append(float(logits.mean()))
    assert ones[0] != ones[1]
    np.testing.assert_allclose(two, np.mean(ones), rtol=1e-9)


def test_accumulation_hands_batch_statistics_on(gan, state):
    """Each part moves the running mean by its own share, one after another."""
    cut = dataclasses.replace(gan, accumulation=2)
    new, _ = _jitted(steps.generator_update, gan=cut)(state, _batch(), _KEY)
    latents = _latents("generator", int(state.step))
    before = state.generator.collections["batch_stats"]["BatchNorm_0"]["mean"]
    means = [
        (latents[part::2] @ state.generator.params["Dense_0"]["kernel"]).mean(0) for part in (0, 1)
    ]
    expected = 0.9 * (0.9 * before + 0.1 * means[0]) + 0.1 * means[1]
    after = new.generator.collections["batch_stats"]["BatchNorm_0"]["mean"]
    np.testing.assert_allclose(after, expected, rtol=1e-9)


# Augmentation and dropout


def test_real_and_generated_images_are_augmented_in_both_updates():
    """A discriminator that never sees the images as they are: augmented by 0, all look black."""

    def black(images, keys):
        assert len(keys) == len(images)
        return jnp.full_like(images, -1.0)

    gan = _gan(augment=black)
    state = _state(gan)
    logit = float(_logits(state.discriminator.params, -jnp.ones((1, *SHAPE)))[0])
    _, metrics = _jitted(steps.discriminator_update, gan=gan)(state, _batch(), _KEY)
    np.testing.assert_allclose(metrics["logits/real"], logit, rtol=1e-10)
    np.testing.assert_allclose(metrics["logits/fake"], logit, rtol=1e-10)
    _, metrics = _jitted(steps.generator_update, gan=gan)(state, _batch(), _KEY)
    np.testing.assert_allclose(metrics["loss/generator"], np.log1p(np.exp(-logit)), rtol=1e-10)


def test_the_generator_learns_through_the_augmentation():
    gan = _gan(augment=lambda images, keys: -images)
    state, latents = _state(gan), _latents("generator")

    def loss(params):
        logits = _logits(state.discriminator.params, -_images(params, latents)[0])
        return jnp.mean(jnp.log1p(jnp.exp(-logits)))

    gradient = jax.jit(jax.grad(loss))(state.generator.params)
    new, _ = _jitted(steps.generator_update, gan=gan)(state, _batch(), _KEY)
    _assert_close(new.generator.params, _adam(state.generator.params, [gradient]))


def test_every_image_is_augmented_by_a_key_of_its_own():
    seen = []

    def watch(images, keys):
        data = jax.random.key_data(keys)
        jax.debug.callback(lambda x: seen.extend(tuple(row) for row in np.array(x)), data)
        return images

    gan = _gan(augment=watch)
    _jitted(steps.gan_step, gan=gan)(_state(gan), _batch(), _KEY)
    jax.effects_barrier()
    assert len(seen) == len(set(seen)) == 3 * _COUNT  # real, fake; and fake again for G


def test_r1_is_taken_before_the_augmentation():
    """For images augmented to twice themselves the gradient is twice that of the logits."""
    gan = _gan(augment=lambda images, keys: 2 * images, penalties=(R1(1.0),))
    state, real = _state(gan), _batch()["images"]
    gradient = jax.vmap(
        jax.grad(lambda x: _logits(state.discriminator.params, 2 * x[None])[0])
    )(real)  # fmt: skip
    _, metrics = _jitted(steps.discriminator_update, gan=gan)(state, _batch(), _KEY)
    expected = 0.5 * jnp.mean(jnp.sum(gradient**2, (1, 2, 3)))
    np.testing.assert_allclose(metrics["penalty/r1"], expected, rtol=1e-9)


def test_the_recogniser_is_trained_on_augmented_images():
    affine = Affine(shift=0.4, flip=True)
    recogniser = Recogniser(TinyCNN(), optax.sgd(0.1), augment=affine)
    state, batch = _double(create_cnn_state(recogniser, _KEY, SHAPE)), _batch()
    new, metrics = _jitted(steps.cnn_update, recogniser=recogniser)(state, batch, _KEY)
    key = named_key(jax.random.fold_in(_KEY, 0), "recogniser")
    keys = example_keys(named_key(key, "augment_real"), jnp.arange(_COUNT))
    changed = batch | {"images": jax.jit(affine)(batch["images"], keys)}
    plain = Recogniser(TinyCNN(), optax.sgd(0.1))
    expected, _ = _jitted(steps.cnn_update, recogniser=plain)(state, changed, _KEY)
    _assert_close(new.network.params, expected.network.params)
    assert not np.array_equal(changed["images"], batch["images"])


# Learning


def test_the_discriminator_learns_to_tell_and_the_recogniser_to_read():
    gan = _gan()
    state = _state(gan)
    batch = {"images": jnp.full((_COUNT, *SHAPE), 0.9)}
    update = _jitted(steps.discriminator_update, gan=gan)
    losses = []
    for step in range(60):
        state, metrics = update(state.replace(step=jnp.int32(step)), batch, _KEY)
        losses.append(float(metrics["loss/discriminator"]))
    assert losses[-1] < 0.5 * losses[0]

    recogniser = Recogniser(TinyCNN(dropout_rate=0.0), optax.adam(0.1))
    state = _double(create_cnn_state(recogniser, _KEY, SHAPE))
    update = _jitted(steps.cnn_update, recogniser=recogniser)
    for _ in range(60):
        state, metrics = update(state, _batch(), _KEY)
    assert float(metrics["accuracy/train"]) == 1.0
    assert float(metrics["loss/cross_entropy"]) < 0.1


def test_the_generator_learns_to_fool():
    gan = _gan()
    state = _state(gan)
    update = _jitted(steps.generator_update, gan=gan)
    losses = []
    for _ in range(60):
        state, metrics = update(state, _batch(), _KEY)
        losses.append(float(metrics["loss/generator"]))
    assert losses[-1] < 0.8 * losses[0]
