"""Benchmarks of small images: what a result is made of that is handed in, and the standings.

The standings are those of docs/leaderboard.md, made by `python -m benchmarks.leaderboard`.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any

from gan_jax.data import Dataset
from gan_jax.data.disk import read_json
from gan_jax.errors import InputError, nearest
from gan_jax.extractors.pack import load_pack
from gan_jax.reports.text import aligned

STANDINGS = pathlib.Path(__file__).parent / "standings.json"
RANKED_BY = "fd_semantic"
COLUMNS = (RANKED_BY, "fd_texture", "coverage")


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """What a result is made of.

    Attributes:
        reference: the set's name, or '' where its files are not built in and a path is given.
        pack: the released judge.
        num_samples: images that are judged, of as many or more.
        ranked_by: the metric of the ranks, lower is better.
    """

    name: str
    reference: str
    pack: str
    num_samples: int
    ranked_by: str = RANKED_BY


BENCHMARKS = {
    one.name: one
    for one in (
        Benchmark("mnist", "mnist5k", "mnist-v1", 2_000),
        Benchmark("fashion_mnist", "", "fashion-v1", 2_000),
        Benchmark("stacked_mnist", "stacked_mnist", "stacked-v1", 26_000, "modes_kl"),
    )
}


def benchmark_of(name: str) -> Benchmark:
    """The benchmark of this name; InputError for another, with the nearest."""
    if name not in BENCHMARKS:
        raise InputError(f"--benchmark is '{name}': {nearest(name, BENCHMARKS)}")
    return BENCHMARKS[name]


def check_entry(benchmark: Benchmark, samples: Dataset, reference: Dataset) -> None:
    """Raises InputError for too few samples, or another reference than the benchmark's."""
    if len(samples) < benchmark.num_samples:
        raise InputError(
            f"--benchmark={benchmark.name} judges {benchmark.num_samples:,} images, and "
            f"{samples.name} has {len(samples):,}: draw more."
        )
    if benchmark.reference:
        return
    if reference.fingerprint != load_pack(benchmark.pack).record["splits"]["test"]:
        raise InputError(
            f"--benchmark={benchmark.name} compares with the test images that {benchmark.pack} "
            f"was tested on, and {reference.described} is another set: give --reference with the "
            "folder of the original files."
        )


@functools.lru_cache
def standings() -> dict[str, Any]:
    """By benchmark {'judge', 'rows'}; rows are 'recipe', 'seeds', 'flags', 'metrics' by name."""
    return read_json(STANDINGS)


def standing_text(benchmark: Benchmark, result: Mapping[str, Any], title: str) -> str:
    """Where a result, the content of its eval.json, would stand: a table of text."""
    found = standings().get(benchmark.name)
    if found is None:
        return f"Benchmark {benchmark.name}: no recipe was run on it yet."
    own: dict[str, Any] = {
        "recipe": f"> {title}",
        "seeds": 1,
        "flags": [flag["name"] for flag in result["flags"] if flag["apart"]],
        "metrics": {
            name: {"mean": entry["value"], "ci": entry.get("ci"), "floor": entry.get("floor")}
            for name, entry in result["metrics"].items()
            if isinstance(entry["value"], int | float)
        },
    }
    judge = result["protocol"]["extractor"]
    if found["judge"] != judge:
        raise InputError(
            f"the standings are by {found['judge']}, and this result is by {judge}: update "
            "gan_jax, and judge again."
        )
    rows = ranked([*found["rows"], own], benchmark.ranked_by)
    wanted = dict.fromkeys((benchmark.ranked_by, *COLUMNS))
    columns = [name for name in wanted if name in own["metrics"]]
    lines = [["", "", *columns, "flags"]]
    for row, place in rows:
        cells = [_cell(row["metrics"].get(name)) for name in columns]
        lines.append([place, row["recipe"], *cells, ", ".join(row["flags"])])
    place = next(place for row, place in rows if row is own) or "apart, as it is flagged"
    return "\n".join(
        [
            f"Benchmark {benchmark.name}, by {benchmark.ranked_by} (lower is better), judge "
            f"{judge}; would stand: {place}",
            *aligned(lines),
        ]
    )


def ranked(rows: list[dict[str, Any]], metric: str) -> list[tuple[dict[str, Any], str]]:
    """Rows with their places, best first; flagged ones and those not drawn come last, without."""
    drawn = [row for row in rows if not row["flags"] and row.get("kind") != "comparison"]
    drawn.sort(key=lambda row: row["metrics"][metric]["mean"])
    others = [row for row in rows if row not in drawn]
    others.sort(key=lambda row: row["metrics"].get(metric, {"mean": float("inf")})["mean"])
    places = [(row, f"{place}.") for place, row in enumerate(drawn, 1)]
    return places + [(row, "") for row in others]


def _cell(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return ""
    interval = entry.get("ci")
    text = f"{entry['mean']:.3g}"
    return text if interval is None else f"{text} ({interval[0]:.3g} to {interval[1]:.3g})"
