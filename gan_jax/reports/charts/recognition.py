"""The charts of recognition: reliability, and how sure recognisers are."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from gan_jax.reports.charts.chart import BLUE, GREY, INK, ORANGE, Chart


@dataclasses.dataclass(frozen=True, eq=False)
class ReliabilityLine:
    """One recogniser's reliability curve.

    Attributes:
        confidence: mean of each bin, [b].
        accuracy: likewise.
        intervals: 95 % of each accuracy, (low, high) [b].
    """

    label: str
    confidence: Sequence[float]
    accuracy: Sequence[float]
    intervals: Sequence[tuple[float, float]]


def reliability_chart(title: str, lines: Sequence[ReliabilityLine]) -> str:
    """Accuracy against confidence.

    The last line is drawn in colour with the intervals of its dots, the others thin and grey: the
    last is the mean of several, or the only one.
    """
    chart = Chart(title, 3.6)
    axes = chart.axes
    axes.plot([0, 100], [0, 100], "--", color=INK, lw=1.0, label="calibrated")
    for index, line in enumerate(lines):
        last = index == len(lines) - 1
        x = 100.0 * np.asarray(line.confidence, np.float64)
        y = 100.0 * np.asarray(line.accuracy, np.float64)
        style = "o-" if last else "-"
        axes.plot(x, y, style, color=BLUE if last else GREY, lw=1.5 if last else 0.7, ms=4)
        if last or index == 0:
            axes.lines[-1].set_label(line.label if last else "each recogniser")
        if last:
            low, high = 100.0 * np.asarray(line.intervals, np.float64).reshape(-1, 2).T
            axes.vlines(x, low, high, color=BLUE, lw=1.0, alpha=0.6)
    axes.set_xlim(0, 101)
    axes.set_ylim(0, 101)
    chart.name_axes("confidence, %", "named correctly, %")
    chart.add_legend(3)
    return chart.svg()


def confidence_chart(
    title: str, generated: np.ndarray, real: np.ndarray | None, sure: float | None
) -> str:
    """Share of images below each confidence.

    Args:
        generated: confidences [n].
        real: of real images [m], or None.
        sure: the confidence at which real ones are right 99 % of the time, drawn as a line.
    """
    chart = Chart(title, 3.6)
    axes = chart.axes
    for values, label, colour in ((generated, "generated", BLUE), (real, "real", ORANGE)):
        if values is None:
            continue
        places = np.linspace(0.0, 1.0, 201)
        below = np.searchsorted(np.sort(values), places, side="left") / len(values)
        axes.plot(100.0 * places, 100.0 * below, color=colour, lw=1.6, label=label)
    if sure is not None:
        axes.axvline(100.0 * sure, color=INK, lw=1.0, ls=":", label="real: 99 % right here")
    axes.set_xlim(0, 101)
    axes.set_ylim(bottom=0)
    chart.name_axes("confidence, %", "share of images below it, %")
    chart.add_legend(3)
    return chart.svg()
