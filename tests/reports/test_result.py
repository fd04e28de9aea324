"""What a protocol always holds, and results as eval.json has them."""

import json

import numpy as np
import pytest

import gan_jax
from gan_jax.data import Dataset
from gan_jax.reports.numbers_first import publish_result
from gan_jax.reports.result import Result, checked_result, make_protocol, read_content

REFERENCE = Dataset("real", "test", np.arange(48, dtype=np.uint8).reshape(3, 4, 4, 1))
WHOLE = {"seed": 3, "images": 7, "preprocessing": "none", "reference": REFERENCE}


def test_what_flows_have_in_common():
    found = make_protocol({"task": "any", "images": "other"}, **WHOLE)
    assert (
        found
        == json.loads(json.dumps(found))
        == {
            "task": "any",
            "images": 7,  # nothing that a flow adds takes the place of these
            "preprocessing": "none",
            "reference": "real",
            "reference_split": "test",
            "reference_fingerprint": REFERENCE.fingerprint,
            "reference_images": 3,
            "seed": 3,
            "gan_jax": gan_jax.__version__,
        }
    )
    alone = make_protocol({}, seed=(0, 1), images=2, preprocessing="none", reference=None)
    assert alone["seed"] == [0, 1] and alone["reference"] is None and alone["reference_images"] == 0


@pytest.mark.parametrize("left_out", WHOLE)
def test_nothing_can_be_left_out(left_out):
    with pytest.raises(TypeError, match=left_out):
        make_protocol({}, **{name: value for name, value in WHOLE.items() if name != left_out})


def _result(**others):
    numbers = {"fd_semantic": {"value": 5.0, "floor": 2.0, "ci": [4.0, 6.0], "n": 7}}
    return Result(numbers, make_protocol({}, **WHOLE), **others)


def test_a_result_is_read_as_it_was_written(tmp_path):
    flags = [{"name": "few", "text": "They are few.", "apart": False}]
    written = _result(headline={}, flags=flags, judges=[_result()], more={"settings": []})
    content = publish_result(tmp_path, written)
    path = tmp_path / "eval.json"
    assert json.loads(path.read_text()) == content
    assert list(content) == ["headline", "flags", "metrics", "protocol", "judges", "settings"]
    assert "headline" not in content["judges"][0]
    found = checked_result(read_content(path), path)
    assert found.content() == content and found.more == {"settings": []}


@pytest.mark.parametrize("field", ["seed", "images", "preprocessing", "reference"])
def test_a_protocol_that_was_made_elsewhere_is_refused(field):
    protocol = {k: v for k, v in make_protocol({}, **WHOLE).items() if k != field}
    with pytest.raises(ValueError, match=f"the protocol lacks {field}"):
        Result({}, protocol).content()


def test_pages_and_pictures_come_after_the_numbers(tmp_path):
    for name in ("report.html", "other.html", "influences.npz"):
        (tmp_path / name).write_text("of other numbers")
    told = []

    def draw():
        assert told and not (tmp_path / "report.html").exists()
        return {"final": np.zeros((4, 4, 1), np.uint8)}

    publish_result(
        tmp_path,
        _result(),
        pictures=draw,
        pages={"report.html": lambda path: path.write_text("new"), "other.html": None},
        tell=told.append,
    )
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*"))
    assert left == ["eval.json", "report.html", "samples/final.png"]
