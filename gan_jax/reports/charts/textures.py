"""Charts of two sets of textures over each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gan_jax.reports.charts.chart import BLUE, GREY, INK, Chart

LOW, HIGH = 10, 90  # percentiles at the edges of a band
_BINS = 24
_PANEL_GAP = 32.0  # points, for the numbers below a panel and its title
_DECIBELS = 10 / np.log(10)  # per unit of a natural logarithm of power
_FREQUENCY = "frequency, cycles per pixel"


def spectrum_chart(
    title: str, frequencies: np.ndarray, real: np.ndarray, generated: np.ndarray
) -> str:
    """Radial power spectra as medians over bands of the middle 80 % of images.

    Args:
        frequencies: in cycles per pixel, float [b], rising.
        real: natural logarithms of power, float [m, b].
        generated: the same, [n, b].
    """
    chart = Chart(title)
    ends = [np.percentile(curves, (LOW, HIGH), axis=0) for curves in (real, generated)]
    chart.axes.set_ylim(np.exp(np.min(ends) - 0.3), np.exp(np.max(ends) + 0.3))
    _draw_bands(chart, frequencies, real, generated, np.exp)
    chart.make_logarithmic(subs=(1.0,))
    chart.name_axes(_FREQUENCY, "power")
    return chart.svg()


def excess_chart(
    title: str, frequencies: np.ndarray, real: np.ndarray, generated: np.ndarray
) -> str:
    """Power relative to the median of real images in decibels; arguments as above.

    A line at 0 is right; above it there is too much of that frequency, below it too little. The
    grey band holds the middle 80 % of real images.
    """
    chart = Chart(title)
    usual = np.median(real, axis=0)
    _draw_bands(chart, frequencies, real, generated, lambda curve: _DECIBELS * (curve - usual))
    chart.name_axes(_FREQUENCY, "beside the median of real, dB")
    return chart.svg()


def _draw_bands(
    chart: Chart,
    frequencies: np.ndarray,
    real: np.ndarray,
    generated: np.ndarray,
    scaled: Callable[[np.ndarray], np.ndarray],
) -> None:
    """The median of either side over its band, both `scaled`."""
    sides = (("real", real, GREY, "--"), ("generated", generated, BLUE, "-"))
    for name, curves, colour, style in sides:
        low, middle, high = scaled(np.percentile(curves, (LOW, 50, HIGH), axis=0))
        chart.axes.fill_between(frequencies, low, high, color=colour, alpha=0.22, lw=0)
        chart.axes.plot(frequencies, middle, style, color=colour, lw=1.6, label=name)
    chart.axes.set_xlim(0.0, 0.5)
    chart.add_legend(2)


def histogram_panels(
    title: str, sides: Mapping[str, tuple[np.ndarray, np.ndarray]], *, columns: int = 3
) -> str:
    """Small histograms of real images (filled) and generated ones (a line).

    Args:
        sides: a panel's name to (values of real images [m], of generated ones [n]), finite.
        columns: panels a row.
    """
    rows = -(-len(sides) // columns)
    chart = Chart(title, 0.75 + 1.3 * rows)
    panels = chart.panels(rows, columns, gap=_PANEL_GAP)
    for axes in panels[len(sides) :]:
        axes.remove()
    for axes, (name, (real, generated)) in zip(panels, sides.items()):
        axes.patch.set_alpha(0)
        axes.set_title(name, fontsize=8.5, loc="left", color=INK, parse_math=False, pad=3)
        edges = histogram_edges(real, generated)
        for values, colour, filled in ((real, GREY, True), (generated, BLUE, False)):
            shares = histogram_shares(values, edges)
            look = dict(alpha=0.45, lw=0) if filled else dict(lw=1.5)
            label = "real" if filled else "generated"
            axes.stairs(shares, edges, fill=filled, color=colour, label=label, **look)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color(GREY)
        axes.set_yticks([])
        axes.set_ylim(bottom=0)
        axes.tick_params(labelsize=7.5, colors=GREY, labelcolor=INK, length=2.5)
        axes.locator_params(axis="x", nbins=3)
    styles: dict[str, dict[str, Any]] = {"real": dict(lw=5, alpha=0.45), "generated": dict(lw=1.5)}
    for label, style in styles.items():
        chart.axes.plot([], [], color=GREY if label == "real" else BLUE, label=label, **style)
    chart.add_legend(2)
    return chart.svg()


def histogram_edges(real: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """Edges float64 [25] of bins over the values of both sides.

    They span the middle 98 % of each side, so that one odd image does not squeeze all others into a
    bin; what lies outside is counted in the first or last bin. Equal values get a bin in the
    middle.
    """
    ends = np.concatenate([np.percentile(side, (1, 99)) for side in (real, generated)])
    low, high = float(ends.min()), float(ends.max())
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-3):
        margin = max(abs(low), 1e-3) / 2
        low, high = low - margin, high + margin
    return np.linspace(low, high, _BINS + 1)


def histogram_shares(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The share of values in each bin, float64 [k]; the outer bins hold all beyond them too."""
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return counts / max(len(values), 1)
