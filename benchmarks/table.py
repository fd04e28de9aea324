"""The Markdown table and the plot of the results in benchmarks/results/.

    python -m benchmarks.table [FILES] [--plot docs/benchmarks.png] [--write benchmarks/README.md]

`--write` puts the table between the lines `<!-- benchmarks:begin -->` and `<!-- benchmarks:end -->`
of a file, and `--brief README.md` a short one of the largest setting. Runs of the same work on the
same machine are taken together: the medians are those of all their turns.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from benchmarks.contestants import MATMUL, OURS
from benchmarks.ratios import summary

_RESULTS = pathlib.Path(__file__).resolve().parent / "results"
# Ours in front; a light ground and a dark one both leave these readable.
_COLOURS = ("#2a78d6", "#c3cdd8", "#b9a26a", "#c98a5b", "#6fa287", "#a586b8", "#7d8ca3", "#c2777f")


class Setting(NamedTuple):
    """What must be the same for numbers to stand in one table."""

    machine: str
    update: str
    dtype: str


def load(paths: Iterable[pathlib.Path]) -> dict[Setting, dict[str, list[dict[str, Any]]]]:
    """The measurements of result files by setting, then by work; files of other kinds are passed.

    Each measurement is given the 'machine' of its file. A work whose batch or width was changed on
    the command line stands under its own name, such as 'dcgan64 batch 512'.
    """
    settings: dict[Setting, dict[str, list[dict[str, Any]]]] = {}
    for path in paths:
        record = json.loads(path.read_text())
        for measured in record.get("works", []):
            machine, device = record["machine"], measured["results"][OURS]["device"]
            name = f"{machine['processor']}, {machine['cores']} cores"
            if not device.startswith("cpu"):
                name = device.split(": ", 1)[-1]
            work = measured["work"]["name"]
            for field in ("batch_size", "width"):
                if record["arguments"].get(field):
                    work += f" {field.removesuffix('_size')} {record['arguments'][field]}"
            update = record["arguments"]["update"]
            setting = Setting(name, update, measured["dtype"])
            settings.setdefault(setting, {}).setdefault(work, []).append(
                measured | {"machine": machine}
            )
    return settings


def gather(runs: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """One row a contestant from all runs of a work.

    Each has 'rate' and 'share_of_peak' (medians), and all but ours 'ours_by_this' (median and
    quartiles of the ratios of neighbouring turns).
    """
    names = [name for name in runs[0]["results"] if name != MATMUL]
    names += sorted({n for run in runs for n in run["results"]} - {*names, MATMUL})
    rows = {}
    for name in names:
        results = [run["results"][name] for run in runs if name in run["results"]]
        row = {
            "rate": summary([turn["rate"] for result in results for turn in result["turns"]]),
            "share_of_peak": summary([result["share_of_peak"] for result in results])["median"],
            "first_step_seconds": summary([r["first_step_seconds"] for r in results])["median"],
            "host_memory_bytes": max(result["host_memory_bytes"] for result in results),
        }
        if name != OURS:
            row["ours_by_this"] = summary([x for result in results for x in result["ratios"]])
        rows[name] = row
    return rows


def markdown(settings: dict[Setting, dict[str, list[dict[str, Any]]]]) -> str:
    """A table a setting: a line a work; in brackets how many times as fast ours is."""
    parts = []
    for setting, works in settings.items():
        rows = {work: gather(runs) for work, runs in works.items()}
        peers = list(dict.fromkeys(name for row in rows.values() for name in row if name != OURS))
        parts.append(_caption(setting, works))
        parts.append("")
        heads = ["work", "gan_jax, images/s", "of peak"]
        heads += ["ours by the best peer: median (quartiles) of paired turns", *peers]
        parts.append("| " + " | ".join(heads) + " |")
        parts.append("|---" * len(heads) + "|")
        for work, row in rows.items():
            parts.append("| " + " | ".join(_cells(work, row, peers)) + " |")
        parts.append("")
    return "\n".join(parts).rstrip()


def brief(setting: Setting, works: dict[str, list[dict[str, Any]]]) -> str:
    """A table of ours and the best peer: a column a work."""
    columns = [(f"**measured** on {setting.machine}", "images/s", "best peer", "ours by it")]
    for work, runs in works.items():
        row = gather(runs)
        if best := _best(row):
            rate, ratio = row[OURS]["rate"]["median"], row[best]["ours_by_this"]["median"]
            columns.append((f"`{work}`", _number(rate), best, f"{ratio:.2f}"))
    return by_columns(columns)


def by_columns(columns: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table of its columns, each with its head."""
    head, *rows = ("| " + " | ".join(cells) + " |" for cells in zip(*columns, strict=True))
    return "\n".join([head, "|---" * len(columns) + "|", *rows])


def _caption(setting: Setting, works: dict[str, list[dict[str, Any]]]) -> str:
    """What is measured, how the ratios come about, and how busy the machine was."""
    measured = [run for runs in works.values() for run in runs]
    count = max(map(len, works.values()))
    text = (
        f"{setting.machine}; {setting.update} update, {setting.dtype}; {count} "
        f"run{'s' if count > 1 else ''}. Images/s are medians of all turns. In brackets, ours by "
        "the peer's: the median over its turns, each paired with our two around it. It is not the "
        "ratio of the two medians, as the machine's speed changes from run to run."
    )
    machines = list({id(run["machine"]): run["machine"] for run in measured}.values())
    began = [one["busy_cores"] for one in machines if one.get("began_busy")]
    if began:
        text += (
            f" {len(began)} of them **began on a busy machine** (up to {max(began):.2f} cores at "
            "work): not to be quoted."
        )
    unknown = [one["load"] for one in machines if "busy_cores" not in one and "load" in one]
    if unknown:
        text += (
            f" Whether the machine was idle when they began is not known of {len(unknown)}; the "
            "load average of the minute before, which remembers what has ended, was "
            f"{min(unknown):.2f} to {max(unknown):.2f}."
        )
    others = [
        turn["others"]
        for run in measured
        for result in run["results"].values()
        for turn in result.get("turns", [])
        if turn.get("others") is not None
    ]
    if others:
        middle, high = summary(others)["median"], max(others)
        text += (
            f" During turns other programs kept {middle:.2f} cores busy (median; most {high:.2f})."
        )
    return text


def _cells(work: str, row: dict[str, dict[str, Any]], peers: Sequence[str]) -> list[str]:
    ours = row[OURS]
    best = _best(row)
    cells = [work, _number(ours["rate"]["median"]), f"{ours['share_of_peak']:.0%}", ""]
    if best:
        ratio = row[best]["ours_by_this"]
        low, high = ratio["quartiles"]
        cells[3] = f"**{ratio['median']:.2f}** ({low:.2f} to {high:.2f})"
    for peer in peers:
        cell = ""
        if peer in row:
            ratio = row[peer]["ours_by_this"]["median"]
            cell = f"{_number(row[peer]['rate']['median'])} ({ratio:.2f})"
        cells.append(f"**{cell}**" if peer == best else cell)
    return cells


def _best(row: dict[str, dict[str, Any]]) -> str | None:
    """The fastest of the peers, our own variants not among them."""
    peers = [name for name in row if not name.startswith(OURS)]
    return min(peers, key=lambda n: row[n]["ours_by_this"]["median"], default=None)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def plot(works: dict[str, list[dict[str, Any]]], title: str, path: pathlib.Path) -> None:
    """Bars of images a second as a share of ours, a group a work; lines are the quartiles."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = {work: gather(runs) for work, runs in works.items()}
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    figure, axes = plt.subplots(
        figsize=(max(7.0, 3.2 + 1.3 * len(rows)), 3.6), layout="constrained"
    )
    thickness = 0.84 / len(names)
    for number, name in enumerate(names):
        places, heights, spans = [], [], ([], [])
        for group, row in enumerate(rows.values()):
            if name not in row:
                continue
            ratio = row[name].get("ours_by_this", {"median": 1.0, "quartiles": [1.0, 1.0]})
            height, (low, high) = 1 / ratio["median"], ratio["quartiles"]
            places.append(group + (number - (len(names) - 1) / 2) * thickness)
            heights.append(height)
            spans[0].append(height - 1 / high)
            spans[1].append(1 / low - height)
        axes.bar(
            places, heights, thickness * 0.92, yerr=None if name == OURS else spans, label=name,
            color=_COLOURS[number % len(_COLOURS)], error_kw={"elinewidth": 0.8},
        )  # fmt: skip
    axes.axhline(1.0, color="#555555", linewidth=0.8, linestyle=":")
    axes.set_xticks(range(len(rows)), rows)
    axes.set_ylabel("images/s, share of gan_jax\n(median of turns, quartiles)")
    axes.set_title(title, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def insert(text: str, table: str, name: str = "benchmarks") -> str:
    """The text with the table between the marks `<!-- name:begin -->` and `<!-- name:end -->`.

    Raises:
        ValueError: where the marks are not there, in this order.
    """
    marks = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, begin, rest = text.partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not begin or not end:
        raise ValueError(
            f"the file needs the lines {marks[0]} and {marks[1]} around the table's place"
        )
    return f"{before}{begin}\n{table}\n{end}{after}"


def write(path: pathlib.Path | None, table: str, name: str) -> None:
    """Puts a table into a file, if one is given; ends the program where its marks are missing."""
    if path is None:
        return
    try:
        path.write_text(insert(path.read_text(), table, name))
    except ValueError as error:
        sys.exit(f"{path}: {error}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the tables; with --plot and --write makes the figure and puts the tables in a file."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.table", description=__doc__.splitlines()[0]
    )
    parser.add_argument("files", nargs="*", type=pathlib.Path, help="default: all results")
    parser.add_argument("--plot", type=pathlib.Path, help="a PNG or SVG of the largest table")
    parser.add_argument("--write", type=pathlib.Path, help="a Markdown file with the two marks")
    parser.add_argument("--brief", type=pathlib.Path, help="one for a short table")
    options = parser.parse_args(arguments)
    settings = load(options.files or sorted(_RESULTS.glob("*.json")))
    if not settings:
        sys.exit("there are no results; run python -m benchmarks.step first")
    table = markdown(settings)
    print(table)
    setting = max(settings, key=lambda s: len(settings[s]))
    if options.plot:
        title = f"{setting.machine}; {setting.update} update, {setting.dtype}"
        plot(settings[setting], title, options.plot)
    write(options.write, table, "benchmarks")
    write(options.brief, brief(setting, settings[setting]), "benchmarks")


if __name__ == "__main__":
    main()
