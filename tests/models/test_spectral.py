"""Spectral normalisation: the largest singular value, its derivatives, and when it is estimated."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.models.conditional import Embedding
from gan_jax.models.dcgan import DCGANDiscriminator
from gan_jax.models.layers import Conv, Dense
from gan_jax.models.spectral import spectral_normalise
from gan_jax.steps import discriminator_update
from gan_jax.steps.penalties import R1, GradientPenalty
from gan_jax.steps.state import GAN, create_gan_state
from tests.networks import LATENT_DIM, SHAPE, TinyGenerator
from tests.tiny_gan import double

pytestmark = pytest.mark.usefixtures("precise_and_quickly_compiled")

_SHAPE = (3, 3, 4, 7)


class _Kernel(nn.Module):
    """The normalised kernel of a layer."""

    @nn.compact
    def __call__(self, *, train):
        kernel = self.param("kernel", nn.initializers.normal(0.3), _SHAPE, jnp.float64)
        return spectral_normalise(self, kernel, update=train)


class _Discriminator(nn.Module):
    """A few weights on 2x2 images, all normalised."""

    @nn.compact
    def __call__(self, images, *, train):
        x = Conv(3, (2, 2), spectral_norm=True)(images, train=train)
        x = nn.softplus(x).reshape(len(x), -1)
        return Dense(1, spectral_norm=True)(x, train=train)[:, 0]


@jax.jit
def _init(seed):
    return _Kernel().init(jax.random.key(seed), train=False)


@functools.cache
def _made(seed=0):
    return _init(seed)


@functools.partial(jax.jit, static_argnames="train")
def _apply(variables, train):
    return _Kernel().apply(variables, train=train, mutable=["spectral"])


@functools.partial(jax.jit, static_argnums=0)
def _settled(module, variables, *inputs):
    """The variables after many training calls."""

    def call(_, collections):
        everything = {"params": variables["params"], **collections}
        return module.apply(everything, *inputs, train=True, mutable=list(collections))[1]

    collections = {name: value for name, value in variables.items() if name != "params"}
    return {
        "params": variables["params"],
        **jax.lax.fori_loop(0, 2000, call, collections),
    }


def _matrix(kernel):
    return np.asarray(kernel, np.float64).reshape(-1, kernel.shape[-1])


def _largest(kernel):
    return np.linalg.svd(_matrix(kernel), compute_uv=False)[0]


def test_the_estimate_converges_to_numpys_singular_value():
    variables = _settled(_Kernel(), _made())
    kernel = variables["params"]["kernel"]
    for train in (True, False):
        normal, _ = _apply(variables, train)
        estimate = np.asarray(kernel / normal)
        np.testing.assert_allclose(estimate, _largest(kernel), rtol=1e-5)
        assert _largest(normal) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Conv(6, (3, 2), 2, dtype=jnp.float64, spectral_norm=True), (1, 4, 4, 3)),
        (Dense(6, dtype=jnp.float64, spectral_norm=True), (1, 5)),
        (Embedding(6, 4, dtype=jnp.float64, spectral_norm=True), None),
    ],
    ids=["conv", "dense", "embedding"],
)
def test_each_layer_divides_its_own_kernel(layer, shape):
    x = jnp.zeros(1, int) if shape is None else jnp.ones(shape, jnp.float64)
    variables = double(jax.jit(lambda: layer.init(jax.random.key(1), x))())
    variables = _settled(layer, variables, x)
    plain = layer.clone(spectral_norm=False)
    params = dict(variables["params"])
    name = "embedding" if shape is None else "kernel"
    params[name] = params[name] / _largest(params[name])
    wanted = plain.apply({"params": params}, x)
    np.testing.assert_allclose(layer.apply(variables, x), wanted, rtol=1e-8)


def test_a_training_call_is_one_power_iteration():
    variables = _made()
    matrix, u = _matrix(variables["params"]["kernel"]), np.asarray(variables["spectral"]["u"])
    assert u.shape == (_SHAPE[-1],)
    assert np.linalg.norm(u) == pytest.approx(1)
    v = matrix @ u / np.linalg.norm(matrix @ u)
    u = matrix.T @ v / np.linalg.norm(matrix.T @ v)
    normal, after = _apply(variables, True)
    np.testing.assert_allclose(after["spectral"]["u"], u, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(_matrix(normal), matrix / (v @ matrix @ u), rtol=1e-9)


def test_evaluation_changes_nothing():
    variables = _made()
    first, after = _apply(variables, False)
    np.testing.assert_array_equal(after["spectral"]["u"], variables["spectral"]["u"])
    np.testing.assert_array_equal(first, _apply({**variables, **after}, False)[0])
    # Nor does a training call whose collections are not kept.
    frozen = jax.jit(lambda v: _Kernel().apply(v, train=True))(variables)
    np.testing.assert_array_equal(frozen, _apply(variables, True)[0])


def test_the_first_estimate_is_near():
    ratios = []
    for seed in range(5):
        normal, _ = _apply(_made(seed), False)
        ratios.append(_largest(normal))
    assert max(ratios) < 1.05  # a random vector's would be about 1.9


def test_gradients_go_through_the_norm():
    """dM/s - <M, cotangent> uv'/s^2 (eq. 10 of the paper, by numpy), and finite differences."""
    variables = _settled(_Kernel(), _made())
    kernel, weights = variables["params"]["kernel"], np.random.default_rng(0).normal(size=_SHAPE)

    @functools.partial(jax.jit, static_argnums=1)
    def loss(kernel, train):
        return jnp.sum(
            _Kernel().apply({**variables, "params": {"kernel": kernel}}, train=train) * weights
        )

    left, values, right = np.linalg.svd(_matrix(kernel))
    cotangent, s = _matrix(weights), values[0]
    across = np.outer(left[:, 0], right[0])
    wanted = cotangent / s - np.sum(cotangent * _matrix(kernel)) / s**2 * across
    for train in (True, False):
        found = jax.grad(loss)(kernel, train)
        np.testing.assert_allclose(_matrix(found), wanted, atol=1e-6)
        direction = np.random.default_rng(1).normal(size=_SHAPE)
        step = 1e-6 * direction
        difference = (loss(kernel + step, train) - loss(kernel - step, train)) / 2e-6
        assert float(jnp.sum(found * direction)) == pytest.approx(float(difference), rel=1e-5)


@pytest.mark.parametrize("penalty", [R1(2.0), GradientPenalty(3.0)], ids=["r1", "gradient"])
def test_penalties_have_the_gradient_that_finite_differences_have(penalty):
    network = _Discriminator()
    rng = np.random.default_rng(0)
    real, fake = (jnp.asarray(rng.uniform(-1, 1, (3, *SHAPE))) for _ in range(2))
    variables = double(jax.jit(lambda: network.init(jax.random.key(2), real, train=False))())
    variables = _settled(network, variables, real)
    keys = jax.random.split(jax.random.key(3), 3)

    @jax.jit
    def value(params):
        def logits(images, kind):
            collections = {"spectral": variables["spectral"]}
            return network.apply(
                {"params": params, **collections}, images, train=True, mutable=["spectral"]
            )[0]

        return jnp.mean(penalty(logits, real, fake, keys))

    params = variables["params"]
    gradient = jax.jit(jax.grad(value))(params)
    for seed in range(2):
        draw = np.random.default_rng(seed).normal
        direction = jax.tree.map(lambda p, draw=draw: jnp.asarray(draw(size=p.shape)), params)
        moved = [
            value(jax.tree.map(lambda p, d, s=sign: p + s * 1e-5 * d, params, direction))
            for sign in (1, -1)
        ]
        slope = sum(jax.tree.leaves(jax.tree.map(lambda g, d: jnp.sum(g * d), gradient, direction)))
        assert float(slope) == pytest.approx(float(moved[0] - moved[1]) / 2e-5, rel=1e-5)


def test_a_kernel_of_zeros_stays_zero():
    zeros = {**_made(), "params": {"kernel": jnp.zeros(_SHAPE)}}
    for train in (True, False):
        normal, after = _apply(zeros, train)
        np.testing.assert_array_equal(normal, 0.0)
        assert np.isfinite(after["spectral"]["u"]).all()
    spectral = {**zeros, "spectral": {"u": jnp.zeros(_SHAPE[-1])}}
    assert np.isfinite(_apply(spectral, True)[0]).all()


def test_one_device_is_two_and_the_vectors_follow_the_steps():
    adam = optax.adam(0.05, b1=0.5)
    gan = GAN(TinyGenerator(), _Discriminator(), adam, adam, LATENT_DIM)
    key = jax.random.key(5)
    state = double(create_gan_state(gan, key, SHAPE))
    # Vectors that have not settled.
    before = jax.tree.map(
        lambda u: jnp.ones_like(u) / len(u) ** 0.5, state.discriminator.collections
    )
    state = state.replace(discriminator=state.discriminator.replace(collections=before))
    batch = {"images": jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (4, *SHAPE)))}
    one, _ = jax.jit(functools.partial(discriminator_update, gan=gan))(state, batch, key)
    halves = jax.tree.map(lambda x: x.reshape(2, 2, *x.shape[1:]), batch)
    two, _ = jax.pmap(
        functools.partial(discriminator_update, gan=gan, axis_name="data"),
        axis_name="data",
        in_axes=(None, 0, None),
        out_axes=None,
        devices=jax.devices()[:2],
    )(state, halves, key)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-10)
    after = one.discriminator.collections
    assert set(after) == {"spectral"}
    for a in jax.tree.leaves(after):
        assert np.linalg.norm(a) == pytest.approx(1)
    moved = after["spectral"]["Conv_0"]["u"] - before["spectral"]["Conv_0"]["u"]
    assert float(jnp.abs(moved).max()) > 1e-2


def test_the_discriminator_of_dcgan_holds_a_vector_a_layer_and_bounds_its_slope():
    """Each layer's norm is 1 as a matrix, so a convolution's gain is at most sqrt(its taps)."""
    network = DCGANDiscriminator(width=4, norm="spectral")
    images = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 1)))
    variables = jax.jit(lambda: network.init(jax.random.key(0), images, train=False))()
    assert jax.tree.map(jnp.shape, variables["spectral"]) == {
        "Conv_0": {"u": (4,)},
        "Dense_0": {"u": (1,)},
    }
    loud = jax.tree.map(lambda p: 100 * p, variables["params"])
    variables = _settled(network, double({**variables, "params": loud}), images)
    slope = jax.jit(jax.grad(lambda x: jnp.sum(network.apply(variables, x, train=False))))(images)
    assert 0 < np.sqrt((np.asarray(slope[0]) ** 2).sum()) <= 4
