"""Compiles training steps for TPUs that are not here, and writes what their compiler estimates.

    python -m benchmarks.tpu --topology v5e:2x4 --work all [--write benchmarks/README.md]

Each program takes a minute or a few; a process of its own compiles it. Results are kept after each
one, and what is there is not compiled again (--again does). `--write` puts the table between the
lines `<!-- tpu:begin -->` and `<!-- tpu:end -->` of a file, `--brief README.md` a short one.
Nothing is run or measured.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.table import write
from benchmarks.tpu.cases import FORMS, NAMES, TOPOLOGIES, Case, cases
from benchmarks.tpu.table import brief, markdown
from benchmarks.works import DTYPES

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_BRIEF = ("article", "dcgan64", "resnet", "r3gan", "cnn")
_RESULTS = _ROOT / "benchmarks" / "results" / "tpu_estimates.json"


def compile_in_process(
    case: Case, text: pathlib.Path | None = None, limit: float | None = None
) -> dict[str, Any]:
    """The record of a case, see `benchmarks.tpu.one`; it may take `limit` seconds."""
    command = [sys.executable, "-m", "benchmarks.tpu.one", case.name]
    command += ["--text", str(text)] if text else []
    try:
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return {"failed": f"not compiled in {limit:g} s"}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {"failed": last[:300]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def load(path: pathlib.Path) -> dict[str, dict[str, Any]]:
    """The records of a file of results by the name of their case; none where there is no file."""
    return json.loads(path.read_text())["estimates"] if path.exists() else {}


def save(path: pathlib.Path, records: dict[str, dict[str, Any]]) -> None:
    """Writes records, whole or not at all."""
    partial = path.with_suffix(".partial")
    kind = "estimates of the TPU compiler, not measurements"
    partial.write_text(json.dumps({"kind": kind, "estimates": records}, indent=1) + "\n")
    partial.replace(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Compiles what is not there yet, and prints the table of all that was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tpu", description=__doc__.splitlines()[0]
    )
    several = dict(nargs="+", metavar="NAME")
    parser.add_argument("--topology", choices=TOPOLOGIES, default=["v5e:2x4"], **several)
    parser.add_argument("--work", choices=(*NAMES, "all"), default=["all"], **several)
    parser.add_argument("--form", choices=FORMS, default=list(FORMS), **several)
    parser.add_argument("--dtype", choices=DTYPES, default=list(DTYPES), **several)
    parser.add_argument("--again", action="store_true", help="compile what is there, too")
    parser.add_argument("--known", action="store_true", help="compile nothing: what is there")
    parser.add_argument("--limit", type=float, help="seconds that one program may take")
    parser.add_argument("--texts", type=pathlib.Path, help="a folder for the programs' texts")
    parser.add_argument("--results", type=pathlib.Path, default=_RESULTS)
    parser.add_argument("--write", type=pathlib.Path, help="a Markdown file with the two marks")
    parser.add_argument("--brief", type=pathlib.Path, help="one for a short table")
    options = parser.parse_args(arguments)
    works = list(NAMES) if "all" in options.work else options.work
    wanted = cases(works, options.form, options.dtype, options.topology)
    records = load(options.results)
    if options.texts:
        options.texts.mkdir(parents=True, exist_ok=True)
    for number, case in enumerate(wanted, 1):
        if options.known or (case.name in records and not options.again):
            continue
        print(f"{number} of {len(wanted)}: {case.name} ...", file=sys.stderr, flush=True)
        text = options.texts / f"{case.name}.txt".replace(" ", "_") if options.texts else None
        records[case.name] = compile_in_process(case, text, options.limit)
        save(options.results, records)
    table = markdown({case: records[case.name] for case in wanted if case.name in records})
    print(table)
    write(options.write, table, "tpu")
    known = {Case.named(name): record for name, record in records.items()}
    write(options.brief, brief(known, "v5e:2x4", _BRIEF), "tpu")


if __name__ == "__main__":
    main()
