"""What the name of a mapped axis means to pure code: statistics over it, one example's own key.

With `axis_name=None` the code runs on one device, or on a global view under `jax.jit`; otherwise
each device sees its slice of the global batch. Random draws belong to *global example indices*, so
that a run does not depend on the number of devices.
"""

from __future__ import annotations

import dataclasses
import zlib
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.flatten_util import ravel_pytree


def pmean(tree: Any, axis_name: str | None) -> Any:
    """The mean of every leaf over the mapped axis; the tree itself without one.

    To a TPU's devices scalars and vectors travel as one array: each array that is sent costs three
    further operations, which take as long for 16 numbers as for a thousand.
    """
    from gan_jax.models.platform import platform  # here, as importing the steps loads no models

    if axis_name is None:
        return tree
    if platform() != "tpu":
        return lax.pmean(tree, axis_name)
    small = jax.tree.map(lambda x: x if x.ndim < 2 else None, tree)
    large = jax.tree.map(lambda x: None if x.ndim < 2 else x, tree)
    vector, unravel = ravel_pytree(small)
    vector, large = lax.pmean((vector, large), axis_name)
    return jax.tree.map(
        lambda array, other: other if array is None else array,
        large,
        unravel(vector),
        is_leaf=lambda x: x is None,
    )


def standard_deviation(values: Array, axis_name: str | None) -> Array:
    """The standard deviation [] of all values float [...], on all devices together (ddof 0).

    The squares are of distances from the mean of all, which is sent first: the difference of two
    moments would lose the digits of values that lie far from 0.
    """
    mean = pmean(jnp.mean(values), axis_name)
    return jnp.sqrt(pmean(jnp.mean(jnp.square(values - mean)), axis_name))


def global_count(local_count: int, axis_name: str | None) -> int:
    """The number of examples on all devices, given the number on each."""
    return local_count if axis_name is None else local_count * lax.axis_size(axis_name)


def example_index(count: int, axis_name: str | None) -> Array:
    """Global indices int32 [count] of the examples on this device."""
    index = jnp.arange(count, dtype=jnp.int32)
    return index if axis_name is None else index + lax.axis_index(axis_name) * count


def example_keys(key: Array, index: Array) -> Array:
    """One key [n] for each example: `key` folded with the example's global index, int32 [n]."""
    return jax.vmap(jax.random.fold_in, (None, 0))(key, index)


def draw_latents(key: Array, index: Array, dim: int) -> Array:
    """Standard normal latents float32 [n, dim], each from its global example index, int32 [n]."""
    return jax.vmap(lambda k: jax.random.normal(k, (dim,), jnp.float32))(example_keys(key, index))


def named_key(key: Array, name: str) -> Array:
    """The key of one purpose: `key` folded with a hash of `name`, the same on every machine."""
    return jax.random.fold_in(key, zlib.crc32(name.encode()) & 0x7FFFFFFF)


def bind_axis(module: nn.Module, axis_name: str | None) -> nn.Module:
    """The module with the `axis_name` of it and of the modules that are its fields."""
    found = {field.name: getattr(module, field.name) for field in dataclasses.fields(module)}
    changed: dict[str, Any] = {
        name: bind_axis(value, axis_name)
        for name, value in found.items()
        if isinstance(value, nn.Module) and name != "parent"
    }
    if found.get("axis_name", axis_name) != axis_name:
        changed["axis_name"] = axis_name
    changed = {name: value for name, value in changed.items() if value != found[name]}
    return module.clone(**changed) if changed else module
