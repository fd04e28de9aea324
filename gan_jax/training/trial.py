"""A few steps of a training, timed: what it will take in time, memory and room on the disk."""

from __future__ import annotations

import dataclasses
import time

import jax

from gan_jax.runtime import parallel
from gan_jax.runtime.members_parallel import on_host
from gan_jax.runtime.memory import peak_memory
from gan_jax.training.task import Task

_CALLS = 3
_LEAST_SECONDS = 1.0  # of timed calls, so that a fast step is not timed by one tick


@dataclasses.dataclass(frozen=True)
class Trial:
    """What a few steps took.

    Attributes:
        compile_seconds: of the first call.
        step_seconds: per step of the later calls.
        checkpoint_bytes: of one saved state.
        peak_bytes: of memory, the images included: of an accelerator, or of this process.
    """

    compile_seconds: float
    step_seconds: float
    checkpoint_bytes: int
    peak_bytes: int


def time_steps(task: Task) -> Trial:
    """Takes the first steps of a task, three calls or a second of them, and keeps nothing."""
    state, inputs = task.state(), task.inputs(0)
    whole = on_host(state) if task.members else parallel.local_copy(state)
    saved = sum(leaf.nbytes for leaf in jax.tree.leaves(whole) if hasattr(leaf, "nbytes"))
    del whole
    calls = task.feed.calls(task.pace.begin, task.pace.num_steps)
    begin = time.monotonic()
    state, metrics = task.program(state, inputs, task.feed.data, next(calls))
    jax.block_until_ready(metrics)
    compiled = time.monotonic() - begin
    begin = time.monotonic()
    steps, done = 0, 0
    while done < _CALLS or time.monotonic() - begin < _LEAST_SECONDS:
        rows = next(calls, None)
        if rows is None:
            break
        state, metrics = task.program(state, inputs, task.feed.data, rows)
        jax.block_until_ready(metrics)
        steps, done = steps + len(jax.tree.leaves(rows)[0]), done + 1
    seconds = (time.monotonic() - begin) / max(steps, 1)
    return Trial(compiled, seconds, saved, peak_memory(jax.tree.leaves(state)))
