"""Latents, interpolation, and images from a trained generator."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.runtime.pixels import to_float, to_uint8
from gan_jax.sampling.generate import (
    blend_classes,
    generate_images,
    interpolate,
    sample_labels,
    sample_latents,
)
from tests.networks import LATENT_DIM, ConditionalGenerator


class _Generator(nn.Module):
    """tanh of a linear map after batch normalisation, as 2x3 images."""

    @nn.compact
    def __call__(self, latents, *, train):
        x = nn.BatchNorm(use_running_average=not train)(latents)
        return jnp.tanh(nn.Dense(2 * 3 * 1)(x)).reshape(-1, 2, 3, 1)


@pytest.fixture(scope="module")
def variables():
    variables = _Generator().init(jax.random.key(0), jnp.zeros((1, 4)), train=False)
    stats = {"BatchNorm_0": {"mean": jnp.arange(4) / 8, "var": 1 + jnp.arange(4.0)}}
    return {"params": variables["params"], "batch_stats": stats}


def _expected(variables, latents):
    stats = variables["batch_stats"]["BatchNorm_0"]
    x = (latents - np.asarray(stats["mean"])) / np.sqrt(np.asarray(stats["var"]) + 1e-5)
    dense = variables["params"]["Dense_0"]
    x = np.tanh(x @ np.asarray(dense["kernel"]) + np.asarray(dense["bias"]))
    return x.reshape(-1, 2, 3, 1)


def test_images_are_what_the_running_statistics_give(variables):
    latents = sample_latents(0, 21, 4)
    images = generate_images(_Generator(), variables, latents, batch_size=8)
    assert images.dtype == np.uint8 and images.shape == (21, 2, 3, 1)
    exact = (_expected(variables, latents.astype(np.float64)) + 1) * 127.5
    assert np.abs(images - exact).max() < 0.501  # the nearest integer
    assert images.std() > 10


def test_an_image_does_not_depend_on_its_batch(variables):
    latents = sample_latents(0, 21, 4)
    images = generate_images(_Generator(), variables, latents, batch_size=8)
    on_host = jax.tree.map(np.asarray, variables)
    np.testing.assert_array_equal(
        generate_images(_Generator(), on_host, latents[3:7], batch_size=500), images[3:7]
    )


def test_latents_belong_to_the_seed_and_the_row():
    latents = sample_latents(3, 10, 6)
    assert latents.dtype == np.float32
    np.testing.assert_array_equal(sample_latents(3, 4, 6), latents[:4])
    assert np.abs(sample_latents(4, 10, 6) - latents).min() > 0


def test_interpolation_goes_along_the_great_circle():
    start, end = np.array([3.0, 0.0, 0.0]), np.array([0.0, 3.0, 0.0])
    path = interpolate(start, end, 7)
    assert path.shape == (7, 3) and path.dtype == np.float32
    angles = np.linspace(0, np.pi / 2, 7)
    expected = 3 * np.stack([np.cos(angles), np.sin(angles), 0 * angles], 1)
    np.testing.assert_allclose(path, expected, atol=1e-6)


def test_interpolation_keeps_its_ends_and_typical_lengths():
    start, end = sample_latents(0, 2, 64)
    path = interpolate(start, end, 9)
    np.testing.assert_allclose(path[[0, -1]], [start, end], atol=1e-6)
    lengths = np.linalg.norm(path, axis=1)
    assert lengths.min() > 0.95 * min(lengths[0], lengths[-1])  # a straight line falls to 0.7


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0])
def test_interpolation_between_parallel_latents_is_straight(factor):
    start = np.array([1.0, -2.0, 0.5])
    path = interpolate(start, factor * start, 5)
    expected = np.linspace(1.0, factor, 5)[:, None] * start
    np.testing.assert_allclose(path, expected, atol=1e-6)


def test_pixels_go_there_and_back():
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    images = to_float(jnp.asarray(pixels))
    assert images.dtype == jnp.float32
    assert (float(images.min()), float(images.max())) == (-1.0, 1.0)
    np.testing.assert_array_equal(to_uint8(images), pixels)


def test_pixels_are_rounded_and_clipped():
    values = jnp.array([-3.0, -1.0, -1 + 0.4 / 127.5, -1 + 0.6 / 127.5, 0.0, 1.0, 7.0])
    np.testing.assert_array_equal(to_uint8(values), [0, 0, 0, 1, 128, 255, 255])
    assert to_uint8(jnp.bfloat16(values)).dtype == jnp.uint8


# Classes


def test_labels_belong_to_the_seed_and_the_row():
    labels = sample_labels(3, 50, 7)
    assert labels.dtype == np.int32 and labels.shape == (50,)
    np.testing.assert_array_equal(sample_labels(3, 20, 7), labels[:20])
    assert np.mean(sample_labels(4, 50, 7) == labels) < 0.5


@pytest.mark.parametrize("frequencies", [None, [3, 0, 1, 0], [0.0, 0.0, 0.0, 2.0]])
def test_labels_come_at_their_frequencies(frequencies):
    labels = sample_labels(0, 4000, 4, frequencies)
    shares = np.bincount(labels, minlength=4) / 4000
    expected = np.ones(4) if frequencies is None else np.array(frequencies)
    expected = expected / expected.sum()
    assert np.all(shares[expected == 0] == 0)
    np.testing.assert_allclose(shares, expected, atol=0.03)  # 4 standard errors


@pytest.mark.parametrize(
    ("num_classes", "frequencies", "message"),
    [
        (0, None, "num_classes is 0"),
        (3, [1, 1], "expected 3 numbers"),
        (2, [1, -1], "0 or more"),
        (2, [0, 0], "not all 0"),
        (2, [1, np.nan], "0 or more"),
    ],
)
def test_frequencies_that_cannot_be(num_classes, frequencies, message):
    with pytest.raises(InputError, match=message):
        sample_labels(0, 5, num_classes, frequencies)


@pytest.fixture(scope="module")
def conditional():
    inputs = jnp.zeros((1, LATENT_DIM)), jnp.zeros((1,), jnp.int32)
    variables = ConditionalGenerator().init(jax.random.key(0), *inputs, train=False)
    return jax.tree.map(np.asarray, variables)


def test_images_follow_their_own_labels(conditional):
    latents, labels = sample_latents(0, 9, LATENT_DIM), np.arange(9) % 3
    images = generate_images(
        ConditionalGenerator(), conditional, latents, labels=labels, batch_size=8
    )
    for row in (0, 4, 8):
        alone = generate_images(
            ConditionalGenerator(), conditional, latents[row : row + 1], labels=labels[[row]]
        )
        np.testing.assert_array_equal(alone[0], images[row])
    others = generate_images(ConditionalGenerator(), conditional, latents, labels=(labels + 1) % 3)
    assert not np.array_equal(others, images)
    with pytest.raises(InputError, match="8 labels for 9 latents"):
        generate_images(ConditionalGenerator(), conditional, latents, labels=labels[:8])


def test_blended_classes_lie_between_their_ends(conditional):
    """At the ends the classes themselves, in between half of each row; no other class changes."""
    table = conditional["params"]["Embed_0"]["embedding"]
    for share, expected in ((0.0, table[0]), (0.5, (table[0] + table[2]) / 2), (1.0, table[2])):
        blended = blend_classes(conditional, 0, 2, share)
        found = blended["params"]["Embed_0"]["embedding"]
        np.testing.assert_allclose(found[0], expected, rtol=1e-6)
        np.testing.assert_array_equal(found[1:], table[1:])
        assert blended["batch_stats"] is conditional["batch_stats"]
    latents = sample_latents(0, 2, LATENT_DIM)
    asked, blended = (
        generate_images(ConditionalGenerator(), values, latents, labels=labels)
        for values, labels in (
            (conditional, np.array([2, 2])),
            (blend_classes(conditional, 0, 2, 1.0), np.array([0, 0])),
        )
    )
    np.testing.assert_array_equal(asked, blended)


def test_an_unconditional_generator_has_no_classes_to_blend(variables):
    with pytest.raises(InputError, match="not conditional"):
        blend_classes(variables, 0, 1, 0.5)
