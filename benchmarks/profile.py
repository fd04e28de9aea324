"""Where the milliseconds of a work's step go on this CPU, by layer and direction.

    python -m benchmarks.profile [--work article] [--steps 10]

Traces the compiled step and adds up what each operation took by the layer that it belongs to. The
tracer itself costs some of the time, and what XLA does not report (its oldest convolution calls) is
in the row 'not reported'.
"""

from __future__ import annotations

import argparse
import collections
import gzip
import json
import pathlib
import re
import tempfile
import time

import jax
import numpy as np

from benchmarks.machine import describe_machine
from benchmarks.peers import ours
from benchmarks.works import WORKS, Task, Work
from gan_jax.runtime.compiler import options_of

_DEFINITION = re.compile(r'\s*(?:ROOT )?%?([\w.\-]+) = .*op_name="([^"]*)"')
_LAYER = re.compile(r"(Generator|Discriminator|CNN)\)*/(?:[a-z]\w*/)*([A-Z][A-Za-z]*_\d+)")


def layer_of(op_name: str) -> str:
    """The row of an operation, from the path of calls that XLA keeps of it."""
    found = _LAYER.search(op_name)
    if not found:
        return "between layers: losses, optimisers, random numbers, copies"
    backward = "backward" if "transpose(" in op_name else "forward"
    return f"{found.group(1).lower()} {found.group(2)} {backward}"


def operations(program: str) -> dict[str, str]:
    """Operation to row, for a compiled program's text."""
    found = {}
    for line in program.splitlines():
        match = _DEFINITION.match(line)
        if match:
            found[match.group(1)] = layer_of(match.group(2))
    return found


def add_up(events: list[dict], rows: dict[str, str], steps: int) -> dict[str, float]:
    """Milliseconds a step by row, from the events of a trace."""
    total: collections.Counter[str] = collections.Counter()
    for event in events:
        if event.get("ph") == "X" and event.get("name") in rows:
            total[rows[event["name"]]] += event["dur"] / 1e3 / steps
    return dict(total)


def _build(work: Work):
    """The compiled step of a work, its state, batch and key."""
    task, key = Task(work), jax.random.key(0)
    shape = (work.batch_size, *work.image_shape)
    batch = {
        "images": jax.random.uniform(key, shape) * 2 - 1,
        "labels": jax.random.randint(key, shape[:1], 0, work.num_classes),
    }
    state = ours.create(task, key)
    step = jax.jit(ours.make_step(task), donate_argnums=0)
    compiled = step.lower(state, batch, key).compile(compiler_options=options_of(state))
    return compiled, state, batch, key


def main() -> None:
    """Prints the table, longest first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", choices=tuple(WORKS), default="article")
    parser.add_argument("--steps", type=int, default=10)
    options = parser.parse_args()
    steps = options.steps
    compiled, state, batch, key = _build(WORKS[options.work])
    times = []
    for _ in range(steps + 2):
        start = time.perf_counter()
        state, _ = compiled(state, batch, key)
        jax.block_until_ready(state)
        times.append(time.perf_counter() - start)
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder, create_perfetto_trace=True):
            start = time.perf_counter()
            for _ in range(steps):
                state, _ = compiled(state, batch, key)
                jax.block_until_ready(state)
            traced = (time.perf_counter() - start) / steps * 1e3
        path = next(pathlib.Path(folder).rglob("perfetto_trace.json.gz"))
        events = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
    found = add_up(events, operations(compiled.as_text()), steps)
    where = f"{options.work}, {describe_machine()['processor']}"
    print(f"{where}: {np.median(times[2:]) * 1e3:.0f} ms a step,")
    print(f"{traced:.0f} ms under the tracer, of which by layer:\n")
    print("| layer | ms |\n|---|---|")
    for name, milliseconds in sorted(found.items(), key=lambda item: -item[1]):
        if milliseconds >= 1:
            print(f"| {name} | {milliseconds:.0f} |")
    print(f"| not reported | {traced - sum(found.values()):.0f} |")


if __name__ == "__main__":
    main()
