"""The network of super-resolution: how it begins, its channels, and large images in tiles."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.models.resampling import double_nearest
from gan_jax.models.super_resolution import SuperResolutionGenerator, depth_to_space
from gan_jax.sampling.enlarge import enlarge


def initialised(network, shape):
    images = jnp.zeros((1, *shape))
    return jax.jit(lambda: network.init(jax.random.key(0), images, train=False))()


@pytest.mark.parametrize("upsampling", ["subpixel", "resize"])
def test_the_network_begins_as_repeated_pixels_at_any_size(upsampling):
    network = SuperResolutionGenerator(4, width=2, blocks=1, upsampling=upsampling)
    variables = initialised(network, (4, 4, 2))
    for size in ((4, 4), (3, 7)):
        images = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (2, *size, 2)), jnp.float32)
        expected = double_nearest(double_nearest(images))
        found = jax.jit(functools.partial(network.apply, train=True))(variables, images)
        np.testing.assert_array_equal(found, expected)


def test_channels_become_pixels_in_their_places():
    x = jnp.arange(2 * 3 * 8.0).reshape(1, 2, 3, 8)
    found = np.asarray(depth_to_space(x))
    for row, column in np.ndindex(2, 2):
        phase = 2 * row + column
        expected = x[..., 2 * phase : 2 * phase + 2]
        np.testing.assert_array_equal(found[:, row::2, column::2], expected)


def test_tiles_are_the_whole(monkeypatch):
    """A large image in windows equals the same at once, borders and seams included."""
    network = SuperResolutionGenerator(2, width=2, blocks=1)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (41, 67, 1), dtype=np.uint8)
    variables = jax.tree.map(
        lambda x: x + np.float32(0.1 * rng.normal(size=x.shape)), initialised(network, (4, 4, 1))
    )
    whole = enlarge(network, variables, image, 1)
    assert whole.shape == (82, 134, 1)
    monkeypatch.setattr("gan_jax.sampling.enlarge.TILE", 12)
    tiled = enlarge(network, variables, image, 1)
    assert np.abs(whole.astype(int) - tiled).max() <= 1  # the order of sums
    assert np.mean(whole == tiled) > 0.99
    colour = enlarge(network, variables, image.repeat(3, 2), 1)
    np.testing.assert_array_equal(colour, whole.repeat(3, 2))
