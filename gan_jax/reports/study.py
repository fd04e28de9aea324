"""The page of an augmentation study: accuracy against data, paired differences, recall."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax.config.study_plan import Question
from gan_jax.metrics import wilson_interval
from gan_jax.reports import webpage
from gan_jax.reports.figures import interval_chart
from gan_jax.reports.seed_figures import SweepLine, sweep_chart
from gan_jax.reports.study_verdict import bounds, points

_LARGEST_TABLE = 25  # classes
_HEADINGS = {
    Question.CLASSICAL: "Does classical augmentation help?",
    Question.LONGER: "Does longer training on the same images help?",
    Question.ADDING: "Do generated images help?",
    Question.CONTROL: "Do they help more than the GAN's compute spent on real images?",
    Question.FILTERING: "Does filtering help?",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """Generated images of a group, uint8 [h, w, c] as one picture, and what it shows."""

    title: str
    image: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class StudyReport:
    """What the page shows.

    Attributes:
        title: of the page.
        content: of study.json.
        class_names: [classes].
        pictures: of the generated images.
        times: what took how long, name to text.
        config: of the study, as plain data.
        environment: versions and device, name to value.
    """

    title: str
    content: dict[str, Any]
    class_names: Sequence[str]
    pictures: Sequence[Picture]
    times: dict[str, str]
    config: dict[str, Any]
    environment: dict[str, Any]


def write_study_report(path: pathlib.Path, report: StudyReport) -> None:
    """Writes the page as one HTML file that needs nothing else.

    The study's numbers are in study.json, and the same command makes the page of a finished study
    again.
    """
    webpage.write_page(path, report.title, _sections(report))


def _sections(report: StudyReport) -> list[str]:
    content = report.content
    return [
        _header(report),
        _verdict(content),
        _curves(content),
        *(_comparisons(content, question) for question in _HEADINGS),
        _accuracies(content),
        _recalls(report),
        _pictures(report),
        webpage.section(
            "Setup",
            "What to repeat to get this page again.",
            webpage.facts(content["protocol"]),
            webpage.facts(report.times),
            webpage.facts(report.environment),
            webpage.folded("Full config", report.config),
        ),
    ]


def _header(report: StudyReport) -> str:
    protocol, arms = report.content["protocol"], report.content["arms"]
    smallest = min(protocol["sizes"])
    numbers = [
        (webpage.percentage(arm["mean"]), f"{arm['label']}, {smallest:,} images")
        for arm in arms
        if arm["size"] == smallest and arm["arm"] in ("real", "classical")
    ]
    best = [r for r in report.content["best"] if r["size"] == smallest]
    numbers += [
        (points(row["mean"]), f"points: {row['arm']} against {row['against']}, {row['outcome']}")
        for row in best
    ]
    numbers.append((str(len(protocol["seeds"])), "seeds"))
    numbers.append((f"{protocol['test_images']:,}", "real test images"))
    note = (
        "Accuracies are means over seeds; their intervals are 95 %, over seeds by Student's t. "
        "Those of differences are over seeds and test images. Every seed has its own subset, GAN "
        "and first weights; the test images are the same."
    )
    first = report.content["verdict"][0] if report.content["verdict"] else "Nothing is done yet."
    return webpage.header(report.title, first, note, numbers)


def _verdict(content: dict[str, Any]) -> str:
    items = "".join(f"<li>{webpage.escape(text)}</li>" for text in content["verdict"])
    text = (
        "A difference counts as clear where its 95 % interval leaves zero on one side. The "
        "interval covers other seeds and other test images together. All else is 'cannot tell', "
        "which is not 'no effect'."
    )
    return webpage.section("Verdict", text, f"<ul>{items}</ul>" if items else "")


def _curves(content: dict[str, Any]) -> str:
    charts = []
    for title, classical in (
        ("Without classical augmentation", False),
        ("With classical augmentation", True),
    ):
        names = dict.fromkeys(
            arm["arm"] for arm in content["arms"] if arm["arm"].startswith("classical") == classical
        )
        lines = [_line([a for a in content["arms"] if a["arm"] == name]) for name in names]
        if lines:
            charts.append(
                sweep_chart(title, lines, xlabel="real images", ylabel="test accuracy, %")
            )
    return webpage.section(
        "Accuracy against data",
        "Dots are seeds, lines means, bars 95 % intervals over seeds. Arms are paired by seed, so "
        "bars that overlap here do not say that a difference is unclear: see below.",
        webpage.columns(*charts),
    )


def _line(arms: Sequence[dict[str, Any]]) -> SweepLine:
    return SweepLine(
        arms[0]["arm"],
        [arm["size"] for arm in arms],
        [[100 * value for value in arm["values"]] for arm in arms],
        [100 * arm["mean"] for arm in arms],
        [None if a["ci"] is None else tuple(100 * np.clip(a["ci"], 0, 1)) for a in arms],
    )


def _comparisons(content: dict[str, Any], question: Question) -> str:
    rows = [row for row in content["comparisons"] if row["question"] == question]
    charts, lines = [], []
    for size in sorted({row["size"] for row in rows}):
        own = [row for row in rows if row["size"] == size]
        charts.append(
            interval_chart(
                f"{size:,} real images",
                [row["arm"] for row in own],
                [100 * row["mean"] for row in own],
                [None if r["ci"] is None else tuple(100 * b for b in r["ci"]) for r in own],
                xlabel="difference in accuracy, percentage points",
                floor=0.0,
                floor_label="no difference",
            )
        )
        lines += [
            [
                f"{size:,}: {row['arm']} against {row['against']}",
                points(row["mean"]),
                bounds(row["ci"]),
                ", ".join(points(value) for value in row["values"]),
                str(row["n"]),
                row["outcome"],
            ]
            for row in own
        ]
    columns = ["real images", "points", "95 % over seeds and test images"]
    columns += ["each seed", "seeds", "outcome"]
    shown = webpage.columns(*charts) if question in (Question.ADDING, Question.CONTROL) else ""
    return webpage.section(
        _HEADINGS[question],
        "Differences in accuracy between two trainings on the same subset from the same first "
        "weights; right of 0 is better. Intervals are 95 %, over seeds and test images together.",
        shown,
        webpage.table(columns, lines) if lines else "",
    )


def _accuracies(content: dict[str, Any]) -> str:
    images = content["protocol"]["test_images"]
    rows = []
    for arm in content["arms"]:
        interval = "–"
        if arm["ci"] is not None:
            interval = " to ".join(webpage.percentage(bound) for bound in arm["ci"])
        sampled = wilson_interval(round(arm["mean"] * images), images)
        added = ", ".join(f"{count:,}" for count in arm["generated_images"])
        if any(count != arm["wanted_images"] for count in arm["generated_images"]):
            added += f" (asked for {arm['wanted_images']:,})"
        rows.append(
            [
                f"{arm['size']:,}: {arm['label']}",
                webpage.percentage(arm["mean"]),
                interval,
                " to ".join(webpage.percentage(bound) for bound in sampled),
                ", ".join(webpage.percentage(value) for value in arm["values"]),
                added,
                f"{arm['steps']:,}",
            ]
        )
    columns = ["real images", "accuracy", "95 % over seeds", "95 % over test images"]
    columns += ["each seed", "generated images", "steps"]
    return webpage.section(
        "Every arm",
        "The column over test images says how far an accuracy may be off because the test set is a "
        "sample; differences of paired arms, above, are surer than that.",
        webpage.table(columns, rows) if rows else "",
    )


def _recalls(report: StudyReport) -> str:
    names = report.class_names
    if len(names) > _LARGEST_TABLE:
        return ""
    parts = []
    for size in report.content["protocol"]["sizes"]:
        rows = [
            [arm["label"], *(webpage.percentage(share) for share in arm["recall"])]
            for arm in report.content["arms"]
            if arm["size"] == size
        ]
        if rows:
            table = webpage.table([f"{size:,} real images", *names], rows)
            summary = webpage.escape(f"{size:,} real images")
            opened = "" if parts else " open"
            parts.append(f"<details{opened}><summary>{summary}</summary>{table}</details>")
    return webpage.section(
        "Recall of each class",
        "The share of each class's test images that are named correctly, mean over seeds. "
        "Generated images that help on average may still harm a class.",
        *parts,
    )


def _pictures(report: StudyReport) -> str:
    shown = [
        webpage.grid(picture.image[None], picture.title, columns=1, width=360)
        for picture in report.pictures
    ]
    return webpage.section(
        "Generated images",
        "The first that each arm adds, of the first seed of each size: as they come, as filtered.",
        f'<div class="figures">{"".join(shown)}</div>' if shown else "",
    )
