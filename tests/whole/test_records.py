"""The small JSON files of runs, each field of another shape: one clear error or no harm."""

import copy
import json

import numpy as np
import pytest

from gan_jax.config import cnn_config
from gan_jax.config.saved import plain
from gan_jax.data.schema import read_checked
from gan_jax.errors import InputError
from gan_jax.reports.seeds.gan_train_test import SeedResult
from gan_jax.reports.seeds.study import cell_check
from gan_jax.sampling.selection import selecting_recogniser
from gan_jax.studies.augmentation.control import check_plain, from_plain
from gan_jax.training.frozen import in_the_loop
from gan_jax.training.rollback import Rollbacks

_WRONG = (None, True, 5, -1, 10**400, "x", [], [[]], {}, {"a": []}, "x" * 10**5)
_TEXTS = ("", "[]", "5", "null", "{", '"x"', "[" * 10**5, "\x00", '{"a": 1e999}')
_IDENTITY = {"stamp": "cnn@12345678", "digest": "1" * 64, "training": plain(cnn_config())}
_CELL = {
    "size": 100,
    "seed": 0,
    "arm": "real",
    "accuracy": 0.5,
    "recall": [0.5, None],
    "correct": "ff80",
    "real_images": 100,
    "generated_images": 0,
    "wanted_images": 0,
    "steps": 3,
    "subset": "abc",
    "seconds": 1.0,
    "elapsed": 2.0,
}


def _cell(path):
    check = cell_check(100, 0, "real", num_classes=2, num_test=9)
    return read_checked(path, check, "remove it")["accuracy"]


def _control(path):
    return from_plain(read_checked(path, check_plain, "remove it"))


KINDS = {
    "collapse.json": (
        {"rollbacks": [{"from": 40, "to": 20, "reason": "collapsed"}], "pending": True},
        lambda path: Rollbacks(path.parent).start_from(30),
    ),
    "frozen.json": (
        {"feature_matching": _IDENTITY},
        lambda path: in_the_loop(path.parent),
    ),
    "samples.json": (
        {"images": 3, "selection": {"recogniser": _IDENTITY | {"path": ""}, "drawn": 10}},
        lambda path: selecting_recogniser(path.parent),
    ),
    "cell.json": (_CELL, _cell),
    "control.json": (
        {"plain": 3, "classical": 2, "asked": [30, 20], "measured": {"gan_step": 0.1}},
        _control,
    ),
    "seed.json": (
        {"seed": 0, "shared": 1, **dict.fromkeys(("baseline", "gan_train", "gan_test"), [[1]])},
        lambda path: SeedResult.from_dict(json.loads(path.read_text())),
    ),
}


def _places(value, path=()):
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value[:1]):
        yield (*path, key)
        if isinstance(inner, dict | list) and "model" not in path:
            yield from _places(inner, (*path, key))


@pytest.mark.parametrize("name", KINDS)
def test_every_field_of_another_shape(name, tmp_path):
    whole, use = KINDS[name]
    path = tmp_path / name
    path.write_text(json.dumps(whole))
    use(path)
    refused = 0
    for place in _places(whole):
        for wrong in (*_WRONG, KeyError):
            content = copy.deepcopy(whole)
            inner = content
            for key in place[:-1]:
                inner = inner[key]
            if wrong is KeyError:
                del inner[place[-1]]
            else:
                inner[place[-1]] = wrong
            path.write_text(json.dumps(content))
            try:
                use(path)
            except InputError as error:
                refused += 1
                assert "\n" not in str(error) and len(str(error)) < 600
    assert refused > 20


@pytest.mark.parametrize("name", [name for name in KINDS if name != "seed.json"])
def test_a_file_of_another_shape(name, tmp_path):
    use = KINDS[name][1]
    for text in _TEXTS:
        (tmp_path / name).write_text(text)
        if text.startswith('{"a"') and name == "samples.json":
            continue  # a record without a selection
        with pytest.raises(InputError, match=name):
            use(tmp_path / name)


def test_whole_records_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "cell.json"
    path.write_text(json.dumps(_CELL))
    assert _cell(path) == 0.5
    for changes in ({"seed": 1}, {"arm": "gan"}, {"correct": "ff8"}, {"correct": "gg80"}):
        path.write_text(json.dumps(_CELL | changes))
        with pytest.raises(InputError, match=f"{next(iter(changes))} is .*remove it"):
            _cell(path)
    tables = {name: np.eye(2, dtype=int) for name in ("baseline", "gan_train", "gan_test")}
    saved = SeedResult(seed=3, shared=0, **tables).to_dict()
    assert SeedResult.from_dict(saved).to_dict() == saved
    with pytest.raises(InputError, match="gan_test is no square table"):
        SeedResult.from_dict(saved | {"gan_test": [[1, 2]]})
