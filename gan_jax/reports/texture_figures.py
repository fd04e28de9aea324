"""Charts of two sets of textures over each other, in the style of `gan_jax.reports.figures`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gan_jax.reports.figures import BLUE, GREY, INK, add_legend, logarithmic, new_figure, svg

LOW, HIGH = 10, 90  # percentiles at the edges of a band
_BINS = 24
_DECIBELS = 10 / np.log(10)  # in a natural logarithm of power


def spectrum_chart(
    title: str, frequencies: np.ndarray, real: np.ndarray, generated: np.ndarray
) -> str:
    """Radial power spectra as medians over bands of the middle 80 % of images, as SVG text.

    Args:
        title: above the chart, and read out by screen readers.
        frequencies: in cycles a pixel, float [b], rising.
        real: natural logarithms of power, float [m, b].
        generated: the same, [n, b].
    """
    figure, axes = new_figure(title, 5.4, 3.2)
    ends = [np.percentile(curves, (LOW, HIGH), axis=0) for curves in (real, generated)]
    axes.set_ylim(np.exp(np.min(ends) - 0.3), np.exp(np.max(ends) + 0.3))
    for name, curves, colour, style in (
        ("real", real, GREY, "--"),
        ("generated", generated, BLUE, "-"),
    ):
        low, middle, high = np.exp(np.percentile(curves, (LOW, 50, HIGH), axis=0))
        axes.fill_between(frequencies, low, high, color=colour, alpha=0.22, lw=0)
        axes.plot(frequencies, middle, style, color=colour, lw=1.6, label=name)
    logarithmic(axes.yaxis, axes.set_yscale, (1.0,))
    _frequency_axis(axes)
    axes.set_ylabel("power", parse_math=False)
    add_legend(axes, 2)
    return svg(figure, title)


def excess_chart(
    title: str, frequencies: np.ndarray, real: np.ndarray, generated: np.ndarray
) -> str:
    """Power beside the median of real images in decibels, as SVG text; arguments as above.

    A line at 0 is right; above it there is too much of that frequency, below it too little. The
    grey band holds the middle 80 % of real images.
    """
    figure, axes = new_figure(title, 5.4, 3.2)
    usual = np.median(real, axis=0)
    for name, curves, colour in (("real", real, GREY), ("generated", generated, BLUE)):
        low, middle, high = _DECIBELS * (np.percentile(curves, (LOW, 50, HIGH), axis=0) - usual)
        axes.fill_between(frequencies, low, high, color=colour, alpha=0.22, lw=0)
        style = "--" if colour == GREY else "-"
        axes.plot(frequencies, middle, style, color=colour, lw=1.6, label=name)
    _frequency_axis(axes)
    axes.set_ylabel("beside the median of real, dB", parse_math=False)
    add_legend(axes, 2)
    return svg(figure, title)


def _frequency_axis(axes) -> None:
    axes.set_xlabel("frequency, cycles a pixel", parse_math=False)
    axes.set_xlim(0.0, 0.5)


def histogram_panels(
    title: str, sides: Mapping[str, tuple[np.ndarray, np.ndarray]], *, columns: int = 3
) -> str:
    """Small histograms of real images (filled) and generated ones (a line), as SVG text.

    Args:
        title: above the panels, and read out by screen readers.
        sides: a panel's name to (values of real images [m], of generated ones [n]), finite.
        columns: panels a row.
    """
    rows = -(-len(sides) // columns)
    figure, head = new_figure(title, 5.4, 0.75 + 1.3 * rows)
    grid = figure.add_gridspec(rows + 1, columns, height_ratios=(0.01, *(1.0,) * rows))
    head.set_subplotspec(grid[0, :])  # an empty line that carries title and legend
    head.set_axis_off()
    for (row, column), (name, (real, generated)) in zip(np.ndindex(rows, columns), sides.items()):
        axes = figure.add_subplot(grid[row + 1, column])
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
    for label, style in (("real", dict(lw=5, alpha=0.45)), ("generated", dict(lw=1.5))):
        head.plot([], [], color=GREY if label == "real" else BLUE, label=label, **style)
    add_legend(head, 2)
    return svg(figure, title)


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
