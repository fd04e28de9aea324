"""Charts: every label lies inside its chart, however long the names and however many."""

from __future__ import annotations

import re

import numpy as np
import pytest
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from gan_jax.reports.charts.basic import class_chart, interval_chart
from gan_jax.reports.charts.seeds import SweepLine, sweep_chart
from gan_jax.reports.charts.textures import histogram_panels
from tests.reports.reading import line_chart

_TEXT = re.compile(r"<text ([^>]*)>([^<]*)</text>")
_LONG = "portilla_simoncelli_fd, as a long name of a metric that somebody watches"


def _corners(attributes: str, text: str) -> np.ndarray:
    """The corners [4, 2] of an SVG text in the coordinates of its chart."""
    size = float(re.search(r"(\d+(?:\.\d+)?)px", attributes)[1])
    place = re.search(r' x="([-\d.]+)" y="([-\d.]+)"', attributes)
    place = place or re.search(r"translate\(([-\d.]+) ([-\d.]+)\)", attributes)
    turn = re.search(r"rotate\(([-\d.]+)", attributes)
    bold = "bold" if re.search(r"font-weight: (bold|700)", attributes) else "normal"
    font = FontProperties(size=size, weight=bold)
    width = TextToPath().get_text_width_height_descent(text, font, False)[0]
    anchor = re.search(r"text-anchor: (\w+)", attributes)
    left = -width * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor[1] if anchor else "start"]
    corners = np.array([[a, b] for a in (left, left + width) for b in (0.0, -0.7 * size)])
    angle = np.radians(float(turn[1]) if turn else 0.0)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return corners @ rotation.T + np.array([float(place[1]), float(place[2])])


def _labels_outside(chart: str) -> list[str]:
    width, height = map(float, re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', chart).groups())
    found = _TEXT.findall(chart)
    assert len(found) >= 4
    cut = []
    for attributes, text in found:
        corners = _corners(attributes, text)
        inside = (corners >= -0.5) & (corners <= np.array([width, height]) + 0.5)
        if not inside.all():
            cut.append(text)
    return cut


def _lines(scale: float) -> str:
    steps = np.arange(0, 1_000_001, 50_000)
    values = np.linspace(-scale, scale, len(steps))
    return line_chart(_LONG, "discriminator", steps, values, ylabel=_LONG)


def _settings() -> str:
    lines = []
    for n in range(12):
        label = f"discriminator.learning_rate={n / 1e4}, batch_size=128"
        ends = [(0.5, 2.0)] * 2
        lines.append(SweepLine(label, [1e-4, 1e-3], [[1.0]] * 2, [1.0, 2.0 + n], ends))
    return sweep_chart(_LONG, lines, xlabel=_LONG, ylabel="fd_semantic", floor=0.5)


def _classes(count: int) -> str:
    return class_chart(
        "Share of each class", [f"class name {n}" for n in range(count)], [9] * count
    )


def _members() -> str:
    names = [f"member seed={n}, learning_rate={n / 1e4}" for n in range(40)]
    values = [123_456.0 + n for n in range(40)]
    return interval_chart("Many members", names, values, [None] * 40, xlabel=_LONG, floor=123_450.0)


def _panels() -> str:
    rng = np.random.default_rng(0)
    sides = {f"property {n}": (rng.normal(size=50), rng.normal(size=50)) for n in range(7)}
    return histogram_panels("Panels", sides)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: _lines(1e-4),
        lambda: _lines(1.0),
        lambda: _lines(123_456.0),
        _settings,
        lambda: _classes(4),
        lambda: _classes(14),
        lambda: _classes(38),
        lambda: _classes(300),
        _members,
        _panels,
    ],
)
def test_no_label_is_cut_off(draw):
    assert _labels_outside(draw()) == []


def test_logarithmic_axis_over_many_decades_has_numbers():
    values = 10.0 ** np.arange(-4, 7)
    chart = line_chart("loss", "loss", range(11), values, log=True)
    assert ">100<" in chart or ">10<" in chart
