"""Textures of any size: tiles fit, edges wrap, textures mix across space."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.sampling.textures import sample_texture
from tests.networks import TEXTURE

pytestmark = pytest.mark.usefixtures("quickly_compiled")


@functools.cache
def _variables(generator=TEXTURE):
    latents = jnp.zeros((1, generator.latent_dim))
    variables = jax.jit(lambda: generator.init(jax.random.key(0), latents, train=False))()
    # Contrast that can be seen, and textures that differ in brightness.
    params = jax.tree.map(lambda p: p, variables["params"])
    last = f"ConvTranspose_{generator.levels - 1}"
    params[last] = params[last] | {"kernel": 4 * params[last]["kernel"]}
    return variables | {"params": params}


def _sample(size, generator=TEXTURE, *, seed=0, **options):
    return sample_texture(generator, _variables(generator), size, seed=seed, **options)


def _assert_same(one, other):
    """Equal but for pixels that lay between two values."""
    difference = np.abs(one.astype(int) - other)
    assert difference.max() <= 1 and (difference > 0).mean() < 0.01
    assert one.std() > 5


# Size and tiles


def test_tiles_fit_together():
    whole = _sample((45, 38), tile=64, texture=0)
    assert whole.shape == (45, 38, 1) and whole.dtype == np.uint8
    _assert_same(_sample((45, 38), tile=8, texture=0), whole)


def test_a_larger_texture_continues_a_smaller_one():
    large = _sample((61, 50), tile=16, texture=1)
    for size in [(1, 1), (3, 50), (17, 5)]:
        small = _sample(size, tile=16, texture=1)
        assert small.shape == (*size, 1)
        assert np.abs(small.astype(int) - large[: size[0], : size[1]]).max() <= 1


def test_windows_onto_one_texture_agree_wherever_they_lie():
    whole = _sample((48, 48), tile=16, origin=(-21, -13))
    _assert_same(_sample((20, 30), tile=16, origin=(-4, 2)), whole[17:37, 15:45])


def test_channels_are_those_of_the_generator():
    generator = TEXTURE.clone(image_shape=(16, 16, 3), num_textures=1, num_waves=0)
    image = _sample((13, 21), generator)
    assert image.shape == (13, 21, 3) and image.std() > 5


def test_the_seed_decides():
    images = [_sample((24, 24), tile=16, seed=seed, texture=0) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(images[0], images[1])
    assert (images[0] != images[2]).mean() > 0.8


# Wrapping


@pytest.mark.parametrize("tile", [8, 16, 64])
def test_a_wrapped_texture_repeats(tile):
    size = (24, 32)
    image = _sample(size, tile=tile, wrap=True, texture=0)
    shifted = _sample(size, tile=tile, wrap=True, texture=0, origin=(13, -7))
    _assert_same(shifted, np.roll(image, (-13, 7), (0, 1)))
    doubled = np.tile(image, (2, 2, 1))
    # The window over the corner where four copies meet.
    corner = _sample(size, tile=tile, wrap=True, texture=0, origin=(12, 16))
    _assert_same(corner, doubled[12:36, 16:48])


def test_a_texture_that_does_not_wrap_does_not_repeat():
    size = (24, 32)
    shifted = _sample(size, tile=16, texture=0, origin=size)
    assert (shifted != _sample(size, tile=16, texture=0)).mean() > 0.8


def test_wrapping_hardly_changes_long_waves():
    """Only the wave numbers are rounded; in a large image that is a small change of length."""
    generator = TEXTURE.clone(num_textures=1, num_waves=1)
    variables = _variables(generator)
    waves = 2 * np.pi * generator.cell / np.array([[[8.0, np.inf]]])
    params = variables["params"] | {"wave_numbers": jnp.float32(waves)}
    variables = variables | {"params": params}
    options = dict(seed=0, tile=16)
    free = sample_texture(generator, variables, (32, 32), **options)
    wrapped = sample_texture(generator, variables, (32, 32), wrap=True, **options)
    inside = (slice(12, 20), slice(12, 20))  # whose noise has no wrapped neighbour
    np.testing.assert_allclose(free[inside].astype(int), wrapped[inside], atol=1)


# Several textures


def test_a_number_is_a_share_of_one():
    first, second = (_sample((24, 24), tile=16, texture=k) for k in (0, 1))
    np.testing.assert_array_equal(_sample((24, 24), tile=16, texture=[3.0, 0.0]), first)
    assert (first != second).mean() > 0.5
    half = _sample((24, 24), tile=16, texture=[0.5, 0.5])
    assert (half != first).mean() > 0.3 and (half != second).mean() > 0.3


def test_the_seed_draws_a_texture_if_none_is_given():
    choices = [_sample((24, 24), tile=16, texture=k, seed=s) for s in range(6) for k in (0, 1)]
    drawn = [_sample((24, 24), tile=16, seed=s) for s in range(6)]
    found = [[np.array_equal(drawn[s], choices[2 * s + k]) for k in (0, 1)] for s in range(6)]
    assert all(sum(pair) == 1 for pair in found)
    assert len({pair.index(True) for pair in found}) == 2


def test_textures_change_across_space_from_edge_to_edge():
    size, options = (32, 160), dict(tile=16, seed=3)
    left, right = (_sample(size, texture=k, **options) for k in (0, 1))
    points = np.eye(2)[None]  # one row, two columns
    mixed = _sample(size, texture=points, **options).astype(int)
    _assert_same(_sample(size, texture=points, tile=64, seed=3), mixed.astype(np.uint8))
    near_left = np.abs(mixed - left)[:, :16].mean(), np.abs(mixed - right)[:, :16].mean()
    near_right = np.abs(mixed - right)[:, -16:].mean(), np.abs(mixed - left)[:, -16:].mean()
    assert near_left[0] < 0.4 * near_left[1] and near_right[0] < 0.4 * near_right[1]
    # Points that are all alike are one texture.
    alike = np.broadcast_to(np.eye(2)[1], (3, 2, 2))
    _assert_same(_sample(size, texture=alike, **options), right)


def test_textures_that_change_across_space_wrap_too():
    size = (16, 64)
    image = _sample(size, tile=16, wrap=True, texture=np.eye(2)[None]).astype(int)
    # The shares at the edges are equal, so the step over the edge is one like any other.
    steps = np.abs(np.roll(image, -1, 1) - image).mean((0, 2))
    assert steps[-1] <= steps[:-1].max()
    left = _sample(size, tile=16, wrap=True, texture=0)
    assert np.abs(image - left)[:, :2].mean() < 0.5 * np.abs(image - left)[:, 31:33].mean()


# What is wrong is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": (0, 9)}, r"size is \(0, 9\); expected two whole numbers of 1 or more"),
        ({"size": 9}, "size is 9; expected two whole numbers"),
        ({"size": (9.5, 9)}, "size is .9.5, 9.; expected two whole numbers"),
        ({"origin": (0.5, 0)}, "origin is .0.5, 0."),
        ({"tile": 3}, "tile is 3; expected at least a cell of noise, 4 pixels"),
        ({"wrap": True, "size": (9, 30)}, "9x30 with wrap.*Make it 8x32"),
        ({"wrap": True, "size": (1, 8)}, "Make it 4x8"),
        ({"texture": 2}, "texture is 2; the generator holds 2.*from 0 to 1"),
        ({"texture": -1}, "texture is -1"),
        ({"texture": 0.5}, "texture is 0.5"),
        ({"texture": [1.0, 0.0, 0.0]}, r"shape \[3\]; expected a number, shares \[2\]"),
        ({"texture": np.ones((2, 2))}, r"shape \[2, 2\]"),
        ({"texture": [0.0, 0.0]}, "all 0"),
        ({"texture": [2.0, -1.0]}, "below 0"),
        ({"texture": [np.nan, 1.0]}, "not finite"),
    ],
    ids=str,
)
def test_bad_arguments(options, message):
    with pytest.raises(InputError, match=message):
        _sample(**({"size": (9, 9)} | options))
