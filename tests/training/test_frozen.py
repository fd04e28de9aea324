"""Frozen recognisers in the loop: which are refused, and what a run with one keeps and repeats."""

import json
import pathlib
import shutil

import numpy as np
import pytest

from gan_jax import run as training
from gan_jax.config import cnn_config, gan_config
from gan_jax.config.checks import check_config
from gan_jax.config.saved import plain
from gan_jax.data import load
from gan_jax.errors import InputError, Interrupted
from gan_jax.extractors.pack import load_pack
from gan_jax.training import evaluate_gan as evaluation
from gan_jax.training.frozen import Identity, check_frozen, sections_of
from tests import runs
from tests.packs import untrained_pack


@pytest.fixture(scope="module")
def loop_pack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loop") / "pack"
    untrained_pack(folder)
    return folder


def guided(judge, pack, **changes):
    changes = {"feature_matching.pack": str(pack), "num_steps": 20} | changes
    return runs.tiny_config(judge, **changes)


def test_two_names_of_one_network(tiny_run, loop_pack, tmp_path):
    """By path, by contents, by training; and none of these is a likeness of other networks."""
    pack = tiny_run[1]
    judge = load_pack(pack)
    one = Identity.of(judge, str(pack))
    assert one.sameness(Identity.of(load_pack(loop_pack), str(loop_pack))) == ""
    assert "both are the pack in" in one.sameness(Identity.of(judge, f"{pack}/../pack"))
    shutil.copytree(pack, tmp_path / "copy")
    copy = Identity.of(load_pack(tmp_path / "copy"), str(tmp_path / "copy"))
    assert "SHA-256" in one.sameness(copy)
    later, train = str(tmp_path / "later"), runs.tiny_config(pack).judge.train
    assert "one config, with one seed" in one.sameness(Identity.planned(later, train))
    train.name, train.num_steps = "another-name", 9999
    assert "one config, with one seed" in one.sameness(Identity.planned(later, train))
    train.seed = 5
    assert one.sameness(Identity.planned(later, train)) == ""
    assert one.sameness(Identity.planned(later, cnn_config())) == ""


def test_the_judge_in_the_loop_is_refused_before_anything_is_written(tiny_run, loop_pack, tmp_path):
    pack = tiny_run[1]
    shutil.copytree(pack, tmp_path / "copy")
    train = runs.tiny_config(pack).judge.train
    for chosen in (pack, tmp_path / "copy"):
        with pytest.raises(InputError, match=r"feature_matching.pack \(cnn-smoke@.*one network"):
            training.run(guided(pack, chosen), tmp_path / "run")
    with pytest.raises(InputError, match="trained by one config, with one seed"):
        config = guided(pack, tmp_path / "new" / "pack")
        config.feature_matching.train = train
        training.run(config, tmp_path / "run")
    with pytest.raises(InputError, match="trained by one config, with one seed"):
        training.run(guided(tmp_path / "new" / "pack", pack), tmp_path / "run")
    assert not (tmp_path / "run").exists() and not (tmp_path / "new").exists()


def test_what_else_is_refused(tiny_run, loop_pack, tmp_path):
    pack, run = tiny_run[1], tmp_path / "run"
    untrained_pack(tmp_path / "colour", shape=(16, 16, 3))
    for changes, message in (
        ({"feature_matching.pack": str(tmp_path / "colour")}, "16x16x1.*16x16x3"),
        ({"feature_matching.pack": str(tmp_path / "none")}, "no extractor pack"),
        ({"feature_matching.layer": "block9"}, "feature_matching.*'block9' is not one of"),
        ({"feature_matching.weight": -1.0}, "weight is -1.0"),
        ({"num_seeds": 2}, "one GAN at a time"),
    ):
        with pytest.raises(InputError, match=message):
            training.run(guided(pack, loop_pack, **changes), run)
    assert not run.exists()
    off = guided(pack, loop_pack, **{"feature_matching.weight": 0.0})
    assert sections_of(off) == {}
    check_frozen(off, load(off.dataset, "train"), [])


def test_a_section_without_train_is_still_checked():
    config = gan_config()
    config.feature_matching.pack = "runs/x/pack"
    config.feature_matching.train = cnn_config()
    config.feature_matching.train.batch_size = 0
    with pytest.raises(InputError, match="config.batch_size is 0"):
        check_config(config)


@pytest.fixture(scope="module")
def guided_run(tiny_run, loop_pack, tmp_path_factory):
    folder = tmp_path_factory.mktemp("guided") / "run"
    training.run(guided(tiny_run[1], loop_pack), folder)
    return folder


@pytest.mark.slow
def test_a_run_resumed_is_the_run(tiny_run, loop_pack, guided_run, tmp_path, monkeypatch):
    from gan_jax.training import loop as training_loop

    cut, calls = tmp_path / "cut", []

    def after_one(self, meeting):
        calls.append(meeting)
        return 15 if len(calls) == 1 else 0

    with monkeypatch.context() as patch:
        patch.setattr(training_loop.StopSignal, "agreed", after_one)
        with pytest.raises(Interrupted, match="step 10 of 20"):
            training.run(guided(tiny_run[1], loop_pack), cut)
    record = json.loads((cut / "frozen.json").read_text())
    assert record["feature_matching"]["digest"] == load_pack(loop_pack).digest
    # With another network in its place the run would be another.
    other = tmp_path / "other" / "pack"
    untrained_pack(other, seed=8)
    kept = tmp_path / "kept"
    shutil.move(loop_pack, kept)
    shutil.copytree(other, loop_pack)
    with pytest.raises(InputError, match="feature_matching.pack was cnn-made@.*is now cnn-made@"):
        training.run(guided(tiny_run[1], loop_pack), cut)
    shutil.rmtree(loop_pack)
    shutil.move(kept, loop_pack)
    training.run(guided(tiny_run[1], loop_pack), cut)
    whole, again = runs.final_state(guided_run), runs.final_state(cut)
    import jax

    assert all(map(np.array_equal, *(jax.tree.leaves(state) for state in (whole, again))))


def test_a_guided_run_names_its_guide_and_refuses_it_as_a_judge(
    tiny_run, loop_pack, guided_run, tmp_path
):
    content = runs.evaluation(guided_run)
    assert content["protocol"]["in_the_loop"]["feature_matching"].startswith("cnn-made@")
    assert "in_the_loop" not in runs.evaluation(tiny_run[0])["protocol"]
    assert any("loss/feature_matching" in row for row in runs.history(guided_run))
    with pytest.raises(InputError, match=r"of the run \(cnn-made@.*one network"):
        evaluation.evaluate_run(guided_run, extractors=str(loop_pack), out=tmp_path / "again")
    assert not list((tmp_path / "again").iterdir())


@pytest.mark.slow
def test_the_loops_recogniser_is_trained_where_it_is_not_there(tiny_run, tmp_path):
    config = guided(tiny_run[1], tmp_path / "loop" / "pack", **{"num_steps": 10})
    train = runs.tiny_config(tiny_run[1]).judge.train
    train.seed, train.num_steps, train.model.widths = 1, 10, (3, 4)
    config.feature_matching.train = train
    training.run(config, tmp_path / "run")
    digest = load_pack(tmp_path / "loop" / "pack").digest
    record = json.loads((tmp_path / "run" / "frozen.json").read_text())
    assert record["feature_matching"]["digest"] == digest
    assert plain(train)["seed"] == record["feature_matching"]["training"]["seed"]
    assert pathlib.Path(tmp_path / "run" / "report.html").exists()
