"""Every form of the convolutions equals XLA's own, derivatives included."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gan_jax.errors import InputError
from gan_jax.models.convolution import conv, conv_transpose
from gan_jax.models.layers import Dropout, initializer

NUMBERS = ("NHWC", "HWIO", "NHWC")
CASES = [
    (kernel, stride, size)
    for kernel, stride in [(1, 1), (3, 1), (2, 2), (3, 2), (4, 2), (5, 2), (7, 2), (3, 3), (5, 3)]
    for size in [(5, 6)]
] + [(5, 2, (7, 7)), (4, 2, (8, 3)), (5, 2, (1, 4)), (1, 2, (5, 5)), (2, 3, (4, 5))]


def plain(name, stride):
    if name == "conv":
        return lambda x, k: lax.conv_general_dilated(
            x, k, (stride, stride), "SAME", dimension_numbers=NUMBERS
        )
    return lambda x, k: lax.conv_transpose(
        x, k, (stride, stride), "SAME", dimension_numbers=NUMBERS
    )


def quantities(function, x, kernel, cotangent):
    """The value, both gradients, and the gradient of a gradient's square (as R1 needs)."""

    def loss(x, k):
        return jnp.sum(jnp.sin(function(x, k)) * cotangent)

    def penalty(x, k):
        gx, gk = jax.grad(loss, (0, 1))(x, k)
        return jnp.sum(gx**2) + jnp.sum(gk**2)

    return (
        function(x, kernel),
        jax.grad(loss, (0, 1))(x, kernel),
        jax.grad(penalty, (0, 1))(x, kernel),
    )


@pytest.mark.parametrize("name", ["conv", "conv_transpose"])
@pytest.mark.parametrize(("kernel_size", "stride", "size"), CASES)
def test_forms_agree(name, kernel_size, stride, size):
    ours = {"conv": conv, "conv_transpose": conv_transpose}[name]
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        x = jnp.asarray(rng.normal(size=(2, *size, 3)))
        kernel = jnp.asarray(rng.normal(size=(kernel_size, kernel_size, 3, 2)))
        shape = jax.eval_shape(plain(name, stride), x, kernel).shape
        cotangent = jnp.asarray(rng.normal(size=shape))
        wanted = quantities(plain(name, stride), x, kernel, cotangent)
        found = quantities(
            jax.jit(lambda x, k: ours(x, k, stride, form="subpixel")), x, kernel, cotangent
        )
        for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
            assert a.dtype == jnp.float64
            scale = max(1.0, float(jnp.max(jnp.abs(b))))
            np.testing.assert_allclose(a, b, atol=1e-12 * scale, rtol=0)


@pytest.mark.parametrize("name", ["conv", "conv_transpose"])
def test_forms_agree_in_float32_under_scan_and_vmap(name):
    ours = {"conv": conv, "conv_transpose": conv_transpose}[name]
    rng = np.random.default_rng(1)
    xs = jnp.asarray(rng.normal(size=(3, 2, 7, 7, 4)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(5, 5, 4, 4)), jnp.float32) / 10
    wanted = jnp.stack([plain(name, 2)(x, kernel) for x in xs])
    mapped = jax.vmap(lambda x: ours(x, kernel, 2, form="subpixel"))(xs)
    _, scanned = lax.scan(lambda c, x: (c, ours(x, kernel, 2, form="subpixel")), 0, xs)
    np.testing.assert_allclose(mapped, wanted, atol=1e-5)
    np.testing.assert_allclose(scanned, wanted, atol=1e-5)


def test_dropout_keeps_the_expectation_and_belongs_to_examples():
    layer = Dropout(0.3)
    x = jnp.ones((64, 10, 10, 4))

    def apply(x):
        return layer.apply({}, x, deterministic=False, rngs={"dropout": jax.random.key(0)})

    y = np.asarray(apply(x))
    assert abs(y.mean() - 1) < 0.02
    assert abs((y == 0).mean() - 0.3) < 0.02
    np.testing.assert_array_equal(apply(x[:5]), y[:5])
    np.testing.assert_array_equal(layer.apply({}, x, deterministic=True), x)


def test_errors_name_the_value():
    with pytest.raises(InputError, match="'xaver'"):
        initializer("xaver")
    with pytest.raises(InputError, match="1.5"):
        Dropout(1.5).apply({}, jnp.ones((2, 3)), deterministic=True)
