"""The page of a run of many GANs: curves with bands, settings beside one another, all samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax.reports import page
from gan_jax.reports.charts.seeds import Band, SweepLine, band_chart, setting_colours, sweep_chart
from gan_jax.reports.pages.pictures import grid
from gan_jax.reports.seeds.sweep import (
    COVERED,
    HEADLINE,
    best_setting,
    interval,
    mean_and_std,
    ordered_metrics,
    seed_cell,
    verdict,
)
from gan_jax.reports.text import NONE, number
from gan_jax.reports.words import Words

_TABLE_METRICS = 6
_CURVES = (
    (f"eval/{HEADLINE}", "Fréchet distance", True),
    ("eval/coverage", "share of real images covered", False),
    ("loss/discriminator", "loss of the discriminator", False),
    ("loss/generator", "loss of the generator", False),
)


def write_sweep_report(
    path,
    about: page.About,
    content: dict[str, Any],
    *,
    histories: Sequence[list[dict]],
    samples: Sequence[np.ndarray | None],
) -> None:
    """Writes the page as one HTML file that needs nothing else.

    Args:
        content: of eval.json, see `gan_jax.reports.seeds.sweep.sweep_result`.
        histories: rows of each member's metrics.jsonl.
        samples: of each member uint8 [n, h, w, c], None of one that diverged.
    """
    sections = [
        _sweeps(content),
        _table(content),
        _curves(content, histories),
        _samples(content, samples),
        _each_metric(content),
        _members(content),
    ]
    page.compose(path, about, _words(content), sections, content["protocol"])


def _words(content: dict[str, Any]) -> Words:
    settings, members = content["settings"], content["members"]
    several = len(settings) > 1
    numbers = []
    if "best" in content:
        entry = content["metrics"][HEADLINE]
        if entry.get("floor"):
            ratio = f"{number(entry['value'] / entry['floor'], 2)} ×"
            whose = f"mean with {content['best']['setting']}" if several else "mean"
            images = f", {entry['n']:,} images a side" if entry.get("n") else ""
            meaning = f"the floor of real images in {HEADLINE}, {whose}{images}"
            numbers.append((ratio, meaning))
    if several:
        numbers.append((str(len(settings)), "settings"))
    numbers.append((str(len(settings[0]["seeds"])), "seeds each" if several else "seeds"))
    for name in ("diverged", "collapsed"):
        count = sum(len(setting[name]) for setting in settings)
        if count:
            numbers.append((f"{count} of {len(members)}", name))
    note = (
        "Means are over seeds, ± is the sample standard deviation, intervals are 95 % of the mean "
        f"by Student's t. {COVERED}"
    )
    return Words(verdict(content), note, numbers)


def _sweeps(content: dict[str, Any]) -> str:
    """The headline and two more metrics against each hyper-parameter that has several values."""
    settings = content["settings"]
    swept = [
        name
        for name in settings[0]["hyperparameters"]
        if len({setting["hyperparameters"][name] for setting in settings}) > 1
    ]
    metrics = ordered_metrics(content)[:3]
    choice = best_setting(settings)
    text = "Dots are seeds, lines means, bars 95 % intervals of the mean over seeds."
    if choice is not None and len(settings) > 1:
        lowest = settings[choice.best]["name"]
        certainty = "clearly the best" if choice.clear else "cannot tell which is best"
        text += f" Lowest mean {HEADLINE}: {lowest}; {certainty}."
    charts = [_sweep(content, name, metric) for name in swept for metric in metrics]
    return page.section("Which setting", text, page.columns(*charts))


def _sweep(content: dict[str, Any], name: str, metric: str) -> str:
    groups: dict[str, list[dict]] = {}
    for setting in content["settings"]:
        others = setting["hyperparameters"].items()
        label = ", ".join(f"{other} {value:g}" for other, value in others if other != name)
        if metric in setting["metrics"]:
            groups.setdefault(label, []).append(setting)
    lines, floor = [], None
    for label, group in groups.items():
        group = sorted(group, key=lambda setting: setting["hyperparameters"][name])
        entries = [setting["metrics"][metric] for setting in group]
        floor = _real(entries[0])
        lines.append(
            SweepLine(
                label,
                [setting["hyperparameters"][name] for setting in group],
                [[v for v in entry["values"] if v is not None] for entry in entries],
                [entry["mean"] for entry in entries],
                [entry["ci"] for entry in entries],
            )
        )
    if not lines:
        return ""
    return sweep_chart(f"{metric} by {name}", lines, xlabel=name, ylabel=metric, floor=floor)


def _table(content: dict[str, Any]) -> str:
    metrics = ordered_metrics(content)[:_TABLE_METRICS]
    if not metrics:
        return ""
    settings = content["settings"]
    rows, seeds_rows = [], []
    for setting in settings:
        entries = [setting["metrics"].get(name) for name in metrics]
        count = len(setting["seeds"]) - len(setting["diverged"])
        finished = f"{count} of {len(setting['seeds'])}"
        rows.append([setting["name"], finished, *map(mean_and_std, entries)])
        cells = _seed_cells(content, setting, metrics[0])
        seeds_rows.append([setting["name"], interval(entries[0]), *cells])
    measured = (next(s["metrics"][n] for s in settings if n in s["metrics"]) for n in metrics)
    real = ["real images", "", *(number(_real(entry)) for entry in measured)]
    heads = ["", "95 % interval", *_seed_heads(settings[0])]
    return page.section(
        "Numbers",
        "Each setting's mean and standard deviation over its seeds; below, what real images score.",
        page.table(["", "seeds finished", *metrics], [*rows, real]),
        page.heading(f"{metrics[0]} of each seed"),
        page.table(heads, seeds_rows),
    )


def _real(entry: dict[str, Any]) -> float | None:
    return entry.get("floor", entry.get("real"))


def _seed_heads(setting: dict[str, Any]) -> list[str]:
    return [f"seed {seed}" for seed in setting["seeds"]]


def _seed_cells(content: dict[str, Any], setting: dict[str, Any], metric: str) -> list[str]:
    return [seed_cell(setting, metric, seed, content["members"]) for seed in setting["seeds"]]


def _own(content: dict[str, Any], setting: dict[str, Any], values: Sequence) -> list[tuple]:
    """(member, value) of a setting's members, of `values` that hold one for each member."""
    return [
        (member, value)
        for member, value in zip(content["members"], values, strict=True)
        if member["hyperparameters"] == setting["hyperparameters"]
    ]


def _curves(content: dict[str, Any], histories: Sequence[list[dict]]) -> str:
    charts = []
    for name, ylabel, log in _CURVES:
        bands = _bands(content, histories, name)
        floor = None
        if name.startswith("eval/"):
            floors = [row.get(f"{name}_floor") for rows in histories for row in rows]
            floors = [value for value in floors if value is not None and math.isfinite(value)]
            floor = floors[-1] if floors else None
        if bands:
            title = f"{name.removeprefix('eval/')} over time"
            charts.append(band_chart(title, bands, ylabel=ylabel, floor=floor, log=log))
    return page.section(
        "Training",
        "Each setting's mean over its seeds, in a band of one standard deviation; thin lines are "
        "seeds, and one that ends early diverged there.",
        page.columns(*charts),
    )


def _bands(content: dict[str, Any], histories: Sequence[list[dict]], name: str) -> list[Band]:
    settings = content["settings"]
    bands = []
    for setting, colour in zip(settings, setting_colours(len(settings)), strict=True):
        curves = [
            {row["step"]: row[name] for row in history if name in row}
            for _, history in _own(content, setting, histories)
        ]
        steps = sorted({step for curve in curves for step in curve})
        values = np.array([[curve.get(step, math.nan) for step in steps] for curve in curves])
        if np.isfinite(values).any():
            bands.append(Band(setting["name"], steps, values, colour))
    return bands


def _samples(content: dict[str, Any], samples: Sequence[np.ndarray | None]) -> str:
    parts = []
    for setting in content["settings"]:
        grids, lost = [], []
        for member, images in _own(content, setting, samples):
            title = f"seed {member['seed']}" + (" (collapsed)" if member["collapsed"] else "")
            if images is not None:
                grids.append(grid(images, title, columns=6, width=252))
            if member["diverged_at"] is not None:
                lost.append(f"seed {member['seed']} diverged at step {member['diverged_at']:,}.")
        if setting["hyperparameters"]:
            parts.append(page.heading(setting["name"]))
        parts += [page.figures(*grids), page.paragraphs(lost, muted=True)]
    return page.section(
        "Samples",
        "The first images of each member. Members of one seed began with the same weights and "
        "draw from the same latents.",
        *parts,
    )


def _each_metric(content: dict[str, Any]) -> str:
    parts = []
    for setting in content["settings"]:
        rows = []
        for name in ordered_metrics(content):
            entry = setting["metrics"].get(name)
            if entry is not None:
                cells = _seed_cells(content, setting, name)
                real = number(_real(entry))
                rows.append([name, mean_and_std(entry), interval(entry), real, *cells])
        heads = ["", "mean ± std", "95 % interval", "real", *_seed_heads(setting)]
        if rows:
            parts.append(page.opened(f"{setting['name']}: every metric", page.table(heads, rows)))
    return page.section("Each metric", "Every number of every seed.", *parts)


def _members(content: dict[str, Any]) -> str:
    rows = []
    for member in content["members"]:
        state = "collapsed" if member["collapsed"] else "trained to the end"
        if member["diverged_at"] is not None:
            state = f"diverged at step {member['diverged_at']:,}"
        found = member["metrics"].get(HEADLINE)
        value = NONE if found is None else number(found["value"])
        rows.append([member["name"], state, value, f"members/{member['folder']}"])
    return page.section(
        "Members",
        "Each has a folder with its own log, pictures and eval.json, which eval.py --compare "
        "takes. python eval.py --workdir RUN --member=I judges one with a report of its own.",
        page.table(["", "how it went", HEADLINE, "folder"], rows),
    )
