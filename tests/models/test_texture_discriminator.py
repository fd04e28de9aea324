"""The texture GAN's discriminator: logits of positions, of classes, of several scales."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.models.texture_discriminator import TextureDiscriminator

pytestmark = pytest.mark.usefixtures("quickly_compiled")


def _normal(*shape, seed=0):
    return jnp.float32(np.random.default_rng(seed).normal(size=shape))


def test_logits_are_means_over_the_image():
    """An image on a torus, laid side by side with itself, has the same logit but for borders."""
    network = TextureDiscriminator(4, 2, norm="none", initialization="xavier")
    images = jnp.tile(_normal(2, 16, 16, 1), (1, 8, 8, 1))
    variables = network.init(jax.random.key(0), images[:, :16, :16], train=False)
    apply = jax.jit(functools.partial(network.apply, train=False))
    small, large = apply(variables, images[:, :64, :64]), apply(variables, images)
    assert float(jnp.abs(large[0] - large[1])) > 0.01
    np.testing.assert_allclose(small, large, atol=0.1 * float(jnp.abs(large).max()))
    shift = variables["params"]["Dense_0"]["bias"] + 1.5
    variables["params"]["Dense_0"]["bias"] = shift
    np.testing.assert_allclose(apply(variables, images), large + 1.5, rtol=1e-5)


def test_logits_of_positions_are_those_that_are_averaged():
    network = TextureDiscriminator(4, 2, norm="none", initialization="xavier")
    images = _normal(3, 16, 24, 1)
    variables = network.init(jax.random.key(0), images, train=False)
    logits = network.clone(pooled=False).apply(variables, images, train=False)
    assert logits.shape == (3, 4 * 6)
    np.testing.assert_allclose(
        logits.mean(1), network.apply(variables, images, train=False), rtol=1e-5, atol=1e-7
    )


def test_a_class_adds_the_product_of_its_embedding_with_the_features():
    network = TextureDiscriminator(4, 2, num_classes=3, norm="none", initialization="xavier")
    image = jnp.tile(_normal(1, 16, 16, 1), (3, 1, 1, 1))
    variables = network.init(jax.random.key(0), image, jnp.arange(3), train=False)
    table = variables["params"]["Embedding_0"]["embedding"].at[1].set(0.0)
    variables = {"params": variables["params"] | {"Embedding_0": {"embedding": table}}}
    logits = network.apply(variables, image, jnp.arange(3), train=False)
    plain = network.clone(num_classes=0).apply(variables, image, train=False)
    np.testing.assert_allclose(logits[1], plain[1], rtol=1e-6)
    assert abs(float(logits[0] - logits[2])) > 1e-3
    # Linear in the embedding.
    doubled = {"params": variables["params"] | {"Embedding_0": {"embedding": 2 * table}}}
    twice = network.apply(doubled, image, jnp.arange(3), train=False)
    np.testing.assert_allclose(twice - plain, 2 * (logits - plain), rtol=1e-4, atol=1e-6)


def test_logits_without_batch_norm_look_at_one_image():
    network = TextureDiscriminator(4, 2, norm="none", initialization="xavier")
    images = _normal(3, 16, 16, 1)
    variables = network.init(jax.random.key(0), images, train=False)
    assert set(variables) == {"params"}
    jacobian = jax.jit(jax.jacrev(lambda x: network.apply(variables, x, train=True)))(images)
    influence = np.asarray(jnp.abs(jacobian).sum((2, 3, 4)))
    np.testing.assert_array_equal(influence[~np.eye(3, dtype=bool)], 0.0)
    assert np.diag(influence).min() > 0


SCALED = TextureDiscriminator(4, 2, 3, pooled=False, norm="none", initialization="xavier")


@pytest.mark.parametrize("size", [(16, 16), (21, 37)], ids=str)
def test_every_scale_has_as_many_logits_and_so_counts_alike(size):
    images = _normal(2, *size, 1)
    variables = SCALED.init(jax.random.key(0), images, train=False)
    logits = SCALED.apply(variables, images, train=False)
    positions = -(-size[0] // 4) * -(-size[1] // 4)
    assert logits.shape == (2, 3 * positions)
    pooled = SCALED.clone(pooled=True).apply(variables, images, train=False)
    np.testing.assert_allclose(pooled, logits.mean(1), rtol=1e-5, atol=1e-7)


def test_a_scale_is_a_discriminator_of_the_image_at_half_the_size():
    images = _normal(2, 32, 16, 1)
    variables = SCALED.init(jax.random.key(0), images, train=False)
    logits = SCALED.apply(variables, images, train=False).reshape(2, 3, 8, 4)
    halves = images.reshape(2, 16, 2, 8, 2, 1).mean((2, 4))
    second = {f"Conv_{i}": variables["params"][f"Conv_{2 + i}"] for i in range(2)}
    second["Dense_0"] = variables["params"]["Dense_1"]
    alone = SCALED.clone(scales=1).apply({"params": second}, halves, train=False)
    expected = alone.reshape(2, 4, 2).repeat(2, 1).repeat(2, 2)
    np.testing.assert_allclose(logits[:, 1], expected, rtol=1e-5, atol=1e-6)


def test_a_coarse_scale_does_not_see_what_averages_out():
    """Pixels that alternate: only the first scale can tell them from an even grey."""
    grain = jnp.tile(jnp.array([[1.0, -1.0], [-1.0, 1.0]]), (8, 8))[None, ..., None]
    variables = SCALED.init(jax.random.key(0), grain, train=False)
    seen, grey = (
        SCALED.apply(variables, images, train=False).reshape(3, -1)
        for images in (grain, jnp.zeros_like(grain))
    )
    assert float(jnp.abs(seen[0] - grey[0]).min()) > 1e-3
    np.testing.assert_array_equal(seen[1:], grey[1:])


def test_scales_with_classes():
    network = SCALED.clone(num_classes=2)
    images = jnp.tile(_normal(1, 16, 16, 1), (2, 1, 1, 1))
    variables = network.init(jax.random.key(0), images, jnp.arange(2), train=False)
    logits = network.apply(variables, images, jnp.arange(2), train=False).reshape(2, 3, -1)
    assert float(jnp.abs(logits[0] - logits[1]).max(-1).min()) > 1e-3


@pytest.mark.parametrize(
    ("scales", "message"),
    [(0, "scales is 0.*1 or more"), (4, "16x16 are too small for 4 .* need 32")],
)
def test_scales_that_cannot_be(scales, message):
    with pytest.raises(InputError, match=message):
        SCALED.clone(scales=scales).init(jax.random.key(0), jnp.zeros((1, 16, 16, 1)), train=False)
