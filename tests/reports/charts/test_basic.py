"""Charts: what they show, and that odd data does not break them."""

from __future__ import annotations

import numpy as np

from gan_jax.reports.charts.basic import class_chart, history_chart
from gan_jax.reports.charts.chart import BLUE
from tests.reports.reading import line_chart


def test_chart_keeps_a_spike_of_a_long_history():
    steps = np.arange(20_000)
    values = np.ones(20_000)
    values[12_345] = 50.0
    chart = line_chart("Losses", "loss", steps, values)
    assert len(chart) < 60_000
    assert ">50<" in chart  # the axis still reaches the spike


def test_chart_survives_gaps_and_odd_text():
    values = [1.0, float("nan"), float("inf"), 1000.0]
    chart = line_chart("a $x_ & <b>", "<i>$", range(4), values, log=True)
    assert "&lt;b&gt;" in chart and "<b>" not in chart and "nan" not in chart
    names = ["汉字 & <b>", "$\\frac$"] + ["long name of a class"] * 12
    assert "&lt;b&gt;" in class_chart("classes", names, range(14))
    assert class_chart("none", ["only"], [0], [0]).startswith("<svg")


def test_log_axis_only_where_it_helps():
    wide = line_chart("fd", "fd", range(3), [200.0, 20.0, 2.0], log=True)
    narrow = line_chart("fd", "fd", range(3), [3.0, 2.9, 2.8], log=True)
    assert ">20<" in wide and ">100<" in wide and ">5<" in wide
    assert ">2.85<" in narrow


def test_history_without_finite_values_makes_no_line():
    history = [{"step": 1, "a": float("nan")}, {"step": 2, "b": 1.0}]
    labels = {"a": ("first", BLUE), "b": ("second", BLUE), "c": ("third", BLUE)}
    chart = line_chart("all", "second", [2], [1.0])
    assert history_chart("all", history, labels, ylabel="y") == chart
    del labels["b"]
    assert history_chart("none", history, labels, ylabel="y") == ""
