"""A chart as inline SVG that follows the colours of the page around it, light or dark."""

from __future__ import annotations

import contextlib
import html
import importlib
import io
import logging
import os
import re
import sys
import warnings
from collections.abc import Sequence

import numpy as np

from gan_jax.errors import printable

BLUE, ORANGE, GREY = "#3d85c6", "#dd7a2f", "#8b9099"
INK = "#012345"  # stands for the page's text colour until the SVG is written


class Chart:
    """A figure of its own, outside pyplot's global state; matplotlib loads on first use.

    Attributes:
        axes: of matplotlib, to draw on.
    """

    def __init__(self, title: str, height: float = 3.2, width: float = 5.4) -> None:
        _load_matplotlib()
        from matplotlib.figure import Figure

        self._title = printable(title)
        self.figure = Figure(figsize=(width, height), layout="constrained")
        self.figure.patch.set_alpha(0)
        self.axes = axes = self.figure.add_subplot()
        axes.patch.set_alpha(0)
        self.leave_room(22)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(GREY)
        axes.tick_params(labelsize=8.5, colors=GREY, labelcolor=INK, which="both")
        axes.xaxis.label.set(color=INK, fontsize=9)
        axes.yaxis.label.set(color=INK, fontsize=9)
        axes.grid(axis="y", color=GREY, alpha=0.25, lw=0.6)
        axes.set_axisbelow(True)

    def leave_room(self, points: float) -> None:
        """Between the title and the chart, for the legend."""
        look = dict(fontsize=10, fontweight="bold", loc="left", color=INK, parse_math=False)
        self.axes.set_title(self._title, pad=points, **look)

    def name_axes(self, xlabel: str, ylabel: str) -> None:
        """Names both axes; a $ in a name stays a $."""
        self.axes.set_xlabel(xlabel, parse_math=False)
        self.axes.set_ylabel(ylabel, parse_math=False)

    def over_steps(self, ylabel: str) -> None:
        """Names the axes of a chart over training steps, which are whole numbers."""
        self.name_axes("training step", ylabel)
        self.axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        self.axes.locator_params(axis="x", nbins=6, integer=True)

    def make_logarithmic(self, axis: str = "y", subs: Sequence[float] = (1.0, 2.0, 5.0)) -> None:
        """A logarithmic axis with plain numbers at `subs` of each power of ten."""
        from matplotlib import ticker

        getattr(self.axes, f"set_{axis}scale")("log")
        chosen = getattr(self.axes, f"{axis}axis")
        chosen.set_major_locator(ticker.LogLocator(subs=subs, numticks=8))
        chosen.set_major_formatter(lambda value, _: f"{value:g}")
        chosen.set_minor_formatter(ticker.NullFormatter())

    def add_legend(self, columns: int) -> None:
        """A legend above the chart's left corner."""
        legend = self.axes.legend(
            loc="lower left",
            bbox_to_anchor=(-0.01, 0.99),
            ncols=columns,
            frameon=False,
            fontsize=8.5,
            labelcolor=INK,
            borderaxespad=0.1,
            handlelength=1.6,
        )
        without_math(legend.get_texts())

    def svg(self) -> str:
        """The chart as an <svg> element that scales with the page and holds text as text."""
        import matplotlib

        buffer = io.StringIO()
        settings = {"svg.fonttype": "none", "svg.hashsalt": f"chart: {self._title}"}
        with matplotlib.rc_context(settings), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")  # the reader's browser has it
            self.figure.savefig(buffer, format="svg", metadata={"Date": None})
        svg = buffer.getvalue()
        svg = svg[svg.index("<svg") :]
        svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.S)
        svg = re.sub(r' id="[A-Za-z0-9.]+_\d+"', "", svg)  # unused, and the same in every figure
        svg = re.sub(r"font-family: [^;\"]*", "font-family: system-ui, sans-serif", svg)
        svg = re.sub(r"(font: [^;\"]*?px) [^;\"]*", r"\1 system-ui, sans-serif", svg)
        svg = svg.replace(INK, "currentColor")
        head = f'<svg role="img" aria-label="{html.escape(self._title)}" class="chart"'
        box = r'<svg[^>]*?(viewBox="[^"]*")[^>]*>'
        return re.sub(box, lambda found: f"{head} {found[1]}>", svg, count=1)


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


def without_math(texts):
    """Texts of matplotlib in which a $ stays a $."""
    for text in texts:
        text.set_parse_math(False)
    return texts


def spans_tenfold(values) -> bool:
    """Whether the finite values are all positive, and the largest is 10 times the smallest."""
    values = np.asarray(values, np.float64)
    values = values[np.isfinite(values)]
    return bool(values.size and values.min() > 0 and values.max() >= 10 * values.min())
