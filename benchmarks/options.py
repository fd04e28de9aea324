"""Times training steps, and features of the released packs, by what XLA's YNN may compute.

    python -m benchmarks.options [--work cnn,article] [--rounds 5] [--write benchmarks/README.md]

The programs take turns in one process. Prints a table and adds to benchmarks/results/; the options
are those of `gan_jax.runtime.compiler`. `--write` puts the table of all results there between the
lines `<!-- options:begin -->` and `<!-- options:end -->` of a file.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import json
import pathlib
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from benchmarks.convolutions import seconds_per_call
from benchmarks.machine import check_quiet, describe_machine, slug
from benchmarks.peers import ours
from benchmarks.table import write
from benchmarks.works import WORKS, Task
from gan_jax.extractors.pack import load_pack
from gan_jax.runtime.compiler import eigen_convolutions
from gan_jax.runtime.pixels import to_float

_RESULTS = pathlib.Path(__file__).resolve().parent / "results"
_PACKS = ("mnist-v1", "fashion-v1", "textures-v1")
_IMAGES = 500  # a call of a judge
_KINDS = ("as it is", "without YNN", "convolutions by Eigen")


def _step(name: str) -> tuple[Any, Callable[[Any], Any]]:
    """The lowered step of a work, and what runs it: a program to what it gives."""
    work = WORKS[name]
    task = Task(work, "", "alternating", "float32")
    rng, key = np.random.default_rng(0), jax.random.key(0)
    batch = {"images": rng.standard_normal((work.batch_size, *work.image_shape), np.float32)}
    if not work.is_gan:
        batch["labels"] = rng.integers(0, work.num_classes, work.batch_size, np.int32)
    state = ours.create(task, key)
    lowered = jax.jit(ours.make_step(task)).lower(state, batch, key)
    return lowered, lambda program: program(state, batch, key)


def _features(name: str) -> tuple[Any, Callable[[Any], Any]]:
    pack = load_pack(name)
    shape = (_IMAGES, *pack.image_shape)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    def read(variables: Any, images: Any) -> Any:
        return pack.network.apply(variables, to_float(images), train=False)["penultimate"]

    lowered = jax.jit(read).lower(pack.variables, images)
    return lowered, lambda program: program(pack.variables, images)


def measure(name: str, *, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Milliseconds per call, one number for each round, of each kind of a program."""
    lowered, run = _features(name) if name in _PACKS else _step(name)
    options = eigen_convolutions()
    choices = ({}, dict.fromkeys(options, ""), options)
    programs = {
        kind: lowered.compile(compiler_options=choice)
        for kind, choice in zip(_KINDS, choices, strict=True)
    }
    for program in programs.values():
        jax.block_until_ready(run(program))
    times: dict[str, list[float]] = {kind: [] for kind in programs}
    for _ in range(rounds):
        for kind, program in programs.items():
            spent = seconds_per_call(functools.partial(run, program), seconds)
            times[kind].append(1000 * spent)
    return times


def markdown(results: Sequence[dict[str, Any]]) -> str:
    """A table of result files: medians; in brackets, of ratios to 'as it is' in the same turn."""
    lines = [f"| processor | program | {', ms | '.join(_KINDS)}, ms |"]
    lines.append("|---" * (2 + len(_KINDS)) + "|")
    for result in results:
        machine = result["machine"]
        processor = f"{machine['processor']}, {machine['cores']} cores"
        if machine.get("began_busy"):
            processor += " (busy)"
        for name, times in result["milliseconds"].items():
            what = f"features of {_IMAGES} images, `{name}`" if name in _PACKS else f"`{name}`"
            first = times[_KINDS[0]]
            cells = [processor, what, f"{statistics.median(first):.4g}"]
            cells += [_cell(times.get(kind), first) for kind in _KINDS[1:]]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(times: Sequence[float] | None, first: Sequence[float]) -> str:
    if times is None:
        return ""
    ratios = sorted(b / a for a, b in zip(first, times, strict=True))
    return (
        f"{statistics.median(times):.4g} "
        f"({statistics.median(ratios):.2f}; {ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures, keeps the result and prints the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.options", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--work", default="cnn,article,dcgan28,dcgan32,dcgan64," + ",".join(_PACKS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--busy", action="store_true", help="on a busy machine too, and say so")
    parser.add_argument("--write", type=pathlib.Path, help="a Markdown file with the two marks")
    options = parser.parse_args(arguments)
    names = options.work.split(",") if options.work else []
    if unknown := [name for name in names if name not in (*WORKS, *_PACKS)]:
        parser.error(f"--work: {unknown[0]!r} is none of {', '.join((*WORKS, *_PACKS))}")
    if names and not eigen_convolutions():
        parser.error("gan_jax gives this device no options of the compiler: nothing to compare")
    if names:
        machine = describe_machine() | check_quiet(options.busy)
        found = {
            name: measure(name, rounds=options.rounds, seconds=options.seconds) for name in names
        }
        day = datetime.datetime.now(datetime.UTC).date().isoformat()
        path = _RESULTS / f"options_{day}-{slug(machine['processor'])}.json"
        content = {"date": day, "machine": machine, "milliseconds": found}
        path.write_text(json.dumps(content, indent=1) + "\n")
    paths = sorted(_RESULTS.glob("options_*.json"))
    table = markdown([json.loads(path.read_text()) for path in paths])
    print(table)
    write(options.write, table, "options")


if __name__ == "__main__":
    main()
