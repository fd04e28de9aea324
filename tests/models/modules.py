"""Networks made and run as the tests of models need them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np


def normal(*shape, seed=0):
    """Normal numbers, float32."""
    return jnp.float32(np.random.default_rng(seed).normal(size=shape))


def shapes_of(module, *shape):
    """The shapes of a network's variables, for examples of `shape`."""
    return jax.eval_shape(
        lambda: module.init(jax.random.key(0), jnp.zeros((1, *shape)), train=False)
    )


@functools.cache
def made(module, *shape):
    """A network's variables, for examples of `shape`; made once."""
    init = jax.jit(lambda: module.init(jax.random.key(0), jnp.zeros((1, *shape)), train=False))
    return init()
