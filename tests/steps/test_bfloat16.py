"""bfloat16 computation in training: parameters, statistics and losses stay float32 and sane."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.data import batch_indices, load
from gan_jax.models.article import ArticleDiscriminator, ArticleGenerator
from gan_jax.models.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_jax.steps import gan_step, simultaneous_step
from gan_jax.steps.penalties import R1
from gan_jax.steps.state import GAN, create_gan_state

_STEPS = 12


def _networks(name, dtype):
    if name == "article":
        return ArticleGenerator((8, 8, 1), dtype=dtype), ArticleDiscriminator(dtype=dtype)
    norm = "none" if name == "dcgan_r1" else "batch"
    return (
        DCGANGenerator((8, 8, 1), width=8, dtype=dtype),
        DCGANDiscriminator(width=8, norm=norm, dtype=dtype),
    )


def _train(name, dtype, update):
    images = load({"name": "mnist5k", "image_size": (8, 8)}, "train").images / 127.5 - 1.0
    adam, key = optax.adam(1e-3, b1=0.5), jax.random.key(0)
    penalties = (R1(1.0),) if name == "dcgan_r1" else ()
    gan = GAN(*_networks(name, dtype), adam, adam, 8, penalties=penalties)
    state = create_gan_state(gan, key, (8, 8, 1))
    step = jax.jit(functools.partial(update, gan=gan))
    losses = []
    for rows in batch_indices(len(images), 32, seed=0, step=0, num_steps=_STEPS):
        state, metrics = step(state, {"images": jnp.float32(images[rows])}, key)
        losses.append([float(metrics["loss/discriminator"]), float(metrics["loss/generator"])])
    return state, np.array(losses)


@pytest.mark.parametrize(
    "update", [gan_step, pytest.param(simultaneous_step, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
    "name", [pytest.param("article", marks=pytest.mark.slow), "dcgan", "dcgan_r1"]
)
def test_training_stays_close_to_float32(name, update):
    state, losses = _train(name, jnp.bfloat16, update)
    _, whole = _train(name, None, update)
    for leaf in jax.tree.leaves(state):
        assert leaf.dtype != jnp.bfloat16
    assert np.isfinite(losses).all()
    np.testing.assert_allclose(losses[0], whole[0], atol=0.03)  # one forward pass's rounding
    np.testing.assert_allclose(losses.mean(0), whole.mean(0), rtol=0.15)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.ema))
