"""Residual networks: any size, the layers promised, and blocks that equal their plain forms."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.config import gan_config
from gan_jax.config.build import build_gan
from gan_jax.errors import InputError
from gan_jax.models.convolution import conv
from gan_jax.models.platform import traced_for
from gan_jax.models.resampling import double_bilinear, double_nearest, halve_bilinear, halve_mean
from gan_jax.models.resnet import ResampledConv, ResnetDiscriminator, ResnetGenerator
from tests.models.modules import made, normal, shapes_of

pytestmark = pytest.mark.usefixtures("quickly_compiled")

_LATENT = 6


@functools.partial(jax.jit, static_argnames=("module", "train"))
def _apply(module, variables, x, *, train):
    return module.apply(variables, x, train=train, mutable=["batch_stats", "spectral"])


def _count(variables):
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


@pytest.mark.parametrize(
    "shape", [(16, 16, 1), (28, 28, 2), (32, 32, 3), (48, 64, 4), (30, 45, 1)], ids=str
)
def test_any_size_with_any_channels(shape):
    for module, inputs, wanted in [
        (ResnetGenerator(shape, width=8), (_LATENT,), (2, *shape)),
        (ResnetDiscriminator(width=8), shape, (2,)),
    ]:
        x = jnp.zeros((2, *inputs))
        output, _ = jax.eval_shape(
            lambda m=module, x=x: m.init_with_output(jax.random.key(0), x, train=True)
        )
        assert output.shape == wanted and output.dtype == jnp.float32


@pytest.mark.parametrize("size", [(7, 28), (28, 257)], ids=str)
def test_sizes_outside_8_to_256_are_refused(size):
    message = f"resnet cannot make images of {size[0]}x{size[1]}: both sides must be from 8 to 256"
    with pytest.raises(InputError, match=message):
        shapes_of(ResnetGenerator((*size, 1)), _LATENT)
    with pytest.raises(InputError, match=message):
        shapes_of(ResnetDiscriminator(), *size, 1)


def test_parameters_are_those_of_the_layers():
    w, c = 5, 3

    def block(inputs, features, norms):
        convolutions = 9 * inputs * features + 9 * features**2 + inputs * features + 3 * features
        return convolutions + (2 * (inputs + features) if norms else 0)

    dense = (_LATENT + 1) * 49 * 4 * w
    wanted = dense + block(4 * w, 2 * w, True) + block(2 * w, w, True) + 2 * w + 9 * w * c + c
    assert _count(shapes_of(ResnetGenerator((28, 28, c), width=w), _LATENT)) == wanted
    blocks = block(c, w, False) + block(w, 2 * w, False) + block(2 * w, 4 * w, False)
    for norm in ("none", "spectral"):
        network = ResnetDiscriminator(width=w, norm=norm)
        assert _count(shapes_of(network, 28, 28, c)) == blocks + 4 * w + 1
    # Batch normalisation before each ReLU: all of the blocks' but the first, and the last.
    norms = 2 * (w + (w + 2 * w) + (2 * w + 4 * w) + 4 * w)
    network = ResnetDiscriminator(width=w, norm="batch")
    assert _count(shapes_of(network, 28, 28, c)) == blocks + 4 * w + 1 + norms


@pytest.mark.parametrize("size", [(4, 4), (6, 2)], ids=str)
def test_resampled_convolutions_equal_a_convolution_and_a_resampling(size):
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        x = jnp.asarray(rng.normal(size=(2, *size, 3)))
        params = {
            "kernel": jnp.asarray(rng.normal(size=(3, 3, 3, 5))),
            "bias": jnp.asarray(rng.normal(size=5)),
        }

        def both(x, params):
            kernel, bias = params["kernel"], params["bias"]
            wanted = {
                "up": conv(double_nearest(x), kernel) + bias,
                "down": halve_mean(conv(x, kernel) + bias),
                "none": conv(x, kernel) + bias,
            }
            layers = {resample: ResampledConv(5, resample) for resample in wanted}
            found = {
                resample: layer.apply({"params": params}, x, train=False)
                for resample, layer in layers.items()
            }
            return found, wanted

        found, wanted = jax.jit(both)(x, params)
        for resample, value in wanted.items():
            np.testing.assert_allclose(found[resample], value, atol=1e-12)
    with pytest.raises(InputError, match="'half'; expected one of none, up, down"):
        ResampledConv(5, "half").init(jax.random.key(0), x, train=False)


@pytest.mark.parametrize("size", [(4, 4), (5, 3), (1, 2)], ids=str)
@pytest.mark.parametrize("target", ["cpu", "tpu"])
def test_a_shortcut_is_a_pointwise_convolution_and_a_resampling(target, size):
    rng = np.random.default_rng(0)
    with jax.enable_x64(True), traced_for(target):
        x, kernel, bias = (
            jnp.asarray(rng.normal(size=s)) for s in ((2, *size, 3), (1, 1, 3, 5), 5)
        )
        wanted = {
            "up": lambda x, kernel: double_nearest(x @ kernel[0, 0] + bias),
            "down": lambda x, kernel: halve_mean(x) @ kernel[0, 0] + bias,
            "none": lambda x, kernel: x @ kernel[0, 0] + bias,
        }

        def layer(resample, x, kernel):
            params = {"kernel": kernel, "bias": bias}
            return ResampledConv(5, resample, 1).apply({"params": params}, x, train=False)

        for resample, function in wanted.items():
            value, gradients = jax.vjp(function, x, kernel)
            found, found_gradients = jax.vjp(functools.partial(layer, resample), x, kernel)
            np.testing.assert_allclose(found, value, atol=1e-12)
            cotangent = jnp.asarray(rng.normal(size=value.shape))
            for one, other in zip(found_gradients(cotangent), gradients(cotangent)):
                np.testing.assert_allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("size", [(4, 6), (5, 3), (1, 2)], ids=str)
@pytest.mark.parametrize("target", ["cpu", "tpu"])
def test_resampling_is_what_numpy_makes_of_it(target, size):
    x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype(np.float32)
    h, w = size
    functions = (double_nearest, halve_mean, double_bilinear, halve_bilinear)
    both = jax.jit(lambda x: [[f(v) for f in functions] for v in (x, 0 * x + 0.7)])
    with traced_for(target):
        found, constant = both(x)
    np.testing.assert_array_equal(found[0], x.repeat(2, 1).repeat(2, 2))
    even = np.pad(x, ((0, 0), (0, h % 2), (0, w % 2), (0, 0)), mode="edge")
    blocks = [even[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    np.testing.assert_allclose(found[1], sum(blocks) / 4, atol=1e-6)

    def along(function, x, axis):
        return np.moveaxis(function(np.moveaxis(x, axis, 0)), 0, axis)

    def double(x):
        y = np.repeat(x, 2, 0)
        y[1:-1:2] = (x[:-1] + x[1:]) / 2
        return y

    def halve(x):
        x = np.concatenate([x[:1], x, x[-1:]])
        return np.stack([x[i - 1] / 4 + x[i] / 2 + x[i + 1] / 4 for i in range(1, len(x) - 1, 2)])

    np.testing.assert_allclose(found[2], along(double, along(double, x, 1), 2), atol=1e-6)
    np.testing.assert_allclose(found[3], along(halve, along(halve, x, 1), 2), atol=1e-6)
    for image in constant:
        np.testing.assert_allclose(image, 0.7, rtol=1e-6)


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (ResnetGenerator((8, 9, 1), width=4, norm="none"), (_LATENT,)),
        (ResnetDiscriminator(width=4, norm="none"), (8, 9, 1)),
        (ResnetDiscriminator(width=4, norm="spectral"), (8, 9, 1)),
    ],
    ids=["generator", "discriminator", "spectral"],
)
def test_each_example_is_on_its_own_without_batch_norm(module, shape):
    variables, x = made(module, *shape), normal(4, *shape)
    assert "batch_stats" not in variables
    order = np.array([2, 0, 3, 1])
    plain, permuted, changed = (
        np.asarray(_apply(module, variables, v, train=True)[0])
        for v in (x, x[order], x.at[1].add(1.0))
    )
    np.testing.assert_allclose(permuted, plain[order], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(np.delete(changed, 1, 0), np.delete(plain, 1, 0))
    assert np.abs(changed[1] - plain[1]).max() > 1e-4


def test_the_last_line_of_an_odd_side_reaches_the_discriminator():
    network = ResnetDiscriminator(width=4, norm="none")
    variables, x = made(network, 8, 9, 1), normal(1, 8, 9, 1)
    slope = jax.jit(jax.grad(lambda x: jnp.sum(network.apply(variables, x, train=False))))(x)
    assert float(jnp.abs(slope[:, :, -1]).min()) > 0


def test_generated_images_fill_the_range():
    generator = ResnetGenerator((9, 12, 3), width=8)
    variables = made(generator, _LATENT)
    images, after = _apply(generator, variables, normal(8, _LATENT), train=True)
    assert float(jnp.abs(images).max()) <= 1 and float(jnp.std(images, 0).mean()) > 0.05
    changed = jax.tree.map(
        lambda a, b: bool(jnp.any(a != b)), after["batch_stats"], variables["batch_stats"]
    )
    assert all(jax.tree.leaves(changed))


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (ResnetGenerator((8, 8, 1), width=8), (_LATENT,)),
        (ResnetDiscriminator(width=8), (8, 8, 1)),
    ],
    ids=["generator", "discriminator"],
)
def test_bfloat16_computes_with_float32_parameters_and_outputs(module, shape):
    variables, x = made(module, *shape), normal(4, *shape)
    whole, _ = _apply(module, variables, x, train=False)
    half, after = _apply(module.clone(dtype=jnp.bfloat16), variables, x, train=True)
    assert half.dtype == jnp.float32
    assert {leaf.dtype for leaf in jax.tree.leaves((variables, after))} == {jnp.dtype("float32")}
    half, _ = _apply(module.clone(dtype=jnp.bfloat16), variables, x, train=False)
    difference = float(jnp.abs(half - whole).max() / jnp.abs(whole).max())
    assert 1e-5 < difference < 0.05


def test_the_config_makes_them():
    config = gan_config()
    config.model.update(name="resnet", width=8, discriminator_norm="spectral")
    config.r1_weight = 1.0  # goes with spectral normalisation
    gan = build_gan(config, (28, 28, 1), 10)
    assert gan.generator == ResnetGenerator((28, 28, 1), width=8, initialization="normal")
    assert gan.discriminator == ResnetDiscriminator(width=8, initialization="normal")
    config.model.discriminator_width = 4
    assert build_gan(config, (28, 28, 1), 10).discriminator.width == 4
    for field, value, message in [
        ("discriminator_norm", "batch", "r1_weight is 1.0 with.*discriminator_norm 'batch'"),
        ("discriminator_norm", "layer", "'layer' is not known"),
        ("generator_norm", "spectral", "'spectral' is not known: choices: batch, none"),
        ("initialization", "he", "'he' is not known"),
        ("discriminator_width", -1, "discriminator_width is -1"),
        ("name", "resnt", "'resnt' is not known.*resnet"),
    ]:
        changed = config.copy_and_resolve_references()
        changed.model[field] = value
        with pytest.raises(InputError, match=message):
            build_gan(changed, (28, 28, 1), 10)
