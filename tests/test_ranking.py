"""Ranks: directions, ties, intervals that overlap, what cannot be ranked, how far orders agree."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from gan_jax.comparison.comparison import compare
from gan_jax.comparison.ranking import (
    Score,
    agreement,
    depends_on_count,
    direction,
    places,
    separated,
)
from gan_jax.comparison.table import comparison_table
from tests.results import distances, write_result


@pytest.mark.parametrize(
    "metric, better",
    [
        ("fd_semantic", "lower"),
        ("fd_infinity_texture", "lower"),
        ("kernel_distance", "lower"),
        ("kernel_distance_semantic", "lower"),
        ("class_kl", "lower"),
        ("sliced_wasserstein", "lower"),
        ("vendi", "higher"),
        ("vendi_score", "higher"),
        ("precision_semantic", "higher"),
        ("recall", "higher"),
        ("density", "higher"),
        ("coverage", "higher"),
        ("classifier_score", "higher"),
        ("confidence", "higher"),
        ("auth_pct", None),
        ("data_copying", None),
        ("class_histogram", None),
        ("densityfoo", None),
    ],
)
def test_directions(metric, better):
    assert direction(metric) == better


@pytest.mark.parametrize("better", ["lower", "higher"])
def test_ranks_against_scipy(better):
    rng = np.random.default_rng(0)
    for _ in range(20):
        values = rng.integers(0, 8, 9).astype(float)  # with ties
        signed = values if better == "lower" else -values
        expected = scipy.stats.rankdata(signed, method="min")
        assert [place.rank for place in places([Score(v) for v in values], better)] == list(
            expected
        )


def test_intervals_that_touch_do_not_separate():
    a, b, c = Score(1.0, (0.0, 2.0)), Score(3.0, (2.0, 4.0)), Score(9.0, (8.0, 10.0))
    assert separated(a, b) is False and separated(b, a) is False
    assert separated(a, c) is True and separated(c, a) is True
    assert separated(a, Score(9.0)) is None
    assert [place.overlaps for place in places([a, b, c], "lower")] == [(1,), (0,), ()]


def test_ranks_ratios_and_what_is_not_separated(tmp_path):
    values = {"worst": 30.0, "best": 4.0, "near": 5.5, "far": 10.0}
    comparison = compare([write_result(tmp_path, n, distances(v)) for n, v in values.items()])
    metric = comparison.judges[0].metric("fd_semantic")
    assert [entry.rank for entry in metric.entries] == [4, 1, 2, 3]
    assert [entry.ratio for entry in metric.entries] == [15.0, 2.0, 2.75, 5.0]
    assert [entry.not_separated_from for entry in metric.entries] == [(), ("near",), ("best",), ()]
    lines = comparison_table(comparison).splitlines()
    assert lines[1].split()[:4] == ["fd_semantic", "1", "~", "best"]
    assert lines[3].split()[:3] == ["3", "far", "10.00"]  # no mark: separated from all
    assert "their order is not certain" in comparison_table(comparison)


def test_equal_values_share_a_rank(tmp_path):
    values = {"a": 5.0, "b": 5.0, "c": 50.0}
    comparison = compare([write_result(tmp_path, n, distances(v)) for n, v in values.items()])
    entries = comparison.judges[0].metric("fd_semantic").entries
    assert [entry.rank for entry in entries] == [1, 1, 3]
    assert entries[0].not_separated_from == ("b",)


def test_without_intervals_it_is_not_known_what_is_separated(tmp_path):
    folders = [
        write_result(tmp_path, "a", distances(5.0)),
        write_result(tmp_path, "b", distances(50.0, half=None)),
    ]
    comparison = compare(folders)
    entries = comparison.judges[0].metric("fd_semantic").entries
    assert [entry.rank for entry in entries] == [1, 2]
    assert [entry.not_separated_from for entry in entries] == [None, None]
    assert "1 ?" in comparison_table(comparison)


def test_higher_is_better_where_it_is_and_a_standard_error_makes_an_interval(tmp_path):
    def metrics(distance, coverage, kernel):
        return distances(distance) | {
            "coverage": {"value": coverage, "n": 2000},
            "kernel_distance": {"value": kernel, "standard_error": 0.5, "floor": -0.01, "n": 500},
        }

    folders = [
        write_result(tmp_path, "a", metrics(5.0, 0.4, 1.0)),
        write_result(tmp_path, "b", metrics(6.0, 0.9, 2.0)),
    ]
    judge = compare(folders).judges[0]
    assert [entry.rank for entry in judge.metric("coverage").entries] == [2, 1]
    kernel = judge.metric("kernel_distance").entries[1]
    assert kernel.interval == pytest.approx((2.0 - 0.98, 2.0 + 0.98))
    assert kernel.ratio is None  # a floor below zero divides nothing
    assert kernel.not_separated_from == ("a",)


def test_metrics_that_cannot_be_ranked_are_shown_and_say_why(tmp_path):
    def metrics(distance, n, **more):
        return distances(distance) | {
            "classifier_score": {"value": 5.0 + n / 1000, "n": n},
            "confidence": {"value": n / 10_000, "n": n},
            "auth_pct": {"value": 40.0, "n": n},
            "class_histogram": {"value": [1, 2], "n": n},
            **more,
        }

    folders = [
        write_result(tmp_path, "a", metrics(5.0, 2000, vendi={"value": 7.0, "n": 2000})),
        write_result(tmp_path, "b", metrics(6.0, 4000), images=4000),
    ]
    comparison = compare(folders)
    judge = comparison.judges[0]
    reasons = {metric.name: metric.unranked for metric in judge.metrics}
    assert reasons == {
        "fd_semantic": "",
        "fd_texture": "",
        "classifier_score": "n differs (2000, 4000)",
        "confidence": "",  # a mean does not depend on n
        "auth_pct": "neither more nor less is better by itself",
        "vendi": "not measured for b",
    }
    assert depends_on_count("classifier_score") and not depends_on_count("kernel_distance")
    assert all(entry.rank is None for entry in judge.metric("classifier_score").entries)
    assert "vendi has no ranks: not measured for b." in comparison_table(comparison)


def test_agreement_in_closed_form():
    assert agreement([1, 2, 3, 4], [10, 20, 30, 40]).kendall == pytest.approx(1.0)
    found = agreement([1, 2, 3, 4], [1, 2, 4, 3])  # one of six pairs is turned
    assert found.kendall == pytest.approx(4 / 6)
    assert found.spearman == pytest.approx(1 - 6 * 2 / (4 * 15))
    constant = agreement([1, 1, 1], [1, 2, 3])
    assert constant.kendall is None and constant.spearman is None
