"""Every form of the convolutions equals XLA's own, derivatives included."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gan_jax.errors import InputError
from gan_jax.models.convolution import conv, conv_transpose
from gan_jax.models.layers import BatchNorm, Conv, ConvTranspose, Dropout, initializer, max_pool
from gan_jax.models.platform import traced_for

NUMBERS = ("NHWC", "HWIO", "NHWC")
FUNCTIONS = {"conv": conv, "conv_transpose": conv_transpose}
CASES = [
    *[
        (form, (k, k), (s, s), (5, 6))
        for k, s, form in [
            (1, 2, "subpixel"),
            (3, 2, "subpixel"),
            (4, 2, "subpixel"),
            (5, 2, "subpixel"),
            (6, 2, "subpixel"),
            (7, 2, "subpixel"),
            (2, 3, "subpixel"),
            (5, 3, "subpixel"),
            (1, 3, "columns"),
            (2, 2, "columns"),
            (4, 2, "columns"),
            (5, 2, "columns"),
            (7, 2, "columns"),
            (3, 3, "columns"),
            (7, 3, "columns"),
            (5, 1, "columns"),
            (1, 1, "shifts"),
            (2, 1, "shifts"),
            (3, 1, "shifts"),
            (1, 2, "shifts"),
            (4, 2, "shifts"),
            (5, 2, "shifts"),
            (2, 3, "shifts"),
            (1, 2, "dilated"),
            (4, 2, "dilated"),
            (5, 2, "dilated"),
            (2, 3, "dilated"),
            (7, 3, "dilated"),
            (3, 1, "dilated"),
            (1, 1, "spectral"),
            (2, 1, "spectral"),
            (3, 1, "spectral"),
            (5, 1, "spectral"),
            (7, 1, "spectral"),
            (3, 1, "subpixel"),
        ]
    ],
    ("subpixel", (5, 5), (2, 2), (7, 7)),
    ("subpixel", (4, 4), (2, 2), (8, 3)),
    ("subpixel", (5, 2), (2, 1), (1, 4)),
    ("columns", (3, 4), (1, 2), (6, 1)),
    ("columns", (5, 5), (2, 2), (8, 7)),
    ("shifts", (3, 4), (1, 2), (6, 1)),
    ("dilated", (5, 2), (2, 1), (1, 4)),
    ("dilated", (3, 4), (1, 2), (6, 1)),
    ("spectral", (3, 4), (1, 1), (4, 7)),
    ("spectral", (7, 2), (1, 1), (2, 5)),
]


def plain(name, strides):
    if name == "conv":
        return lambda x, k: lax.conv_general_dilated(
            x, k, strides, "SAME", dimension_numbers=NUMBERS
        )
    return lambda x, k: lax.conv_transpose(x, k, strides, "SAME", dimension_numbers=NUMBERS)


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


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(("form", "kernel_size", "strides", "size"), CASES)
def test_forms_agree(name, form, kernel_size, strides, size):
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        x = jnp.asarray(rng.normal(size=(2, *size, 3)))
        kernel = jnp.asarray(rng.normal(size=(*kernel_size, 3, 2)))
        shape = jax.eval_shape(plain(name, strides), x, kernel).shape
        cotangent = jnp.asarray(rng.normal(size=shape))

        def ours(x, k):
            return FUNCTIONS[name](x, k, strides, form=form)

        found, wanted = jax.jit(
            lambda *operands: [quantities(f, *operands) for f in (ours, plain(name, strides))]
        )(x, kernel, cotangent)
        for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
            assert a.dtype == jnp.float64
            scale = max(1.0, float(jnp.max(jnp.abs(b))))
            np.testing.assert_allclose(a, b, atol=1e-12 * scale, rtol=0)


# Layers of the networks: (function, image side, kernel side, channels in and out, stride).
LAYERS = [
    ("conv", 28, 3, 1, 16, 1),
    ("conv", 32, 3, 3, 32, 1),
    ("conv", 28, 5, 1, 64, 2),
    ("conv", 14, 5, 64, 128, 2),
    ("conv_transpose", 7, 5, 256, 128, 1),
    ("conv_transpose", 4, 4, 128, 64, 2),
    ("conv_transpose", 7, 5, 128, 64, 2),
    ("conv_transpose", 14, 7, 64, 1, 2),
]


@pytest.mark.parametrize(("name", "side", "kernel_size", "inputs", "features", "stride"), LAYERS)
def test_chosen_forms_are_as_exact_in_float32_as_the_direct_ones(
    name, side, kernel_size, inputs, features, stride
):
    rng = np.random.default_rng(2)
    kernel = rng.normal(size=(kernel_size, kernel_size, inputs, features))
    kernel = jnp.asarray(kernel / np.sqrt(kernel[..., 0].size), jnp.float32)
    x = jnp.asarray(rng.normal(size=(4, side, side, inputs)), jnp.float32)

    def value_and_gradients(function):
        y, pull = jax.vjp(function, x, kernel)
        return y, *pull(jnp.cos(3 * y))

    strides = (stride, stride)
    found = jax.jit(lambda: value_and_gradients(lambda x, k: FUNCTIONS[name](x, k, strides)))()
    wanted = jax.jit(lambda: value_and_gradients(plain(name, strides)))()
    for a, b in zip(found, wanted, strict=True):
        assert a.dtype == jnp.float32
        np.testing.assert_allclose(a, b, atol=1e-5 * float(jnp.max(jnp.abs(b))), rtol=0)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    ("form", "stride"),
    [("dilated", 2), ("subpixel", 2), ("columns", 2), ("shifts", 1), ("spectral", 1)],
)
def test_forms_agree_in_float32_under_scan_and_vmap(name, form, stride):
    rng = np.random.default_rng(1)
    xs = jnp.asarray(rng.normal(size=(3, 2, 7, 7, 4)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(5, 5, 4, 4)), jnp.float32) / 10

    def ours(x):
        return FUNCTIONS[name](x, kernel, stride, form=form)

    wanted = jnp.stack([plain(name, (stride, stride))(x, kernel) for x in xs])
    _, scanned = jax.jit(lambda xs: lax.scan(lambda c, x: (c, ours(x)), 0, xs))(xs)
    np.testing.assert_allclose(jax.vmap(ours)(xs), wanted, atol=1e-5)
    np.testing.assert_allclose(scanned, wanted, atol=1e-5)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_layers_hold_lax_kernels_and_keep_the_dtype_asked_for(dtype):
    x = jax.random.normal(jax.random.key(0), (2, 4, 6, 3))
    for layer, name in [(Conv, "conv"), (ConvTranspose, "conv_transpose")]:
        module = layer(8, (4, 4), 2, dtype=dtype)
        y, variables = module.init_with_output(jax.random.key(1), x)
        kernel = variables["params"]["kernel"]
        assert kernel.shape == (4, 4, 3, 8)
        assert kernel.dtype == jnp.float32
        assert y.dtype == dtype
        wanted = plain(name, (2, 2))(x, kernel)
        np.testing.assert_allclose(
            y.astype(jnp.float32), wanted, atol=1e-5 if dtype == jnp.float32 else 0.05
        )


@pytest.mark.parametrize("target", ["cpu", "tpu"])
def test_batch_norm_normalises_the_global_batch(target):
    x = 3 + 2 * jax.random.normal(jax.random.key(0), (8, 5, 4, 3))
    module = BatchNorm(axis_name="data")
    variables = BatchNorm().init(jax.random.key(1), x, use_running_average=False)

    def apply(module, x):
        return module.apply(variables, x, use_running_average=False, mutable=["batch_stats"])

    def pulled(y, x):  # whatever an image is pulled by, its statistics bring to all the others
        return jax.grad(lambda x: jnp.vdot(jnp.sin(y), apply(module, x)[0]))(x)

    split = x.reshape(4, 2, 5, 4, 3)
    with traced_for(target):
        mapped = jax.vmap(lambda x: apply(module, x), axis_name="data", out_axes=(0, None))
        y, state = mapped(split)
        gradient = jax.vmap(pulled, axis_name="data")(y, split)
    exact = np.asarray(x, np.float64)
    mean, var = exact.mean((0, 1, 2)), exact.var((0, 1, 2))
    np.testing.assert_allclose(y.reshape(x.shape), (x - mean) / np.sqrt(var + 1e-5), atol=1e-5)
    np.testing.assert_allclose(state["batch_stats"]["mean"], 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(state["batch_stats"]["var"], 0.9 + 0.1 * var, rtol=1e-5)
    whole = y.reshape(x.shape)
    alone = jax.grad(lambda x: jnp.vdot(jnp.sin(whole), apply(BatchNorm(), x)[0]))(x)
    np.testing.assert_allclose(gradient.reshape(x.shape), alone, atol=1e-5)


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


def test_dropout_draws_the_same_masks_for_a_split_batch():
    x = jnp.ones((6, 5, 5, 3))

    def apply(x, axis_name):
        layer = Dropout(0.5, axis_name=axis_name)
        return layer.apply({}, x, deterministic=False, rngs={"dropout": jax.random.key(3)})

    split = jax.vmap(lambda x: apply(x, "data"), axis_name="data")(x.reshape(3, 2, 5, 5, 3))
    np.testing.assert_array_equal(split.reshape(x.shape), apply(x, None))


@pytest.mark.parametrize("shape", [(12,), (5, 5, 3), (1, 2, 4)])
def test_dropout_draws_the_same_masks_for_a_tpu(shape):
    x = jnp.ones((6, *shape))

    def apply(target):
        with traced_for(target):
            rngs = {"dropout": jax.random.key(3)}
            return jax.jit(lambda: Dropout(0.5).apply({}, x, deterministic=False, rngs=rngs))()

    np.testing.assert_array_equal(apply("tpu"), apply("cpu"))


@pytest.mark.parametrize("features", [3, 128])
def test_a_transpose_traced_for_a_tpu_is_the_same_in_every_derivative(features):
    rng = np.random.default_rng(0)
    shapes = (2, 3, 4, 5), (4, 4, 5, features), (2, 6, 8, features)
    with jax.enable_x64(True), traced_for("tpu"):
        operands = [jnp.asarray(rng.normal(size=shape)) for shape in shapes]
        functions = (lambda x, k: conv_transpose(x, k, 2), plain("conv_transpose", (2, 2)))
        found, wanted = jax.jit(lambda *given: [quantities(f, *given) for f in functions])(
            *operands
        )
        for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-12 * float(jnp.max(jnp.abs(b))), rtol=0)


@pytest.mark.parametrize("shape", [(3, 4, 6, 2), (2, 7, 5, 3), (1, 2, 3, 1)])
def test_max_pool_is_flax_s_in_value_and_gradient(shape):
    x = jnp.float32(np.random.default_rng(0).integers(0, 3, shape))  # with ties
    expected, pull = jax.vjp(lambda x: nn.max_pool(x, (2, 2), (2, 2)), x)
    found, own = jax.vjp(max_pool, x)
    np.testing.assert_array_equal(found, expected)
    weights = jnp.float32(np.random.default_rng(1).normal(size=expected.shape))
    np.testing.assert_array_equal(own(weights)[0], pull(weights)[0])


def test_errors_name_the_value():
    x, kernel = jnp.ones((1, 4, 4, 1)), jnp.ones((3, 3, 1, 1))
    with pytest.raises(InputError, match="'fast'"):
        conv(x, kernel, form="fast")
    with pytest.raises(InputError, match=r"spectral.*\(2, 2\)"):
        conv_transpose(x, kernel, 2, form="spectral")
    with pytest.raises(InputError, match="'xaver'"):
        initializer("xaver")
    with pytest.raises(InputError, match="1.5"):
        Dropout(1.5).apply({}, jnp.ones((2, 3)), deterministic=True)
