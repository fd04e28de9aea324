"""The charts of recognition: reliability, and how sure recognisers are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gan_jax.metrics import wilson_interval
from gan_jax.reports.charts.chart import BLUE, GREY, INK, ORANGE, Chart


def reliability_chart(title: str, lines: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """Accuracy against confidence.

    The last line is drawn in colour with the 95 % intervals of its dots, the others thin and grey:
    the last is the mean of several, or the only one.

    Args:
        lines: each recogniser's name and bins: their mean 'confidence', 'accuracy' and 'counts',
            [b]; bins without images are left out.
    """
    chart = Chart(title, 3.6)
    axes = chart.axes
    axes.plot([0, 100], [0, 100], "--", color=INK, lw=1.0, label="calibrated")
    for index, (label, bins) in enumerate(lines):
        last = index == len(lines) - 1
        columns = zip(bins["confidence"], bins["accuracy"], bins["counts"], strict=True)
        rows = [row for row in columns if row[2]]
        x, y = (100.0 * np.array([row[side] for row in rows], np.float64) for side in (0, 1))
        style = "o-" if last else "-"
        axes.plot(x, y, style, color=BLUE if last else GREY, lw=1.5 if last else 0.7, ms=4)
        if last or index == 0:
            axes.lines[-1].set_label(label if last else "each recogniser")
        if last:
            ends = [wilson_interval(round(share * count), count) for _, share, count in rows]
            low, high = 100.0 * np.array(ends, np.float64).T
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
