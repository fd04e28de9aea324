"""For which platform the networks are traced: some layers have a form of their own on the CPU."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator

import jax
from jax import Array
from jax.experimental.layout import Layout, with_layout_constraint

LANES = 128  # numbers that lie side by side in a TPU's memory

_traced_for: contextvars.ContextVar[str] = contextvars.ContextVar("traced_for", default="")


def platform() -> str:
    """'cpu', 'gpu' or 'tpu': the default back end, or what `traced_for` says."""
    return _traced_for.get() or jax.default_backend()


@contextlib.contextmanager
def traced_for(name: str) -> Iterator[None]:
    """Within it, layers choose their forms for this platform: to export a program to others."""
    token = _traced_for.set(name)
    try:
        yield
    finally:
        _traced_for.reset(token)


def laid_out(x: Array, *axes: int) -> Array:
    """x with its axes in memory from the slowest to the fastest; its gradient, too."""
    return with_layout_constraint(x, Layout(axes))
