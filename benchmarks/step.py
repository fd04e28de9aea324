"""Images a second of a training step, ours and its peers', side by side on this machine.

    python -m benchmarks.step --peers torch,keras

See benchmarks/README.md for what is measured and how to read it.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime
import json
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.contestants import CONTESTANTS, GROUPS, MATMUL, OURS, Contestant, choose
from benchmarks.environments import EnvironmentFailed, obtain_python
from benchmarks.machine import MachineBusy, check_quiet, describe_machine, slug
from benchmarks.ratios import neighbour_ratios, summary
from benchmarks.runner import PeerFailed, Process, take_turns
from benchmarks.works import DTYPES, UPDATES, WORKS, Work

_RESULTS = pathlib.Path(__file__).resolve().parent / "results"


class Unequal(RuntimeError):
    """Two peers do not train the same networks."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures the works asked for, prints a table of each and writes one JSON file."""
    options = _parse(arguments)
    try:
        contestants = choose(options.peers)
        works = [_adjust(work, options) for work in _works(options.work)]
        pythons = {
            group: obtain_python(group, getattr(options, f"{group}_python"))
            for group in ("torch", "keras")
            if any(c.group == group for c in contestants)
        }
        began = check_quiet(options.busy)
    except (ValueError, EnvironmentFailed, MachineBusy) as error:
        sys.exit(str(error))
    now = datetime.datetime.now(datetime.UTC)
    record = {
        "date": now.isoformat(timespec="seconds"),
        "machine": describe_machine() | began,
        "arguments": {
            name: value for name, value in vars(options).items() if not name.endswith("_python")
        }
        | {"output": None},
        "works": [],
    }
    path = None
    for work in works:
        try:
            measured = measure(work, contestants, pythons, options)
        except (PeerFailed, Unequal) as error:
            sys.exit(f"{work.name}: {error}")
        record["works"].append(measured)
        print(describe(measured), flush=True)
        if began["began_busy"]:
            print(f"Marked: it began while {began['busy_cores']:.2f} cores were busy.", flush=True)
        path = path or _new_path(options.output, now, record)
        path.write_text(json.dumps(record, indent=1) + "\n")
    print(f"written to {path}")


def measure(
    work: Work, contestants: list[Contestant], pythons: dict[str, str], options: argparse.Namespace
) -> dict[str, Any]:
    """The record of one work. A peer that fails is left out, with the reason; ours must not.

    Raises:
        PeerFailed: if our own process ends.
        Unequal: if the numbers of parameters differ.
    """
    print(f"{work.name}, {options.update}, {options.dtype}: starting and warming up", flush=True)
    failed: dict[str, str] = {}
    processes: dict[str, Process] = {}
    with contextlib.ExitStack() as stack:
        for contestant in [*contestants, CONTESTANTS[MATMUL]]:
            task = contestant.task(work, options.update, options.dtype)
            python = pythons.get(contestant.group, sys.executable)
            try:
                process = Process(python, contestant.module, task, options.device)
            except PeerFailed as error:
                if contestant.name == OURS:
                    raise
                failed[contestant.name] = str(error)
                print(f"  {contestant.name} is left out: it {error}", flush=True)
                continue
            stack.callback(process.stop)
            process.description["update"] = task.update
            processes[contestant.name] = process
            seconds = process.description["first_step_seconds"]
            print(f"  {contestant.name}: first step after {seconds:.1f} s", flush=True)
        _check_parameters(processes)
        turns = take_turns(processes, first=OURS, rounds=options.rounds, seconds=options.seconds)
    return {
        "work": dataclasses.asdict(work),
        "update": options.update if work.is_gan else "alternating",
        "dtype": options.dtype,
        "results": _results(turns, processes),
        "failed": failed,
    }


def _check_parameters(processes: dict[str, Process]) -> None:
    counts = {
        name: process.description["parameters"]
        for name, process in processes.items()
        if name != MATMUL
    }
    ours = counts[OURS]
    print("  parameters: " + ", ".join(f"{name} {count:,}" for name, count in ours.items()))
    for name, theirs in counts.items():
        if theirs != ours:
            raise Unequal(f"{name} has {theirs} parameters and ours {ours}")


def _results(turns: dict[str, list[dict]], processes: dict[str, Process]) -> dict[str, Any]:
    rates = {name: [turn["rate"] for turn in taken] for name, taken in turns.items()}
    others = [name for name in turns if name != OURS]
    work_flops = processes[OURS].description["work_flops"]
    batch = turns[OURS][0]["rate"] * turns[OURS][0]["seconds"] / turns[OURS][0]["calls"]
    peak = summary(rates[MATMUL])["median"]
    results = {}
    for name, taken in turns.items():
        row = {
            "rate": summary(rates[name]),
            "host_memory_bytes": taken[-1]["host_memory_bytes"],
            "device_memory_bytes": taken[-1]["device_memory_bytes"],
            **processes[name].description,
            "turns": [
                {key: turn[key] for key in ("rate", "calls", "seconds", "others")} for turn in taken
            ],
        }
        if name != MATMUL:
            row["share_of_peak"] = row["rate"]["median"] / batch * work_flops / peak
            if name != OURS:
                ratios = neighbour_ratios(rates[OURS], rates[name], others.index(name), len(others))
                row["ratios"] = ratios
                row["ours_by_this"] = summary(ratios)
        results[name] = row
    return results


def describe(measured: dict[str, Any]) -> str:
    """A work's table as text."""
    results = measured["results"]
    peak = results[MATMUL]["rate"]["median"]
    lines = [
        f"{measured['work']['name']}, {measured['update']}, {measured['dtype']}; "
        f"{results[OURS]['work_flops'] / 1e9:.2f} GFLOP a step, "
        f"matrix product {peak / 1e9:.0f} GFLOP/s",
        f"{'':22}{'images/s':>10}{'ours/this':>11}{'quartiles':>14}{'of peak':>9}"
        f"{'first step':>12}{'memory':>9}",
    ]
    for name, row in results.items():
        if name == MATMUL:
            continue
        ratio = row.get("ours_by_this", {"median": 1.0, "quartiles": [1.0, 1.0]})
        low, high = ratio["quartiles"]
        spread = f"{low:.2f} to {high:.2f}"
        lines.append(
            f"{name:22}{row['rate']['median']:10.1f}{ratio['median']:11.2f}{spread:>14}"
            f"{row['share_of_peak']:9.0%}{row['first_step_seconds']:10.1f} s"
            f"{row['host_memory_bytes'] / 2**20:6.0f} MB"
        )
    lines += [
        f"{name} failed: {reason.splitlines()[-1]}" for name, reason in measured["failed"].items()
    ]
    return "\n".join(lines)


def _new_path(folder: pathlib.Path, now: datetime.datetime, record: dict[str, Any]) -> pathlib.Path:
    """<date>-<machine>.json, with a number where that is taken."""
    device = record["works"][0]["results"][OURS]["device"]
    machine = f"{record['machine']['processor']} {record['machine']['cores']} cores"
    if not device.startswith("cpu"):
        machine = device.split(": ", 1)[-1]
    folder.mkdir(parents=True, exist_ok=True)
    stem, number = f"{now:%Y-%m-%d}-{slug(machine)}", 1
    path = folder / f"{stem}.json"
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.json"
    return path


def _works(names: str) -> list[Work]:
    chosen = list(WORKS) if names == "all" else [name for name in names.split(",") if name]
    for name in chosen:
        if name not in WORKS:
            raise ValueError(f"--work {name!r} is not known; choose from all, {', '.join(WORKS)}")
    return [WORKS[name] for name in chosen]


def _adjust(work: Work, options: argparse.Namespace) -> Work:
    changes = {
        name: getattr(options, name) for name in ("batch_size", "width") if getattr(options, name)
    }
    return dataclasses.replace(work, **changes)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.step", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--work", default="article", help=f"all, or of {','.join(WORKS)}")
    parser.add_argument("--peers", default="torch,keras", help=f"of {','.join(GROUPS)}")
    parser.add_argument("--update", choices=UPDATES, default="alternating")
    parser.add_argument("--dtype", choices=DTYPES, default="float32")
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each peer")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a turn")
    parser.add_argument(
        "--busy", action="store_true", help="measure on a busy machine too; marks the result"
    )
    parser.add_argument("--batch-size", type=int, default=0, help="instead of the work's own")
    parser.add_argument("--width", type=int, default=0, help="of the DCGAN, instead of its own")
    parser.add_argument("--torch-python", default="", help="a Python that has PyTorch")
    parser.add_argument("--keras-python", default="", help="a Python that has Keras, TensorFlow")
    parser.add_argument("--output", type=pathlib.Path, default=_RESULTS, help="folder of results")
    options = parser.parse_args(arguments)
    if options.rounds < 1 or not options.seconds > 0:
        parser.error("--rounds must be at least 1 and --seconds above 0")
    if min(options.batch_size, options.width) < 0:
        parser.error("--batch-size and --width must be above 0")
    return options


if __name__ == "__main__":
    main()
