"""Charts of many seeds and settings, as inline SVG like those of `gan_jax.reports.figures`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from gan_jax.reports.figures import GREY, INK, add_legend, logarithmic, new_figure, svg

_LEGEND_WIDTH = 75  # characters
# From cold to warm, so that an ordered hyper-parameter reads as one; clear on light and dark pages.
_RAMP = ("#3d85c6", "#5a9bd4", "#36a18f", "#7aa83b", "#c2a02a", "#dd7a2f", "#d1495b", "#a4508b")


def setting_colours(count: int) -> list[str]:
    """A colour for each of `count` settings, in order."""
    stops = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in _RAMP])
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
    title: str,
    bands: Sequence[Band],
    *,
    ylabel: str,
    floor: float | None = None,
    log: bool = False,
) -> str:
    """Each setting's mean over training steps, a band of one standard deviation, each seed thin.

    Args:
      title: above the chart, and read out by screen readers.
      bands: in order of the legend.
      ylabel: what is measured.
      floor: that of real images, drawn dashed.
      log: logarithmic axis where all values are positive and span a factor of 10 or more.
    """
    figure, axes = new_figure(title, 5.4, 3.2)
    shown = [np.asarray([floor])] if floor is not None else []
    for band in bands:
        steps, values = np.asarray(band.steps, np.float64), np.asarray(band.values, np.float64)
        shown.append(values.ravel())
        counts = np.sum(np.isfinite(values), axis=0)
        kept = counts > 0
        mean = np.nanmean(values[:, kept], axis=0)
        if len(values) > 1:
            for curve in values:
                axes.plot(steps, curve, color=band.colour, lw=0.6, alpha=0.45)
            several = counts[kept] > 1
            spread = np.zeros_like(mean)
            spread[several] = np.nanstd(values[:, kept][:, several], axis=0, ddof=1)
            axes.fill_between(
                steps[kept], mean - spread, mean + spread, color=band.colour, alpha=0.18, lw=0
            )
        axes.plot(steps[kept], mean, color=band.colour, lw=1.8, label=band.label)
    if floor is not None:
        axes.axhline(floor, color=GREY, lw=1.3, ls="--", label="real")
    values = np.concatenate(shown) if shown else np.zeros(0)
    values = values[np.isfinite(values)]
    if log and values.size and values.min() > 0 and values.max() >= 10 * values.min():
        logarithmic(axes.yaxis, axes.set_yscale)
        axes.set_ylim(bottom=0.8 * values.min())
    axes.set_xlabel("training step", parse_math=False)
    axes.set_ylabel(ylabel, parse_math=False)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.locator_params(axis="x", nbins=6)
    if len(bands) > 1 or floor is not None:
        _legend(axes)
    return svg(figure, title)


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
    title: str,
    lines: Sequence[SweepLine],
    *,
    xlabel: str,
    ylabel: str,
    floor: float | None = None,
) -> str:
    """A metric against a hyper-parameter: means with intervals, and a dot for each seed.

    The axis of the hyper-parameter is logarithmic; where one of its values is 0 or less, the values
    stand at equal distances instead.

    Args:
      title: above the chart, and read out by screen readers.
      lines: in order of the legend.
      xlabel: the hyper-parameter.
      ylabel: the metric.
      floor: that of real images, drawn dashed.
    """
    figure, axes = new_figure(title, 5.4, 3.4)
    ticks = sorted({place for line in lines for place in line.places})
    even = ticks[0] <= 0
    at = {place: index if even else place for index, place in enumerate(ticks)}
    span = len(ticks) - 1 if even else math.log10(ticks[-1] / ticks[0])
    colours = setting_colours(len(lines))
    shown = [] if floor is None else [floor]
    for number, (line, colour) in enumerate(zip(lines, colours, strict=True)):
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
    if floor is not None:
        axes.axhline(floor, color=GREY, lw=1.3, ls="--", label="real")
    if shown and min(shown) > 0 and max(shown) >= 10 * min(shown):
        logarithmic(axes.yaxis, axes.set_yscale)
    if not even:
        axes.set_xscale("log")
    axes.set_xticks([at[tick] for tick in ticks], [f"{tick:g}" for tick in ticks], minor=False)
    axes.set_xticks([], minor=True)
    axes.set_xlabel(xlabel, parse_math=False)
    axes.set_ylabel(ylabel, parse_math=False)
    if floor is not None or any(line.label for line in lines):
        _legend(axes)
    return svg(figure, title)


def _legend(axes) -> None:
    """Above the chart in one or two rows; below it if it is longer."""
    labels = axes.get_legend_handles_labels()[1]
    rows = math.ceil(sum(len(label) + 7 for label in labels) / _LEGEND_WIDTH)
    if rows <= 2:
        title = axes.get_title("left")
        axes.set_title(
            title, fontsize=10, fontweight="bold", loc="left", color=INK, parse_math=False,
            pad=22 if rows == 1 else 38,
        )  # fmt: skip
        add_legend(axes, math.ceil(len(labels) / rows))
        return
    axes.figure.set_figheight(axes.figure.get_figheight() + 0.16 * math.ceil(len(labels) / 2))
    legend = axes.figure.legend(
        loc="outside lower left", ncols=2, frameon=False, fontsize=8, labelcolor=INK
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
