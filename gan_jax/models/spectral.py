"""Spectral normalisation (Miyato et al. 2018): kernels divided by their largest singular value."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array, lax

COLLECTION = "spectral"
_INITIAL_ITERATIONS = 15  # from a random vector, so that the first estimate is not far too small
_SMALLEST = 1e-12  # keeps a kernel of zeros at zero


def spectral_normalise(module: nn.Module, kernel: Array, *, update: bool) -> Array:
    """The kernel divided by an estimate of its spectral norm (Miyato et al. 2018, algorithm 1).

    The kernel is seen as a matrix M from all its axes but the last, v, to the last, u. The estimate
    is v'Mu, with u and v constant in derivatives (eq. 10 of the paper follows), so it is linear in
    the kernel and normalised layers have derivatives of every order. It depends on nothing but
    the kernel and u, so devices that agree on these agree on it.

    To be called in a compact method of `module`, whose collection 'spectral' then holds 'u'
    [features], of length 1 and the kernel's dtype. Where it is made, 15 iterations are run.

    Args:
        module: the layer.
        kernel: float [..., features].
        update: whether to do one power iteration, and to keep it if the collection is mutable.

    Returns:
        The shape and dtype of `kernel`.
    """
    matrix = lax.stop_gradient(kernel).reshape(-1, kernel.shape[-1])

    def start() -> Array:
        u = jax.random.normal(module.make_rng("params"), matrix.shape[1:], matrix.dtype)
        return lax.fori_loop(0, _INITIAL_ITERATIONS, lambda _, u: _iterate(matrix, u)[1], _unit(u))

    state = module.variable(COLLECTION, "u", start)
    v, following = _iterate(matrix, state.value)
    u = following if update else state.value
    if update and module.is_mutable_collection(COLLECTION):
        state.value = u
    norm = jnp.einsum("i,ij,j", v, kernel.reshape(matrix.shape), u, precision="highest")
    return kernel / jnp.maximum(norm, _SMALLEST)


def _iterate(matrix: Array, u: Array) -> tuple[Array, Array]:
    """The left vector that belongs to u, and the right one that belongs to that."""
    v = _unit(jnp.matmul(matrix, u, precision="highest"))
    return v, _unit(jnp.matmul(v, matrix, precision="highest"))


def _unit(vector: Array) -> Array:
    # Not by `jnp.linalg.norm`: no derivative is wanted, and a zero vector is to stay zero.
    return vector / jnp.maximum(jnp.sqrt(jnp.sum(jnp.square(vector))), _SMALLEST)
