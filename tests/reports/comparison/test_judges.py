"""Comparisons by several judges, and what they leave behind: the table, the JSON and the page."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from gan_jax.data import Dataset
from gan_jax.errors import InputError
from gan_jax.extractors.controls import random_extractor
from gan_jax.judging.judge import make_judge
from gan_jax.reports.charts.basic import interval_chart
from gan_jax.reports.comparison.comparison import compare
from gan_jax.reports.comparison.report import compare_runs
from gan_jax.reports.comparison.terminal import comparison_table
from gan_jax.reports.influences import save_influences
from tests.command import eval_py
from tests.results import REMOVED, distances, other_judge, three_runs, write_result

# Judges


def test_where_judges_disagree(tmp_path):
    (comparison,) = compare(three_runs(tmp_path)).groups
    assert [judge.control for judge in comparison.judges] == [False, False, False, True]
    assert {found.metric for found in comparison.disagreements} == {"fd_semantic"}
    found = {(d.first, d.second): d for d in comparison.disagreements}
    assert set(found) == {("b", "c"), ("a", "b"), ("a", "c")}

    turned = found["b", "c"]
    assert turned.trained and turned.beyond_chance
    assert [o.judge for o in turned.for_first] == ["cnn-made@01234567", "cnn@22222222"]
    assert [o.judge for o in turned.for_second] == ["cnn@11111111", "random-cnn-s0@33333333"]
    assert all(o.told for o in turned.for_first + turned.for_second)

    # Judge 2 does not tell a from b, and the control's certainty counts for nothing.
    close = found["a", "b"]
    assert close.trained and not close.beyond_chance
    assert [(o.judge, o.told) for o in close.for_second] == [
        ("cnn@22222222", False),
        ("random-cnn-s0@33333333", True),
    ]
    assert not found["a", "c"].trained and found["a", "c"].for_second[0].control
    assert comparison.disagreements[0] is turned and comparison.disagreements[-1].second == "c"

    pairs = {(p.metric, *p.judges): p.agreement.kendall for p in comparison.pairs}
    assert pairs["fd_semantic", "cnn-made@01234567", "cnn@11111111"] == pytest.approx(1 / 3)
    assert pairs["fd_semantic", "cnn-made@01234567", "random-cnn-s0@33333333"] == pytest.approx(-1)
    assert pairs["fd_texture", "cnn-made@01234567", "cnn@11111111"] == pytest.approx(1)


def test_judges_in_the_table(tmp_path):
    text = comparison_table(compare(three_runs(tmp_path)))
    assert "random-cnn-s0@33333333 (control)" in text
    assert "fd_semantic: b before c. So say cnn-made@01234567*, cnn@22222222*;" in text
    assert "Controls order 1 pairs of runs otherwise" in text
    ranks = re.search(r"Ranks by fd_semantic.*\n.*\na +(.*)\nb +(.*)\nc +(.*)", text)
    assert [line.split()[:1] + line.split()[-1:] for line in ranks.groups()] == [
        ["1", "3"],
        ["2", "2"],
        ["3", "1"],
    ]


def test_judges_that_agree_are_said_to(tmp_path):
    folders = [
        write_result(tmp_path, name, distances(v), judges=[(distances(v * v), other_judge("1"))])
        for name, v in (("a", 5.0), ("b", 9.0))
    ]
    assert "The trained judges order all runs alike." in comparison_table(compare(folders))


def test_judges_that_did_not_judge_every_run_are_left_out(tmp_path):
    """Also where the headline judge of one run is the second of the other."""
    one, two = other_judge("1"), other_judge("2")
    folders = [
        write_result(tmp_path, "a", distances(5.0), **one, judges=[(distances(8.0), two)]),
        write_result(
            tmp_path, "b", distances(7.0), **two, judges=[(distances(6.0), other_judge("3"))]
        ),
    ]
    comparison = compare(folders)
    (group,) = comparison.groups
    assert [judge.name for judge in group.judges] == ["cnn@22222222"]
    assert [e.value for e in group.judges[0].metric("fd_semantic").entries] == [8.0, 7.0]
    assert comparison.notes == (
        "Left out, because not every run was judged by it: cnn@11111111, cnn@33333333.",
    )


def test_judges_whose_protocols_differ_are_noted(tmp_path):
    folders = [
        write_result(
            tmp_path,
            name,
            distances(5.0),
            judges=[(distances(6.0), other_judge("1") | {"seed": 250})],
        )
        for name in "ab"
    ]
    (group,) = compare(folders).groups
    assert "seed is 0 in cnn-made@01234567 and 250 in cnn@11111111" in group.notes[-1]


def test_results_of_a_real_judge_can_be_compared(tmp_path):
    rng = np.random.default_rng(0)
    reference = Dataset("made", "test", rng.integers(0, 256, (60, 8, 8, 1), dtype=np.uint8))
    judge = make_judge(random_extractor((8, 8, 1)), reference)
    folders = []
    for name, top in (("like", 256), ("dark", 60)):
        images = rng.integers(0, top, (40, 8, 8, 1), dtype=np.uint8)
        judged = judge.judge(images, complete=True)
        folders.append(tmp_path / name)
        folders[-1].mkdir()
        (folders[-1] / "eval.json").write_text(json.dumps(judged.content()))
        save_influences(folders[-1], {judged.protocol["extractor_sha256"]: judged.influences})
    comparison = compare(folders)
    (group,) = comparison.groups
    head = group.judges[0]
    assert comparison.notes == () and head.control
    entries = head.metric("fd_semantic").entries
    assert [entry.rank for entry in entries] == [1, 2]
    assert entries[1].not_told_from == ()
    assert head.verdicts[1].told.startswith("yes (p = ")


# Judges that did not pass the degradation gate, or did not go through it


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (("passed", "passed"), "passed"),
        ((REMOVED, REMOVED), "not run"),
        (("not run", "passed"), "passed"),  # between two judgements; the network is the same
        (("passed", "failed: noise is not seen"), "failed: noise is not seen"),
        (("not run", "not known: gate.json is damaged"), "not known: gate.json is damaged"),
        ((REMOVED, "some day another word"), "not run"),
    ],
)
def test_the_gate_of_a_judge_is_the_worst_that_is_known(tmp_path, verdicts, expected):
    folders = [
        write_result(tmp_path, name, distances(5.0 + i), gate=verdict)
        for i, (name, verdict) in enumerate(zip("ab", verdicts))
    ]
    (group,) = compare(folders).groups
    (judge,) = group.judges
    assert judge.gate == expected and judge.failed_gate == expected.startswith("failed")


def _gated(root, *, head, other):
    """Two judges that order two runs differently."""
    return [
        write_result(
            root,
            name,
            distances(value),
            gate=head,
            judges=[(distances(1 / value, half=0.01), other_judge("1") | {"gate": other})],
        )
        for name, value in (("a", 5.0), ("b", 9.0))
    ]


def _top(text):
    """What a terminal shows before the first table."""
    return text[: text.index("\n\n")]


def test_a_failed_gate_marks_the_judge_wherever_it_speaks(tmp_path):
    verdict = "failed: blur is not seen"
    comparison = compare_runs(
        _gated(tmp_path / "runs", head="passed", other=verdict), tmp_path / "out"
    )
    text = comparison_table(comparison)
    assert "Judge cnn-made@01234567, reference made (test). It passed its gate." in _top(text)
    assert "reverse says cnn@11111111 (gate failed)*" in text
    assert "cnn-made@01234567 (gate failed)" not in text
    ranks = re.search(r"Ranks by fd_semantic.*\n(.*)\n", text)[1]
    assert ranks.split() == ["run", "cnn-made@01234567", "cnn@11111111", "(gate", "failed)"]
    told = f"The judge did not pass its degradation gate ({verdict})."
    assert f"Judge cnn@11111111, reference made (test). {told}" in text
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert told in page and "<th>cnn@11111111 (gate failed)</th>" in page
    (group,) = json.loads((tmp_path / "out" / "comparison.json").read_text())["groups"]
    assert [judge["gate"] for judge in group["judges"]] == ["passed", verdict]
    (found, _) = group["disagreements"]
    assert found["for_first"][0]["failed_gate"] is False
    assert found["for_second"][0]["failed_gate"] is True


@pytest.mark.parametrize(
    "changes, told",
    [
        ({"gate": "failed: blur is not seen"}, "did not pass its degradation gate (failed: blur"),
        ({"gate": "not run"}, "is not known (gate not run)"),
        ({"extractor_trained_on_reference": True}, "was trained on 100% of the reference images"),
        (other_judge("3", None, "random-cnn-s0"), "has learnt nothing (a control)"),
    ],
)
def test_what_to_be_wary_of_in_the_judge_stands_at_the_head(tmp_path, changes, told):
    folders = [
        write_result(tmp_path / "runs", n, distances(v), **({"gate": "passed"} | changes))
        for n, v in (("a", 5.0), ("b", 9.0))
    ]
    assert told in _top(comparison_table(compare_runs(folders, tmp_path / "out")))
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert told in page[: page.index("</header>")]
    (group,) = json.loads((tmp_path / "out" / "comparison.json").read_text())["groups"]
    assert told in group["judges"][0]["flags"][0]


# What is written


def test_the_json_holds_what_was_found(tmp_path):
    folders = three_runs(tmp_path / "runs")
    compare_runs(folders, tmp_path / "out")
    (group,) = json.loads((tmp_path / "out" / "comparison.json").read_text())["groups"]
    assert [run["name"] for run in group["runs"]] == ["a", "b", "c"]
    entry = group["judges"][0]["metrics"][0]["entries"][0]
    assert entry["value"] == 10.0 and entry["interval"] == [9.0, 11.0] and entry["rank"] == 1
    assert entry["between"] == [1, 1] and set(entry["p"]) == {"b", "c"}
    assert [found["beyond_chance"] for found in group["disagreements"]] == [True, False, True]


def test_the_page_stands_alone(tmp_path):
    folders = three_runs(tmp_path / "runs")
    odd = tmp_path / "runs" / "<script>$x$"
    folders.append(odd)
    odd.mkdir()
    content = json.loads((folders[0] / "eval.json").read_text())
    content["protocol"]["gan_jax"] = "<b>9"
    (odd / "eval.json").write_text(json.dumps(content))
    compare_runs(folders, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(address.startswith(("#", "data:")) for address in addresses)
    assert "http" not in page and "@import" not in page and "url(" not in page.replace("url(#", "")
    assert "<script" not in page and "<b>9" not in page and "&lt;script&gt;$x$" in page
    assert page.count("<svg") == page.count("</svg>") == 2
    assert page.count("<section") == page.count("</section>") == 5
    for text in ("rank first in fd_semantic", "(control)", "b before c", "real against real"):
        assert text in page


def test_the_command_line(tmp_path):
    _gated(tmp_path / "runs", head="not run", other="failed: blur is not seen")
    done = eval_py(tmp_path, "--compare", "runs/a", "runs/b", "--out=out")
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout == comparison_table(compare([tmp_path / "runs/a", tmp_path / "runs/b"])) + "\n"
    )
    assert "(gate failed)" in done.stdout
    assert "Report: out/report.html" in done.stderr
    assert (tmp_path / "out" / "report.html").is_file()

    told = eval_py(tmp_path, "--compare", "--json", "runs/a", "runs/b", "out")
    assert told.returncode == 0, told.stderr
    content = json.loads(told.stdout)
    kept = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert content["groups"] == kept["groups"]
    assert content["notes"] == ["Left out: 'out' holds a comparison."]

    refused = eval_py(tmp_path, "--compare", "runs/a", "runs/c")
    assert refused.returncode == 2 and "'runs/c' has no eval.json" in refused.stderr
    assert "Traceback" not in refused.stderr and not refused.stdout


def test_nothing_is_written_unless_asked(tmp_path):
    folders = three_runs(tmp_path / "runs")
    before = sorted(tmp_path.rglob("*"))
    compare_runs(folders)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--out '.*file' cannot be written"):
        compare_runs(three_runs(tmp_path / "runs"), tmp_path / "file")


def test_the_chart_shows_every_run_and_the_floor():
    svg = interval_chart(
        "fd",
        ["a", "$b$", "c"],
        [1.0, 900.0, None],
        [(0.5, 2.0), None, None],
        xlabel="fd",
        floor=0.4,
    )
    for name in ("a", "$b$", "c", "real against real"):
        assert f">{name}<" in svg
    assert svg.startswith('<svg role="img" aria-label="fd"')
    without = interval_chart("fd", ["a"], [None], [None], xlabel="fd")
    assert "real against real" not in without
