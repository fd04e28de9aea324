"""Doubling and halving of images, by nearest neighbours and bilinearly; sums without convolutions.

A halved side is rounded up. At the border pixels are repeated, so a constant image stays one.
"""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
from jax import Array, lax

from gan_jax.models.platform import platform


def double_nearest(x: Array) -> Array:
    """Each pixel four times: [n, h, w, c] to [n, 2h, 2w, c]."""
    n, h, w, c = x.shape
    x = jnp.broadcast_to(x[:, :, None, :, None], (n, h, 2, w, 2, c))
    return x.reshape(n, 2 * h, 2 * w, c)


def halve_mean(x: Array) -> Array:
    """The mean of each 2x2 pixels: [n, h, w, c] to [n, ceil(h/2), ceil(w/2), c].

    Where a side is odd, its last means are of the pixels that there are.
    """
    x = with_even_sides(x)
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).mean((2, 4))


def double_bilinear(x: Array) -> Array:
    """Bilinear interpolation: [n, h, w, c] to [n, 2h, 2w, c]; pixel 2i is x[i], the next halfway.

    The kernel is [1, 2, 1] / 2 along each axis (Karras et al. 2019, "A style-based generator
    architecture", section 2).
    """
    return _along_both(_doubled, x)


def halve_bilinear(x: Array) -> Array:
    """Every second pixel after a blur by [1, 2, 1] / 4 along each axis.

    [n, h, w, c] to [n, ceil(h/2), ceil(w/2), c]; the pixels that `double_bilinear` keeps.
    """
    return _along_both(_halved, x)


def _along_both(resample: Callable[[Array, int], Array], x: Array) -> Array:
    if platform() != "tpu":
        return resample(resample(x, 1), 2)
    # A TPU would write each slice of the images to memory: there the same sums are two products.
    rows, columns = (resample(jnp.eye(side, dtype=x.dtype), 0) for side in x.shape[1:3])
    return jnp.einsum("ab,nbcf,dc->nadf", rows, x, columns, precision="highest")


def _doubled(x: Array, axis: int) -> Array:
    pads = [(0, int(i == axis)) for i in range(x.ndim)]
    following = lax.slice_in_dim(jnp.pad(x, pads, mode="edge"), 1, None, axis=axis)
    pair = jnp.stack([x, (x + following) / 2], axis + 1)
    return pair.reshape(*x.shape[:axis], -1, *x.shape[axis + 1 :])


def _halved(x: Array, axis: int) -> Array:
    x = with_even_sides(x, (axis,))
    shape = (*x.shape[:axis], -1, 2, *x.shape[axis + 1 :])
    even, odd = (lax.index_in_dim(x.reshape(shape), i, axis + 1, False) for i in (0, 1))
    first = lax.slice_in_dim(even, 0, 1, axis=axis)
    before = jnp.concatenate(
        [first, lax.slice_in_dim(odd, 0, odd.shape[axis] - 1, axis=axis)], axis
    )
    return (before + odd) / 4 + even / 2


def with_even_sides(x: Array, axes: tuple[int, ...] = (1, 2)) -> Array:
    """x with its last line repeated along each of the axes whose length is odd."""
    pads = [(0, x.shape[axis] % 2 if axis in axes else 0) for axis in range(x.ndim)]
    return jnp.pad(x, pads, mode="edge")
