"""Comparisons: what is refused, what is noted, which folders hold a result."""

from __future__ import annotations

import json

import pytest

from gan_jax.comparison.comparison import compare
from gan_jax.comparison.report import compare_runs
from gan_jax.comparison.results import read_results
from gan_jax.errors import InputError
from tests.results import REMOVED, distances, protocol, write_result

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
        write_result(tmp_path, "one", distances(5.0), **usual),
        write_result(tmp_path, "two", distances(6.0), **usual),
        write_result(tmp_path, "odd", distances(7.0), **{field: value}),
    ]
    with pytest.raises(InputError, match="do not measure the same") as error:
        compare(folders)
    message = str(error.value)
    expected = {"resize": "none", **protocol(), **usual}[field]
    assert (
        f"{field} is {json.dumps(expected)} in one, two and {json.dumps(value)} in odd" in message
    )
    assert message.count(" is ") == 1 + (field == "extractor_sha256")  # no other is blamed


def test_all_differences_are_named_at_once(tmp_path):
    folders = [
        write_result(tmp_path, "a", distances(5.0)),
        write_result(tmp_path, "b", distances(5.0), frechet_n=250, seed=3),
    ]
    with pytest.raises(
        InputError, match="frechet_n is 500 in a and 250 in b; seed is 0 in a and 3"
    ):
        compare(folders)


def test_a_stamp_that_is_not_recorded_is_not_taken_to_agree(tmp_path):
    folders = [
        write_result(tmp_path, "a", distances(5.0)),
        write_result(tmp_path, "b", distances(5.0), preprocessing=REMOVED),
    ]
    with pytest.raises(InputError, match='preprocessing is .* in a and "not recorded" in b'):
        compare(folders)


def test_fields_that_only_newer_results_have_are_noted(tmp_path):
    folders = [
        write_result(tmp_path, "old", distances(5.0)),
        write_result(tmp_path, "new", distances(6.0), neighbours_k=5),
    ]
    assert compare(folders).notes == (
        "Warning: neighbours_k is not recorded in old, so it was not compared.",
    )


def test_what_may_differ_is_kept_and_another_version_warned_of(tmp_path):
    folders = [
        write_result(tmp_path, "a", distances(5.0)),
        write_result(tmp_path, "b", distances(6.0), step=900, images=3000, gan_jax="0.2.0"),
    ]
    comparison = compare(folders)
    assert [run.record["step"] for run in comparison.runs] == [100, 900]
    assert [run.record["images"] for run in comparison.runs] == [2000, 3000]
    (note,) = comparison.notes
    assert note.startswith('Warning: gan_jax is "0.1.0" in a and "0.2.0" in b.')
    assert "step" not in comparison.judges[0].protocol


def test_a_floor_that_differs_in_spite_of_the_stamp_is_noted(tmp_path):
    folders = [
        write_result(tmp_path, "a", distances(5.0, floor=2.0)),
        write_result(tmp_path, "b", distances(6.0, floor=2.1)),
    ]
    assert any("the floor of fd_semantic is 2 to 2.1" in note for note in compare(folders).notes)


# Folders


def test_folders_without_a_result(tmp_path):
    good = write_result(tmp_path, "good", distances(5.0))
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
    good, bad = write_result(tmp_path, "good", distances(5.0)), tmp_path / "bad"
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
    good = write_result(tmp_path, "good", distances(5.0))
    bad = write_result(tmp_path, "bad", {"fd_semantic": entry})
    with pytest.raises(InputError, match=message) as error:
        compare([good, bad])
    assert f"'{bad}' is damaged" in str(error.value)


def test_damaged_judges(tmp_path):
    good = write_result(tmp_path, "good", distances(5.0))
    content = json.loads((good / "eval.json").read_text()) | {"judges": {"a": 1}}
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "eval.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="'.*bad' is damaged .*judges"):
        compare([good, bad])


def test_a_run_evaluated_without_a_judge(tmp_path):
    good = write_result(tmp_path, "good", distances(5.0))
    bare = write_result(tmp_path, "bare", {})
    with pytest.raises(InputError, match="'.*bare' was evaluated without a judge.*--extractor"):
        compare([good, bare])


def test_runs_of_recognisers_and_comparisons_are_left_out_with_a_note(tmp_path):
    write_result(tmp_path, "a", distances(5.0))
    write_result(tmp_path, "b", distances(6.0))
    write_result(tmp_path, "cnn", {"accuracy": {"value": 0.98, "n": 1000}})
    compare_runs([tmp_path / "a", tmp_path / "b"], tmp_path / "compared")
    comparison = compare(sorted(tmp_path.glob("*")))
    assert [run.name for run in comparison.runs] == ["a", "b"]
    assert len(comparison.notes) == 2
    assert "cnn' is the run of a recogniser" in comparison.notes[0]
    assert "compared' holds a comparison" in comparison.notes[1]


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
