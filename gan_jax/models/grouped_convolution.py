"""Grouped convolution in the form that suits the platform.

Channels fall into groups of the same size, and each group of the output sees its group of the input
only (Krizhevsky et al. 2012; Xie et al. 2017, "Aggregated residual transformations"). GPU and TPU
get `lax.conv_general_dilated` with `feature_group_count`. XLA's CPU back end computes the kernel's
gradient of that many times too slowly: there each group is a dense convolution of its own, which
sums the same products.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array, lax

from gan_jax.errors import InputError

GROUPED_FORMS = ("direct", "split")
_DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def grouped_conv(x: Array, kernel: Array, *, form: str | None = None) -> Array:
    """Convolution of stride 1 with 'SAME' padding in groups: [n, h, w, i] to [n, h, w, o].

    Args:
        x: images, [n, h, w, i], any float dtype.
        kernel: [kh, kw, i / groups, o], the dtype of `x`; it says how many groups there are, and
            the first o / groups of its last axis belong to the first group.
        form: one of `GROUPED_FORMS`, or None for the fastest one on the default back end. They
            agree up to rounding, in every derivative.

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
        form = "split" if jax.default_backend() == "cpu" else "direct"
    if form not in GROUPED_FORMS:
        raise InputError(f"form is {form!r}; use None or one of {', '.join(GROUPED_FORMS)}")
    if form == "direct":
        return _conv(x, kernel, groups)
    parts = zip(jnp.split(x, groups, -1), jnp.split(kernel, groups, -1))
    return jnp.concatenate([_conv(part, own, 1) for part, own in parts], -1)


def _conv(x: Array, kernel: Array, groups: int) -> Array:
    return lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=_DIMENSIONS, feature_group_count=groups
    )
