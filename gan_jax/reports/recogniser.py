"""The page that a recogniser's training leaves behind: how well it reads, and what it confuses."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax.errors import InputError
from gan_jax.metrics import wilson_interval
from gan_jax.reports import webpage
from gan_jax.reports.figures import BLUE, ORANGE, Series, finite_points, line_chart

_LARGEST_TABLE = 25
_LISTED = 8
_MISTAKES = 48


@dataclasses.dataclass
class RecogniserReport:
    """What the page shows; a part whose data is None or empty is left out.

    Attributes:
      title: of the page.
      config: the run's config as plain data.
      history: rows of metrics.jsonl (`gan_jax.runtime.logs.read_history`).
      accuracy: share of test images named correctly, in [0, 1].
      confusion: test images of true class i called class j, integers [k, k].
      class_names: [k]; class numbers are shown where None.
      mistakes: test images named wrongly, uint8 [m, h, w, c].
      mistake_labels: their true classes, integers [m].
      mistake_predictions: what they were taken for, integers [m].
      layers: what its layers say of real images, by name, as `Extractor.layer_statistics`.
      layer_warning: what is to be feared of them, '' if nothing.
      environment: versions and device, name to value.
    """

    title: str
    config: dict = dataclasses.field(default_factory=dict)
    history: list[dict] = dataclasses.field(default_factory=list)
    accuracy: float | None = None
    confusion: np.ndarray | None = None
    class_names: Sequence[str] | None = None
    mistakes: np.ndarray | None = None
    mistake_labels: np.ndarray | None = None
    mistake_predictions: np.ndarray | None = None
    layers: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    layer_warning: str = ""
    environment: dict[str, Any] = dataclasses.field(default_factory=dict)


def write_recogniser_report(path, report: RecogniserReport) -> None:
    """Writes `report` as one HTML file that needs nothing else.

    Raises:
      InputError: arrays that do not belong together; nothing is written then.
    """
    _check(report)
    content = [
        _header(report),
        _confusion(report),
        _curves(report.history),
        _mistakes(report),
        _layers(report),
        webpage.section(
            "Setup",
            "What to repeat to get this page again.",
            webpage.facts(report.environment),
            webpage.folded("Full config", report.config) if report.config else "",
        ),
    ]
    webpage.write_page(path, report.title, content)


def _check(report: RecogniserReport) -> None:
    confusion = report.confusion
    if confusion is not None:
        shape = np.shape(confusion)
        if len(shape) != 2 or shape[0] != shape[1] or np.min(confusion, initial=0) < 0:
            raise InputError(f"report.confusion has shape {shape}; expected counts [k, k].")
        if report.class_names is not None and len(report.class_names) != shape[0]:
            raise InputError(
                f"{len(report.class_names)} class names for a confusion matrix of {shape[0]}."
            )
    if report.mistakes is not None:
        for name in ("mistake_labels", "mistake_predictions"):
            values = getattr(report, name)
            if values is None or len(values) != len(report.mistakes):
                raise InputError(f"report.mistakes needs as many report.{name}.")


def _header(report: RecogniserReport) -> str:
    if report.accuracy is None:
        return webpage.header(report.title, "Not evaluated.", "", [])
    verdict = f"{webpage.percentage(report.accuracy)} of the test images are named correctly."
    numbers, note = [(webpage.percentage(report.accuracy), "test accuracy")], ""
    if report.confusion is not None and np.sum(report.confusion) > 0:
        confusion = np.asarray(report.confusion)
        correct, total = int(np.trace(confusion)), int(confusion.sum())
        low, high = wilson_interval(correct, total)
        verdict = (
            f"{webpage.percentage(report.accuracy)} of {total:,} test images are named correctly."
        )
        interval = f"{webpage.percentage(low)} to {webpage.percentage(high)}"
        note = f"95 % interval for this many images: {interval}."
        recall = _recall(confusion)
        worst = int(np.nanargmin(recall))
        numbers.append((f"{total - correct:,}", f"mistakes in {total:,} images"))
        name = _name(report, worst)
        numbers.append((webpage.percentage(recall[worst]), f"recall of the hardest class, {name}"))
    return webpage.header(report.title, verdict, note, numbers)


def _recall(confusion: np.ndarray) -> np.ndarray:
    """Share of each true class that was named correctly, [k]; NaN for a class without images."""
    totals = confusion.sum(axis=1)
    return np.where(totals > 0, np.diag(confusion) / np.maximum(totals, 1), np.nan)


def _confusion(report: RecogniserReport) -> str:
    if report.confusion is None or not np.size(report.confusion):
        return ""
    confusion = np.asarray(report.confusion)
    recall = _recall(confusion)
    if len(confusion) <= _LARGEST_TABLE:
        matrix = _matrix_table(report, confusion, recall)
    else:
        shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
        matrix = webpage.heat_image(shares, "True class down, named class across; darker is more")
    wrong = confusion * (1 - np.eye(len(confusion), dtype=confusion.dtype))
    pairs = np.argsort(-wrong, axis=None, kind="stable")[:_LISTED]
    pairs = [divmod(int(flat), len(confusion)) for flat in pairs if wrong.flat[flat] > 0]
    rows = [
        [f"{_name(report, i)} taken for {_name(report, j)}", f"{wrong[i, j]:,}"] for i, j in pairs
    ]
    hardest = [i for i in np.argsort(recall, kind="stable") if not math.isnan(recall[i])]
    return webpage.section(
        "Confusion matrix",
        "Each row is what the images of one true class were taken for. Good: all on the diagonal. "
        "Recall is the share of a class that was found.",
        matrix,
        webpage.columns(
            "<div><h3>Most frequent mistakes</h3>" + webpage.table(["", "images"], rows) + "</div>"
            if rows
            else "",
            "<div><h3>Hardest classes</h3>"
            + webpage.table(
                ["class", "recall", "images"],
                [
                    [
                        _name(report, i),
                        webpage.percentage(recall[i]),
                        f"{int(confusion[i].sum()):,}",
                    ]
                    for i in hardest[:_LISTED]
                ],
            )
            + "</div>",
        ),
    )


def _matrix_table(report: RecogniserReport, confusion: np.ndarray, recall: np.ndarray) -> str:
    """Counts as a table whose cells are tinted: blue for right, orange for wrong."""
    largest_mistake = max(int((confusion - np.diag(np.diag(confusion))).max()), 1)
    names = [webpage.escape(_name(report, i)) for i in range(len(confusion))]
    head = "".join(f"<th>{name}</th>" for name in names)
    rows = []
    for i, row in enumerate(confusion):
        cells = []
        for j, count in enumerate(row):
            right = i == j
            share = np.nan_to_num(recall[i]) * 0.55 if right else 0.75 * count / largest_mistake
            tint = f' style="background:rgb(var(--{"tint" if right else "bad"})/{share:.2f})"'
            cells.append(f"<td{tint if count else ''}>{f'{count:,}' if count else '·'}</td>")
        found = "–" if math.isnan(recall[i]) else webpage.percentage(recall[i])
        rows.append(f"<tr><th>{names[i]}</th>{''.join(cells)}<td>{found}</td></tr>")
    return (
        f'<div class="wide"><table class="matrix"><thead><tr><th>true \\ named</th>{head}'
        f"<th>recall</th></tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _curves(history: list[dict]) -> str:
    loss = finite_points(history, "loss/cross_entropy")
    charts = []
    if loss is not None:
        line = Series("cross-entropy", loss.steps, loss.values)
        charts.append(line_chart("Training loss", [line], ylabel="cross-entropy, nats", log=True))
    lines = []
    for name, label, colour in (
        ("accuracy/train", "training batches", BLUE),
        ("eval/accuracy", "test set", ORANGE),
    ):
        found = finite_points(history, name)
        if found is not None:
            lines.append(Series(label, found.steps, found.values, colour))
    if lines:
        charts.append(line_chart("Accuracy", lines, ylabel="named correctly, %", percent=True))
    return webpage.section(
        "Learning",
        "Good: the loss falls and levels off, and the test accuracy stays close to that of the "
        "training batches.",
        webpage.columns(*charts),
    )


def _mistakes(report: RecogniserReport) -> str:
    if report.mistakes is None or not len(report.mistakes):
        return ""
    shown = min(len(report.mistakes), _MISTAKES)
    captions = [
        f"{_name(report, true)}\ntaken for {_name(report, named)}"
        for true, named in zip(
            report.mistake_labels[:shown], report.mistake_predictions[:shown], strict=True
        )
    ]
    more = f", {shown} of {len(report.mistakes):,}" if shown < len(report.mistakes) else ""
    return webpage.section(
        "Mistakes",
        f"Test images named wrongly{more}: the true class in bold. Good: images that a person "
        "would hesitate over too.",
        webpage.tiles(report.mistakes[:shown], captions),
    )


def _layers(report: RecogniserReport) -> str:
    rows = [
        [
            name,
            f"{entry['features']:,}",
            webpage.number(entry["effective_rank"]),
            webpage.number(entry["floor"]),
            f"{entry['n']:,}",
        ]
        for name, entry in report.layers.items()
    ]
    if not rows:
        return ""
    warning = f"<p><b>Warning.</b> {webpage.escape(report.layer_warning)}</p>"
    return webpage.section(
        "As a judge",
        "What real test images look like in the layers that generated ones will be compared in. "
        "The effective rank is how many directions the features really use; near 1, a Fréchet "
        "distance sees little. The floor is that distance between real images and real ones.",
        warning if report.layer_warning else "",
        webpage.table(["layer", "features", "effective rank", "floor", "n a side"], rows),
    )


def _name(report: RecogniserReport, index) -> str:
    return str(report.class_names[index]) if report.class_names is not None else str(int(index))
