"""Penalties on discriminators whose gradients are known."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.steps.objectives import total_penalty
from gan_jax.steps.penalties import DRAGAN, R1, R2, GradientPenalty, LeCam, squared_gradient_norm
from tests.tiny_gan import make_gan

_SHAPE = (5, 3, 4, 2)


@pytest.fixture(autouse=True)
def _float64():
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


@pytest.fixture
def random():
    return np.random.default_rng(0)


_KEYS = jax.random.split(jax.random.key(1), 5)


def _flat(images):
    return images.reshape(len(images), -1)


def test_linear_discriminator(random):
    """D(x) = <w, x>: the gradient is w whatever the image."""
    images, w = random.normal(size=_SHAPE), random.normal(size=_SHAPE[1:])
    values = squared_gradient_norm(lambda x: jnp.sum(x * w, (1, 2, 3)), jnp.asarray(images))
    assert values.shape == (5,) and values.dtype == jnp.float64
    np.testing.assert_allclose(values, np.full(5, np.sum(w**2)), rtol=1e-12)


def test_logits_of_several_positions_count_as_their_mean(random):
    images, w = random.normal(size=_SHAPE), random.normal(size=(24, 6))
    values = squared_gradient_norm(lambda x: _flat(x) @ w, jnp.asarray(images))
    np.testing.assert_allclose(values, np.full(5, np.sum(w.mean(1) ** 2)), rtol=1e-12)


def test_quadratic_discriminator(random):
    """D(x) = <x, A x> / 2 with A symmetric: the gradient is A x."""
    images, a = random.normal(size=_SHAPE), random.normal(size=(24, 24))
    a = a + a.T
    values = squared_gradient_norm(
        lambda x: 0.5 * jnp.einsum("ni,ij,nj->n", _flat(x), a, _flat(x)), jnp.asarray(images)
    )
    np.testing.assert_allclose(values, np.sum((_flat(images) @ a) ** 2, 1), rtol=1e-12)


def test_finite_differences(random):
    images, w = random.normal(size=_SHAPE), random.normal(size=(24, 6)) / 5

    def discriminator(x):
        return np.sum(np.tanh(_flat(x) @ w) * np.arange(1, 7), 1)

    step, expected = 1e-6, np.zeros(5)
    for pixel in np.ndindex(_SHAPE[1:]):
        up, down = images.copy(), images.copy()
        up[:, *pixel] += step
        down[:, *pixel] -= step
        expected += ((discriminator(up) - discriminator(down)) / (2 * step)) ** 2

    def traced(x):
        return jnp.sum(jnp.tanh(_flat(x) @ w) * jnp.arange(1, 7), 1)

    values = squared_gradient_norm(traced, jnp.asarray(images))
    np.testing.assert_allclose(values, expected, rtol=1e-5)


def _square(x, kind):
    """Its gradient is 2x."""
    return jnp.sum(x**2, (1, 2, 3))


@pytest.mark.parametrize(("penalty", "side"), [(R1, 0), (R2, 1)])
def test_r1_and_r2_are_half_the_weight_on_their_own_images_only(random, penalty, side):
    images = [jnp.full(_SHAPE, jnp.nan)] * 2
    images[side] = jnp.asarray(random.normal(size=_SHAPE))
    kinds = []

    def discriminator(x, kind):
        kinds.append(kind)
        return _square(x, kind)

    for weight in (0.1, 1.0, 10.0):
        values = penalty(weight)(discriminator, *images, _KEYS)
        expected = 0.5 * weight * 4 * np.sum(np.asarray(images[side]) ** 2, (1, 2, 3))
        np.testing.assert_allclose(values, expected, rtol=1e-12)
    assert set(kinds) == {("real", "fake")[side]}


def test_r1_trains_the_discriminator(random):
    """For D(x) = <w, x> the mean penalty is weight/2 |w|^2, whose gradient is weight * w."""
    real, w = jnp.asarray(random.normal(size=_SHAPE)), jnp.asarray(random.normal(size=_SHAPE[1:]))
    gradient = jax.grad(
        lambda w: jnp.mean(R1(3.0)(lambda x, _: jnp.sum(x * w, (1, 2, 3)), real, real, _KEYS))
    )(w)
    np.testing.assert_allclose(gradient, 3.0 * w, rtol=1e-12)


def test_gradient_penalty_lies_between_the_images(random):
    """For D(x) = |x|^2 the gradient's length gives the length of the point it is taken at."""
    real = jnp.ones(_SHAPE)
    values = GradientPenalty(10.0)(_square, real, 3 * real, _KEYS)
    lengths = (np.sqrt(np.asarray(values) / 10) + 1) / 2
    places = lengths / np.sqrt(24)
    assert np.all((places > 1) & (places < 3)) and np.ptp(places) > 0.2
    again = GradientPenalty(10.0)(_square, real, 3 * real, _KEYS[::-1])
    np.testing.assert_allclose(again, values[::-1], rtol=1e-12)


@pytest.mark.parametrize("penalty", [GradientPenalty(2.0), DRAGAN(2.0)])
def test_two_sided_penalties_want_gradients_of_length_one(random, penalty):
    real, fake = (jnp.asarray(random.normal(size=_SHAPE)) for _ in range(2))
    w = random.normal(size=_SHAPE[1:])
    for length in (0.0, 0.5, 1.0, 3.0):
        slope = jnp.asarray(length * w / np.linalg.norm(w))

        def mean(slope):
            return jnp.mean(penalty(lambda x, _: jnp.sum(x * slope, (1, 2, 3)), real, fake, _KEYS))

        value, gradient = jax.value_and_grad(mean)(slope)
        np.testing.assert_allclose(value, 2 * (length - 1) ** 2, rtol=1e-5, atol=1e-10)
        assert np.isfinite(gradient).all()


def test_dragan_looks_close_to_real_images(random):
    real = jnp.asarray(random.normal(size=_SHAPE))
    noise = jax.vmap(lambda key: jax.random.uniform(key, _SHAPE[1:], real.dtype))(_KEYS)
    moved = np.asarray(real) + 0.5 * np.std(np.asarray(real)) * np.asarray(noise)
    values = DRAGAN(1.0, spread=0.5)(_square, real, jnp.full(_SHAPE, jnp.nan), _KEYS)
    expected = (2 * np.sqrt(np.sum(moved**2, (1, 2, 3))) - 1) ** 2
    np.testing.assert_allclose(values, expected, rtol=1e-9)


@pytest.mark.parametrize("penalty", [R1(2.0), R2(2.0), GradientPenalty(2.0), DRAGAN(2.0)])
@pytest.mark.parametrize("interval", [1, 4])
def test_the_mean_over_eight_devices_is_that_of_one(random, penalty, interval):
    """Each device sees two images, darker or lighter than the other devices' on the whole."""
    shape = (16, *_SHAPE[1:])
    real, fake = (random.normal(size=shape) * np.arange(1, 17)[:, None, None, None] for _ in "rf")
    keys = jax.random.split(jax.random.key(1), 16)
    gan = make_gan(penalties=(penalty,), penalty_interval=interval)

    def mean(real, fake, keys, axis_name=None):
        return total_penalty(gan, _square, real, fake, keys, jnp.int32(0), axis_name)[0]

    alone = mean(jnp.asarray(real), jnp.asarray(fake), keys)
    shares = [x.reshape(8, 2, *x.shape[1:]) for x in (real, fake, keys)]
    shared = jax.pmap(functools.partial(mean, axis_name="axis"), axis_name="axis")(*shares)
    np.testing.assert_allclose(jnp.mean(shared), alone, rtol=1e-12)


def test_lecam_is_zero_until_a_side_passes_the_others_average():
    lecam, averages = LeCam(0.5), {"real": jnp.float64(1.0), "fake": jnp.float64(-1.0)}
    real, fake = jnp.array([-2.0, -1.0, 0.0, 2.0]), jnp.array([2.0, 1.0, 0.0, -3.0])
    np.testing.assert_allclose(
        lecam(real, fake, averages), [0, 0, 0.5 * (1 + 1), 0.5 * (9 + 16)], rtol=1e-12
    )


def test_lecam_follows_the_means():
    lecam, averages = LeCam(1.0, decay=0.9), {"real": 0.0, "fake": 0.0}
    for _ in range(3):
        averages = lecam.update(averages, 2.0, -4.0)
    assert averages["real"] == pytest.approx(2 * (1 - 0.9**3))
    assert averages["fake"] == pytest.approx(-4 * (1 - 0.9**3))
