"""The page about images that recognisers have read."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax.extractors.readings import Readings
from gan_jax.reports import page
from gan_jax.reports.charts.basic import class_chart
from gan_jax.reports.charts.recognition import confidence_chart, reliability_chart
from gan_jax.reports.pages.classes import agreement_section
from gan_jax.reports.pages.pictures import grid, tiles
from gan_jax.reports.text import NONE, between, percentage, plural
from gan_jax.reports.words import Words

_SHOWN = 24


@dataclasses.dataclass(frozen=True, eq=False)
class RecognitionReport(page.About):
    """What the page shows.

    Attributes:
        content: of recognition.json.
        class_names: [k].
        images: uint8 [n, h, w, c].
        real_confidences: of the recognisers' mean on real images [m], or None.
        labels: the classes that the images were asked to be, int [n], or None.
        selected: images that were selected, int [count], or None.
    """

    content: dict[str, Any]
    class_names: Sequence[str]
    images: np.ndarray
    readings: Readings
    real_confidences: np.ndarray | None
    labels: np.ndarray | None
    selected: np.ndarray | None


def readers(content: dict[str, Any]) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The name, metrics and protocol of each recogniser, and of their mean if there are several."""
    found = [
        (part["protocol"]["extractor"], part["metrics"], part["protocol"])
        for part in content["judges"]
    ]
    mean = ("their mean", content["metrics"], content["protocol"])
    return found + [mean] * (len(found) > 1)


def write_recognition_report(path: pathlib.Path, report: RecognitionReport) -> None:
    """Writes the report as one HTML file that needs nothing else."""
    content = report.content
    sections = [
        page.section("What is missing", "", page.paragraphs(content["missing"])),
        _classes(report),
        agreement_section(content["metrics"].get("class_agreement", {})),
        _confidence(report),
        _calibration(content),
        _agreement(content),
        _selection(report),
        _pictures(report),
    ]
    note = "recognition.csv has a row per image."
    page.compose(
        path, report, _words(report), sections, content["protocol"], numbers=content, note=note
    )


def _words(report: RecognitionReport) -> Words:
    content = report.content
    found, sure = content["metrics"], content["metrics"].get("sure_share")
    count = len(content["judges"])
    who = "a recogniser" if count == 1 else f"{count} recognisers"
    verdict = f"{plural(len(report.images), 'image')} read by {who}."
    real = found["confidence"].get("real")
    beside = "" if real is None else f"; real images {percentage(real)}"
    numbers = [(percentage(found["confidence"]["value"]), f"mean confidence{beside}")]
    if sure:
        share = percentage(sure["value"])
        verdict += (
            f" {share} of them ({between(sure['ci'], percentage)}) are read as surely as real "
            f"images must be to be named correctly 99 % of the time, and "
            f"{percentage(sure['real'])} of the real ones are."
        )
        meaning = (
            f"at {percentage(sure['threshold'])} confidence or more, where real images are named "
            "correctly 99 % of the time"
        )
        numbers.append((share, meaning))
    if "unanimous" in found:
        share = percentage(found["unanimous"]["value"])
        numbers.append((share, "named alike by all recognisers"))
    if "fleiss_kappa" in found:
        numbers.append((f"{found['fleiss_kappa']['value']:.3f}", "Fleiss' kappa"))
    note = (
        "Confidence is a number about the recogniser. It is measured on real images, and need not "
        "hold for generated ones, which are unlike anything that it was trained on."
    )
    return Words(verdict, note, numbers)


def _classes(report: RecognitionReport) -> str:
    entry = report.content["metrics"]["class_histogram"]
    names = [str(name) for name in report.class_names]
    return page.section(
        "Classes",
        "What the recognisers together take the images for, beside the true classes of real ones.",
        page.columns(class_chart("Classes read", names, entry["value"], entry.get("real"))),
    )


def _confidence(report: RecognitionReport) -> str:
    sure = report.content["metrics"].get("sure_share", {}).get("threshold")
    chart = confidence_chart(
        "Confidence", report.readings.confidences, report.real_confidences, sure
    )
    rows = []
    for name, found, _ in readers(report.content):
        share = found.get("sure_share", {})
        threshold, generated, real = (share.get(key) for key in ("threshold", "value", "real"))
        cells = [found["confidence"]["value"], threshold, generated]
        rows.append(
            [name, *map(percentage, cells), between(share.get("ci"), percentage), percentage(real)]
        )
    heads = ["", "mean confidence", "99 % right at", "generated there", "95 % interval"]
    return page.section(
        "How sure",
        "The curve is the share of images below each confidence. The threshold is the least "
        "confidence at which real images are named correctly 99 % of the time (by isotonic "
        "regression); a dash means that there is none, or no real images.",
        page.columns(chart),
        page.table([*heads, "real there"], rows),
    )


def _calibration(content: dict[str, Any]) -> str:
    if "calibration_error" not in content["metrics"]:
        return ""
    lines, rows = [], []
    for name, found, protocol in readers(content):
        right, error = found["real_accuracy"], found["calibration_error"]
        lines.append((name, error["bins"]))
        shares = (found["confidence"]["real"], error["value"], error["floor"])
        rows.append(
            [
                name,
                percentage(right["value"]),
                between(right["ci"], percentage),
                *map(percentage, (*shares, found["maximum_calibration_error"]["value"])),
                f"{found['brier']['value']:.4f}",
                f"{found['negative_log_likelihood']['value']:.4f}",
                protocol.get("held_out", "").partition(":")[0] or NONE,
            ]
        )
    heads = ["", "accuracy", "95 % interval", "confidence", "ECE", "if calibrated", "MCE"]
    return page.section(
        "Calibration on real images",
        f"{content['metrics']['real_accuracy']['n']:,} labelled real images. On the diagonal, "
        "images read with 80 % confidence are named correctly 8 times in 10; below it the "
        "recogniser is too sure. "
        "Bars are 95 % intervals of their mean: bins of few images say little. ECE is the mean "
        "distance from the diagonal (expected calibration error), beside the one that a calibrated "
        "recogniser would show with as many images; MCE is the largest, often of a bin with few.",
        page.columns(reliability_chart("Reliability", lines)),
        page.table([*heads, "Brier", "NLL", "held out"], rows),
    )


_AGREEMENT = {
    "fleiss_kappa": ("Fleiss' kappa", "{:.3f}".format),
    "pairwise_agreement": ("mean pairwise agreement", percentage),
    "unanimous": ("named alike by all", percentage),
}


def _agreement(content: dict[str, Any]) -> str:
    rows = []
    for name, (text, form) in _AGREEMENT.items():
        entry = content["metrics"].get(name)
        if entry is not None:
            real = entry.get("real")
            beside = NONE if real is None else form(real)
            rows.append([text, form(entry["value"]), between(entry["ci"], form), beside])
    recognisers = [
        [
            about["extractor"],
            str(about["extractor_seed"]),
            _architecture(about["architecture"]),
            about["gate"],
        ]
        for about in (part["protocol"] for part in content["judges"])
    ]
    return page.section(
        "Agreement of the recognisers",
        "Recognisers that differ in their seed share what the data taught them, and not their "
        "chance mistakes. Kappa is agreement beyond chance, 1 at most. They share their training "
        "images, so they may agree and all be wrong.",
        page.table(["", "generated", "95 % interval", "real"], rows),
        page.table(["recogniser", "seed", "architecture", "gate"], recognisers),
    )


def _selection(report: RecognitionReport) -> str:
    entry = report.content.get("selection")
    if entry is None:
        return ""
    assert report.selected is not None
    first, *others = report.content["judges"]
    by = f"{entry['by']} (chose them)"
    rows = [[by, NONE, NONE, _change(first["metrics"]["selected_confidence"]), *[NONE] * 3]]
    for other in others:
        about, found = other["protocol"], other["metrics"]
        agreement, gap = found["selected_agreement"], found["selected_gap"]
        rows.append(
            [
                f"{about['extractor']} ({about['beside_the_first']})",
                percentage(agreement["value"]),
                between(agreement["ci"], percentage),
                _change(found["selected_confidence"]),
                *map(_gap, (gap["before"], gap, gap["of_real"])),
            ]
        )
    heads = ["", "agrees", "95 % interval", "confidence", "gap, all", "gap, selected", "gap, real"]
    if "selected_right" in first["metrics"]:
        heads.append("as asked")
        for row, part in zip(rows, (first, *others), strict=True):
            row.append(_change(part["metrics"]["selected_right"]))
    alone = "There is no other recogniser to judge it: give one."
    return page.section(
        "Selection, and its held-out judge",
        f"The {entry['n']:,} of {entry['of']:,} images that {entry['by']} is surest of. Its own "
        "confidence in them is too good by the choice; what the others say was not chosen for. "
        "Confidence is in the class that the first names, of all images and of the selected; the "
        "gap is the first's less the other's, in points with a 95 % interval, beside the gap on "
        "real images chosen in the same way. Where it is larger than that of real images, the "
        "first is sure of something that the other does not see.",
        page.table(heads, rows),
        page.paragraphs([] if others else [alone]),
        grid(report.images[report.selected[:60]], "The first of the selected images"),
    )


def _pictures(report: RecognitionReport) -> str:
    readings = report.readings
    order = np.argsort(-readings.confidences, kind="stable")
    parts = [page.heading("Most certain"), _tiles(report, order[:_SHOWN])]
    parts += [page.heading("Least certain"), _tiles(report, order[::-1][:_SHOWN])]
    split = np.flatnonzero(readings.agreement < 1.0)
    if len(split):
        worst = split[np.lexsort((readings.confidences[split], readings.agreement[split]))]
        parts.append(page.heading("Where the recognisers disagree"))
        parts.append(_tiles(report, worst[:_SHOWN], each=True))
    return page.section(
        "Most and least certain",
        "The class in bold, and the confidence of all recognisers together.",
        *parts,
    )


def _tiles(report: RecognitionReport, rows: np.ndarray, *, each: bool = False) -> str:
    names, captions = report.class_names, []
    for row in map(int, rows):
        label = int(report.readings.labels[row])
        text = percentage(report.readings.confidences[row])
        if each:
            text = "read as " + ", ".join(str(names[i]) for i in report.readings.each[row])
        if report.labels is not None and report.labels[row] != label:
            text += f"; asked {names[report.labels[row]]}"
        captions.append(f"{names[label]}\n{text}")
    return tiles(report.images[rows], captions)


def _architecture(entry: dict[str, Any]) -> str:
    widths = entry.get("widths")
    return entry["name"] if widths is None else f"{entry['name']} {'-'.join(map(str, widths))}"


def _gap(entry: dict[str, Any] | None) -> str:
    """Such as '1.20 (0.80 to 1.60)', in percentage points."""
    if entry is None:
        return NONE
    form = "{:.2f}".format
    ci = f" ({between([100 * end for end in entry['ci']], form)})" if entry["ci"] else ""
    return form(100 * entry["value"]) + ci


def _change(entry: dict[str, Any]) -> str:
    """A share of all images and of the selected ones."""
    return f"{100 * entry['before']:.1f} to {percentage(entry['value'])}"
