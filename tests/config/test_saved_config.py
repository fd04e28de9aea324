"""Configs that somebody saved, kept beside a run or in a pack, and that need not be right."""

import functools
import json
import shutil

import jax
import pytest

from gan_jax.config import cnn_config, gan_config, study_config
from gan_jax.config import saved as saved_configs
from gan_jax.config.saved import differences, plain, portable, with_defaults
from gan_jax.errors import InputError
from gan_jax.runtime import startup
from gan_jax.runtime.workdir import read_config, restore_config
from gan_jax.sampling.trained import read_gan

_WRONG = (None, True, -1, 10**30, "x", "x" * 10**5, [], [[1]], ["x"], {}, {"a": 1}, float("nan"))


def _places(value, path=()):
    for key, inner in value.items():
        yield (*path, key)
        if isinstance(inner, dict):
            yield from _places(inner, (*path, key))


@pytest.mark.parametrize("make", [gan_config, cnn_config, study_config])
def test_a_config_of_any_kind_comes_back_as_it_was(make):
    saved = plain(make())
    assert plain(restore_config(saved)) == saved
    assert not differences(plain(restore_config({"kind": saved["kind"]})), saved)


@pytest.mark.parametrize("make", [gan_config, cnn_config, study_config])
def test_every_field_keeps_its_type_or_is_refused(make, monkeypatch):
    once = {kind: functools.cache(of_kind) for kind, of_kind in saved_configs.KINDS.items()}
    monkeypatch.setattr(saved_configs, "KINDS", once)  # making defaults takes longer than all else
    default = plain(make())
    default.get("judge", {}).update(train=plain(cnn_config()))
    refused = 0
    for path in _places(default):
        for value in _WRONG:
            section = functools.reduce(dict.__getitem__, path[:-1], default)
            old, section[path[-1]] = section[path[-1]], value
            try:
                restored = plain(restore_config(default))
            except InputError as error:
                assert "\n" not in str(error) and len(str(error)) < 500
                refused += 1
                continue
            finally:
                section[path[-1]] = old
            for key in path:
                restored = restored[key]
            same = type(restored) is type(old) or old is None or isinstance(restored, int | float)
            assert same, (path, value)
    assert refused > 100


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        ({}, "has no config.kind"),
        ({"kind": "cat"}, "config.kind is 'cat'; expected 'gan' or 'cnn' or 'study'"),
        ({"kind": "gan", "judge": 5}, "config.judge is 5; expected an object"),
        ({"kind": "gan", "model": {"width": 10**9}}, "config.model.width is 1000000000; expected"),
        ({"kind": "gan", "model": {"blocks": 10**5}}, "config.model.blocks"),
        ({"kind": "gan", "batch_size": "64"}, "config.batch_size is '64'; expected a whole number"),
        ({"kind": "gan", "judge": {"train": {"kind": "gan"}}}, "config.judge.train.kind is 'gan'"),
        ({"kind": "gan", "sweep": {"gamma": [1] * 999, "r1_weight": [1] * 999}}, "998001 GANs"),
        ({"kind": "gan", "to_dict": 1}, "'to_dict', which no config can have"),
        ({"kind": "gan", "a.b": 1}, "'a.b', which no config can have"),
        ({"kind": "cnn", "model": {"widths": [10**9]}}, r"config.model.widths\[0\] is 1000000000"),
        ({"kind": "cnn", "layers": ["block1"]}, "config.layers is a list of 1; expected an object"),
    ],
)
def test_what_a_made_up_config_is_told(saved, message):
    with pytest.raises(InputError, match=message):
        restore_config(saved)


def test_nothing_of_the_machine_is_taken(tiny_run, tmp_path, monkeypatch):
    """A downloaded run does not choose from where compiled programs are loaded."""
    foreign = tmp_path / "foreign"
    shutil.copytree(tiny_run[0], foreign)
    saved = json.loads((foreign / "config.json").read_text())
    planted = {"compilation_cache": str(tmp_path / "planted"), "num_devices": 7, "parallel": "jit"}
    (foreign / "config.json").write_text(json.dumps(saved | planted))
    config, own = read_config(foreign), gan_config()
    assert {name: config[name] for name in planted} == {name: own[name] for name in planted}
    asked = []
    monkeypatch.setattr(startup, "enable_compilation_cache", asked.append)
    read_gan(foreign)
    assert asked == [own.compilation_cache]
    (foreign / "config.json").write_text(json.dumps(saved | {"compilation_cache": ""}))
    assert read_config(foreign).compilation_cache == ""  # who wanted none gets none


def test_what_is_portable_names_no_place():
    config = cnn_config()
    config.dataset.path = "~/private/digits"
    config.dataset.photographs = "/home/someone/brick"
    kept = portable(plain(config))
    assert (kept["dataset"]["path"], kept["dataset"]["photographs"]) == ("digits", "brick")
    assert not {"compilation_cache", "parallel", "num_devices"} & kept.keys()
    config.dataset.path = "data/digits"
    assert portable(plain(config))["dataset"]["path"] == "data/digits"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"width": 16384}}, "take .* GiB with their optimisers"),
        ({"model": {"width": 0}}, "describes no networks that can be made|width"),
        ({"model": {"latent_dim": 0}}, "latent_dim is 0"),
        ({"num_seeds": 10**4, "model": {"width": 4096}}, "take .* GiB with their optimisers"),
    ],
)
def test_networks_that_cannot_be_are_not_made(tiny_run, tmp_path, changes, message):
    foreign = tmp_path / "foreign"
    shutil.copytree(tiny_run[0], foreign)
    saved = json.loads((foreign / "config.json").read_text())
    for name, value in changes.items():
        saved[name] = saved[name] | value if isinstance(value, dict) else value
    (foreign / "config.json").write_text(json.dumps(saved))
    live = sum(array.nbytes for array in jax.live_arrays())
    with pytest.raises(InputError, match=message):
        read_gan(foreign, member=0 if "num_seeds" in changes else None)
    assert sum(array.nbytes for array in jax.live_arrays()) < live + 2**27


@pytest.mark.parametrize("text", ["[]", "5", "{", '{"kind": "gan", "model": []}', "[" * 10**5])
def test_a_config_file_of_another_shape(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match="config"):
        read_config(tmp_path)


def test_what_is_the_machines_does_not_keep_a_run_from_going_on():
    """In the config of a recogniser within it either."""
    config = gan_config()
    config.super_resolution.perceptual.train = cnn_config()
    saved = with_defaults(plain(config))
    config.num_devices = config.super_resolution.perceptual.train.num_devices = 1
    assert differences(saved, plain(config)) == []
    config.super_resolution.perceptual.train.seed = 1
    assert differences(saved, plain(config)) == [
        "config.super_resolution.perceptual.train.seed was 0 and is now 1"
    ]
