"""The machine's arithmetic limit: one large matrix product, in operations a second."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from benchmarks.peers.serving import Trainer, serve
from benchmarks.works import Task

_SIDE = {"cpu": 3072, "gpu": 8192, "tpu": 8192}


def build(task: Task) -> Trainer:
    """Square matrices of the task's dtype; a product of side n takes 2n^3 operations."""
    side = _SIDE.get(jax.default_backend(), 8192)
    # Rows that sum to one: products with this matrix stay small however often they are taken.
    left = jnp.full((side, side), 1 / side, task.dtype)
    product = jax.jit(jnp.dot)
    result = jnp.ones((side, side), task.dtype)

    def call() -> None:
        nonlocal result
        result = product(left, result)

    return Trainer(
        call=call,
        wait=lambda: float(jax.block_until_ready(result)[0, 0]),
        units_per_call=2.0 * side**3,
        parameters={},
        details=lambda: {"side": side, "dtype": task.dtype},
    )


if __name__ == "__main__":
    serve(build)
