"""The networks: the shapes that are promised, any image size, and what train mode changes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.config import gan_config
from gan_jax.config.build import build_gan
from gan_jax.errors import InputError
from gan_jax.models.article import ArticleDiscriminator, ArticleGenerator
from gan_jax.models.cnn import CNN
from gan_jax.models.dcgan import DCGANDiscriminator, DCGANGenerator

_LATENT = 10


pytestmark = pytest.mark.usefixtures("quickly_compiled")


def _variables(module, *shape):
    """Shapes and dtypes of the variables, nothing computed."""
    return jax.eval_shape(
        lambda: module.init(jax.random.key(0), jnp.zeros((2, *shape)), train=False)
    )


def _output(module, *shape, train=False):
    """Shapes and dtypes of outputs for two examples, and of the collections they leave."""
    variables = _variables(module, *shape)
    return jax.eval_shape(
        lambda v, x: module.apply(
            v, x, train=train, mutable=["batch_stats"], rngs={"dropout": jax.random.key(1)}
        ),
        variables,
        jax.ShapeDtypeStruct((2, *shape), jnp.float32),
    )


@functools.cache
def _made(module, *shape):
    """Variables that were computed."""
    keys = {"params": jax.random.key(0), "dropout": jax.random.key(1)}
    return jax.jit(lambda: module.init(keys, jnp.zeros((1, *shape)), train=False))()


@functools.partial(jax.jit, static_argnames=("module", "train"))
def _apply(module, variables, x, seed=0, *, train):
    """Outputs, and the collections as the call leaves them."""
    return module.apply(
        variables, x, train=train, mutable=["batch_stats"], rngs={"dropout": jax.random.key(seed)}
    )


def _kernels(module, *shape):
    """Shapes of all kernels, by layer."""
    params = _variables(module, *shape)["params"]
    return {layer: p["kernel"].shape for layer, p in params.items() if "kernel" in p}


def _count(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def _normal(*shape, seed=0):
    return jnp.float32(np.random.default_rng(seed).normal(size=shape))


# The article's networks


def test_article_generator_has_the_layers_of_the_article():
    generator = ArticleGenerator()
    assert _kernels(generator, 100) == {
        "Dense_0": (100, 128),
        "Dense_1": (128, 256),
        "Dense_2": (256, 512),
        "Dense_3": (512, 1024),
        "Dense_4": (1024, 7 * 7 * 256),
        "ConvTranspose_0": (5, 5, 256, 128),
        "ConvTranspose_1": (5, 5, 128, 64),
        "ConvTranspose_2": (7, 7, 64, 1),
    }
    params = _variables(generator, 100)["params"]
    scales = [p["scale"].shape for name, p in params.items() if "BatchNorm" in name]
    assert scales == [(n,) for n in (128, 256, 512, 1024, 7 * 7 * 256, 128, 64)]
    dense = 100 * 128 + 128 * 256 + 256 * 512 + 512 * 1024 + 1024 * 12544
    convolutions = 25 * 256 * 128 + 25 * 128 * 64 + (49 * 64 + 1)
    normalisations = 2 * (128 + 256 + 512 + 1024 + 12544 + 128 + 64)
    assert _count(params) == dense + convolutions + normalisations == 14_602_433
    assert _output(generator, 100)[0].shape == (2, 28, 28, 1)


def test_article_discriminator_has_the_layers_of_the_article():
    discriminator = ArticleDiscriminator()
    assert _kernels(discriminator, 28, 28, 1) == {
        "Conv_0": (5, 5, 1, 64),
        "Conv_1": (5, 5, 64, 128),
        "Dense_0": (7 * 7 * 128, 1),
    }
    params = _variables(discriminator, 28, 28, 1)["params"]
    assert _count(params) == (25 * 64 + 64) + (25 * 64 * 128 + 128) + (6272 + 1) == 212_865
    assert discriminator.dropout_rate == 0.3
    assert _output(discriminator, 28, 28, 1)[0].shape == (2,)


@pytest.mark.parametrize("size", [(28, 28, 1), (32, 32, 3), (8, 12, 4)])
def test_article_makes_multiples_of_four(size):
    assert _output(ArticleGenerator(size), 100)[0].shape == (2, *size)
    assert _output(ArticleDiscriminator(), *size)[0].shape == (2,)


def test_article_refuses_other_sizes():
    with pytest.raises(InputError, match="30x28.*multiples of 4.*'dcgan' makes any size"):
        _variables(ArticleGenerator((30, 28, 1)), 100)


# DCGAN


@pytest.mark.parametrize(
    "size",
    [(8, 8), (9, 9), (13, 13), (28, 28), (30, 30), (32, 32), (48, 64), (100, 37), (256, 256)]
    + [(8, 256), (11, 200)],
    ids=str,
)
def test_dcgan_makes_any_size_with_any_channels(size):
    for channels in (1, 2, 3, 4):
        shape = (*size, channels)
        image, _ = _output(DCGANGenerator(shape, width=8), _LATENT)
        assert image.shape == (2, *shape) and image.dtype == jnp.float32
        logits, _ = _output(DCGANDiscriminator(width=8), *shape)
        assert logits.shape == (2,) and logits.dtype == jnp.float32


def test_dcgan_doubles_its_channels_up_to_eight_times_the_width():
    kernels = _kernels(DCGANDiscriminator(width=16), 256, 256, 3)
    assert [kernels[f"Conv_{i}"][-1] for i in range(6)] == [16, 32, 64, 128, 128, 128]
    assert _kernels(DCGANGenerator((32, 32, 1), width=16), _LATENT) == {
        "Dense_0": (_LATENT, 4 * 4 * 64),
        "ConvTranspose_0": (4, 4, 64, 32),
        "ConvTranspose_1": (4, 4, 32, 16),
        "ConvTranspose_2": (4, 4, 16, 1),
    }


@pytest.mark.parametrize(("asked", "found"), [(0, 32), (8, 8)])
def test_a_dcgan_s_discriminator_may_be_narrower(asked, found):
    config = gan_config()
    config.model.update(name="dcgan", width=32, discriminator_width=asked)
    gan = build_gan(config, (28, 28, 1), 10)
    assert (gan.generator.width, gan.discriminator.width) == (32, found)


@pytest.mark.parametrize("size", [(7, 28), (28, 257), (0, 8)], ids=str)
def test_dcgan_refuses_sizes_outside_8_to_256(size):
    message = f"{size[0]}x{size[1]}: both sides must be from 8 to 256"
    with pytest.raises(InputError, match=message):
        _variables(DCGANGenerator((*size, 1)), _LATENT)


@pytest.mark.parametrize("module", [DCGANGenerator((8, 8, 1), norm="layer"), DCGANDiscriminator(
    norm="layer")], ids=["generator", "discriminator"])  # fmt: skip
def test_dcgan_refuses_unknown_norms(module):
    shape = (_LATENT,) if isinstance(module, DCGANGenerator) else (16, 16, 1)
    with pytest.raises(InputError, match="'layer' is not known: choices: batch, none"):
        _variables(module, *shape)


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (ArticleGenerator(initialization="he"), (4,)),
        (ArticleDiscriminator(initialization="he"), (8, 8, 1)),
        (DCGANGenerator((8, 8, 1), initialization="he"), (4,)),
        (DCGANDiscriminator(initialization="he"), (8, 8, 1)),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, tuple) else "",
)
def test_unknown_initialisers_are_refused(module, shape):
    with pytest.raises(InputError, match="'he' is not known; use 'normal' or 'xavier'"):
        _variables(module, *shape)


def test_initialisation_has_the_spread_of_its_name():
    def spread(name):
        params = _made(ArticleDiscriminator(name), 8, 8, 1)["params"]
        return float(jnp.std(params["Conv_1"]["kernel"]))

    assert spread("normal") == pytest.approx(0.02, rel=0.02)
    assert spread("xavier") == pytest.approx((2 / (25 * (64 + 128))) ** 0.5, rel=0.02)
    scale = _made(DCGANGenerator((9, 13, 3), width=64), _LATENT)["params"]["BatchNorm_0"]["scale"]
    assert float(scale.mean()) == pytest.approx(1.0, abs=0.01)
    assert float(scale.std()) == pytest.approx(0.02, rel=0.3)


# What both have in common

_GENERATORS = {
    "article": ArticleGenerator((8, 12, 3)),
    "dcgan": DCGANGenerator((9, 13, 3), width=64),
}
_DISCRIMINATORS = {
    "article": ArticleDiscriminator(),
    "dcgan": DCGANDiscriminator(width=8, norm="none"),
}


@pytest.mark.parametrize("name", _GENERATORS)
def test_generated_images_fill_the_range_and_differ(name):
    generator = _GENERATORS[name]
    variables = _made(generator, _LATENT)
    latents = _normal(16, _LATENT)
    images, _ = _apply(generator, variables, latents, train=True)
    assert images.dtype == jnp.float32 and bool(jnp.all(jnp.abs(images) <= 1))
    assert float(jnp.std(images, 0).mean()) > 0.01
    # Far out the tanh saturates at the ends of the range.
    variables = variables | {"params": jax.tree.map(lambda p: 50 * p, variables["params"])}
    extreme, _ = _apply(generator, variables, latents, train=True)
    assert float(extreme.min()) == -1.0 and float(extreme.max()) == 1.0


@pytest.mark.parametrize("name", _GENERATORS)
def test_only_training_mixes_examples_and_writes_statistics(name):
    generator = _GENERATORS[name]
    variables = _made(generator, _LATENT)
    latents = _normal(6, _LATENT)
    images, kept = _apply(generator, variables, latents, train=False)
    alone, _ = _apply(generator, variables, jnp.repeat(latents[:1], 6, 0), train=False)
    np.testing.assert_allclose(images[0], alone[0], atol=1e-5)
    jax.tree.map(np.testing.assert_array_equal, kept, {"batch_stats": variables["batch_stats"]})
    mixed, updates = _apply(generator, variables, latents, train=True)
    assert float(jnp.abs(mixed - images).max()) > 1e-2
    changed = jax.tree.map(
        lambda a, b: bool(jnp.any(a != b)), updates["batch_stats"], variables["batch_stats"]
    )
    assert all(jax.tree.leaves(changed))


@pytest.mark.parametrize("name", _DISCRIMINATORS)
def test_logits_without_batch_norm_look_at_one_image(name):
    """Gradient penalties count on it."""
    discriminator = _DISCRIMINATORS[name]
    variables = _made(discriminator, 8, 8, 1)
    assert set(variables) == {"params"}

    @jax.jit
    def sensitivity(images):
        jacobian = jax.jacrev(lambda x: _apply(discriminator, variables, x, train=True)[0])(images)
        return jnp.abs(jacobian).sum((2, 3, 4))

    influence = np.asarray(sensitivity(_normal(3, 8, 8, 1)))  # of image j on logit i
    np.testing.assert_array_equal(influence[~np.eye(3, dtype=bool)], 0.0)
    assert np.diag(influence).min() > 0


def test_article_discriminator_drops_out_only_in_training():
    discriminator = ArticleDiscriminator()
    variables, images = _made(discriminator, 8, 8, 1), _normal(4, 8, 8, 1)

    def logits(seed, train):
        return np.asarray(_apply(discriminator, variables, images, seed, train=train)[0])

    assert np.abs(logits(0, True) - logits(1, True)).min() > 1e-4
    np.testing.assert_array_equal(logits(0, True), logits(0, True))
    np.testing.assert_array_equal(logits(0, False), logits(1, False))


# The recogniser


@pytest.mark.parametrize("size", [(4, 4), (5, 7), (28, 28), (32, 20), (64, 64)], ids=str)
@pytest.mark.parametrize("num_classes", [2, 10])
def test_cnn_names_its_layers(size, num_classes):
    outputs, _ = _output(CNN(num_classes, widths=(8, 16, 24), dense=32), *size, 3)
    shapes = {name: value.shape for name, value in outputs.items()}
    h, w = size
    assert shapes == {
        "block1": (2, h, w, 8),
        "block2": (2, h // 2, w // 2, 16),
        "block3": (2, h // 4, w // 4, 24),
        "penultimate": (2, 32),
        "logits": (2, num_classes),
    }


def test_cnn_may_be_deeper_than_the_image_can_be_halved():
    outputs, _ = _output(CNN(3, widths=(4,) * 6), 8, 8, 1)
    assert [outputs[f"block{i}"].shape[1] for i in range(1, 7)] == [8, 4, 2, 1, 1, 1]


@pytest.mark.parametrize(
    ("network", "shape", "message"),
    [
        (CNN(1), (8, 8, 1), "at least 2 classes, got 1"),
        (CNN(10), (3, 8, 1), "at least 4x4 pixels, got 3x8"),
    ],
)
def test_cnn_refuses_what_it_cannot_read(network, shape, message):
    with pytest.raises(InputError, match=message):
        _variables(network, *shape)


def test_cnn_features_are_non_negative_and_free_of_dropout():
    network = CNN(3, widths=(4, 4), dense=16, dropout_rate=0.5)
    variables, images = _made(network, 8, 8, 1), _normal(4, 8, 8, 1)

    one, _ = _apply(network, variables, images, 0, train=True)
    other, _ = _apply(network, variables, images, 1, train=True)
    for name in ("block1", "block2", "penultimate"):
        assert float(one[name].min()) == 0.0 < float(one[name].max())
        np.testing.assert_array_equal(one[name], other[name])
    assert float(jnp.abs(one["logits"] - other["logits"]).max()) > 0.01


# bfloat16


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda dtype: ArticleGenerator((8, 8, 1), dtype=dtype), (_LATENT,)),
        (lambda dtype: ArticleDiscriminator(dtype=dtype), (8, 8, 1)),
        (lambda dtype: DCGANGenerator((16, 16, 1), width=8, dtype=dtype), (_LATENT,)),
        (lambda dtype: DCGANDiscriminator(width=8, dtype=dtype), (16, 16, 1)),
        (lambda dtype: CNN(3, (8, 8), 16, dtype=dtype), (16, 16, 1)),
    ],
    ids=["article generator", "article discriminator", "generator", "discriminator", "cnn"],
)
def test_bfloat16_computes_with_float32_parameters_statistics_and_outputs(make, shape):
    module = make(jnp.bfloat16)
    output, updates = _output(module, *shape, train=True)
    for leaf in jax.tree.leaves((_variables(module, *shape), updates)):
        assert leaf.dtype == jnp.float32
    logits = output["logits"] if isinstance(output, dict) else output
    assert logits.dtype == jnp.float32
    # It is not float32 in disguise, and near it.
    variables, x = _made(module, *shape), _normal(8, *shape)

    def run(dtype):
        output, _ = _apply(make(dtype), variables, x, train=False)
        return np.asarray(output["logits"] if isinstance(output, dict) else output)

    half, whole = run(jnp.bfloat16), run(None)
    difference = np.abs(half - whole).max() / np.abs(whole).max()
    assert 1e-5 < difference < 0.05
