"""A tiny GAN in float64, its batch, and its passes in plain JAX, for the tests of the steps."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gan_jax.steps.axis import draw_latents, named_key
from gan_jax.steps.state import GAN, create_gan_state
from tests.networks import LATENT_DIM, SHAPE, TinyDiscriminator, TinyGenerator

KEY = jax.random.key(3)
COUNT = 6
RATE, B1, B2, EPSILON = 0.05, 0.5, 0.99, 1e-8
ADAM = optax.adam(RATE, b1=B1, b2=B2, eps=EPSILON)


def double(tree):
    return jax.tree.map(
        lambda x: x.astype(jnp.float64) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree
    )


def make_batch(seed=0):
    images = np.random.default_rng(seed).uniform(-1, 1, (COUNT, *SHAPE))
    return {"images": jnp.asarray(images), "labels": jnp.arange(COUNT) % 3}


def make_gan(discriminator=None, **fields):
    discriminator = discriminator or TinyDiscriminator(dropout_rate=0.0)
    return GAN(TinyGenerator(), discriminator, ADAM, ADAM, LATENT_DIM, **fields)


def make_state(gan):
    return double(_created(gan.discriminator, gan.lecam, gan.augment))


@functools.cache
def _created(discriminator, lecam, augment):
    gan = make_gan(discriminator, lecam=lecam, augment=augment)
    return create_gan_state(gan, KEY, SHAPE)


@functools.cache
def jitted(update, **static):
    return jax.jit(functools.partial(update, **static))


def leaves(tree):
    return [np.array(leaf) for leaf in jax.tree.leaves(tree)]


def same(tree, other):
    assert jax.tree.structure(tree) == jax.tree.structure(other)
    return all(map(np.array_equal, leaves(tree), leaves(other)))


def assert_close(tree, other):
    assert jax.tree.structure(tree) == jax.tree.structure(other)
    for a, b in zip(leaves(tree), leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def purpose_latents(purpose, step=0):
    key = named_key(jax.random.fold_in(KEY, step), purpose)
    return draw_latents(named_key(key, "latents"), jnp.arange(COUNT), LATENT_DIM)


@jax.jit
def plain_images(params, latents):
    """TinyGenerator in training mode, and the running statistics after it."""
    x = latents @ params["Dense_0"]["kernel"]
    mean, variance = x.mean(0), x.var(0)
    normal = (x - mean) / jnp.sqrt(variance + 1e-5)
    x = normal * params["BatchNorm_0"]["scale"] + params["BatchNorm_0"]["bias"]
    x = jnp.tanh(x @ params["Dense_1"]["kernel"] + params["Dense_1"]["bias"])
    return x.reshape(-1, *SHAPE), {"mean": 0.1 * mean, "var": 0.9 + 0.1 * variance}


def plain_logits(params, images):
    """TinyDiscriminator without batch normalisation and dropout."""
    x = images.reshape(len(images), -1) @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"]
    x = jnp.log1p(jnp.exp(x))
    return (x @ params["Dense_1"]["kernel"] + params["Dense_1"]["bias"])[:, 0]


@jax.jit
def plain_adam(params, gradients):
    """Adam's parameters after each of the gradients (Kingma and Ba 2015, algorithm 1)."""
    first = second = jax.tree.map(jnp.zeros_like, params)
    for t, gradient in enumerate(gradients, start=1):
        first = jax.tree.map(lambda m, g: B1 * m + (1 - B1) * g, first, gradient)
        second = jax.tree.map(lambda v, g: B2 * v + (1 - B2) * g**2, second, gradient)
        mean = jax.tree.map(lambda m, t=t: m / (1 - B1**t), first)
        spread = jax.tree.map(lambda v, t=t: jnp.sqrt(v / (1 - B2**t)) + EPSILON, second)
        params = jax.tree.map(lambda p, m, s: p - RATE * m / s, params, mean, spread)
    return params
