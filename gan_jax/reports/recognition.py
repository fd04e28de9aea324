"""The page about images that recognisers have read."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax.extractors.readings import Readings
from gan_jax.metrics import wilson_interval
from gan_jax.reports import webpage
from gan_jax.reports.classes import agreement_section
from gan_jax.reports.figures import class_chart
from gan_jax.reports.recognition_figures import ReliabilityLine, confidence_chart, reliability_chart

_SHOWN = 24


@dataclasses.dataclass(frozen=True, eq=False)
class RecognitionReport:
    """What the page shows.

    Attributes:
        title: of the page.
        content: of recognition.json.
        class_names: [k].
        images: uint8 [n, h, w, c].
        readings: of them.
        real_confidences: of the recognisers' mean on real images [m], or None.
        labels: the classes that the images were asked to be, int [n], or None.
        selected: images that were selected, int [count], or None.
        environment: versions and device, name to value.
    """

    title: str
    content: dict[str, Any]
    class_names: Sequence[str]
    images: np.ndarray
    readings: Readings
    real_confidences: np.ndarray | None
    labels: np.ndarray | None
    selected: np.ndarray | None
    environment: dict[str, str]


def write_recognition_report(path: pathlib.Path, report: RecognitionReport) -> None:
    """Writes the report as one HTML file that needs nothing else."""
    content = report.content
    sections = [
        _header(report),
        _missing(content["missing"]),
        _classes(report),
        agreement_section(content["metrics"].get("class_agreement", {})),
        _confidence(report),
        _calibration(content),
        _agreement(content),
        _selection(report),
        _pictures(report),
        webpage.section(
            "Setup",
            "What to repeat to get this page again. recognition.csv has a row an image.",
            webpage.facts(report.environment),
            webpage.facts(content["protocol"]),
            webpage.folded("All numbers", content),
        ),
    ]
    webpage.write_page(path, report.title, sections)


def _header(report: RecognitionReport) -> str:
    content = report.content
    found, mean = content["metrics"], content["mean"]
    count = len(report.images)
    recognisers = len(content["recognisers"])
    who = "a recogniser" if recognisers == 1 else f"{recognisers} recognisers"
    verdict = f"{count:,} image{'s' * (count > 1)} read by {who}."
    numbers = [(webpage.percentage(found["confidence"]["value"]), "mean confidence")]
    if "real" in found["confidence"]:
        real = webpage.percentage(found["confidence"]["real"])
        numbers[0] = (numbers[0][0], f"mean confidence; real images {real}")
    if "sure_share" in mean:
        sure = mean["sure_share"]
        low, high = (webpage.percentage(end) for end in sure["ci"])
        verdict += (
            f" {webpage.percentage(sure['value'])} of them ({low} to {high}) are read as surely as "
            f"real images must be to be named correctly 99 % of the time, and "
            f"{webpage.percentage(sure['real'])} of the real ones are."
        )
        numbers.append(
            (
                webpage.percentage(sure["value"]),
                f"at {webpage.percentage(sure['threshold'])} confidence or more, where real images "
                "are named correctly 99 % of the time",
            )
        )
    if "unanimous" in found:
        numbers.append(
            (webpage.percentage(found["unanimous"]["value"]), "named alike by all recognisers")
        )
    if "fleiss_kappa" in found:
        numbers.append((f"{found['fleiss_kappa']['value']:.3f}", "Fleiss' kappa"))
    note = (
        "Confidence is a number about the recogniser. It is measured on real images, and need not "
        "hold for generated ones, which are unlike anything that it was trained on."
    )
    return webpage.header(report.title, verdict, note, numbers)


def _missing(texts: Sequence[str]) -> str:
    items = "".join(f"<p>{webpage.escape(text)}</p>" for text in texts)
    return webpage.section("What is missing", "", items)


def _classes(report: RecognitionReport) -> str:
    entry = report.content["metrics"]["class_histogram"]
    names = [str(name) for name in report.class_names]
    chart = class_chart("Classes read", names, entry["value"], entry.get("real"))
    return webpage.section(
        "Classes",
        "What the recognisers together take the images for, beside the true classes of real ones.",
        webpage.columns(chart),
    )


def _confidence(report: RecognitionReport) -> str:
    sure = report.content["mean"].get("sure_share", {}).get("threshold")
    chart = confidence_chart(
        "Confidence", report.readings.confidences, report.real_confidences, sure
    )
    rows = []
    for part in _parts(report.content):
        share = part.get("sure_share")
        cells = ["–"] * 4
        if share:
            low, high = (webpage.percentage(end) for end in share["ci"])
            cells = [
                webpage.percentage(share["threshold"]),
                webpage.percentage(share["value"]),
                f"{low} to {high}",
                webpage.percentage(share["real"]),
            ]
        rows.append([part["name"], webpage.percentage(part["confidence"]), *cells])
    heads = ["", "mean confidence", "99 % right at", "generated there", "95 % interval"]
    return webpage.section(
        "How sure",
        "The curve is the share of images below each confidence. The threshold is the least "
        "confidence at which real images are named correctly 99 % of the time (by isotonic "
        "regression); a dash means that there is none, or no real images.",
        webpage.columns(chart),
        webpage.table([*heads, "real there"], rows),
    )


def _calibration(content: dict[str, Any]) -> str:
    parts = [part for part in _parts(content) if "calibration" in part]
    if not parts:
        return ""
    lines, rows = [], []
    for part in parts:
        found = part["calibration"]
        lines.append(_reliability_line(part["name"], found["bins"]))
        low, high = (webpage.percentage(end) for end in found["ci"])
        rows.append(
            [
                part["name"],
                webpage.percentage(found["accuracy"]),
                f"{low} to {high}",
                webpage.percentage(found["confidence"]),
                webpage.percentage(found["expected_error"]),
                webpage.percentage(found["floor"]),
                webpage.percentage(found["maximum_error"]),
                f"{found['brier']:.4f}",
                f"{found['negative_log_likelihood']:.4f}",
                part.get("held_out", "").partition(":")[0] or "–",
            ]
        )
    heads = [
        "",
        "accuracy",
        "95 % interval",
        "confidence",
        "ECE",
        "if calibrated",
        "MCE",
        "Brier",
        "NLL",
        "held out",
    ]
    count = parts[0]["calibration"]["n"]
    return webpage.section(
        "Calibration on real images",
        f"{count:,} labelled real images. On the diagonal, images read with 80 % confidence are "
        "named correctly 8 times in 10; below it the recogniser is too sure. Bars are 95 % "
        "intervals of their mean: bins of few images say little. ECE is the mean distance from "
        "the diagonal (expected calibration error), beside the one that a calibrated recogniser "
        "would show with as many images; MCE is the largest, often of a bin with few.",
        webpage.columns(reliability_chart("Reliability", lines)),
        webpage.table(heads, rows),
    )


def _reliability_line(name: str, bins: dict[str, Any]) -> ReliabilityLine:
    """The bins that hold images."""
    rows = [
        (confidence, accuracy, wilson_interval(round(accuracy * count), count))
        for confidence, accuracy, count in zip(
            bins["confidence"], bins["accuracy"], bins["counts"], strict=True
        )
        if count
    ]
    return ReliabilityLine(name, *map(list, zip(*rows, strict=True)))


def _agreement(content: dict[str, Any]) -> str:
    names = {
        "fleiss_kappa": "Fleiss' kappa",
        "pairwise_agreement": "mean pairwise agreement",
        "unanimous": "named alike by all",
    }
    rows = []
    for name, text in names.items():
        entry = content["metrics"].get(name)
        if entry is None:
            continue
        form = "{:.3f}".format if name == "fleiss_kappa" else webpage.percentage
        ci, real = entry["ci"], entry.get("real")
        between = "–" if ci is None else f"{form(ci[0])} to {form(ci[1])}"
        rows.append([text, form(entry["value"]), between, "–" if real is None else form(real)])
    people = [
        [part["name"], str(part["seed"]), _architecture(part["architecture"]), part["gate"]]
        for part in content["recognisers"]
    ]
    return webpage.section(
        "Agreement of the recognisers",
        "Recognisers that differ in their seed share what the data taught them, and not their "
        "chance mistakes. Kappa is agreement beyond chance, 1 at most. They share their training "
        "images, so they may agree and all be wrong.",
        webpage.table(["", "generated", "95 % interval", "real"], rows) if rows else "",
        webpage.table(["recogniser", "seed", "architecture", "gate"], people),
    )


def _selection(report: RecognitionReport) -> str:
    entry = report.content.get("selection")
    if entry is None:
        return ""
    rows = [
        [
            f"{entry['by']} (chose them)",
            *["–"] * 2,
            _change(entry["confidence_before"], entry["confidence"]),
            *["–"] * 3,
            *_right_cell(entry),
        ]
    ]
    for other in entry["others"]:
        low, high = (webpage.percentage(end) for end in other["ci"])
        rows.append(
            [
                f"{other['name']} ({other['beside_the_first']})",
                webpage.percentage(other["agreement"]),
                f"{low} to {high}",
                _change(other["confidence_before"], other["confidence"]),
                *(_points(other[name]) for name in ("gap_before", "gap", "gap_real")),
                *_right_cell(other),
            ]
        )
    heads = ["", "agrees", "95 % interval", "confidence", "gap, all", "gap, selected", "gap, real"]
    if "right" in entry:
        heads.append("as asked")
    grid = webpage.grid(report.images[report.selected[:60]], "The first of the selected images")
    none = "" if entry["others"] else "<p>There is no other recogniser to judge it: give one.</p>"
    return webpage.section(
        "Selection, and its held-out judge",
        f"The {entry['n']:,} of {entry['of']:,} images that {entry['by']} is surest of. Its own "
        "confidence in them is too good by the choice; what the others say was not chosen for. "
        "Confidence is in the class that the first names, of all images and of the selected; the "
        "gap is the first's less the other's, in points with a 95 % interval, beside the gap on "
        "real images chosen in the same way. Where it is larger than that of real images, the "
        "first is sure of something that the other does not see.",
        webpage.table(heads, rows),
        none,
        grid,
    )


def _pictures(report: RecognitionReport) -> str:
    readings = report.readings
    order = np.argsort(-readings.confidences, kind="stable")
    parts = ["<h3>Most certain</h3>", _tiles(report, order[:_SHOWN])]
    parts += ["<h3>Least certain</h3>", _tiles(report, order[::-1][:_SHOWN])]
    split = np.flatnonzero(readings.agreement < 1.0)
    if len(split):
        worst = split[np.lexsort((readings.confidences[split], readings.agreement[split]))]
        parts += [
            "<h3>Where the recognisers disagree</h3>",
            _tiles(report, worst[:_SHOWN], each=True),
        ]
    return webpage.section(
        "Most and least certain",
        "The class in bold, and the confidence of all recognisers together.",
        *parts,
    )


def _tiles(report: RecognitionReport, rows: np.ndarray, *, each: bool = False) -> str:
    names, captions = report.class_names, []
    for row in rows:
        label = report.readings.labels[row]
        text = webpage.percentage(report.readings.confidences[row])
        if each:
            text = "read as " + ", ".join(str(names[i]) for i in report.readings.each[row])
        if report.labels is not None and report.labels[row] != label:
            text += f"; asked {names[report.labels[row]]}"
        captions.append(f"{names[label]}\n{text}")
    return webpage.tiles(report.images[rows], captions)


def _parts(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of each recogniser, and of their mean if there are several."""
    mean = [{"name": "their mean", **content["mean"]}]
    return content["recognisers"] + mean * (len(content["recognisers"]) > 1)


def _architecture(entry: dict[str, Any]) -> str:
    widths = entry.get("widths")
    return entry["name"] if widths is None else f"{entry['name']} {'-'.join(map(str, widths))}"


def _points(entry: dict[str, Any] | None) -> str:
    if entry is None:
        return "–"
    text = f"{100 * entry['value']:.2f}"
    if entry["ci"] is None:
        return text
    low, high = entry["ci"]
    return f"{text} ({100 * low:.2f} to {100 * high:.2f})"


def _change(before: float, after: float) -> str:
    """A share over all images and over the selected ones."""
    return f"{100 * before:.1f} to {webpage.percentage(after)}"


def _right_cell(entry: dict[str, Any]) -> list[str]:
    if "right" not in entry:
        return []
    return [_change(entry["right"]["before"], entry["right"]["selected"])]
