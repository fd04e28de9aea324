"""What a conditional GAN is asked for and shown by: the training set's classes and their mix."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.data import Dataset
from gan_jax.sampling.classes import asked_labels, class_pictures, draw_classes
from gan_jax.sampling.generate import generate_images, sample_latents
from gan_jax.steps.state import GAN
from tests.networks import (
    LATENT_DIM,
    SHAPE,
    ConditionalDiscriminator,
    ConditionalGenerator,
    TinyDiscriminator,
    TinyGenerator,
)

SGD = optax.sgd(0.1)
GENERATOR = ConditionalGenerator(num_classes=4)
GAN_OF_FOUR = GAN(
    GENERATOR, ConditionalDiscriminator(num_classes=4), SGD, SGD, LATENT_DIM, num_classes=4
)


@pytest.fixture(scope="module")
def train():
    """Three images of class 0, nine of class 2, twelve of class 3, none of class 1."""
    labels = np.repeat([0, 2, 3], [3, 9, 12]).astype(np.int32)
    images = np.arange(24, dtype=np.uint8)[:, None, None, None] * np.ones(SHAPE, np.uint8)
    return Dataset("t", "train", images, labels=labels, class_names=("a", "b", "c", "d"))


@pytest.fixture(scope="module")
def variables():
    inputs = jnp.zeros((1, LATENT_DIM)), jnp.zeros((1,), jnp.int32)
    variables = GENERATOR.init(jax.random.key(0), *inputs, train=False)
    return jax.tree.map(np.asarray, variables)


def test_classes_are_asked_for_in_the_training_sets_mix(train):
    labels = asked_labels(GAN_OF_FOUR, train, seed=0, count=3000)
    shares = np.bincount(labels, minlength=4) / 3000
    np.testing.assert_allclose(shares, [3 / 24, 0, 9 / 24, 12 / 24], atol=0.03)
    assert shares[1] == 0
    plain = GAN(TinyGenerator(), TinyDiscriminator(), SGD, SGD, LATENT_DIM)
    assert asked_labels(plain, train, seed=0, count=3) is None


def test_classes_without_names_go_by_number(train):
    assert train.label_names == ("a", "b", "c", "d")
    assert dataclasses.replace(train, class_names=None).label_names == ("0", "1", "2", "3")


def test_a_row_is_a_class_and_a_column_a_latent(train, variables):
    latents = sample_latents(0, 5, LATENT_DIM)
    rows = draw_classes(GAN_OF_FOUR, variables, train, latents, batch_size=8)
    assert rows.names == ("a", "c", "d") and rows.images.shape == (3, 5, *SHAPE)
    for row, label in zip(rows.images, (0, 2, 3), strict=True):
        labels = np.full(5, label)
        np.testing.assert_array_equal(
            row, generate_images(GENERATOR, variables, latents, labels=labels)
        )


def test_real_images_and_walks_are_of_the_classes_named(train, variables):
    latents = sample_latents(0, 20, LATENT_DIM)
    shown = class_pictures(GAN_OF_FOUR, variables, train, latents, batch_size=8)
    assert shown.real.names == shown.generated.names == shown.within.names == ("a", "c", "d")
    assert shown.between.names == ("a to c", "c to d", "d to a")
    for row, members in zip(shown.real.images, ({0, 1, 2}, set(range(3, 12)), set(range(12, 24)))):
        assert set(row[:, 0, 0, 0].tolist()) <= members
    first = shown.generated.images[:, 0]
    np.testing.assert_array_equal(shown.between.images[:, 0], first)
    np.testing.assert_array_equal(shown.between.images[:, -1], np.roll(first, -1, axis=0))
    np.testing.assert_array_equal(shown.within.images[:, 0], first)
    np.testing.assert_array_equal(shown.within.images[:, -1], shown.generated.images[:, 1])
