"""The recipes of configs/recipes.py side by side: equal images, equal judge, three seeds each.

    python -m benchmarks.recipes [--sets mnist5k] [--recipes article,dcgan] [--runs runs/recipes] \
        [--write docs/recipes.md] [--plot docs/recipes.png] [--samples docs/recipes_samples.png] \
        [-- --config.num_seeds=2 ...]

Trains what is not trained yet (a run that was cut goes on where it was left), then prints the
tables. `--tables` only prints them. Arguments after `--` go to train.py.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks.machine import MachineBusy, check_quiet
from benchmarks.members import interval
from benchmarks.table import insert
from configs.recipes import IMAGES, RECIPES, SETS

_ROOT = pathlib.Path(__file__).resolve().parent.parent
_MACHINE = "machine.json"  # in a run's folder: how busy the machine was when it began
_COLUMNS = ("fd_semantic", "fd_texture", "coverage", "confidence")
_COLOURS = ("#7d8ca3", "#c98a5b", "#b9a26a", "#6fa287", "#2a78d6", "#a586b8", "#1b4f91", "#c2777f")


class Result(NamedTuple):
    """A recipe's finished run on one set.

    Attributes:
        content: its eval.json.
        seconds: of training, a GAN; median over the run's log.
        curves: a seed each, (images seen, fd_semantic over its floor) at each evaluation.
        samples: the picture of the last evaluation, a row a seed.
        busy: whether it began on a busy machine.
    """

    content: dict[str, Any]
    seconds: float
    curves: list[list[tuple[int, float]]]
    samples: pathlib.Path
    busy: bool

    @property
    def metrics(self) -> dict[str, Any]:
        """Summaries over seeds by metric."""
        return self.content["settings"][0]["metrics"]


def train(name: str, workdir: pathlib.Path, arguments: Sequence[str], *, busy: bool = False) -> int:
    """Runs one recipe, or goes on with it; the exit status.

    Raises:
        MachineBusy: other programs are at work, and not `busy`. A finished recipe needs no quiet.
    """
    if not (workdir / "eval.json").exists():
        began = check_quiet(busy)
        workdir.mkdir(parents=True, exist_ok=True)
        path = workdir / _MACHINE
        before = json.loads(path.read_text()) if path.exists() else began
        began["began_busy"] |= before["began_busy"]  # a run that goes on took the time of both
        path.write_text(json.dumps(began) + "\n")
    command = [sys.executable, "train.py", "--config", f"configs/recipes.py:{name}"]
    return subprocess.run(
        [*command, "--workdir", str(workdir.resolve()), *arguments], cwd=_ROOT, check=False
    ).returncode


def read(workdir: pathlib.Path) -> Result | None:
    """A run's result; None if it has not come to its end."""
    path = workdir / "eval.json"
    if not path.exists():
        return None
    config = json.loads((workdir / "config.json").read_text())
    speeds = [
        row["time/images_per_second"]
        for row in _rows(workdir / "metrics.jsonl")
        if "time/images_per_second" in row
    ]
    curves = [
        [
            (
                row["step"] * config["batch_size"],
                row["eval/fd_semantic"] / row["eval/fd_semantic_floor"],
            )
            for row in _rows(place / "metrics.jsonl")
            if "eval/fd_semantic" in row
        ]
        for place in sorted((workdir / "members").iterdir())
    ]
    return Result(
        content=json.loads(path.read_text()),
        seconds=IMAGES / statistics.median(speeds),
        curves=curves,
        samples=max((workdir / "samples").iterdir()),
        busy=_began_busy(workdir / _MACHINE),
    )


def markdown(results: dict[str, Result]) -> str:
    """A table of one set's recipes, the best first."""
    ranked = sorted(results.items(), key=lambda item: item[1].metrics["fd_semantic"]["mean"])
    article = results.get("article")
    lines = [
        "| recipe | fd_semantic | by its floor | by the article's | fd_texture by its floor "
        "| coverage | confidence | training a GAN |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, result in ranked:
        semantic, texture, coverage, confidence = (result.metrics[key] for key in _COLUMNS)
        share = ""
        if article is not None:
            share = f"{semantic['mean'] / article.metrics['fd_semantic']['mean']:.2f}"
        floors = [entry["mean"] / entry["floor"] for entry in (semantic, texture)]
        seconds = f"{result.seconds:,.0f} s{'*' if result.busy else ''}"
        lines.append(
            f"| {name} | {interval(semantic)} | {floors[0]:.3g} | {share} | {floors[1]:.3g} "
            f"| {coverage['mean']:.2f} | {confidence['mean']:.3f} | {seconds} |"
        )
    return "\n".join(lines)


def caption(results: dict[str, Result]) -> str:
    """What the numbers of a table depend on, in a sentence."""
    first = next(iter(results.values()))
    protocol, semantic = first.content["protocol"], first.metrics["fd_semantic"]
    diverged = sum(len(r.content["settings"][0]["diverged"]) for r in results.values())
    collapsed = sum(len(r.content["settings"][0]["collapsed"]) for r in results.values())
    busy = any(result.busy for result in results.values())
    marked = " *began on a busy machine: its time says little." if busy else ""
    return (
        f"Judge {protocol['extractor']} ({protocol['extractor_accuracy']:.1%} of test images), "
        f"{semantic['n']} seeds, mean (95 % interval over seeds by Student's t), "
        f"n = {semantic['images']:,} a side, floors {semantic['floor']:.3g} and "
        f"{first.metrics['fd_texture']['floor']:.3g}; "
        f"{diverged} GANs diverged, {collapsed} had collapsed at the end.{marked}"
    )


def plot(sets: dict[str, dict[str, Result]], path: pathlib.Path) -> None:
    """fd_semantic over its floor against images seen, a panel a set, a line a recipe."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import NullLocator

    colours = dict(zip(RECIPES, _COLOURS, strict=True))
    figure, panels = plt.subplots(
        1, len(sets), figsize=(4.6 * len(sets) + 1.6, 3.8), layout="constrained", squeeze=False
    )
    for axes, (dataset, results) in zip(panels[0], sets.items(), strict=True):
        for name, result in results.items():
            colour = colours[name]
            images = [point[0] for point in result.curves[0]]
            heights = [[value for _, value in curve] for curve in result.curves]
            heights = list(zip(*heights, strict=True))
            axes.plot(images, [statistics.mean(h) for h in heights], color=colour, label=name)
            axes.fill_between(
                images,
                [min(h) for h in heights],
                [max(h) for h in heights],
                color=colour,
                alpha=0.15,
            )
        axes.set_yscale("log")
        axes.set_yticks([1, 2, 3, 5, 10, 20, 30, 50, 100])
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
        heights = [h for result in results.values() for curve in result.curves for _, h in curve]
        axes.set_ylim(0.9 * min(heights), 1.1 * max(heights))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_title(dataset, fontsize=9)
        axes.set_xlabel("training images seen")
        axes.spines[["top", "right"]].set_visible(False)
    panels[0][0].set_ylabel("fd_semantic / floor")
    lines = {line.get_label(): line for axes in panels[0] for line in axes.lines}
    panels[0][-1].legend(
        lines.values(),
        lines,
        fontsize=8,
        frameon=False,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def picture(sets: dict[str, dict[str, Result]], path: pathlib.Path) -> None:
    """Samples of each recipe, a row a seed, a column a set."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = list({name: None for results in sets.values() for name in results})
    figure, panels = plt.subplots(
        len(names),
        len(sets),
        figsize=(4.0 * len(sets) + 1.2, 1.08 * len(names)),
        layout="constrained",
        squeeze=False,
    )
    for row, name in zip(panels, names, strict=True):
        row[0].set_ylabel(name.replace("_", "\n"), rotation=0, ha="right", va="center", fontsize=8)
        for axes, results in zip(row, sets.values(), strict=True):
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
            if name in results:
                axes.imshow(plt.imread(results[name].samples), cmap="gray", interpolation="none")
    for axes, dataset in zip(panels[0], sets, strict=True):
        axes.set_title(dataset, fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _began_busy(path: pathlib.Path) -> bool:
    return path.exists() and json.loads(path.read_text())["began_busy"]


def _rows(path: pathlib.Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--recipes", default=",".join(RECIPES))
    parser.add_argument("--runs", type=pathlib.Path, default=pathlib.Path("runs/recipes"))
    parser.add_argument("--tables", action="store_true", help="train nothing")
    parser.add_argument(
        "--busy", action="store_true", help="train on a busy machine too; marks the times"
    )
    parser.add_argument("--write", type=pathlib.Path, help="a page with the tables' marks")
    parser.add_argument("--plot", type=pathlib.Path, help="the curves, to a PNG")
    parser.add_argument("--samples", type=pathlib.Path, help="samples of each, to a PNG")
    parser.add_argument("rest", nargs="*", help="for train.py, after --")
    options = parser.parse_args(arguments)
    sets: dict[str, dict[str, Result]] = {}
    for dataset in options.sets.split(","):
        for recipe in options.recipes.split(","):
            workdir = options.runs / dataset / recipe
            if not options.tables:
                try:
                    status = train(f"{dataset}.{recipe}", workdir, options.rest, busy=options.busy)
                except MachineBusy as error:
                    sys.exit(f"{dataset}.{recipe}: {error}")
                if status:
                    return 1
            result = read(workdir)
            if result is not None:
                sets.setdefault(dataset, {})[recipe] = result
    tables = "\n\n".join(
        f"### {dataset}\n\n{caption(results)}\n\n{markdown(results)}"
        for dataset, results in sets.items()
    )
    print(tables)
    if options.plot and sets:
        plot(sets, options.plot)
    if options.samples and sets:
        picture(sets, options.samples)
    if options.write:
        options.write.write_text(insert(options.write.read_text(), tables))
    return 0


if __name__ == "__main__":
    sys.exit(main())
