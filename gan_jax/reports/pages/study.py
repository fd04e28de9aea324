"""The page of an augmentation study: accuracy against data, paired differences, recall."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gan_jax.config.study_plan import Question
from gan_jax.metrics import wilson_interval
from gan_jax.reports import page
from gan_jax.reports.charts.basic import interval_chart
from gan_jax.reports.charts.seeds import SweepLine, sweep_chart
from gan_jax.reports.pages.pictures import single
from gan_jax.reports.seeds.study import accuracies, best_arms, differences
from gan_jax.reports.text import between, percentage, points
from gan_jax.reports.words import Words

_LARGEST_TABLE = 25  # classes
_HEADINGS = {
    Question.CLASSICAL: "Does classical augmentation help?",
    Question.LONGER: "Does longer training on the same images help?",
    Question.ADDING: "Do generated images help?",
    Question.CONTROL: "Do they help more than the GAN's compute spent on real images?",
    Question.FILTERING: "Does filtering help?",
}


def write_study_report(
    path: pathlib.Path,
    about: page.About,
    content: dict[str, Any],
    *,
    class_names: Sequence[str],
    pictures: Mapping[str, np.ndarray],
    times: dict[str, str],
) -> None:
    """Writes the page as one HTML file that needs nothing else.

    Args:
        content: of study.json.
        class_names: [classes].
        pictures: of generated images, title to uint8 [h, w, c].
        times: what took how long, name to text.
    """
    sections = [
        _verdict(content),
        _curves(content),
        *(_comparisons(content, question) for question in _HEADINGS),
        _accuracies(content),
        _recalls(content, class_names),
        page.section(
            "Generated images",
            "The first that each arm adds, of the first seed of each size: as they come, as "
            "filtered.",
            page.figures(*(single(image, title, width=360) for title, image in pictures.items())),
        ),
    ]
    page.compose(path, about, _words(content), sections, content["protocol"], times)


def _words(content: dict[str, Any]) -> Words:
    protocol = content["protocol"]
    smallest = min(protocol["sizes"])
    numbers = [
        (percentage(arm["value"]), f"{arm['label']}, {smallest:,} images")
        for arm in accuracies(content)
        if arm["size"] == smallest and arm["arm"] in ("real", "classical")
    ]
    numbers += [
        (points(row["value"]), f"points: {row['arm']} against {row['against']}, {row['outcome']}")
        for row in best_arms(content)
        if row["size"] == smallest
    ]
    numbers.append((str(len(protocol["seed"])), "seeds"))
    numbers.append((f"{protocol['images']:,}", "real test images"))
    note = (
        "Accuracies are means over seeds; their intervals are 95 %, over seeds by Student's t. "
        "Those of differences are over seeds and test images. Every seed has its own subset, GAN "
        "and first weights; the test images are the same."
    )
    return Words(next(iter(content["verdict"]), "Nothing is done yet."), note, numbers)


def _verdict(content: dict[str, Any]) -> str:
    text = (
        "A difference counts as clear where its 95 % interval leaves zero on one side. The "
        "interval covers other seeds and other test images together. All else is 'cannot tell', "
        "which is not 'no effect'."
    )
    return page.section("Verdict", text, page.bullets(content["verdict"]))


def _curves(content: dict[str, Any]) -> str:
    charts = []
    for title, classical in (
        ("Without classical augmentation", False),
        ("With classical augmentation", True),
    ):
        by_arm: dict[str, list[dict[str, Any]]] = {}
        for arm in accuracies(content):
            if arm["arm"].startswith("classical") == classical:
                by_arm.setdefault(arm["arm"], []).append(arm)
        if by_arm:
            lines = list(map(_line, by_arm.values()))
            charts.append(
                sweep_chart(title, lines, xlabel="real images", ylabel="test accuracy, %")
            )
    return page.section(
        "Accuracy against data",
        "Dots are seeds, lines means, bars 95 % intervals over seeds. Arms are paired by seed, so "
        "bars that overlap here do not say that a difference is unclear: see below.",
        page.columns(*charts),
    )


def _line(arms: Sequence[dict[str, Any]]) -> SweepLine:
    return SweepLine(
        arms[0]["arm"],
        [arm["size"] for arm in arms],
        [[100 * value for value in arm["values"]] for arm in arms],
        [100 * arm["value"] for arm in arms],
        [None if a["ci"] is None else tuple(100 * np.clip(a["ci"], 0, 1)) for a in arms],
    )


def _comparisons(content: dict[str, Any], question: Question) -> str:
    rows = sorted(differences(content, question), key=lambda row: row["size"])
    charts = []
    if question in (Question.ADDING, Question.CONTROL):
        charts = [_chart(size, own) for size, own in itertools.groupby(rows, lambda r: r["size"])]
    lines = [
        [
            f"{row['size']:,}: {row['arm']} against {row['against']}",
            points(row["value"]),
            between(row["ci"], points),
            ", ".join(map(points, row["values"])),
            str(row["n"]),
            row["outcome"],
        ]
        for row in rows
    ]
    heads = ["real images", "points", "95 % over seeds and test images"]
    return page.section(
        _HEADINGS[question],
        "Differences in accuracy between two trainings on the same subset from the same first "
        "weights; right of 0 is better. Intervals are 95 %, over seeds and test images together.",
        page.columns(*charts),
        page.table([*heads, "each seed", "seeds", "outcome"], lines),
    )


def _chart(size: int, rows: Iterable[dict[str, Any]]) -> str:
    rows = list(rows)
    return interval_chart(
        f"{size:,} real images",
        [row["arm"] for row in rows],
        [100 * row["value"] for row in rows],
        [row["ci"] and tuple(100 * end for end in row["ci"]) for row in rows],
        xlabel="difference in accuracy, percentage points",
        floor=0.0,
        floor_label="no difference",
    )


def _accuracies(content: dict[str, Any]) -> str:
    images = content["protocol"]["images"]
    rows = []
    for arm in accuracies(content):
        added = ", ".join(f"{count:,}" for count in arm["generated_images"])
        if any(count != arm["wanted_images"] for count in arm["generated_images"]):
            added += f" (asked for {arm['wanted_images']:,})"
        rows.append(
            [
                f"{arm['size']:,}: {arm['label']}",
                percentage(arm["value"]),
                between(arm["ci"], percentage),
                between(wilson_interval(round(arm["value"] * images), images), percentage),
                ", ".join(map(percentage, arm["values"])),
                added,
                f"{arm['steps']:,}",
            ]
        )
    heads = ["real images", "accuracy", "95 % over seeds", "95 % over test images"]
    return page.section(
        "Every arm",
        "The column over test images says how far an accuracy may be off because the test set is a "
        "sample; differences of paired arms, above, are surer than that.",
        page.table([*heads, "each seed", "generated images", "steps"], rows),
    )


def _recalls(content: dict[str, Any], names: Sequence[str]) -> str:
    if len(names) > _LARGEST_TABLE:
        return ""
    parts: list[str] = []
    for size in content["protocol"]["sizes"]:
        title = f"{size:,} real images"
        rows = [
            [arm["label"], *map(percentage, arm["recall"])]
            for arm in accuracies(content)
            if arm["size"] == size
        ]
        if rows:
            parts.append(page.opened(title, page.table([title, *names], rows), at_once=not parts))
    return page.section(
        "Recall of each class",
        "The share of each class's test images that are named correctly, mean over seeds. "
        "Generated images that help on average may still harm a class.",
        *parts,
    )
