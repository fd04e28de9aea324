"""docs/leaderboard.md, its pictures, and the standings that `eval.py --benchmark` shows."""

from __future__ import annotations

import itertools
import json
import pathlib
import statistics
from typing import Any

from scipy import stats

from benchmarks.leaderboard import rows as results
from benchmarks.table import write
from configs.recipes import RECIPES, RECIPES_OF, SETS
from gan_jax.judging.benchmark import BENCHMARKS, STANDINGS, ranked
from gan_jax.reports.seeds.statistics import summarise
from gan_jax.reports.text import number
from gan_jax.reports.words import ratio_text

_PAGE = results.ROOT / "docs" / "leaderboard.md"
_CURVES = results.ROOT / "docs" / "leaderboard.png"
_SAMPLES = results.ROOT / "docs" / "leaderboard_samples.png"
_COLOURS = "#7d8ca3 #c98a5b #b9a26a #6fa287 #2a78d6 #a586b8 #1b4f91 #c2777f #4a4a4a".split()
_NAMES = {"mnist5k": "mnist"}  # of the benchmark, where it is not the set's
_COLUMNS = {
    "stacked_mnist": ("modes_kl", "modes", "fd_semantic", "fd_texture"),
    "textures": ("fd_texture", "fd_semantic", "coverage"),
}
_USUAL = ("fd_semantic", "fd_texture", "coverage", "confidence")


def make() -> None:
    """Writes the tables into the page, the plot, and the standings."""
    sets = results.read()
    tables = "\n\n".join(section(name, rows) for name, rows in sets.items())
    if missing := [name for name in SETS if name not in sets]:
        tables += f"\n\nNot run under the released judges yet: {', '.join(missing)}."
    write(_PAGE, tables, "leaderboard")
    found = {
        _NAMES.get(name, name): {
            "judge": rows[0]["protocol"]["extractor"],
            "rows": [standing(row) for row in rows],
        }
        for name, rows in sets.items()
        if _NAMES.get(name, name) in BENCHMARKS
    }
    STANDINGS.write_text(json.dumps(found, indent=1) + "\n")
    draw_curves(sets)


def standing(row: dict[str, Any]) -> dict[str, Any]:
    """A row as `gan_jax.judging.benchmark` takes it: means and intervals over its seeds."""
    names = list(dict.fromkeys(name for seed in row["seeds"] for name in seed["metrics"]))
    return {
        "recipe": row["recipe"],
        "kind": row["kind"],
        "seeds": len(row["seeds"]),
        "flags": sorted({flag for seed in row["seeds"] for flag in seed["flags"]}),
        "metrics": {name: _over_seeds(row, name) for name in names},
    }


def _over_seeds(row: dict[str, Any], name: str) -> dict[str, Any]:
    entries = [seed["metrics"][name] for seed in row["seeds"] if name in seed["metrics"]]
    found = summarise([entry["value"] for entry in entries])
    return {
        "mean": found.mean,
        "ci": found.interval,
        "floor": entries[0].get("floor"),
        "real": entries[0].get("real"),
        "n": entries[0].get("n"),
    }


def section(name: str, rows: list[dict[str, Any]]) -> str:
    """The table of one set, with what its numbers depend on."""
    columns = _COLUMNS.get(name, _USUAL)
    shown = ranked([standing(row) | {"row": row} for row in rows], columns[0])
    heads = ["", "recipe", "images seen", "seeds", *(_head(shown, column) for column in columns)]
    heads += ["a GAN takes", "flags"]
    lines = [heads, ["---"] * len(heads)]
    for entry, place in shown:
        row = entry["row"]
        diverged = sum(seed["diverged"] for seed in row["seeds"])
        flags = entry["flags"] + [f"{diverged} diverged"] * bool(diverged)
        lines.append(
            [
                place,
                entry["recipe"],
                f"{row['images_seen']:,}" if "images_seen" in row else "",
                str(entry["seeds"]) if row["kind"] == "trained" else "",
                *(_cell(entry["metrics"].get(column)) for column in columns),
                _seconds(row),
                ", ".join(flags),
            ]
        )
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"## {name}\n\n{_caption(rows, shown, columns[0])}\n\n{table}"


def _head(shown: list[tuple[dict[str, Any], str]], column: str) -> str:
    entries = [entry["metrics"][column] for entry, _ in shown if column in entry["metrics"]]
    entry = entries[0] if entries else {}
    for word, text in (("floor", "floor"), ("real", "real images")):
        if entry.get(word) is not None:
            return f"{column} ({text} {number(entry[word])}, n = {entry['n']:,})"
    return column


def _cell(entry: dict[str, Any] | None) -> str:
    if entry is None:
        return ""
    text = number(entry["mean"])
    if entry["ci"] is not None:
        text += f" ({number(max(entry['ci'][0], 0.0))} to {number(entry['ci'][1])})"
    ratio = ratio_text({"value": entry["mean"], "floor": entry.get("floor")}, unit=" ×")
    return f"{text}, {ratio}" if ratio else text


def _seconds(row: dict[str, Any]) -> str:
    if "seconds" not in row:
        return ""
    busy = "*" if row["machine"].get("began_busy", True) else ""
    return f"{row['seconds'] / 60:.1f} min{busy}"


def _caption(
    rows: list[dict[str, Any]], shown: list[tuple[dict[str, Any], str]], metric: str
) -> str:
    protocol = rows[0]["protocol"]
    stamps = {row["protocol"]["extractor"] for row in rows}
    if len(stamps) > 1:
        raise ValueError(f"rows of several judges: {', '.join(sorted(stamps))}")
    trained = [row for row in rows if row["kind"] == "trained"]
    machines = sorted({row["machine"]["processor"] for row in trained})
    busy = any(row["machine"].get("began_busy", True) for row in trained)
    text = (
        f"Judge {protocol['extractor']}; {protocol['images']:,} images against "
        f"{protocol['reference_images']:,} of {protocol['reference']} "
        f"({protocol['reference_split']}); means and 95 % intervals over seeds by Student's t, "
        f"'×' is by the floor; places by {metric}. Trained on one or two cores of "
        f"{', '.join(machines)}."
    )
    if busy:
        text += " *Other work shared the machine: its time is a hint."
    known = {row["recipe"] for row in trained}
    if missing := [name for name in RECIPES_OF[trained[0]["set"]] if name not in known]:
        text += f" Not run yet: {', '.join(missing)}."
    return f"{text} {_agreement(trained)}".strip()


def _agreement(trained: list[dict[str, Any]]) -> str:
    """How alike several trainings of the judge order the recipes, by Kendall's tau."""
    judged = [[seed["judges"] for seed in row["seeds"] if seed["judges"]] for row in trained]
    stamps = sorted({stamp for row in judged for seed in row for stamp in seed})
    by_all = [row for row in judged if all(stamp in seed for seed in row for stamp in stamps)]
    if len(stamps) < 2 or len(by_all) < 3:
        return ""
    means = [[statistics.mean(seed[stamp] for seed in row) for row in by_all] for stamp in stamps]
    pairs = itertools.combinations(means, 2)
    taus = ", ".join(f"{stats.kendalltau(*pair).statistic:.2f}" for pair in pairs)
    recipes = f"{len(by_all)} recipes" + " that all judged" * (len(by_all) < len(trained))
    return (
        f"{len(stamps)} trainings of the judge ({', '.join(stamps)}) order the {recipes} by "
        f"fd_semantic with Kendall's tau of {taus}."
    )


def draw_curves(sets: dict[str, list[dict[str, Any]]]) -> None:
    """fd_semantic over its floor against images seen, a panel a set, a line a recipe."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import NullLocator

    sets = {
        name: [row for row in rows if row.get("curves") and all(row["curves"])]
        for name, rows in sets.items()
    }
    sets = {name: rows for name, rows in sets.items() if rows}
    if not sets:
        return
    colours = dict(zip(RECIPES, _COLOURS, strict=True))
    figure, panels = plt.subplots(
        1, len(sets), figsize=(3.4 * len(sets) + 1.6, 3.6), layout="constrained", squeeze=False
    )
    for axes, (name, rows) in zip(panels[0], sets.items(), strict=True):
        for row in rows:
            floor = row["seeds"][0]["metrics"]["fd_semantic"]["floor"]
            images = [point[0] for point in row["curves"][0]]
            heights = [[value / floor for _, value in curve] for curve in row["curves"]]
            heights = list(zip(*heights, strict=True))
            colour = colours[row["recipe"]]
            means = [statistics.mean(h) for h in heights]
            axes.plot(images, means, color=colour, label=row["recipe"])
            low, high = [min(h) for h in heights], [max(h) for h in heights]
            axes.fill_between(images, low, high, color=colour, alpha=0.15)
        axes.set_yscale("log")
        axes.set_yticks([1, 2, 5, 10, 20, 50, 100, 200, 500])
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.tick_params(labelsize=8)
        axes.locator_params(axis="x", nbins=4)
        axes.set_title(name, fontsize=9)
        axes.set_xlabel("training images seen", fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0][0].set_ylabel("fd_semantic / floor", fontsize=8)
    lines = {line.get_label(): line for axes in panels[0] for line in axes.lines}
    place = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
    panels[0][-1].legend(lines.values(), lines, fontsize=8, frameon=False, **place)
    figure.savefig(_CURVES, dpi=130)
    plt.close(figure)


def draw_samples(runs: pathlib.Path) -> None:
    """Samples of each recipe whose run is there, a row a recipe, a column a set."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    pictures = {
        (dataset, recipe): max((runs / dataset / recipe / "samples").iterdir())
        for dataset, recipes in RECIPES_OF.items()
        for recipe in recipes
        if (runs / dataset / recipe / "eval.json").exists()
    }
    if not pictures:
        return
    sets = [name for name in RECIPES_OF if any(key[0] == name for key in pictures)]
    names = [name for name in RECIPES if any(key[1] == name for key in pictures)]
    size = (3.4 * len(sets) + 1.2, 1.2 * len(names))
    figure, panels = plt.subplots(
        len(names), len(sets), figsize=size, layout="constrained", squeeze=False
    )
    for row, name in zip(panels, names, strict=True):
        row[0].set_ylabel(name.replace("_", "\n"), rotation=0, ha="right", va="center", fontsize=8)
        for axes, dataset in zip(row, sets, strict=True):
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
            if path := pictures.get((dataset, name)):
                axes.imshow(plt.imread(path), cmap="gray", interpolation="none")
    for axes, dataset in zip(panels[0], sets, strict=True):
        axes.set_title(dataset, fontsize=9)
    figure.savefig(_SAMPLES, dpi=110)
    plt.close(figure)
