"""A JAX step as a `Trainer`: compiled ahead, its state donated, its cost read from XLA."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from benchmarks.peers.serving import Trainer
from benchmarks.works import Task

STEPS_PER_SCAN = 10
_LIBRARIES = ("jax", "jaxlib", "flax", "optax", "numpy")


def random_batch(task: Task) -> dict[str, Array]:
    """Images uniform in [-1, 1] and, for the recogniser, labels; the same at every call."""
    work, rng = task.work, np.random.default_rng(0)
    images = rng.uniform(-1, 1, (work.batch_size, *work.image_shape))
    batch = {"images": jnp.asarray(images, jnp.float32)}
    if not work.is_gan:
        batch["labels"] = jnp.asarray(rng.integers(work.num_classes, size=work.batch_size))
    return batch


def jax_trainer(
    task: Task,
    step: Callable[[Any, dict[str, Array], Array], tuple[Any, Array]],
    state: Any,
    parameters: dict[str, int],
    details: Callable[[], dict[str, Any]] = dict,
    compiler_options: dict[str, Any] | None = None,
) -> Trainer:
    """A trainer of `step`: (state, batch, key) to (state, loss).

    The variant 'scan' does ten steps a call, in one `lax.scan`.
    """
    batch, key = random_batch(task), jax.random.key(1)
    scanned = task.variant == "scan"

    def several(state: Any, batch: dict[str, Array], key: Array) -> tuple[Any, Array]:
        def body(state: Any, _: None) -> tuple[Any, Array]:
            return step(state, batch, key)

        state, losses = jax.lax.scan(body, state, length=STEPS_PER_SCAN)
        return state, losses[-1]

    function = several if scanned else step
    compiled, loss = None, None

    def call() -> None:
        nonlocal compiled, state, loss
        if compiled is None:
            lowered = jax.jit(function, donate_argnums=0).lower(state, batch, key)
            compiled = lowered.compile(compiler_options=compiler_options)
        state, loss = compiled(state, batch, key)

    def describe() -> dict[str, Any]:
        # The body of a scan is counted once.
        cost = compiled.cost_analysis()
        return {
            "versions": {name: importlib.metadata.version(name) for name in _LIBRARIES},
            "device": f"{jax.devices()[0].platform}: {jax.devices()[0].device_kind}",
            "compiled_flops": float(cost["flops"]),
            "compiled_bytes": float(cost["bytes accessed"]),
            **details(),
        }

    return Trainer(
        call=call,
        wait=lambda: float(jax.block_until_ready((state, loss))[1]),
        units_per_call=task.work.batch_size * (STEPS_PER_SCAN if scanned else 1),
        parameters=parameters,
        details=describe,
        device_memory=_device_memory,
    )


def _device_memory() -> int | None:
    statistics = jax.devices()[0].memory_stats()
    return statistics.get("peak_bytes_in_use") if statistics else None
