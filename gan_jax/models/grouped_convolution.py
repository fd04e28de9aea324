"""Grouped convolution in the form that suits the platform.

Channels fall into groups of the same size, and each group of the output sees its group of the input
only (Krizhevsky et al. 2012; Xie et al. 2017, "Aggregated residual transformations"). The forms sum
the same products:

- `direct`, for a GPU, and a TPU whose 128 lanes the batch fills: `lax.conv_general_dilated` with
  `feature_group_count`.
- `split`, for a CPU: each group is a dense convolution of its own. XLA computes the kernel's
  gradient of `direct` many times too slowly there.
- `blocks`, for a TPU otherwise: as many groups as fill the lanes are one, with zeros in the kernel
  between them. Its compiler would give each group lanes of its own, and copy whole images to do so.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax

from gan_jax.errors import InputError
from gan_jax.models.platform import LANES, laid_out, platform

GROUPED_FORMS = ("direct", "split", "blocks")
_DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def grouped_conv(x: Array, kernel: Array, *, form: str | None = None) -> Array:
    """Convolution of stride 1 with 'SAME' padding in groups: [n, h, w, i] to [n, h, w, o].

    Args:
        x: images, [n, h, w, i], any float dtype.
        kernel: [kh, kw, i / groups, o], the dtype of `x`; it says how many groups there are, and
            the first o / groups of its last axis belong to the first group.
        form: one of `GROUPED_FORMS`, or None for the fastest one on the platform that is traced
            for. They agree up to rounding, in every derivative.

    Returns:
        [n, h, w, o], the dtype of `x`.

    Raises:
        InputError: for channels that do not divide into groups, or an unknown form.
    """
    size = kernel.shape[2]
    groups = x.shape[-1] // size
    if x.shape[-1] % size or kernel.shape[-1] % groups:
        raise InputError(
            f"{x.shape[-1]} channels to {kernel.shape[-1]} do not divide into groups of {size}"
        )
    if form is None:
        form = _fastest(x)
    if form not in GROUPED_FORMS:
        raise InputError(f"form is {form!r}; use None or one of {', '.join(GROUPED_FORMS)}")
    if form == "direct":
        return _conv(x, kernel, groups)
    if form == "blocks":
        joined = max(n for n in range(1, max(LANES // size, 1) + 1) if groups % n == 0)
        return _conv(x, _block_diagonal(kernel, groups, joined), groups // joined)
    parts = zip(jnp.split(x, groups, -1), jnp.split(kernel, groups, -1))
    return jnp.concatenate([_conv(part, own, 1) for part, own in parts], -1)


def batch_in_lanes(x: Array) -> Array:
    """x [n, h, w, c], laid out as `grouped_conv` takes it where the batch fills a TPU's lanes.

    Without it the compiler lays out matrix products with their channels in the lanes, and copies
    whole images on the way to and from each grouped convolution. Gradients are laid out alike.
    """
    if platform() != "tpu" or not _fills_lanes(x):
        return x
    return laid_out(x, 1, 2, 3, 0)


def _fastest(x: Array) -> str:
    if platform() == "tpu":
        return "direct" if _fills_lanes(x) else "blocks"
    return "split" if platform() == "cpu" else "direct"


def _fills_lanes(x: Array) -> bool:
    """Whether the batch is a multiple of a TPU's lanes; False where a program is for any batch."""
    return isinstance(x.shape[0], int) and x.shape[0] % LANES == 0


def _conv(x: Array, kernel: Array, groups: int) -> Array:
    return lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=_DIMENSIONS, feature_group_count=groups
    )


def _block_diagonal(kernel: Array, groups: int, joined: int) -> Array:
    """The kernel of `groups` / `joined` groups: [kh, kw, i, o] to [kh, kw, joined * i, o]."""
    kh, kw, size, features = kernel.shape
    blocks = kernel.reshape(kh, kw, 1, size, groups // joined, joined, features // groups)
    diagonal = jnp.eye(joined, dtype=kernel.dtype)[:, None, None, :, None]
    return (blocks * diagonal).reshape(kh, kw, joined * size, features)
