"""Charts of many seeds and settings."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from gan_jax.reports.charts.chart import GREY, Chart, spans_tenfold

_LEGEND_WIDTH = 75  # characters
_HALF_WIDTH = 33  # characters, of a legend in two columns
# From cold to warm, so that an ordered hyper-parameter reads as one; clear on light and dark pages.
_COLOURS = ("#3d85c6", "#5a9bd4", "#36a18f", "#7aa83b", "#c2a02a", "#dd7a2f", "#d1495b", "#a4508b")


def setting_colours(count: int) -> list[str]:
    """A colour for each of `count` settings, in order."""
    stops = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in _COLOURS])
    places = np.linspace(0, len(stops) - 1, count)
    channels = [np.interp(places, np.arange(len(stops)), stops[:, i]) for i in range(3)]
    return ["#" + "".join(f"{round(value):02x}" for value in colour) for colour in zip(*channels)]


@dataclasses.dataclass(frozen=True, eq=False)
class Band:
    """The curves of one setting: `values` [seeds, points] at `steps`, NaN where there is none."""

    label: str
    steps: Sequence[float]
    values: np.ndarray
    colour: str


def band_chart(
    title: str, bands: Sequence[Band], *, ylabel: str, floor: float | None = None, log: bool = False
) -> str:
    """Each setting's mean over training steps, a band of one standard deviation, each seed thin.

    Args:
      floor: that of real images, drawn dashed.
      log: logarithmic axis where all values are positive and span a factor of 10 or more.
    """
    chart = Chart(title)
    axes, shown = chart.axes, [] if floor is None else [floor]
    for band in bands:
        steps, values = np.asarray(band.steps, np.float64), np.asarray(band.values, np.float64)
        shown += list(values[np.isfinite(values)])
        counts = np.sum(np.isfinite(values), axis=0)
        kept = counts > 0
        mean = np.nanmean(values[:, kept], axis=0)
        if len(values) > 1:
            for curve in values:
                axes.plot(steps, curve, color=band.colour, lw=0.6, alpha=0.45)
            several = counts[kept] > 1
            spread = np.zeros_like(mean)
            spread[several] = np.nanstd(values[:, kept][:, several], axis=0, ddof=1)
            ends = (mean - spread, mean + spread)
            axes.fill_between(steps[kept], *ends, color=band.colour, alpha=0.18, lw=0)
        axes.plot(steps[kept], mean, color=band.colour, lw=1.8, label=band.label)
    _draw_floor(chart, floor)
    if log and spans_tenfold(shown):
        chart.make_logarithmic()
        axes.set_ylim(bottom=0.8 * min(shown))
    chart.over_steps(ylabel)
    if len(bands) > 1 or floor is not None:
        _add_legend(chart)
    return chart.svg()


@dataclasses.dataclass(frozen=True, eq=False)
class SweepLine:
    """One line of a sweep: at each value of the hyper-parameter the seeds' values of the metric.

    Attributes:
        label: the other hyper-parameters; '' where there is none.
        places: values of the hyper-parameter, ascending, [k].
        seeds: values of the metric at each place, [k] lists.
        means: [k].
        intervals: 95 % of the mean, (low, high) or None, [k].
    """

    label: str
    places: Sequence[float]
    seeds: Sequence[Sequence[float]]
    means: Sequence[float]
    intervals: Sequence[tuple[float, float] | None]


def sweep_chart(
    title: str, lines: Sequence[SweepLine], *, xlabel: str, ylabel: str, floor: float | None = None
) -> str:
    """A metric against a hyper-parameter: means with intervals, and a dot for each seed.

    The axis of the hyper-parameter is logarithmic; where one of its values is 0 or less, the values
    stand at equal distances instead. `floor`, that of real images, is drawn dashed.
    """
    chart = Chart(title, 3.4)
    axes, shown = chart.axes, [] if floor is None else [floor]
    ticks = sorted({place for line in lines for place in line.places})
    even = ticks[0] <= 0
    at = {place: index if even else place for index, place in enumerate(ticks)}
    span = len(ticks) - 1 if even else math.log10(ticks[-1] / ticks[0])
    for number, (line, colour) in enumerate(zip(lines, setting_colours(len(lines)), strict=True)):
        # Moved a little apart, so that intervals at one place do not hide each other.
        shift = (number - (len(lines) - 1) / 2) * 0.015 * span
        moved = [at[p] + shift if even else at[p] * 10.0**shift for p in line.places]
        axes.plot(moved, line.means, "-o", color=colour, lw=1.6, ms=5, label=line.label or None)
        for place, seeds, interval in zip(moved, line.seeds, line.intervals, strict=True):
            axes.plot([place] * len(seeds), seeds, ".", color=colour, ms=4, alpha=0.55)
            shown += list(seeds)
            if interval is not None:
                axes.vlines(place, *interval, color=colour, lw=1.4, alpha=0.8)
                shown += [bound for bound in interval if bound > 0]
    _draw_floor(chart, floor)
    if spans_tenfold(shown):
        chart.make_logarithmic()
    if not even:
        axes.set_xscale("log")
    axes.set_xticks([at[tick] for tick in ticks], [f"{tick:g}" for tick in ticks], minor=False)
    axes.set_xticks([], minor=True)
    chart.name_axes(xlabel, ylabel)
    if floor is not None or any(line.label for line in lines):
        _add_legend(chart)
    return chart.svg()


def _draw_floor(chart: Chart, floor: float | None) -> None:
    if floor is not None:
        chart.axes.axhline(floor, color=GREY, lw=1.3, ls="--", label="real")


def _add_legend(chart: Chart) -> None:
    """Above the chart in one or two rows; below it if it is longer."""
    labels = chart.axes.get_legend_handles_labels()[1]
    rows = math.ceil(sum(len(label) + 7 for label in labels) / _LEGEND_WIDTH)
    if rows <= 2:
        chart.leave_room(22 if rows == 1 else 38)
        chart.add_legend(math.ceil(len(labels) / rows))
        return
    chart.add_legend_below(2 if max(map(len, labels)) <= _HALF_WIDTH else 1)
