"""The peers' side of the protocol: a line of JSON in, a line of JSON out.

Needs the standard library only, as it runs in every peer's Python.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import pathlib
import platform
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.works import Task

_WARM_UP_CALLS = 4
_LOOK_EVERY = 0.1  # seconds of work that may be under way unobserved


@dataclasses.dataclass(frozen=True)
class Trainer:
    """What a peer built.

    Attributes:
        call: starts one step, or several; need not wait for them.
        wait: waits for all that was started and returns the last loss.
        units_per_call: images that a call takes (or operations, for the matrix product).
        parameters: trainable numbers by network.
        details: anything else worth keeping: versions, device, options. Called after the warm-up.
        device_memory: the peak of the device's own memory in bytes, or None where it has none.
    """

    call: Callable[[], None]
    wait: Callable[[], float]
    units_per_call: float
    parameters: dict[str, int]
    details: Callable[[], dict[str, Any]] = dict
    device_memory: Callable[[], int | None] = lambda: None


def serve(build: Callable[[Task], Trainer]) -> None:
    """Builds the task given as the first argument and takes turns until stdin ends.

    Written to stdout: a line when the first step is done, a line after the warm-up, and a line for
    each turn asked for. Whatever else the libraries print goes to stderr.
    """
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    trainer = build(Task.from_json(sys.argv[1]))
    start = time.perf_counter()
    trainer.call()
    _check(trainer.wait())
    first = time.perf_counter() - start
    answers.write(json.dumps({"first_step_seconds": first}) + "\n")

    durations = []
    for _ in range(_WARM_UP_CALLS):
        start = time.perf_counter()
        trainer.call()
        trainer.wait()
        durations.append(time.perf_counter() - start)
    steady = min(durations)
    description = {
        "compile_seconds": max(0.0, first - steady),
        "parameters": trainer.parameters,
        "python": platform.python_version(),
        **trainer.details(),
    }
    answers.write(json.dumps(description) + "\n")

    calls_at_once = max(1, int(_LOOK_EVERY / steady))
    for line in sys.stdin:
        turn = _take_turn(trainer, float(json.loads(line)["seconds"]), calls_at_once)
        answers.write(json.dumps(turn) + "\n")


def _take_turn(trainer: Trainer, limit: float, calls_at_once: int) -> dict[str, Any]:
    """Whole calls until the time is over; one before them, untimed, wakes what has slept."""
    trainer.call()
    trainer.wait()
    calls, start = 0, time.perf_counter()
    while (seconds := time.perf_counter() - start) < limit or not calls:
        for _ in range(calls_at_once):
            trainer.call()
        loss = trainer.wait()
        calls += calls_at_once
    _check(loss)
    return {
        "seconds": seconds,
        "calls": calls,
        "rate": calls * trainer.units_per_call / seconds,
        "host_memory_bytes": _peak_resident_bytes(),
        "device_memory_bytes": trainer.device_memory(),
    }


def _check(loss: float) -> None:
    if not math.isfinite(loss):
        raise FloatingPointError(f"the loss is {loss}: this is not training")


def _peak_resident_bytes() -> int:
    """Of this process alone: `ru_maxrss` may count its parent's memory before the exec."""
    try:
        lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
