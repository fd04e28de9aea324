"""The page that a recogniser's training leaves behind: how well it reads, and what it confuses."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gan_jax.metrics import wilson_interval
from gan_jax.reports import page
from gan_jax.reports.charts.basic import history_chart
from gan_jax.reports.charts.chart import BLUE, ORANGE
from gan_jax.reports.pages.pictures import heat_image, tiles
from gan_jax.reports.text import between, number, percentage
from gan_jax.reports.words import Words

_LARGEST_TABLE = 25
_LISTED = 8
_MISTAKES = 48


@dataclasses.dataclass(frozen=True, eq=False)
class RecogniserReport(page.About):
    """What the page shows.

    Attributes:
      accuracy: share of test images named correctly, in [0, 1].
      confusion: test images of true class i called class j, int [k, k].
      class_names: [k].
      mistakes: test images named wrongly, uint8 [m, h, w, c]; None without any.
      mistake_labels: their true classes, int [m].
      mistake_predictions: what they were taken for, int [m].
      layers: what its layers say of real images, by name, as `Extractor.layer_statistics`.
      layer_warning: what is to be feared of them, '' if nothing.
      independent: of the test images that are crops, how many of those that share no piece are
        named correctly, and how many there are; None where all images are independent.
    """

    accuracy: float
    confusion: np.ndarray
    class_names: Sequence[str]
    mistakes: np.ndarray | None
    mistake_labels: np.ndarray
    mistake_predictions: np.ndarray
    layers: Mapping[str, Mapping[str, Any]]
    layer_warning: str
    independent: tuple[int, int] | None


def write_recogniser_report(path, report: RecogniserReport) -> None:
    """Writes the page as one HTML file that needs nothing else."""
    sections = [_confusion(report), _curves(report.history), _mistakes(report), _layers(report)]
    page.compose(path, report, _words(report), sections)


def _words(report: RecogniserReport) -> Words:
    accuracy, confusion = percentage(report.accuracy), report.confusion
    correct, total = int(np.trace(confusion)), int(confusion.sum())
    recall = _recall(confusion)
    worst = int(np.nanargmin(recall))
    hardest = report.class_names[worst]
    interval = between(wilson_interval(*(report.independent or (correct, total))), percentage)
    which = f"95 % interval for this many images: {interval}."
    if report.independent is not None:
        which = (
            f"The images are crops that overlap. {report.independent[1]:,} of them share nothing, "
            f"and by these alone the 95 % interval is {interval}."
        )
    return Words(
        f"{accuracy} of {total:,} test images are named correctly.",
        which,
        [
            (accuracy, "test accuracy"),
            (f"{total - correct:,}", f"mistakes in {total:,} images"),
            (percentage(recall[worst]), f"recall of the hardest class, {hardest}"),
        ],
    )


def _recall(confusion: np.ndarray) -> np.ndarray:
    """Share of each true class that was named correctly, [k]; NaN for a class without images."""
    totals = confusion.sum(axis=1)
    return np.where(totals > 0, np.diag(confusion) / np.maximum(totals, 1), np.nan)


def _confusion(report: RecogniserReport) -> str:
    confusion, names = report.confusion, report.class_names
    totals, recall = confusion.sum(axis=1), _recall(confusion)
    if len(confusion) <= _LARGEST_TABLE:
        matrix = _matrix_table(names, confusion, recall)
    else:
        shares = confusion / np.maximum(totals[:, None], 1)
        matrix = heat_image(shares, "True class down, named class across; darker is more")
    wrong = confusion * (1 - np.eye(len(confusion), dtype=confusion.dtype))
    worst = np.argsort(-wrong, axis=None, kind="stable")[:_LISTED]
    pairs = [divmod(int(flat), len(confusion)) for flat in worst if wrong.flat[flat] > 0]
    mistakes = [[f"{names[i]} taken for {names[j]}", f"{wrong[i, j]:,}"] for i, j in pairs]
    by_recall: list[int] = np.argsort(recall, kind="stable").tolist()
    order = [i for i in by_recall if not math.isnan(recall[i])]
    hardest = [[names[i], percentage(recall[i]), f"{totals[i]:,}"] for i in order[:_LISTED]]
    return page.section(
        "Confusion matrix",
        "Each row is what the images of one true class were taken for. Good: all on the diagonal. "
        "Recall is the share of a class that was found.",
        matrix,
        page.columns(
            page.titled("Most frequent mistakes", page.table(["", "images"], mistakes)),
            page.titled("Hardest classes", page.table(["class", "recall", "images"], hardest)),
        ),
    )


def _matrix_table(names: Sequence[str], confusion: np.ndarray, recall: np.ndarray) -> str:
    """Counts as a table whose cells are tinted: blue for right, orange for wrong."""
    largest_mistake = max(int((confusion - np.diag(np.diag(confusion))).max()), 1)
    rows = []
    for i, counts in enumerate(confusion):
        cells = []
        for j, count in enumerate(counts):
            share = np.nan_to_num(recall[i]) * 0.55 if i == j else 0.75 * count / largest_mistake
            tint = f"rgb(var(--{'tint' if i == j else 'bad'})/{share:.2f})"
            cells.append((f"{count:,}", tint) if count else ("·", ""))
        found = percentage(None if math.isnan(recall[i]) else recall[i])
        rows.append([*cells, (found, "")])
    return page.matrix("true \\ named", [*names, "recall"], rows)


def _curves(history: Sequence[dict]) -> str:
    loss = {"loss/cross_entropy": ("cross-entropy", BLUE)}
    shares = {"accuracy/train": ("training batches", BLUE), "eval/accuracy": ("test set", ORANGE)}
    return page.section(
        "Learning",
        "Good: the loss falls and levels off, and the test accuracy stays close to that of the "
        "training batches.",
        page.columns(
            history_chart("Training loss", history, loss, ylabel="cross-entropy, nats", log=True),
            history_chart("Accuracy", history, shares, ylabel="named correctly, %", percent=True),
        ),
    )


def _mistakes(report: RecogniserReport) -> str:
    if report.mistakes is None:
        return ""
    shown, names = min(len(report.mistakes), _MISTAKES), report.class_names
    pairs = zip(report.mistake_labels[:shown], report.mistake_predictions[:shown], strict=True)
    captions = [f"{names[true]}\ntaken for {names[named]}" for true, named in pairs]
    more = f", {shown} of {len(report.mistakes):,}" if shown < len(report.mistakes) else ""
    return page.section(
        "Mistakes",
        f"Test images named wrongly{more}: the true class in bold. Good: images that a person "
        "would hesitate over too.",
        tiles(report.mistakes[:shown], captions),
    )


def _layers(report: RecogniserReport) -> str:
    rows = []
    for name, entry in report.layers.items():
        rank, floor = (number(entry[key]) for key in ("effective_rank", "floor"))
        rows.append([name, f"{entry['features']:,}", rank, floor, f"{entry['n']:,}"])
    warning = f"Warning. {report.layer_warning}"
    return page.section(
        "As a judge",
        "What real test images look like in the layers that generated ones will be compared in. "
        "The effective rank is how many directions the features really use; near 1, a Fréchet "
        "distance sees little. The floor is that distance between real images and real ones.",
        page.paragraphs([warning]) if report.layer_warning else "",
        page.table(["layer", "features", "effective rank", "floor", "n a side"], rows),
    )
