"""Comparisons: which folders hold a result, and which results are compared with which."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.reports.comparison.comparison import compare
from gan_jax.reports.comparison.report import compare_runs
from gan_jax.reports.comparison.results import read_results
from gan_jax.reports.comparison.terminal import comparison_table
from tests.results import (
    COPIED,
    REMOVED,
    distances,
    headline,
    other_judge,
    protocol,
    write_result,
)

# What may be compared


@pytest.mark.parametrize(
    "field, value",
    [
        ("layers", {"semantic": "penultimate", "texture": "block1"}),
        ("preprocessing", "uint8 / 255"),
        ("reference_split", "train"),
        ("reference_images", 999),
        ("frechet_halvings", 4),
        ("seed", 1),
        ("floor", "none"),
        ("resize", "crop_area"),
        ("a_field_of_tomorrow", 3),
    ],
)
def test_a_result_that_does_not_measure_the_same_is_left_out_by_name(tmp_path, field, value):
    usual = {"a_field_of_tomorrow": 2} if field == "a_field_of_tomorrow" else {}
    folders = [
        write_result(tmp_path, "one", distances(5.0), **usual),
        write_result(tmp_path, "two", distances(6.0), **usual),
        write_result(tmp_path, "odd", distances(1.0), **{field: value}),
    ]
    comparison = compare(folders)
    (group,) = comparison.groups
    assert [run.name for run in group.runs] == ["one", "two"]
    assert [e.rank for e in group.judges[0].metric("fd_semantic").entries] == [1, 2]
    (note,) = comparison.notes
    expected = {"resize": "none", **protocol(), **usual}[field]
    assert f"'{tmp_path}/odd' is judged as no other is" in note
    assert f"{field} is {json.dumps(expected)} in one, two and {json.dumps(value)} in odd" in note
    assert note.count(" is ") == 2  # no other field is blamed


@pytest.mark.parametrize(
    "changes, told",
    [
        (
            other_judge("e"),
            'extractor is "cnn-made@01234567" in one, two and "cnn@eeeeeeee" in odd',
        ),
        ({"reference_fingerprint": "0" * 64}, 'reference_fingerprint is "ffffffff…" in one, two'),
        ({"preprocessing": REMOVED}, 'in one, two and "not recorded" in odd'),
    ],
)
def test_another_judge_or_reference_is_told_shortly(tmp_path, changes, told):
    folders = [
        write_result(tmp_path, "one", distances(5.0)),
        write_result(tmp_path, "two", distances(5.0)),
        write_result(tmp_path, "odd", distances(5.0), **changes),
    ]
    (note,) = compare(folders).notes
    assert told in note


def test_results_are_compared_by_groups(tmp_path):
    """The largest first; ranks are counted in each, and why they are apart is said."""
    values = {"a": 5.0, "b": 4.0, "c": 3.0, "d": 2.0, "e": 1.0}
    folders = [
        write_result(tmp_path, name, distances(value), seed=0 if name in "bde" else 1)
        for name, value in values.items()
    ]
    comparison = compare(folders)
    assert [[run.name for run in group.runs] for group in comparison.groups] == [
        ["b", "d", "e"],
        ["a", "c"],
    ]
    ranks = [
        [entry.rank for entry in group.judges[0].metric("fd_semantic").entries]
        for group in comparison.groups
    ]
    assert ranks == [[3, 2, 1], [2, 1]]
    (note,) = comparison.notes
    assert (
        "group 2 are not compared with those of group 1: seed is 0 in b, d, e and 1 in a, c" in note
    )
    text = comparison_table(comparison)
    first, second = text.index("Group 1 of 2: b, d, e:"), text.index("Group 2 of 2: a, c:")
    assert first < text.index("e ranks first in fd_semantic") < second
    assert second < text.index("c ranks first in fd_semantic")
    assert text.count("Judge cnn-made@01234567") == 2


def test_a_run_is_in_the_group_of_each_of_its_judges(tmp_path):
    one, two = other_judge("1"), other_judge("2")
    folders = [
        write_result(tmp_path, "a", distances(5.0), **one),
        write_result(tmp_path, "b", distances(6.0), **one),
        write_result(tmp_path, "c", distances(7.0), **one, judges=[(distances(9.0), two)]),
        write_result(tmp_path, "d", distances(8.0), **two),
    ]
    groups = compare(folders).groups
    assert [[run.name for run in group.runs] for group in groups] == [["a", "b", "c"], ["c", "d"]]
    assert [group.judges[0].name for group in groups] == ["cnn@11111111", "cnn@22222222"]
    values = [entry.value for entry in groups[1].judges[0].metric("fd_semantic").entries]
    assert values == [9.0, 8.0]


def test_where_no_two_measure_the_same_it_is_said_run_by_run(tmp_path):
    folders = [
        write_result(tmp_path, "a", distances(5.0)),
        write_result(tmp_path, "b", distances(5.0), reference_images=250, seed=3),
        tmp_path / "c",
    ]
    with pytest.raises(InputError, match="no two of these results measure the same") as error:
        compare(folders)
    assert "reference_images is 1000 in a and 250 in b; seed is 0 in a and 3 in b" in str(
        error.value
    )
    assert f"Left out: '{tmp_path}/c' has no eval.json" in str(error.value)


def test_results_of_different_n_are_compared_by_what_does_not_move_with_n(tmp_path):
    """The size and unbiased distances; a Fréchet distance has no ranks, and that is said first."""
    kernel = {"value": 0.1, "standard_error": 0.01, "n": 2000}
    few = {"value": 0.5, "standard_error": 0.02, "n": 300}
    folders = [
        write_result(
            tmp_path,
            "many",
            distances(5.0) | {"kernel_distance": kernel},
            parts={"headline": headline(0.5, error=0.001)},
        ),
        write_result(
            tmp_path,
            "few",
            distances(4.0, n=150) | {"kernel_distance": few},
            parts={"headline": headline(1.5, error=0.1, n=300)},
            frechet_n=150,
            images=300,
        ),
    ]
    comparison = compare(folders)
    (group,) = comparison.groups
    head = group.judges[0]
    assert head.metric("fd_semantic").unranked == "n differs (150, 500)"
    for name in ("size", "kernel_distance"):
        assert [entry.rank for entry in head.metric(name).entries] == [1, 2]
    top = comparison_table(comparison).split("\n\n")[0]
    assert "many ranks first in size; told from all others (p < 0.0001)." in top
    assert "frechet_n is 500 in many and 150 in few" in top


def test_fields_that_only_newer_results_have_are_noted(tmp_path):
    folders = [
        write_result(tmp_path, "old", distances(5.0)),
        write_result(tmp_path, "new", distances(6.0), neighbours_k=5),
    ]
    assert "Warning: neighbours_k is not recorded in old, so it was not compared." in (
        compare(folders).groups[0].notes
    )


def test_what_may_differ_is_kept_and_another_version_warned_of(tmp_path):
    folders = [
        write_result(tmp_path, "a", distances(5.0)),
        write_result(tmp_path, "b", distances(6.0), step=900, images=3000, gan_jax="0.2.0"),
    ]
    (group,) = compare(folders).groups
    assert [run.record["step"] for run in group.runs] == [100, 900]
    assert [run.record["images"] for run in group.runs] == [2000, 3000]
    assert any(n.startswith('Warning: gan_jax is "0.1.0" in a and "0.2.0"') for n in group.notes)
    assert "step" not in group.judges[0].protocol


def test_a_floor_that_differs_in_spite_of_the_stamp_is_noted(tmp_path):
    folders = [
        write_result(tmp_path, "a", distances(5.0, floor=2.0)),
        write_result(tmp_path, "b", distances(6.0, floor=2.1)),
    ]
    (group,) = compare(folders).groups
    assert any("fd_semantic of real images is 2 to 2.1" in note for note in group.notes)


# Folders


@pytest.fixture
def two_good(tmp_path):
    return [write_result(tmp_path, name, distances(5.0 + i)) for i, name in enumerate("ab")]


def _note_of(folders):
    """The one note of a comparison of these folders, of which 'a' and 'b' are good."""
    comparison = compare(folders)
    assert [run.name for run in comparison.groups[0].runs] == ["a", "b"]
    (note,) = comparison.notes
    return note


def test_folders_without_a_result_are_left_out_with_a_note(two_good, tmp_path):
    (tmp_path / "running").mkdir()
    comparison = compare([*two_good, tmp_path / "running", tmp_path / "nowhere"])
    assert len(comparison.notes) == 2
    for name, note in zip(("running", "nowhere"), comparison.notes, strict=True):
        assert note.startswith(f"Left out: '{tmp_path / name}' has no eval.json: python eval.py")


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "eval.json' is damaged (Expecting"),
        ("[]", "eval.json' holds a JSON list"),
        ("5", "eval.json' holds a JSON int"),
        ('{"metrics": 5, "protocol": {}}', "damaged eval.json (metrics is 5; expected an object)"),
        ('{"metrics": {}, "protocol": {}, "judges": 5}', "judges is 5; expected a list"),
        ('{"metrics": {"fd_semantic": {}}, "protocol": {}}', "was evaluated without a judge"),
        ('{"metrics": {}, "protocol": {"extractor_sha256": "a"}}', "its reference_fingerprint"),
    ],
)
def test_damaged_files_are_left_out_with_a_note(two_good, tmp_path, text, message):
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "eval.json").write_text(text)
    note = _note_of([*two_good, bad])
    assert note.startswith(f"Left out: '{bad}' ") and message in note


@pytest.mark.parametrize(
    "entry, message",
    [
        (3.0, "fd_semantic is 3.0; expected an object"),
        ({}, "it has no metrics.fd_semantic.value"),
        ({"value": float("nan")}, "fd_semantic.value is nan"),
        ({"value": True}, "fd_semantic.value is True"),
        ({"value": 3.0, "floor": float("inf")}, "fd_semantic.floor is inf"),
        ({"value": 3.0, "ci": [2.0]}, "fd_semantic.ci is a list of 1"),
        ({"value": 3.0, "ci": [4.0, 2.0]}, r"fd_semantic.ci is [4.0, 2.0]; expected [low, high]"),
        ({"value": 3.0, "n": [5]}, "fd_semantic.n is a list of 1"),
    ],
)
def test_damaged_numbers_are_left_out_with_a_note(two_good, tmp_path, entry, message):
    bad = write_result(tmp_path, "bad", {"fd_semantic": entry})
    note = _note_of([*two_good, bad])
    assert f"'{bad}' has a damaged eval.json" in note and message in note


def _headline(**changes):
    return {"headline": headline(1.0) | changes}


@pytest.mark.parametrize(
    "part",
    [
        {"judges": {"a": 1}},
        {"headline": {"verdict": "told apart"}},
        {"headline": 5},
        _headline(verdict="excellent"),
        _headline(test={"p": None}),
        _headline(size={"strength": "large"}),
        _headline(distance={}),
        {"headline": {k: v for k, v in headline(1.0).items() if k != "distance"}},
        {"flags": ["copied"]},
        {"flags": 5},
    ],
)
def test_damaged_parts_are_left_out_with_a_note(two_good, tmp_path, part):
    bad = write_result(tmp_path, "bad", distances(5.0), parts=part)
    note = _note_of([*two_good, bad])
    assert f"'{bad}' has a damaged eval.json" in note and next(iter(part)) in note


def test_no_field_of_any_shape_stops_a_comparison(two_good, tmp_path):
    """What a field of eval.json holds, one after another; the two others are still compared."""
    parts = {"headline": headline(2.0), "flags": [COPIED]}
    bad = write_result(tmp_path, "bad", distances(5.0), parts=parts) / "eval.json"
    whole = json.loads(bad.read_text())

    def places(value, path=()):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value[:1]):
            yield (*path, key)
            if isinstance(inner, dict | list):
                yield from places(inner, (*path, key))

    left_out = 0
    for path in places(whole):
        for wrong in (None, 5, "x", [], {}, [{}], 10**400):
            content = copy.deepcopy(whole)
            inner = content
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = wrong
            bad.write_text(json.dumps(content))
            comparison = compare([*two_good, tmp_path / "bad"])
            comparison_table(comparison)
            left_out += any("Left out" in note for note in comparison.notes)
    assert left_out > 100


@pytest.mark.parametrize("array", [np.array(["x"] * 9), np.ones((3, 3)), np.full(9, np.nan)])
def test_influences_that_are_none_are_passed_over(two_good, array):
    """As if the file were not there: another kind of array, and one that is cut."""
    key = f"{protocol()['extractor_sha256'][:16]}.fd_semantic"
    for folder in two_good:
        np.savez(folder / "influences.npz", **{key: array})
    assert any("Without influences.npz" in note for note in compare(two_good).groups[0].notes)


def test_what_is_no_result_of_a_gan_is_left_out_with_a_note(two_good, tmp_path):
    write_result(tmp_path, "cnn", {"accuracy": {"value": 0.98, "n": 1000}})
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "study.json").write_text("{}")
    compare_runs(two_good, tmp_path / "compared")
    comparison = compare(sorted(tmp_path.glob("*")))
    assert [run.name for run in comparison.groups[0].runs] == ["a", "b"]
    for note, told in zip(
        comparison.notes,
        ("cnn' is the run of a recogniser", "compared' holds a comparison", "study' holds a study"),
        strict=True,
    ):
        assert told in note


def test_means_over_seeds_are_pointed_out(tmp_path):
    folders = [
        write_result(tmp_path, "sweep", distances(5.0), parts={"settings": []}),
        write_result(tmp_path, "b", distances(5.0)),
    ]
    (note,) = compare(folders).notes
    assert "numbers of sweep are means over seeds" in note and "sweep/members" in note


def test_fewer_than_two_results(tmp_path):
    one = write_result(tmp_path, "one", distances(5.0))
    cnn = write_result(tmp_path, "cnn", {"accuracy": {"value": 0.98, "n": 1000}})
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
    folders = [write_result(tmp_path, f"sweep/{seed}/out", distances(5.0)) for seed in (1, 2)]
    assert [result.name for result in read_results(folders)[0]] == ["1/out", "2/out"]
    outer = write_result(tmp_path, "sweep", distances(5.0))
    names = [result.name for result in read_results([outer, folders[0]])[0]]
    assert names == ["sweep", "1/out"]
