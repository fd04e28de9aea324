"""Comparisons: what stands first. Verdicts and sizes of runs, and results that have no rank."""

from __future__ import annotations

import json
import re

import pytest

from gan_jax.reports.comparison.comparison import compare
from gan_jax.reports.comparison.report import compare_runs
from gan_jax.reports.comparison.terminal import comparison_table
from tests.results import COPIED, distances, headline, other_judge, write_result

LEAKED = {"name": "leaked", "text": "Training images are in the reference.", "apart": True}
NOT_APART = {"name": "too few", "text": "There are too few images.", "apart": False}


def _with_copies(root):
    """'copies' is nearest to real in all, and flagged; 'a' is better than 'b'."""
    return [
        write_result(root, "b", distances(9.0), parts={"flags": [NOT_APART]}),
        write_result(root, "copies", distances(1.0), parts={"flags": [COPIED]}),
        write_result(root, "a", distances(5.0), parts={"flags": []}),
    ]


def test_copies_are_ranked_apart(tmp_path):
    (group,) = compare(_with_copies(tmp_path)).groups
    entries = group.judges[0].metric("fd_semantic").entries
    assert [entry.rank for entry in entries] == [2, None, 1]
    assert [set(entry.p) for entry in entries] == [{"a"}, set(), {"b"}]  # nor are they tested
    assert [run.apart for run in group.runs] == ["", "copied", ""]


def test_copies_stand_last_and_flagged_in_the_terminal(tmp_path):
    text = comparison_table(compare(_with_copies(tmp_path)))
    top, table = text.split("\n\n")[:2]
    assert "a ranks first in fd_semantic" in top and "copies ranks first" not in text
    assert f"copies (no rank: copied): {COPIED['text']}" in top
    rows = [re.split("  +", line.strip()) for line in table.splitlines()]
    start = next(i for i, row in enumerate(rows) if row[0] == "fd_semantic")
    assert rows[start][1:3] == ["1", "a"]
    assert rows[start + 1][:2] == ["2", "b"]
    assert rows[start + 2][:2] == ["no rank: copied", "copies"]


def test_copies_stand_last_and_flagged_on_the_page_and_in_the_json(tmp_path):
    compare_runs(_with_copies(tmp_path / "runs"), tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert COPIED["text"] in page[: page.index("</header>")]
    heads = re.findall("<th>(.*?)</th>", page)
    assert heads[:5] == ["", "real", "a", "b", "copies (no rank: copied)"]
    chart = page[page.index("<svg") : page.index("</svg>")]
    assert re.findall(">(a|b|copies.*?)<", chart) == ["a", "b", "copies (no rank: copied)"]
    assert '<td data-name="rank">no rank: copied</td>' in page
    (group,) = json.loads((tmp_path / "out" / "comparison.json").read_text())["groups"]
    assert group["runs"][1]["apart"] == "copied" and group["runs"][1]["why"] == COPIED["text"]


def test_the_flags_of_the_headline_judge_count_for_all_judges(tmp_path):
    one = other_judge("1")

    def result(name, value, flags, others):
        folder = write_result(tmp_path, name, distances(value), judges=[(distances(value), one)])
        content = json.loads((folder / "eval.json").read_text()) | {"flags": flags}
        content["judges"][0]["flags"] = others
        (folder / "eval.json").write_text(json.dumps(content))
        return folder

    folders = [
        result("a", 5.0, [LEAKED], []),
        result("b", 9.0, [], [LEAKED]),
        result("c", 7.0, [], []),
    ]
    comparison = compare(folders)
    (group,) = comparison.groups
    for judge in group.judges:
        assert [e.rank for e in judge.metric("fd_semantic").entries] == [None, 2, 1]
    assert f"a (no rank: leaked): {LEAKED['text']}" in comparison_table(comparison)


def test_one_run_without_a_flag_is_said_to_be_alone(tmp_path):
    folders = _with_copies(tmp_path)[:2]
    text = comparison_table(compare(folders))
    assert text.splitlines()[1] == "b is compared with nothing: all others are flagged."


def test_where_all_are_flagged_it_is_said(tmp_path):
    folders = [
        write_result(tmp_path, "a", distances(5.0), parts={"flags": [COPIED, LEAKED]}),
        write_result(tmp_path, "b", distances(1.0), parts={"flags": [COPIED]}),
    ]
    comparison = compare(folders)
    text = comparison_table(comparison)
    assert text.splitlines()[1] == "No run has a rank: all are flagged."
    assert "a (no rank: copied, leaked)" in text and "ranks first" not in text
    metric = comparison.groups[0].judges[0].metric("fd_semantic")
    assert metric.unranked == "all runs are flagged"


def test_flagged_runs_count_in_no_agreement_of_judges(tmp_path):
    one = other_judge("1")
    values = {"a": (5.0, 5.0), "b": (9.0, 9.0), "c": (1.0, 20.0)}
    folders = [
        write_result(
            tmp_path,
            name,
            distances(own),
            judges=[(distances(other), one)],
            parts={"flags": [COPIED] if name == "c" else []},
        )
        for name, (own, other) in values.items()
    ]
    (group,) = compare(folders).groups
    assert group.disagreements == ()
    assert {pair.agreement.kendall for pair in group.pairs} == {1.0}


# Verdicts and sizes


def _sized(root, **runs):
    return [
        write_result(root, name, distances(5.0), parts={"headline": found})
        for name, found in runs.items()
    ]


def test_verdict_and_size_are_the_first_rows(tmp_path):
    folders = _sized(
        tmp_path / "runs",
        far=headline(2.0),
        near=headline(0.1, verdict="not told apart", p=0.4),
        few=headline(0.3, verdict="too few images", p=0.2, error=0.2, n=20),
    )
    comparison = compare_runs(folders, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    table = page[page.index("<tbody>") :]
    first, second, third = (
        re.findall("<td.*?>(?:<b>)?(.*?)<", row) for row in table.split("</tr>")[:3]
    )
    order = re.findall("<th>(.*?)</th>", page)[2:5]
    answers = {"far": "yes (p = 0.001)", "near": "no (p = 0.4)", "few": "too few (p = 0.2)"}
    assert first == ["told from real?", "", *(answers[name] for name in order)]
    assert second[0] == "as far from real as blur of"
    found = dict(zip(order, second[2:], strict=True))
    assert found["far"] == "2 px (3)"
    assert found["near"] == "≤ 0.17 px (1–2)"  # the square root of 0.01 + 1.96 * 0.01
    assert found["few"] == "≤ 0.69 px (1–2)"
    assert dict(zip(order, third[2:], strict=True)) == {
        "far": "50 %",
        "near": "≤ 4.3 %",
        "few": "≤ 17 %",
    }
    rows = comparison_table(comparison).split("\n\n")[1].splitlines()
    assert rows[1].startswith("told from real?") and rows[4].startswith("size (blur)")


def test_sizes_are_tested_by_the_distances_behind_them(tmp_path):
    """0.36 - 0.25 with an error of 0.03 each: z = 0.11 / 0.0424 = 2.59."""
    folders = _sized(tmp_path, a=headline(0.5, error=0.03), b=headline(0.6, error=0.03))
    (group,) = compare(folders).groups
    entries = group.judges[0].metric("size").entries
    assert [entry.rank for entry in entries] == [1, 2]
    assert entries[0].p["b"] == pytest.approx(0.0095, abs=2e-4)


def test_beyond_the_ladder_the_distance_decides(tmp_path):
    folders = _sized(tmp_path, a=headline(9.0), b=headline(5.0))
    (group,) = compare(folders).groups
    entries = group.judges[0].metric("size").entries
    assert [entry.value for entry in entries] == [4.0, 4.0]
    assert [entry.rank for entry in entries] == [2, 1]
    assert "> 4" in comparison_table(compare(folders))


def test_results_without_a_headline_are_compared_by_what_they_have(tmp_path):
    folders = [
        *_sized(tmp_path, new=headline(1.0)),
        write_result(tmp_path, "old", distances(9.0)),
    ]
    comparison = compare(folders)
    assert [verdict.told for verdict in comparison.groups[0].judges[0].verdicts][1] == "–"
    text = comparison_table(comparison)
    assert "new ranks first in fd_semantic" in text
    assert "No ranks in size: not measured for old." in text


def test_the_page_says_what_intervals_cover(tmp_path):
    compare_runs(_sized(tmp_path / "runs", a=headline(1.0), b=headline(2.0)), tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    told = "Intervals cover the images of this one training; another seed can differ by more."
    assert told in page and told in comparison_table(compare(sorted((tmp_path / "runs").iterdir())))
