"""Charts of one run or of several: lines over steps, shares of classes, values with intervals.

Each function gives SVG text; its title stands above the chart and is read out by screen readers.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence

import numpy as np

from gan_jax.errors import printable
from gan_jax.reports.charts.chart import BLUE, GREY, INK, ORANGE, Chart, spans_tenfold, without_math
from gan_jax.reports.text import shortened

_BINS = 150


def history_chart(
    title: str,
    history: Sequence[Mapping[str, float]],
    lines: Mapping[str, tuple[str, str]],
    *,
    ylabel: str,
    percent: bool = False,
    log: bool = False,
) -> str:
    """Lines over training steps of what a run logged; '' if no value is finite.

    A line of more than 150 points is drawn as the mean of 150 bins over a band from the least to
    the greatest value of each, so that a spike is never averaged away.

    Args:
      history: rows of the run's metrics.jsonl.
      lines: the name of each number to its (label, colour); numbers of real images are dashed.
      ylabel: what is measured, with its unit.
      percent: values are shares, shown times 100.
      log: logarithmic axis where all values are positive and span a factor of 10 or more.
    """
    logged = {name: [row for row in history if name in row] for name in lines}
    kept = [name for name in lines if any(math.isfinite(row[name]) for row in logged[name])]
    if not kept:
        return ""
    chart = Chart(title, 3.0)
    shown = []
    for name in kept:
        label, colour = lines[name]
        points = [(row["step"], row[name]) for row in logged[name]]
        steps, (mean, low, high) = _binned(points, 100.0 if percent else 1.0)
        shown += [*low, *high]
        dashed = name.endswith(("_floor", "_real"))
        markers = "o" if len(steps) <= 30 and not dashed else None
        style = "--" if dashed else "-"
        chart.axes.plot(steps, mean, style, color=colour, lw=1.5, marker=markers, ms=3)
        chart.axes.lines[-1].set_label(label)
        if len(steps) < len(points):
            chart.axes.fill_between(steps, low, high, color=colour, alpha=0.18, lw=0)
    if log and spans_tenfold(shown):
        chart.make_logarithmic()
    chart.over_steps(ylabel)
    if len(kept) > 1:
        chart.add_legend(len(kept))
    return chart.svg()


def _binned(
    points: Sequence[tuple[float, float]], factor: float
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Steps, and mean, least and greatest values: as they are, or of equal runs of points."""
    steps, values = np.array(points, np.float64).T
    values = np.where(np.isfinite(values), values * factor, np.nan)
    if len(steps) <= _BINS:
        return steps, [values] * 3
    parts = np.array_split(values, _BINS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a bin of NaN only stays a gap
        reduced = [np.array(list(map(f, parts))) for f in (np.nanmean, np.nanmin, np.nanmax)]
    return np.array([part.mean() for part in np.array_split(steps, _BINS)]), reduced


def class_chart(title: str, names: Sequence[str], generated, real=None) -> str:
    """Share of each class among generated images (bars) and real ones (marks).

    Args:
      names: of the k classes; above 40 of them only the numbers stand below the axis.
      generated: counts [k].
      real: counts [k], or None.
    """
    names = [printable(name) for name in names]
    count = len(names)
    turned = count * max(map(len, names)) > 60
    chart = Chart(title, 3.4 if turned else 3.0, 5.4 if count <= 25 else 11.0)
    axes, places = chart.axes, np.arange(count)
    axes.bar(places, _percent(generated), 0.7, color=BLUE, label="generated")
    if real is not None:
        ends = (places - 0.45, places + 0.45)
        axes.hlines(_percent(real), *ends, color=INK, lw=1.6, label="real")
        chart.add_legend(2)
    axes.set_xlim(-0.7, count - 0.3)
    axes.set_ylim(bottom=0)
    chart.name_axes("class number" if count > 40 else "", "share of images, %")
    if count <= 40:
        axes.set_xticks(places, [shortened(name, 16) for name in names])
        for label in without_math(axes.get_xticklabels()):
            if turned and count > 16:
                label.set(rotation=90)
            elif turned:
                label.set(rotation=40, ha="right", rotation_mode="anchor")
        axes.tick_params(axis="x", length=0)
    return chart.svg()


def _percent(counts) -> np.ndarray:
    counts = np.asarray(counts, np.float64)
    return 100.0 * counts / max(counts.sum(), 1.0)


def interval_chart(
    title: str,
    names: Sequence[str],
    values: Sequence[float | None],
    intervals: Sequence[tuple[float, float] | None],
    *,
    xlabel: str,
    floor: float | None = None,
    floor_label: str = "real against real",
) -> str:
    """One value per run (a dot) with its interval (a bar), below one another.

    The axis is logarithmic where all that is shown is positive and spans a factor of 10 or more.

    Args:
      names: of the k runs, from top to bottom.
      values: [k]; None where a run has none.
      intervals: [k] of (low, high); an open dot stands for a value without one.
      floor: that of real images, or another value to compare with, drawn as a line.
    """
    chart = Chart(title, 1.3 + 0.27 * len(names))
    axes, shown = chart.axes, [] if floor is None else [floor]
    for place, (value, interval) in enumerate(zip(values, intervals, strict=True)):
        if value is None:
            continue
        low, high = interval or (value, value)
        shown += [low, value, high]
        if interval is not None:
            axes.hlines(place, low, high, color=BLUE, lw=2.2)
        face = "none" if interval is None else BLUE
        axes.plot(value, place, "o", ms=5, color=BLUE, markerfacecolor=face)
    if floor is not None:
        axes.axvline(floor, color=ORANGE, lw=1.4, ls="--", label=floor_label)
        chart.add_legend(1)
    if spans_tenfold(shown):
        wide = max(shown) >= 300 * min(shown)
        chart.make_logarithmic("x", (1.0,) if wide else (1.0, 2.0, 5.0))
    else:
        axes.locator_params(axis="x", nbins=6)
    names = [printable(name) for name in names]
    short = [name if len(name) <= 28 else f"…{name[-27:]}" for name in names]
    axes.set_yticks(np.arange(len(names)), short)
    without_math(axes.get_yticklabels())
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", color=GREY, alpha=0.25, lw=0.6)
    chart.name_axes(xlabel, "")
    return chart.svg()
