"""Charts as inline SVG that follows the colours of the page around it, light or dark."""

from __future__ import annotations

import contextlib
import dataclasses
import html
import importlib
import io
import logging
import math
import os
import re
import sys
import warnings
from collections.abc import Sequence

import numpy as np

from gan_jax.errors import printable

BLUE, ORANGE, GREY = "#3d85c6", "#dd7a2f", "#8b9099"

INK = "#012345"  # stands for the page's text colour until the SVG is written
_BINS = 150


@dataclasses.dataclass(frozen=True, eq=False)
class Series:
    """One line of a chart: `values` at `steps`, NaN where there is none."""

    label: str
    steps: Sequence[float]
    values: Sequence[float]
    colour: str = BLUE
    dashed: bool = False


def line_chart(title: str, series: Sequence[Series], *, ylabel: str, percent=False, log=False):
    """Lines over training steps, as SVG text.

    A line of more than 150 points is drawn as the mean of 150 bins over a band from the least to
    the greatest value of each, so that a spike is never averaged away.

    Args:
      title: above the chart, and read out by screen readers.
      series: lines, in order of the legend.
      ylabel: what is measured, with its unit.
      percent: values are shares, shown times 100.
      log: logarithmic axis where all values are positive and span a factor of 10 or more.
    """
    figure, axes = new_figure(title, 5.4, 3.0)
    shown = []
    for line in series:
        steps, mean, low, high = _binned(line, 100.0 if percent else 1.0)
        shown.append(np.concatenate([low, high]))
        markers = "o" if len(steps) <= 30 and not line.dashed else None
        style = "--" if line.dashed else "-"
        axes.plot(steps, mean, style, color=line.colour, lw=1.5, marker=markers, ms=3)
        axes.lines[-1].set_label(line.label)
        if len(steps) < len(line.steps):
            axes.fill_between(steps, low, high, color=line.colour, alpha=0.18, lw=0)
    values = np.concatenate(shown) if shown else np.zeros(0)
    values = values[np.isfinite(values)]
    if log and values.size and values.min() > 0 and values.max() >= 10 * values.min():
        logarithmic(axes.yaxis, axes.set_yscale)
    axes.set_xlabel("training step", parse_math=False)
    axes.set_ylabel(ylabel, parse_math=False)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.locator_params(axis="x", nbins=6, integer=True)
    if len(series) > 1:
        add_legend(axes, len(series))
    return svg(figure, title)


def class_chart(title: str, names: Sequence[str], generated, real=None) -> str:
    """Share of each class among generated images (bars) and real ones (marks), as SVG text.

    Args:
      title: above the chart, and read out by screen readers.
      names: of the k classes; above 40 of them only the numbers stand below the axis.
      generated: counts [k].
      real: counts [k], or None.
    """
    names = [printable(name) for name in names]
    count = len(names)
    longest = max(map(len, names))
    turned = count * longest > 60
    figure, axes = new_figure(title, 5.4 if count <= 25 else 11.0, 3.4 if turned else 3.0)
    places = np.arange(count)
    axes.bar(places, _percent(generated), 0.7, color=BLUE, label="generated")
    if real is not None:
        half = 0.45
        axes.hlines(_percent(real), places - half, places + half, color=INK, lw=1.6, label="real")
        add_legend(axes, 2)
    axes.set_xlim(-0.7, count - 0.3)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("share of images, %", parse_math=False)
    if count <= 40:
        short = [name if len(name) <= 16 else name[:15] + "…" for name in names]
        axes.set_xticks(places, short)
        for label in axes.get_xticklabels():
            label.set_parse_math(False)
            if turned:
                label.set(rotation=90 if count > 16 else 40)
                label.set_ha("center" if count > 16 else "right")
                label.set_rotation_mode("anchor" if count <= 16 else "default")
        axes.tick_params(axis="x", length=0)
    else:
        axes.set_xlabel("class number", parse_math=False)
    return svg(figure, title)


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
    """One value a run (a dot) with its interval (a bar), below one another, as SVG text.

    The axis is logarithmic where all that is shown is positive and spans a factor of 10 or more.

    Args:
      title: above the chart, and read out by screen readers.
      names: of the k runs, from top to bottom.
      values: [k]; None where a run has none.
      intervals: [k] of (low, high); an open dot stands for a value without one.
      xlabel: what is measured.
      floor: that of real images, or another value to compare with, drawn as a line.
      floor_label: what it is.
    """
    figure, axes = new_figure(title, 5.4, 1.3 + 0.27 * len(names))
    shown = [] if floor is None else [floor]
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
        add_legend(axes, 1)
    if shown and min(shown) > 0 and max(shown) >= 10 * min(shown):
        wide = max(shown) >= 300 * min(shown)
        logarithmic(axes.xaxis, axes.set_xscale, (1.0,) if wide else (1.0, 2.0, 5.0))
    else:
        axes.locator_params(axis="x", nbins=6)
    names = [printable(name) for name in names]
    short = [name if len(name) <= 28 else "…" + name[-27:] for name in names]
    axes.set_yticks(np.arange(len(names)), short)
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", color=GREY, alpha=0.25, lw=0.6)
    axes.set_xlabel(xlabel, parse_math=False)
    return svg(figure, title)


def _binned(line: Series, factor: float):
    """Steps, mean, least and greatest values of a line: as they are, or of equal runs of points."""
    steps = np.asarray(line.steps, np.float64)
    values = np.asarray(line.values, np.float64) * factor
    values = np.where(np.isfinite(values), values, np.nan)
    if len(steps) <= _BINS:
        return steps, values, values, values
    parts = np.array_split(values, _BINS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a bin of NaN only stays a gap
        reduced = [
            np.array([f(part) for part in parts]) for f in (np.nanmean, np.nanmin, np.nanmax)
        ]
    return np.array([part.mean() for part in np.array_split(steps, _BINS)]), *reduced


def _percent(counts) -> np.ndarray:
    counts = np.asarray(counts, np.float64)
    return 100.0 * counts / max(counts.sum(), 1.0)


def new_figure(title: str, width: float, height: float):
    """A figure of its own, outside pyplot's global state; matplotlib loads on first use."""
    _load_matplotlib()
    from matplotlib.figure import Figure

    title = printable(title)
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.add_subplot()
    axes.patch.set_alpha(0)
    axes.set_title(
        title, fontsize=10, fontweight="bold", loc="left", color=INK, parse_math=False, pad=22
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(labelsize=8.5, colors=GREY, labelcolor=INK, which="both")
    axes.xaxis.label.set(color=INK, fontsize=9)
    axes.yaxis.label.set(color=INK, fontsize=9)
    axes.grid(axis="y", color=GREY, alpha=0.25, lw=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _load_matplotlib() -> None:
    """Imports matplotlib, which refuses to be where MPLBACKEND names a backend that is not there.

    That is a notebook's or a window's; what is drawn here needs none.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # of folders and fonts it cannot keep
    if "matplotlib" in sys.modules or "MPLBACKEND" not in os.environ:
        return
    chosen = os.environ.pop("MPLBACKEND")
    try:
        matplotlib = importlib.import_module("matplotlib")
        with contextlib.suppress(ValueError):
            matplotlib.rcParams["backend"] = chosen
    finally:
        os.environ["MPLBACKEND"] = chosen


def logarithmic(axis, set_scale, subs=(1.0, 2.0, 5.0)) -> None:
    """A logarithmic axis with plain numbers at `subs` of each power of ten."""
    from matplotlib import ticker

    set_scale("log")
    axis.set_major_locator(ticker.LogLocator(subs=subs, numticks=8))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(ticker.NullFormatter())


def add_legend(axes, columns: int) -> None:
    """A legend above the chart's left corner."""
    legend = axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.01, 0.99),
        ncols=columns,
        frameon=False,
        fontsize=8.5,
        labelcolor=INK,
        borderaxespad=0.1,
        handlelength=1.6,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def svg(figure, title: str) -> str:
    """The figure as an <svg> element that scales with the page and holds text as text."""
    import matplotlib

    title = printable(title)
    buffer = io.StringIO()
    settings = {"svg.fonttype": "none", "svg.hashsalt": f"chart: {title}"}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the reader's browser has the glyph
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.S)
    svg = re.sub(r' id="[A-Za-z0-9.]+_\d+"', "", svg)  # unused, and the same in every figure
    svg = re.sub(r"font-family: [^;\"]*", "font-family: system-ui, sans-serif", svg)
    svg = re.sub(r"(font: [^;\"]*?px) [^;\"]*", r"\1 system-ui, sans-serif", svg)
    svg = svg.replace(INK, "currentColor")
    head = f'<svg role="img" aria-label="{html.escape(title)}" class="chart"'
    return re.sub(
        r'<svg[^>]*?(viewBox="[^"]*")[^>]*>', lambda found: f"{head} {found[1]}>", svg, count=1
    )


def finite_points(history: Sequence[dict], name: str) -> Series | None:
    """The rows of a run's history that hold `name`, as a line; None if no value is finite."""
    rows = [row for row in history if name in row]
    if not any(math.isfinite(row[name]) for row in rows):
        return None
    return Series(name, [row["step"] for row in rows], [row[name] for row in rows])
