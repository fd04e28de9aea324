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
import textwrap
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gan_jax.errors import printable

if TYPE_CHECKING:
    from matplotlib.legend import Legend

BLUE, ORANGE, GREY = "#3d85c6", "#dd7a2f", "#8b9099"
INK = "#012345"  # stands for the page's text colour until the SVG is written

_MOST_WITH_SUBS = 10_000  # a logarithmic axis of a wider span has numbers at powers of ten only
_EDGE = 3.0  # points of air between the outermost labels and the chart's edge
_TITLE_LINE = 12.0  # points, of a title's line
# Characters that fit: along the chart's height, and along its width in points a character.
_YLABEL, _XLABEL_POINTS, _TITLE_POINTS = 32, 9.2, 7.2


class Chart:
    """A figure of its own, outside pyplot's global state; matplotlib loads on first use.

    The margins are measured once and the chart is drawn once: matplotlib's own layouts measure it
    twice and draw it twice. What is longer than the chart is broken into lines.

    Attributes:
        axes: of matplotlib, to draw on.
    """

    def __init__(self, title: str, height: float = 3.2, width: float = 5.4) -> None:
        _load_matplotlib()
        from matplotlib.figure import Figure

        self._title = printable(title)
        lines = textwrap.wrap(self._title, int(72 * width / _TITLE_POINTS)) or [""]
        self._heading = "\n".join(lines)
        extra = _TITLE_LINE * (len(lines) - 1) / 72
        self.figure = Figure(figsize=(width, height + extra), dpi=72)  # a pixel is a point
        self.figure.patch.set_alpha(0)
        self._legend_below: Legend | None = None
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
        look: dict[str, Any] = dict(
            fontsize=10, fontweight="bold", loc="left", color=INK, parse_math=False
        )
        self.axes.set_title(self._heading, y=1.0, pad=points, **look)
        self._above = points + _TITLE_LINE * (1 + self._heading.count("\n"))

    def name_axes(self, xlabel: str, ylabel: str) -> None:
        """Names both axes; a $ in a name stays a $."""
        width = int(72 * self.figure.get_figwidth() / _XLABEL_POINTS)
        self.axes.set_xlabel(textwrap.fill(printable(xlabel), width), parse_math=False)
        self.axes.set_ylabel(textwrap.fill(printable(ylabel), _YLABEL), parse_math=False)

    def over_steps(self, ylabel: str) -> None:
        """Names the axes of a chart over training steps, which are whole numbers."""
        self.name_axes("training step", ylabel)
        self.axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        self.axes.locator_params(axis="x", nbins=6, integer=True)

    def make_logarithmic(self, axis: str = "y", subs: Sequence[float] = (1.0, 2.0, 5.0)) -> None:
        """A logarithmic axis with plain numbers at `subs` of each power of ten, or at 1 of it."""
        from matplotlib import ticker

        getattr(self.axes, f"set_{axis}scale")("log")
        low, high = getattr(self.axes, f"get_{axis}lim")()
        subs = subs if high < _MOST_WITH_SUBS * low else (1.0,)
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

    def add_legend_below(self, columns: int) -> None:
        """A legend below the chart, which grows by it."""
        handles, labels = self.axes.get_legend_handles_labels()
        look: dict[str, Any] = dict(frameon=False, fontsize=8, labelcolor=INK, borderaxespad=0.0)
        legend = self.figure.legend(handles, labels, ncols=columns, loc="lower left", **look)
        self._legend_below = legend
        without_math(legend.get_texts())
        rows = -(-len(labels) // columns)
        self.figure.set_figheight(self.figure.get_figheight() + 0.16 * rows)

    def panels(self, rows: int, columns: int, *, gap: float) -> list:
        """Axes of small charts, row after row, in the place of the chart's own.

        Args:
            gap: points below and above each row for its numbers and its title together.
        """
        self.axes.set_axis_off()  # its title and legend stay
        whole = 72 * self.figure.get_figheight()
        self._place(4 * _EDGE, 4 * _EDGE, _EDGE, self._above + _EDGE)
        height = (whole - self._above - 2 * _EDGE - rows * gap) / rows
        grid = self.figure.add_gridspec(
            rows,
            columns,
            bottom=(_EDGE + gap / 2) / whole,
            top=1 - (_EDGE + self._above + gap / 2) / whole,
            hspace=gap / height,
            wspace=0.25,
        )
        return [
            self.figure.add_subplot(grid[row, column]) for row, column in np.ndindex(rows, columns)
        ]

    def _place(self, left: float, right: float, bottom: float, top: float) -> None:
        """Sets the margins around the axes, in points."""
        width, height = 72 * self.figure.get_size_inches()
        self.figure.subplots_adjust(
            left=left / width, right=1 - right / width, bottom=bottom / height, top=1 - top / height
        )

    def _fit(self) -> None:
        """Sets margins that hold all labels.

        What stands below the axes is as high at any width, so it comes first; with the height the
        numbers at the left are known.
        """
        from matplotlib.backends.backend_svg import RendererSVG

        width, height = 72 * self.figure.get_size_inches()
        renderer = RendererSVG(width, height, io.StringIO())
        axes, top = self.axes, self._above + _EDGE
        legend = self._legend_below
        edge = _EDGE if legend is None else _EDGE + legend.get_window_extent(renderer).height
        left, right, bottom = 45.0, 10.0, 35.0
        self._place(left, right, bottom, top)
        found = axes.xaxis.get_tightbbox(renderer, for_layout_only=True)
        assert found is not None
        below = max(axes.bbox.y0 - found.y0, 0.0) + edge
        beside = max(axes.bbox.x0 - found.x0, 0.0) + _EDGE
        right = max(found.x1 - axes.bbox.x1, 0.0) + 2 * _EDGE
        _hold_label(axes.xaxis, 0.0, below - bottom)
        self._place(left, right, below, top)
        found = axes.yaxis.get_tightbbox(renderer, for_layout_only=True)
        assert found is not None
        beside = max(axes.bbox.x0 - found.x0 + _EDGE, beside)
        _hold_label(axes.yaxis, beside - left, 0.0)
        self._place(beside, right, below, top)

    def svg(self) -> str:
        """The chart as an <svg> element that scales with the page and holds text as text."""
        import matplotlib

        buffer = io.StringIO()
        settings: dict[Any, str] = {"svg.fonttype": "none", "svg.hashsalt": f"chart: {self._title}"}
        with matplotlib.rc_context(settings), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")  # the reader's browser has it
            if self.axes.axison:
                self._fit()
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


def _hold_label(axis, right: float, up: float) -> None:
    """Moves an axis's name by pixels from where its numbers were measured, and keeps it there."""
    x, y = axis.label.get_position()
    axis.set_label_coords(x + right, y + up, transform=axis.label.get_transform())


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
