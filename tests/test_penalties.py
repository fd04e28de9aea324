"""Gradient penalties on discriminators whose gradients are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.penalties import R1, squared_gradient_norm

_SHAPE = (5, 3, 4, 2)


@pytest.fixture(autouse=True)
def _float64():
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


@pytest.fixture
def random():
    return np.random.default_rng(0)


def _flat(images):
    return images.reshape(len(images), -1)


def test_linear_discriminator(random):
    """D(x) = <w, x>: the gradient is w whatever the image."""
    images, w = random.normal(size=_SHAPE), random.normal(size=_SHAPE[1:])
    values = squared_gradient_norm(lambda x: jnp.sum(x * w, (1, 2, 3)), jnp.asarray(images))
    assert values.shape == (5,) and values.dtype == jnp.float64
    np.testing.assert_allclose(values, np.full(5, np.sum(w**2)), rtol=1e-12)


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


def test_r1_is_half_the_weight_on_real_images_only(random):
    real, fake = jnp.asarray(random.normal(size=_SHAPE)), jnp.full(_SHAPE, jnp.nan)

    def discriminator(x):
        return jnp.sum(x**2, (1, 2, 3))  # gradient 2x

    for weight in (0.1, 1.0, 10.0):
        values = R1(weight)(discriminator, real, fake)
        expected = 0.5 * weight * 4 * np.sum(np.asarray(real) ** 2, (1, 2, 3))
        np.testing.assert_allclose(values, expected, rtol=1e-12)


def test_r1_trains_the_discriminator(random):
    """For D(x) = <w, x> the mean penalty is weight/2 |w|^2, whose gradient is weight * w."""
    real, w = jnp.asarray(random.normal(size=_SHAPE)), jnp.asarray(random.normal(size=_SHAPE[1:]))
    gradient = jax.grad(
        lambda w: jnp.mean(R1(3.0)(lambda x: jnp.sum(x * w, (1, 2, 3)), real, real))
    )(w)
    np.testing.assert_allclose(gradient, 3.0 * w, rtol=1e-12)
