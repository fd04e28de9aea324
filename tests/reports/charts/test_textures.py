"""Charts of textures: what they show, and that odd data does not break them."""

from __future__ import annotations

import numpy as np
import pytest

from gan_jax.reports.charts.textures import (
    excess_chart,
    histogram_edges,
    histogram_panels,
    histogram_shares,
    spectrum_chart,
)
from tests.reports.reading import PageReader


def _parsed(svg):
    assert "nan" not in svg and "currentColor" in svg
    return PageReader(svg)


def test_charts_of_spectra_are_whole_and_follow_the_page():
    frequencies = np.arange(1, 17) / 32
    real = -4 - np.arange(16) / 4 + np.random.default_rng(0).normal(size=(20, 16)) / 9
    for chart in (spectrum_chart, excess_chart):
        _parsed(chart("Spectra", frequencies, real, real + 1))
        _parsed(chart("Flat", frequencies, np.full((4, 16), -18.4), np.full((3, 16), -18.4)))
        _parsed(chart("One", frequencies, real[:1], real[:1]))


def test_panels_are_labelled_and_take_odd_values():
    rng = np.random.default_rng(0)
    panels = {
        "usual": (rng.normal(size=50), rng.normal(size=40)),
        "equal": (np.ones(5), np.ones(7)),
        "zero": (np.zeros(5), np.zeros(7)),
        "one & <only>": (np.array([2.0]), np.array([-1.0])),
    }
    text = _parsed(histogram_panels("Panels", panels)).text
    for name in (*panels, "real", "generated"):
        assert name in text


def test_bins_hold_everything_and_one_odd_image_does_not_squeeze_them():
    values = np.concatenate([np.linspace(0, 1, 500), [1000.0]])
    edges = histogram_edges(values, np.linspace(0.5, 1.5, 300))
    assert -0.1 < edges[0] < 0.02 and 1.45 < edges[-1] < 1.6
    shares = histogram_shares(values, edges)
    assert shares.sum() == pytest.approx(1.0)
    assert shares[-1] == pytest.approx(1 / 501)  # the odd one, in the last bin


def test_equal_values_lie_in_the_middle():
    for value in (0.0, 1.0, -7.0, 1e9):
        edges = histogram_edges(np.full(3, value), np.full(3, value))
        assert edges[0] < value < edges[-1]
        assert histogram_shares(np.full(3, value), edges).max() == pytest.approx(1.0)
