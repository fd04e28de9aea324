"""Comparisons: what is refused, how runs are ranked, where judges disagree, what the page holds."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import scipy.stats

from gan_jax.comparison import compare
from gan_jax.comparison_report import compare_runs, comparison_table
from gan_jax.controls import random_extractor
from gan_jax.data import Dataset
from gan_jax.errors import InputError
from gan_jax.figures import interval_chart
from gan_jax.judge import make_judge
from gan_jax.ranking import Score, agreement, depends_on_count, direction, places, separated
from gan_jax.results import read_results

_SHA = "0123456789abcdef" * 4


def _protocol(**changes):
    protocol = {
        "extractor": "cnn-made@01234567",
        "extractor_sha256": _SHA,
        "extractor_accuracy": 0.98,
        "layers": {"semantic": "penultimate", "texture": "block2"},
        "preprocessing": "uint8 / 127.5 - 1, no resizing",
        "reference": "made",
        "reference_split": "test",
        "reference_fingerprint": "f" * 64,
        "reference_images": 1000,
        "extractor_trained_on_reference": False,
        "images": 2000,
        "frechet_n": 500,
        "frechet_halvings": 8,
        "floor": "mean distance between random halves of the reference, at the same n",
        "seed": 0,
        "gan_jax": "0.1.0",
        "step": 100,
    }
    return {k: v for k, v in (protocol | changes).items() if v is not _REMOVED}


_REMOVED = object()


def _distances(semantic, texture=None, *, half=1.0, floor=2.0):
    """Metrics with fd_semantic and fd_texture, each +- half; no intervals where half is None."""
    values = {"fd_semantic": semantic, "fd_texture": semantic if texture is None else texture}
    return {
        name: {
            "value": value,
            "floor": floor,
            "ci": None if half is None else [value - half, value + half],
            "n": 500,
        }
        for name, value in values.items()
    }


def _write(root, name, metrics, *, judges=(), **changes):
    content = {"metrics": metrics, "protocol": _protocol(**changes)}
    if judges:
        content["judges"] = [
            {"metrics": numbers, "protocol": _protocol(**(changes | fields))}
            for numbers, fields in judges
        ]
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "eval.json").write_text(json.dumps(content))
    return folder


def _other(letter, accuracy=0.97, kind="cnn"):
    stamp = f"{kind}@{letter * 8}"
    return {
        "extractor": stamp,
        "extractor_sha256": letter * 64,
        "extractor_accuracy": accuracy,
    }


# What may be compared


@pytest.mark.parametrize(
    "field, value",
    [
        ("extractor_sha256", "e" * 64),
        ("layers", {"semantic": "penultimate", "texture": "block1"}),
        ("preprocessing", "uint8 / 255"),
        ("reference_fingerprint", "0" * 64),
        ("reference_split", "train"),
        ("reference_images", 999),
        ("frechet_n", 250),
        ("frechet_halvings", 4),
        ("seed", 1),
        ("floor", "none"),
        ("resize", "crop_area"),
        ("a_field_of_tomorrow", 3),
    ],
)
def test_results_that_do_not_measure_the_same_are_refused(tmp_path, field, value):
    usual = {"a_field_of_tomorrow": 2} if field == "a_field_of_tomorrow" else {}
    folders = [
        _write(tmp_path, "one", _distances(5.0), **usual),
        _write(tmp_path, "two", _distances(6.0), **usual),
        _write(tmp_path, "odd", _distances(7.0), **{field: value}),
    ]
    with pytest.raises(InputError, match="do not measure the same") as error:
        compare(folders)
    message = str(error.value)
    expected = {"resize": "none", **_protocol(), **usual}[field]
    assert (
        f"{field} is {json.dumps(expected)} in one, two and {json.dumps(value)} in odd" in message
    )
    assert message.count(" is ") == 1 + (field == "extractor_sha256")  # no other is blamed


def test_all_differences_are_named_at_once(tmp_path):
    folders = [
        _write(tmp_path, "a", _distances(5.0)),
        _write(tmp_path, "b", _distances(5.0), frechet_n=250, seed=3),
    ]
    with pytest.raises(
        InputError, match="frechet_n is 500 in a and 250 in b; seed is 0 in a and 3"
    ):
        compare(folders)


def test_a_stamp_that_is_not_recorded_is_not_taken_to_agree(tmp_path):
    folders = [
        _write(tmp_path, "a", _distances(5.0)),
        _write(tmp_path, "b", _distances(5.0), preprocessing=_REMOVED),
    ]
    with pytest.raises(InputError, match='preprocessing is .* in a and "not recorded" in b'):
        compare(folders)


def test_fields_that_only_newer_results_have_are_noted(tmp_path):
    folders = [
        _write(tmp_path, "old", _distances(5.0)),
        _write(tmp_path, "new", _distances(6.0), neighbours_k=5),
    ]
    assert compare(folders).notes == (
        "Warning: neighbours_k is not recorded in old, so it was not compared.",
    )


def test_what_may_differ_is_kept_and_another_version_warned_of(tmp_path):
    folders = [
        _write(tmp_path, "a", _distances(5.0)),
        _write(tmp_path, "b", _distances(6.0), step=900, images=3000, gan_jax="0.2.0"),
    ]
    comparison = compare(folders)
    assert [run.record["step"] for run in comparison.runs] == [100, 900]
    assert [run.record["images"] for run in comparison.runs] == [2000, 3000]
    (note,) = comparison.notes
    assert note.startswith('Warning: gan_jax is "0.1.0" in a and "0.2.0" in b.')
    assert "step" not in comparison.judges[0].protocol


def test_a_floor_that_differs_in_spite_of_the_stamp_is_noted(tmp_path):
    folders = [
        _write(tmp_path, "a", _distances(5.0, floor=2.0)),
        _write(tmp_path, "b", _distances(6.0, floor=2.1)),
    ]
    assert any("the floor of fd_semantic is 2 to 2.1" in note for note in compare(folders).notes)


# Folders


def test_folders_without_a_result(tmp_path):
    good = _write(tmp_path, "good", _distances(5.0))
    (tmp_path / "running").mkdir()
    with pytest.raises(InputError, match="no eval.json in '.*running', '.*nowhere'"):
        compare([good, tmp_path / "running", tmp_path / "nowhere"])


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "cannot be read"),
        ("[]", "damaged"),
        ('{"metrics": {"fd_semantic": 3}, "protocol": {}}', "does not say its extractor_sha256"),
    ],
)
def test_damaged_files(tmp_path, text, message):
    good, bad = _write(tmp_path, "good", _distances(5.0)), tmp_path / "bad"
    bad.mkdir()
    (bad / "eval.json").write_text(text)
    with pytest.raises(InputError, match=message) as error:
        compare([good, bad])
    assert str(bad) in str(error.value)


@pytest.mark.parametrize(
    "entry, message",
    [
        (3.0, 'fd_semantic has no "value"'),
        ({"value": float("nan")}, "value of fd_semantic is nan"),
        ({"value": True}, "value of fd_semantic is True"),
        ({"value": 3.0, "floor": float("inf")}, "floor of fd_semantic is inf"),
        ({"value": 3.0, "ci": [2.0]}, "ci of fd_semantic"),
        ({"value": 3.0, "ci": [4.0, 2.0]}, "ci of fd_semantic"),
    ],
)
def test_damaged_numbers(tmp_path, entry, message):
    good = _write(tmp_path, "good", _distances(5.0))
    bad = _write(tmp_path, "bad", {"fd_semantic": entry})
    with pytest.raises(InputError, match=message) as error:
        compare([good, bad])
    assert f"'{bad}' is damaged" in str(error.value)


def test_damaged_judges(tmp_path):
    good = _write(tmp_path, "good", _distances(5.0))
    content = json.loads((good / "eval.json").read_text()) | {"judges": {"a": 1}}
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "eval.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="'.*bad' is damaged .*judges"):
        compare([good, bad])


def test_a_run_evaluated_without_a_judge(tmp_path):
    good = _write(tmp_path, "good", _distances(5.0))
    bare = _write(tmp_path, "bare", {})
    with pytest.raises(InputError, match="'.*bare' was evaluated without a judge.*--extractor"):
        compare([good, bare])


def test_runs_of_recognisers_and_comparisons_are_left_out_with_a_note(tmp_path):
    _write(tmp_path, "a", _distances(5.0))
    _write(tmp_path, "b", _distances(6.0))
    _write(tmp_path, "cnn", {"accuracy": {"value": 0.98, "n": 1000}})
    compare_runs([tmp_path / "a", tmp_path / "b"], tmp_path / "compared")
    comparison = compare(sorted(tmp_path.glob("*")))
    assert [run.name for run in comparison.runs] == ["a", "b"]
    assert len(comparison.notes) == 2
    assert "cnn' is the run of a recogniser" in comparison.notes[0]
    assert "compared' holds a comparison" in comparison.notes[1]


def test_fewer_than_two_results(tmp_path):
    one = _write(tmp_path, "one", _distances(5.0))
    cnn = _write(tmp_path, "cnn", {"accuracy": {"value": 0.98, "n": 1000}})
    for folders, found in (
        ([one, cnn], "'.*one' alone has one.*'.*cnn' is the run of a recogniser"),
        ([cnn], "there is none"),
        ([], "there is none"),
        (str(one), "'.*one' alone has one"),
        ([one, f"{one}/", one / "eval.json"], "'.*one' alone has one.*more than once"),
    ):
        with pytest.raises(InputError, match=f"at least two GANs, and {found}"):
            compare(folders)


def test_names_are_what_tells_folders_apart(tmp_path):
    folders = [_write(tmp_path, f"sweep/{seed}/out", _distances(5.0)) for seed in (1, 2)]
    assert [result.name for result in read_results(folders)[0]] == ["1/out", "2/out"]
    outer = _write(tmp_path, "sweep", _distances(5.0))
    names = [result.name for result in read_results([outer, folders[0]])[0]]
    assert names == ["sweep", "1/out"]


# Ranks


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
    comparison = compare([_write(tmp_path, n, _distances(v)) for n, v in values.items()])
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
    comparison = compare([_write(tmp_path, n, _distances(v)) for n, v in values.items()])
    entries = comparison.judges[0].metric("fd_semantic").entries
    assert [entry.rank for entry in entries] == [1, 1, 3]
    assert entries[0].not_separated_from == ("b",)


def test_without_intervals_it_is_not_known_what_is_separated(tmp_path):
    folders = [
        _write(tmp_path, "a", _distances(5.0)),
        _write(tmp_path, "b", _distances(50.0, half=None)),
    ]
    comparison = compare(folders)
    entries = comparison.judges[0].metric("fd_semantic").entries
    assert [entry.rank for entry in entries] == [1, 2]
    assert [entry.not_separated_from for entry in entries] == [None, None]
    assert "1 ?" in comparison_table(comparison)


def test_higher_is_better_where_it_is_and_a_standard_error_makes_an_interval(tmp_path):
    def metrics(distance, coverage, kernel):
        return _distances(distance) | {
            "coverage": {"value": coverage, "n": 2000},
            "kernel_distance": {"value": kernel, "standard_error": 0.5, "floor": -0.01, "n": 500},
        }

    folders = [
        _write(tmp_path, "a", metrics(5.0, 0.4, 1.0)),
        _write(tmp_path, "b", metrics(6.0, 0.9, 2.0)),
    ]
    judge = compare(folders).judges[0]
    assert [entry.rank for entry in judge.metric("coverage").entries] == [2, 1]
    kernel = judge.metric("kernel_distance").entries[1]
    assert kernel.interval == pytest.approx((2.0 - 0.98, 2.0 + 0.98))
    assert kernel.ratio is None  # a floor below zero divides nothing
    assert kernel.not_separated_from == ("a",)


def test_metrics_that_cannot_be_ranked_are_shown_and_say_why(tmp_path):
    def metrics(distance, n, **more):
        return _distances(distance) | {
            "classifier_score": {"value": 5.0 + n / 1000, "n": n},
            "confidence": {"value": n / 10_000, "n": n},
            "auth_pct": {"value": 40.0, "n": n},
            "class_histogram": {"value": [1, 2], "n": n},
            **more,
        }

    folders = [
        _write(tmp_path, "a", metrics(5.0, 2000, vendi={"value": 7.0, "n": 2000})),
        _write(tmp_path, "b", metrics(6.0, 4000), images=4000),
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


# Judges


def test_agreement_in_closed_form():
    assert agreement([1, 2, 3, 4], [10, 20, 30, 40]).kendall == pytest.approx(1.0)
    found = agreement([1, 2, 3, 4], [1, 2, 4, 3])  # one of six pairs is turned
    assert found.kendall == pytest.approx(4 / 6)
    assert found.spearman == pytest.approx(1 - 6 * 2 / (4 * 15))
    constant = agreement([1, 1, 1], [1, 2, 3])
    assert constant.kendall is None and constant.spearman is None


def _three_runs(root):
    """Headline: a < b < c. Judge 1 turns b and c, far apart; judge 2 a and b, close; a control."""
    one, two, control = _other("1"), _other("2"), _other("3", None, "random-cnn-s0")
    values = {
        "a": (10.0, 10.0, 20.5, 30.0),
        "b": (20.0, 30.0, 20.0, 20.0),
        "c": (30.0, 20.0, 40.0, 10.0),
    }
    return [
        _write(
            root,
            name,
            _distances(own, texture=own),
            judges=[
                (_distances(first, texture=own), one),
                (_distances(second, texture=own), two),
                (_distances(third, texture=own), control),
            ],
        )
        for name, (own, first, second, third) in values.items()
    ]


def test_where_judges_disagree(tmp_path):
    comparison = compare(_three_runs(tmp_path))
    assert [judge.control for judge in comparison.judges] == [False, False, False, True]
    assert {found.metric for found in comparison.disagreements} == {"fd_semantic"}
    found = {(d.first, d.second): d for d in comparison.disagreements}
    assert set(found) == {("b", "c"), ("a", "b"), ("a", "c")}

    turned = found["b", "c"]
    assert turned.trained and turned.beyond_chance
    assert [o.judge for o in turned.for_first] == ["cnn-made@01234567", "cnn@22222222"]
    assert [o.judge for o in turned.for_second] == ["cnn@11111111", "random-cnn-s0@33333333"]
    assert all(o.separated for o in turned.for_first + turned.for_second)

    # Judge 2 does not separate a from b, and the control's certainty counts for nothing.
    close = found["a", "b"]
    assert close.trained and not close.beyond_chance
    assert [(o.judge, o.separated) for o in close.for_second] == [
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
    text = comparison_table(compare(_three_runs(tmp_path)))
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
        _write(tmp_path, name, _distances(v), judges=[(_distances(v * v), _other("1"))])
        for name, v in (("a", 5.0), ("b", 9.0))
    ]
    assert "The trained judges order all runs alike." in comparison_table(compare(folders))


def test_judges_that_did_not_judge_every_run_are_left_out(tmp_path):
    """Also where the headline judge of one run is the second of the other."""
    one, two = _other("1"), _other("2")
    folders = [
        _write(tmp_path, "a", _distances(5.0), **one, judges=[(_distances(8.0), two)]),
        _write(tmp_path, "b", _distances(7.0), **two, judges=[(_distances(6.0), _other("3"))]),
    ]
    comparison = compare(folders)
    assert [judge.name for judge in comparison.judges] == ["cnn@22222222"]
    assert [e.value for e in comparison.judges[0].metric("fd_semantic").entries] == [8.0, 7.0]
    assert comparison.notes == (
        "Left out, because not every run was judged by it: cnn@11111111, cnn@33333333.",
    )


def test_judges_whose_protocols_differ_are_noted(tmp_path):
    folders = [
        _write(
            tmp_path,
            name,
            _distances(5.0),
            judges=[(_distances(6.0), _other("1") | {"frechet_n": 250})],
        )
        for name in "ab"
    ]
    (note,) = compare(folders).notes
    assert "frechet_n is 500 in cnn-made@01234567 and 250 in cnn@11111111" in note


def test_results_of_a_real_judge_can_be_compared(tmp_path):
    rng = np.random.default_rng(0)
    reference = Dataset("made", "test", rng.integers(0, 256, (60, 8, 8, 1), dtype=np.uint8))
    judge = make_judge(random_extractor((8, 8, 1)), reference)
    folders = []
    for name, top in (("like", 256), ("dark", 60)):
        images = rng.integers(0, top, (40, 8, 8, 1), dtype=np.uint8)
        judged = judge.judge(images, num_bootstrap=5)
        folders.append(tmp_path / name)
        folders[-1].mkdir()
        content = {"metrics": judged.metrics, "protocol": judged.protocol | {"step": 1}}
        (folders[-1] / "eval.json").write_text(json.dumps(content))
    comparison = compare(folders)
    assert comparison.notes == () and comparison.judges[0].control
    entries = comparison.judges[0].metric("fd_semantic").entries
    assert [entry.rank for entry in entries] == [1, 2]
    assert entries[1].not_separated_from == ()


# What is written


def test_the_json_holds_what_was_found(tmp_path):
    folders = _three_runs(tmp_path / "runs")
    compare_runs(folders, tmp_path / "out")
    content = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert [run["name"] for run in content["runs"]] == ["a", "b", "c"]
    entry = content["judges"][0]["metrics"][0]["entries"][0]
    assert entry["value"] == 10.0 and entry["interval"] == [9.0, 11.0] and entry["rank"] == 1
    assert [found["beyond_chance"] for found in content["disagreements"]] == [True, False, True]


def test_the_page_stands_alone(tmp_path):
    folders = _three_runs(tmp_path / "runs")
    odd = tmp_path / "runs" / "<script>$x$"
    folders.append(odd)
    odd.mkdir()
    content = json.loads((folders[0] / "eval.json").read_text())
    content["protocol"]["gan_jax"] = "<b>9"
    (odd / "eval.json").write_text(json.dumps(content))
    compare_runs(folders, tmp_path / "out")
    page = (tmp_path / "out" / "comparison.html").read_text(encoding="utf-8")
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(address.startswith(("#", "data:")) for address in addresses)
    assert "http" not in page and "@import" not in page and "url(" not in page.replace("url(#", "")
    assert "<script" not in page and "<b>9" not in page and "&lt;script&gt;$x$" in page
    assert page.count("<svg") == page.count("</svg>") == 2
    assert page.count("<section") == page.count("</section>") == 5
    for text in ("ranks first in fd_semantic", "(control)", "b before c", "real against real"):
        assert text in page


def test_nothing_is_written_unless_asked(tmp_path):
    folders = _three_runs(tmp_path / "runs")
    before = sorted(tmp_path.rglob("*"))
    compare_runs(folders)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--out '.*file' cannot be written"):
        compare_runs(_three_runs(tmp_path / "runs"), tmp_path / "file")


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
