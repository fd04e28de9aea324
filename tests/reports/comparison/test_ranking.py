"""Ranks: directions, ties, tests of differences, what cannot be ranked, how far orders agree."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from gan_jax.reports.comparison.comparison import compare
from gan_jax.reports.comparison.ranking import Score, agreement, depends_on_count, direction, places
from gan_jax.reports.comparison.terminal import comparison_table
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
        ("size", "lower"),
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


def _fd(folders):
    """The entries of fd_semantic by the first judge, and the text of the comparison."""
    comparison = compare(folders)
    return comparison.groups[0].judges[0].metric("fd_semantic").entries, comparison_table(
        comparison
    )


def _p(a, b, error):
    """Two-sided, of the difference of two values with independent errors."""
    return 2 * scipy.stats.norm.sf(abs(a - b) / (error * 2**0.5))


def test_ranks_and_what_is_not_told_apart(tmp_path):
    """By z tests with Holm's correction for the pairs, here by hand; errors are independent."""
    values = {"worst": 30.0, "best": 4.0, "near": 5.0, "far": 7.0}
    entries, text = _fd([write_result(tmp_path, n, distances(v)) for n, v in values.items()])
    assert [entry.rank for entry in entries] == [4, 1, 2, 3]
    assert [entry.between for entry in entries] == [(4, 4), (1, 2), (1, 2), (3, 3)]
    assert [entry.not_told_from for entry in entries] == [(), ("near",), ("best",), ()]
    error = 1 / 1.96
    # The largest of six p values is multiplied by 1, the second by 2.
    assert entries[1].p["near"] == pytest.approx(_p(4.0, 5.0, error), rel=1e-6)
    assert entries[2].p["far"] == pytest.approx(2 * _p(5.0, 7.0, error), rel=1e-6)
    assert "best ranks first in fd_semantic; not told from near (p = 0.17)" in text
    assert "Best first: best and near (not told apart); far; worst." in text
    assert (
        "Tested is the difference of each two runs on their shared reference, n = 500; 5 %" in text
    )
    rows = [line.split()[:4] for line in text.splitlines() if "fd_semantic  " in line]
    assert rows[0] == ["fd_semantic", "1–2", "best", "4.00"]


def test_runs_that_are_told_apart_may_each_be_near_a_third(tmp_path):
    values = {"a": 5.0, "b": 6.0, "c": 7.0}
    entries, text = _fd([write_result(tmp_path, n, distances(v)) for n, v in values.items()])
    assert [entry.not_told_from for entry in entries] == [("b",), ("a", "c"), ("b",)]
    assert "Best first: a, b and c (each not told from the next)." in text


def test_intervals_that_overlap_can_be_told_apart_and_that_is_said(tmp_path):
    folders = [write_result(tmp_path, n, distances(v)) for n, v in (("a", 5.0), ("b", 6.6))]
    entries, text = _fd(folders)
    assert entries[0].interval[1] > entries[1].interval[0]
    assert entries[0].p["b"] == pytest.approx(_p(5.0, 6.6, 1 / 1.96), rel=1e-6)
    assert [entry.between for entry in entries] == [(1, 1), (2, 2)]
    assert "a ranks first in fd_semantic; told from all others (p ≤ 0.027)." in text


def test_the_order_of_runs_that_are_not_told_apart_may_be_chance(tmp_path):
    folders = [write_result(tmp_path, n, distances(v)) for n, v in (("a", 5.0), ("b", 5.5))]
    entries, text = _fd(folders)
    told = f"not told from b (p = {_p(5.0, 5.5, 1 / 1.96):.2g}): the order of these may be chance."
    assert f"a ranks first in fd_semantic; {told}" in text
    assert entries[0].between == (1, 2)


def test_what_runs_share_by_their_reference_does_not_blur_their_difference(tmp_path):
    """The same luck of the reference is in both, so their difference is surer than each value."""
    shared = np.random.default_rng(0).normal(size=400)
    shared -= shared.mean()
    shared *= 0.98 * 400 / np.linalg.norm(shared)  # 0.98 of the error, which is 1
    own = [np.zeros(400), shared]

    def result(name, value, influence):
        metrics = distances(value)
        metrics["fd_semantic"]["standard_error"] = 1.0
        found = {} if influence is None else {"fd_semantic": influence}
        return write_result(tmp_path, name, metrics, influences=found)

    paired, text = _fd([result("a", 5.0, shared), result("b", 6.0, shared)])
    error = (1 - 0.98**2) ** 0.5
    assert paired[0].p["b"] == pytest.approx(_p(5.0, 6.0, error), rel=1e-3)
    assert (
        "influences.npz" not in text
        and "a ranks first in fd_semantic; told from all others" in text
    )
    other, _ = _fd([result("a", 5.0, own[0]), result("b", 6.0, own[1])])
    assert other[0].p["b"] == pytest.approx(_p(5.0, 6.0, 1.0), rel=0.01)
    (tmp_path / "b" / "influences.npz").unlink()
    alone, text = _fd([result("a", 5.0, shared), tmp_path / "b"])
    assert alone[0].p["b"] == pytest.approx(_p(5.0, 6.0, 1.0), rel=1e-6)
    assert "Without influences.npz in b differences are tested" in text


def test_equal_values_share_a_rank(tmp_path):
    values = {"a": 5.0, "b": 5.0, "c": 50.0}
    entries, text = _fd([write_result(tmp_path, n, distances(v)) for n, v in values.items()])
    assert [entry.rank for entry in entries] == [1, 1, 3]
    assert entries[0].not_told_from == ("b",)
    assert "a, b rank first in fd_semantic, as equals." in text


def test_where_an_error_is_not_known_ranks_are_marked(tmp_path):
    folders = [
        write_result(tmp_path, "a", distances(5.0)),
        write_result(tmp_path, "b", distances(50.0, half=None)),
    ]
    entries, text = _fd(folders)
    assert [entry.rank for entry in entries] == [1, 2]
    assert [entry.p for entry in entries] == [{"b": None}, {"a": None}]
    assert "1 ?" in text and "how certainly is not known" in text and "Tested is" not in text


def test_a_metric_without_any_error_has_no_ranks(tmp_path):
    """Neither the order of two precisions nor a mark of doubt: nothing is known of it."""
    folders = [
        write_result(tmp_path, n, distances(v) | {"precision": {"value": 1 / v, "n": 500}})
        for n, v in (("a", 5.0), ("b", 9.0))
    ]
    metric = compare(folders).groups[0].judges[0].metric("precision")
    assert [entry.rank for entry in metric.entries] == [None, None]
    assert "No ranks in precision: their error is not known." in comparison_table(compare(folders))


def test_how_straight_a_line_is_tells_no_runs_apart(tmp_path):
    """Two halves of one GAN's images were 1.30 and 1.14, with errors of 0.03 of the line's fit."""
    folders = [
        write_result(
            tmp_path,
            name,
            distances(5.0) | {"fd_infinity": {"value": value, "standard_error": 0.03, "n": 2000}},
        )
        for name, value in (("a", 1.30), ("b", 1.14))
    ]
    metric = compare(folders).groups[0].judges[0].metric("fd_infinity")
    assert metric.unranked == "their error is not known"
    assert metric.entries[0].interval is None


def test_higher_is_better_where_it_is_and_a_standard_error_makes_an_interval(tmp_path):
    def metrics(distance, coverage, kernel):
        return distances(distance) | {
            "coverage": {"value": coverage, "standard_error": 0.01, "real": 0.97, "n": 2000},
            "kernel_distance": {"value": kernel, "standard_error": 0.5, "floor": -0.01, "n": 500},
        }

    folders = [
        write_result(tmp_path, "a", metrics(5.0, 0.4, 1.0)),
        write_result(tmp_path, "b", metrics(6.0, 0.9, 2.0)),
    ]
    judge = compare(folders).groups[0].judges[0]
    assert [entry.rank for entry in judge.metric("coverage").entries] == [2, 1]
    kernel = judge.metric("kernel_distance").entries[1]
    assert kernel.interval == pytest.approx((2.0 - 0.98, 2.0 + 0.98))
    assert kernel.real == -0.01 and judge.metric("coverage").entries[0].real == 0.97
    assert kernel.not_told_from == ("a",)


def test_metrics_that_cannot_be_ranked_are_shown_and_say_why(tmp_path):
    def metrics(distance, n, **more):
        return distances(distance) | {
            "classifier_score": {"value": 5.0 + n / 1000, "n": n},
            "confidence": {"value": n / 10_000, "standard_error": 0.01, "n": n},
            "auth_pct": {"value": 40.0, "n": n},
            "class_histogram": {"value": [1, 2], "n": n},
            **more,
        }

    folders = [
        write_result(tmp_path, "a", metrics(5.0, 2000, vendi={"value": 7.0, "n": 2000})),
        write_result(tmp_path, "b", metrics(6.0, 4000), images=4000),
    ]
    comparison = compare(folders)
    judge = comparison.groups[0].judges[0]
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
    assert "No ranks in vendi: not measured for b." in comparison_table(comparison)


def test_agreement_in_closed_form():
    assert agreement([1, 2, 3, 4], [10, 20, 30, 40]).kendall == pytest.approx(1.0)
    found = agreement([1, 2, 3, 4], [1, 2, 4, 3])  # one of six pairs is turned
    assert found.kendall == pytest.approx(4 / 6)
    assert found.spearman == pytest.approx(1 - 6 * 2 / (4 * 15))
    constant = agreement([1, 1, 1], [1, 2, 3])
    assert constant.kendall is None and constant.spearman is None
