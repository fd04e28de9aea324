"""The page of a run of many GANs: curves with bands, settings beside one another, all samples."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax.reports import webpage
from gan_jax.reports.members_results import HEADLINE, best_setting
from gan_jax.reports.members_table import (
    COVERED,
    certainty,
    interval,
    mean_and_std,
    ordered_metrics,
    seed_cell,
    verdict,
)
from gan_jax.reports.seed_figures import Band, SweepLine, band_chart, setting_colours, sweep_chart

_TABLE_METRICS = 6
_CURVES = (
    (f"eval/{HEADLINE}", "Fréchet distance", True),
    ("eval/coverage", "share of real images covered", False),
    ("loss/discriminator", "loss of the discriminator", False),
    ("loss/generator", "loss of the generator", False),
)


@dataclasses.dataclass(frozen=True, eq=False)
class MembersReport:
    """What the page shows.

    Attributes:
        title: of the page.
        config: the run's, as plain data.
        content: of eval.json, see `gan_jax.reports.members_results.members_content`.
        histories: rows of each member's metrics.jsonl.
        samples: of each member uint8 [n, h, w, c], None of one that diverged.
        environment: versions and device, name to value.
    """

    title: str
    config: dict[str, Any]
    content: dict[str, Any]
    histories: Sequence[list[dict]]
    samples: Sequence[np.ndarray | None]
    environment: dict[str, Any]


def write_members_report(path, report: MembersReport) -> None:
    """Writes the page as one HTML file that needs nothing else."""
    content = report.content
    sections = [
        _header(report),
        _sweeps(content),
        _table(content),
        _curves(report),
        _samples(report),
        _each_metric(content),
        _members(content),
        webpage.section(
            "Setup",
            "What to repeat to get this page again.",
            webpage.facts(report.environment),
            webpage.facts(content["protocol"]),
            webpage.folded("Full config", report.config),
        ),
    ]
    webpage.write_page(path, report.title, sections)


def _header(report: MembersReport) -> str:
    content = report.content
    settings, members = content["settings"], content["members"]
    numbers = []
    if "best" in content:
        entry = content["metrics"][HEADLINE]
        if entry.get("floor"):
            ratio = f"{webpage.number(entry['value'] / entry['floor'], 2)} ×"
            whose = "mean" if len(settings) == 1 else f"mean with {content['best']['setting']}"
            of_what = f"the floor of real images in {HEADLINE}, {whose}"
            images = f", {entry['n']:,} images a side" if entry.get("n") else ""
            numbers.append((ratio, of_what + images))
    if len(settings) > 1:
        numbers.append((str(len(settings)), "settings"))
    numbers.append((str(len(settings[0]["seeds"])), "seeds" + (" each" * (len(settings) > 1))))
    for name, word in (("diverged", "diverged"), ("collapsed", "collapsed")):
        count = sum(len(setting[name]) for setting in settings)
        if count:
            numbers.append((f"{count} of {len(members)}", word))
    note = "Means are over seeds, ± is the sample standard deviation, intervals are 95 % of the "
    note += f"mean by Student's t. {COVERED}"
    return webpage.header(report.title, verdict(content), note, numbers)


def _sweeps(content: dict[str, Any]) -> str:
    """The headline and two more metrics against each hyper-parameter that has several values."""
    settings = content["settings"]
    names = list(settings[0]["hyperparameters"])
    charts = []
    for name in names:
        if len({setting["hyperparameters"][name] for setting in settings}) < 2:
            continue
        for metric in ordered_metrics(content)[:3]:
            charts.append(_sweep(content, name, metric))
    choice = best_setting(settings)
    text = "Dots are seeds, lines means, bars 95 % intervals of the mean over seeds."
    if choice is not None and len(settings) > 1:
        lowest = settings[choice.best]["name"]
        text += f" Lowest mean {HEADLINE}: {lowest}; {certainty(choice)}."
    return webpage.section("Which setting", text, webpage.columns(*charts))


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
        floor = entries[0].get("floor", entries[0].get("real"))
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
    """Settings by metrics, and each seed's value of the headline."""
    metrics = ordered_metrics(content)[:_TABLE_METRICS]
    if not metrics:
        return ""
    settings = content["settings"]
    headline = metrics[0]
    rows, seeds_rows = [], []
    for setting in settings:
        entries = [setting["metrics"].get(name) for name in metrics]
        count = len(setting["seeds"]) - len(setting["diverged"])
        finished = f"{count} of {len(setting['seeds'])}"
        rows.append([setting["name"], finished, *map(mean_and_std, entries)])
        cells = [
            seed_cell(setting, headline, seed, content["members"]) for seed in setting["seeds"]
        ]
        seeds_rows.append([setting["name"], interval(entries[0]), *cells])
    real = ["real images", ""]
    for name in metrics:
        entry = next(s["metrics"][name] for s in settings if name in s["metrics"])
        real.append(webpage.number(entry.get("floor", entry.get("real"))))
    columns = ["", "95 % interval", *(f"seed {seed}" for seed in settings[0]["seeds"])]
    return webpage.section(
        "Numbers",
        "Each setting's mean and standard deviation over its seeds; below, what real images score.",
        webpage.table(["", "seeds finished", *metrics], [*rows, real]),
        f"<h3>{webpage.escape(headline)} of each seed</h3>",
        webpage.table(columns, seeds_rows),
    )


def _curves(report: MembersReport) -> str:
    charts = []
    for name, ylabel, log in _CURVES:
        bands = _bands(report, name)
        floor = None
        if name.startswith("eval/"):
            floors = [row.get(f"{name}_floor") for rows in report.histories for row in rows]
            floors = [value for value in floors if value is not None and math.isfinite(value)]
            floor = floors[-1] if floors else None
        if bands:
            title = f"{name.removeprefix('eval/')} over time"
            charts.append(band_chart(title, bands, ylabel=ylabel, floor=floor, log=log))
    return webpage.section(
        "Training",
        "Each setting's mean over its seeds, in a band of one standard deviation; thin lines are "
        "seeds, and one that ends early diverged there.",
        webpage.columns(*charts),
    )


def _bands(report: MembersReport, name: str) -> list[Band]:
    settings = report.content["settings"]
    colours = setting_colours(len(settings))
    bands = []
    for setting, colour in zip(settings, colours, strict=True):
        curves = [
            {row["step"]: row[name] for row in history if name in row}
            for member, history in zip(report.content["members"], report.histories, strict=True)
            if member["hyperparameters"] == setting["hyperparameters"]
        ]
        steps = sorted({step for curve in curves for step in curve})
        values = np.array([[curve.get(step, math.nan) for step in steps] for curve in curves])
        if np.isfinite(values).any():
            bands.append(Band(setting["name"], steps, values, colour))
    return bands


def _samples(report: MembersReport) -> str:
    parts = []
    for setting in report.content["settings"]:
        grids = []
        for member, images in zip(report.content["members"], report.samples, strict=True):
            if member["hyperparameters"] != setting["hyperparameters"]:
                continue
            if images is not None:
                title = f"seed {member['seed']}" + (" (collapsed)" if member["collapsed"] else "")
                grids.append(webpage.grid(images, title, columns=6, width=252))
        if setting["hyperparameters"]:
            parts.append(f"<h3>{webpage.escape(setting['name'])}</h3>")
        parts.append(f'<div class="figures">{"".join(grids)}</div>' if grids else "")
        for member in report.content["members"]:
            lost = member["diverged_at"] is not None
            if lost and member["hyperparameters"] == setting["hyperparameters"]:
                text = f"seed {member['seed']} diverged at step {member['diverged_at']:,}."
                parts.append(f'<p class="muted">{webpage.escape(text)}</p>')
    return webpage.section(
        "Samples",
        "The first images of each member. Members of one seed began with the same weights and "
        "draw from the same latents.",
        *parts,
    )


def _each_metric(content: dict[str, Any]) -> str:
    """Every metric with every seed's value, for one setting after another."""
    parts = []
    for setting in content["settings"]:
        rows = []
        for name in ordered_metrics(content):
            entry = setting["metrics"].get(name)
            if entry is None:
                continue
            cells = [
                seed_cell(setting, name, seed, content["members"]) for seed in setting["seeds"]
            ]
            real = webpage.number(entry.get("floor", entry.get("real")))
            rows.append([name, mean_and_std(entry), interval(entry), real, *cells])
        columns = ["", "mean ± std", "95 % interval", "real"]
        columns += [f"seed {seed}" for seed in setting["seeds"]]
        if rows:
            heading = webpage.escape(f"{setting['name']}: every metric")
            parts.append(
                f"<details><summary>{heading}</summary>{webpage.table(columns, rows)}</details>"
            )
    return webpage.section("Each metric", "Every number of every seed.", *parts)


def _members(content: dict[str, Any]) -> str:
    rows = []
    for member in content["members"]:
        state = "trained to the end"
        if member["diverged_at"] is not None:
            state = f"diverged at step {member['diverged_at']:,}"
        elif member["collapsed"]:
            state = "collapsed"
        headline = member["metrics"].get(HEADLINE)
        value = "–" if headline is None else webpage.number(headline["value"])
        rows.append([member["name"], state, value, f"members/{member['folder']}"])
    return webpage.section(
        "Members",
        "Each has a folder with its own log, pictures and eval.json, which eval.py --compare "
        "takes. python eval.py --workdir RUN --member=I judges one with a report of its own.",
        webpage.table(["", "how it went", HEADLINE, "folder"], rows),
    )
