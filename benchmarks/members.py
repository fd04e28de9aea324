"""Runs of several seeds or a sweep as a Markdown table: a line a setting, intervals over its seeds.

    python -m benchmarks.members --runs runs/stability [--columns fd_semantic,coverage] \
        [--name stability --write docs/stability.md]

`--write` puts it between the lines `<!-- NAME:begin -->` and `<!-- NAME:end -->` of a file.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.table import write


def _number(value: float) -> str:
    return f"{value:,.5g}" if abs(value) >= 100 else f"{value:.3g}"


def interval(entry: Mapping[str, Any]) -> str:
    """A summary over seeds as 'mean (from to to)', 95 %; the mean alone for a single seed."""
    if entry["ci"] is None:
        return _number(entry["mean"])
    low, high = entry["ci"]
    low = max(low, 0.0) if entry["mean"] >= 0 else low
    return f"{_number(entry['mean'])} ({_number(low)} to {_number(high)})"


def markdown(results: Mapping[str, Mapping[str, Any]], columns: Sequence[str]) -> str:
    """A table of eval.json contents by run: settings, their seeds, `columns`, what went wrong.

    A column with a floor, or with the value that real images have, shows it in its head if it is
    the same for all.

    Raises:
        ValueError: a column that a run has not, or runs of different judges.
    """
    judges = {content["protocol"].get("extractor", "none") for content in results.values()}
    if len(judges) > 1:
        raise ValueError(f"the runs have different judges, {', '.join(sorted(judges))}")
    rows = []
    beside: dict[str, set[str]] = {column: set() for column in columns}
    for run, content in results.items():
        for setting in content["settings"]:
            missing = [column for column in columns if column not in setting["metrics"]]
            if missing:
                raise ValueError(f"{run} has no {missing[0]}, only {', '.join(setting['metrics'])}")
            cells = [run] if len(results) > 1 else []
            cells += [setting["name"], str(len(setting["seeds"]))]
            for column in columns:
                entry = setting["metrics"][column]
                cells.append(interval(entry))
                for kind in ("floor", "real"):
                    if entry.get(kind) is not None:
                        beside[column].add(f"{kind} {_number(entry[kind])}")
            cells += [str(len(setting["diverged"])), str(len(setting["collapsed"]))]
            rows.append(cells)
    heads = ["run"] if len(results) > 1 else []
    heads += ["setting", "seeds"]
    heads += [f"{c} [{next(iter(b))}]" if len(b) == 1 else c for c, b in beside.items()]
    heads += ["diverged", "collapsed"]
    lines = [heads, ["---"] * len(heads), *rows]
    images = next(iter(results.values()))["protocol"]["images"]
    about = f"Judge {judges.pop()}; {images:,} images of each GAN; intervals over seeds.\n\n"
    return about + "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table, and writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", required=True, help="their folders, with commas")
    parser.add_argument("--columns", default="fd_semantic,fd_texture,coverage")
    parser.add_argument("--name", default="members", help="of the marks")
    parser.add_argument("--write", type=pathlib.Path)
    options = parser.parse_args(arguments)
    folders = [pathlib.Path(run) for run in options.runs.split(",")]
    for path in folders:
        if not (path / "eval.json").exists():
            sys.exit(f"{path} has no eval.json: it is not a finished run of train.py.")
    results = {path.name: json.loads((path / "eval.json").read_text()) for path in folders}
    table = markdown(results, options.columns.split(","))
    print(table)
    write(options.write, table, options.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
