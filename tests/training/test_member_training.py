"""Runs of many GANs: what they leave behind, resuming, a lost member, reading one back."""

import jax
import numpy as np
import pytest

from gan_jax import run as training
from gan_jax.config.members import member_config, members_of
from gan_jax.data import machine
from gan_jax.errors import InputError, Interrupted, TrainingDiverged
from gan_jax.reports.seeds.statistics import summarise
from gan_jax.reports.seeds.sweep import sweep_table
from gan_jax.runtime import workdir
from gan_jax.runtime.checkpoint import Checkpoints
from gan_jax.sampling.generate import generate_images, sample_latents
from gan_jax.sampling.trained import read_gan
from gan_jax.training.evaluate_gan import evaluate_run
from tests import runs

SWEEP = {
    "num_seeds": 2,
    "sweep.learning_rate": (2e-4, 2e-3),
    "num_steps": 20,
    "log_every": 10,
    "evaluation.every": 10,
    "checkpoint.every": 10,
    "evaluation.num_samples": 60,
}


@pytest.fixture(scope="module")
def pack(tiny_run):
    return tiny_run[1]


@pytest.fixture(scope="module")
def sweep(pack, tmp_path_factory):
    folder = tmp_path_factory.mktemp("members") / "sweep"
    training.run(runs.tiny_config(pack, **SWEEP), folder)
    return folder


def test_a_sweep_leaves_numbers_pictures_and_a_report(sweep):
    content = runs.evaluation(sweep)
    assert [s["name"] for s in content["settings"]] == [
        "learning_rate=0.0002",
        "learning_rate=0.002",
    ]
    assert content["protocol"]["step"] == 20
    for setting in content["settings"]:
        for name, entry in setting["metrics"].items():
            values = [m["metrics"][name]["value"] for m in content["members"]
                      if m["hyperparameters"] == setting["hyperparameters"]]  # fmt: skip
            expected = summarise(values)
            assert (entry["values"], entry["mean"], entry["std"]) == (
                values, expected.mean, expected.std,
            )  # fmt: skip
            assert tuple(entry["ci"]) == expected.interval
            assert entry["n"] == 2
    means = [s["metrics"]["fd_semantic"]["mean"] for s in content["settings"]]
    assert content["best"]["setting"] == content["settings"][int(np.argmin(means))]["name"]
    assert content["metrics"]["fd_semantic"]["value"] == min(means)
    page = (sweep / "report.html").read_text()
    assert page.count("<svg") >= 5
    for text in (
        "has the lowest mean of 2 settings",
        "learning_rate=0.002",
        "seed 1",
        "fd_semantic by",
    ):
        assert text in page
    members = sorted(path.name for path in (sweep / "members").iterdir())
    assert members[1] == "01_learning_rate=0.0002_seed=1"
    for name in members:
        rows = runs.history(sweep / "members" / name)
        assert [row["step"] for row in rows if "eval/fd_semantic" in row] == [10, 20]
        assert (sweep / "members" / name / "samples" / "final.png").exists()
    text = sweep_table(content)
    assert "fd_semantic, seed 1" in text
    assert "±" in text


@pytest.mark.slow
def test_a_member_is_evaluated_as_a_single_run_of_its_seed(sweep, pack, tmp_path):
    config = runs.tiny_config(pack, **SWEEP)
    member = members_of(config)[3]
    training.run(member_config(config, member), tmp_path / "alone")
    alone = runs.evaluation(tmp_path / "alone")["metrics"]
    ours = runs.evaluation(sweep)["members"][3]["metrics"]
    assert set(ours) == set(alone)
    for name, entry in alone.items():
        np.testing.assert_allclose(ours[name]["value"], entry["value"], rtol=1e-3, atol=1e-4)
    trained = read_gan(sweep, member=3)
    single = read_gan(tmp_path / "alone")
    for a, b in zip(jax.tree.leaves(trained.ema), jax.tree.leaves(single.ema), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert trained.config.seed == 1
    assert trained.config.generator_optimizer.learning_rate == 2e-3
    images = [
        generate_images(t.gan.generator, t.ema, sample_latents(1, 4, 16)) for t in (trained, single)
    ]
    assert np.abs(images[0].astype(int) - images[1]).max() <= 1


def test_one_member_is_judged_again_into_its_own_folder(sweep, tmp_path):
    before = runs.evaluation(sweep)
    result = evaluate_run(sweep, member=2, out=tmp_path / "again")
    for name, entry in before["members"][2]["metrics"].items():
        assert result["metrics"][name]["value"] == pytest.approx(entry["value"], rel=1e-6)
    assert result["metrics"]["fd_semantic"]["ci"] is not None
    assert (tmp_path / "again" / "report.html").exists()
    assert runs.evaluation(sweep) == before


def test_members_can_be_compared_as_runs_are(sweep):
    from gan_jax.reports.comparison.comparison import compare

    comparison = compare(sorted((sweep / "members").iterdir()))
    assert [len(group.runs) for group in comparison.groups] == [4]


@pytest.mark.parametrize("member", [None, 4, -1])
def test_a_run_of_several_asks_which_one(sweep, member):
    with pytest.raises(InputError, match=r"holds 4 GANs.*--member=I.*1 \(learning_rate=0.0002, se"):
        read_gan(sweep, member=member)


def test_a_single_run_has_no_members(tiny_run):
    with pytest.raises(InputError, match="--member is 0, and .* single GAN: leave it out"):
        read_gan(tiny_run[0], member=0)


def test_a_run_cut_in_two_equals_one_that_was_not(sweep, pack, tmp_path, monkeypatch):
    runs.at_step(monkeypatch, 0, runs.terminate)
    cut = tmp_path / "cut"
    with pytest.raises(Interrupted, match="saved at step 10 of 20"):
        training.run(runs.tiny_config(pack, **SWEEP), cut)
    monkeypatch.undo()
    training.run(runs.tiny_config(pack, **SWEEP), cut)
    assert runs.evaluation(cut)["members"] == runs.evaluation(sweep)["members"]
    for name in ("00_learning_rate=0.0002_seed=0", "03_learning_rate=0.002_seed=1"):
        assert runs.history(cut / "members" / name) == runs.history(sweep / "members" / name)


def test_a_finished_run_is_left_and_another_sweep_refused(sweep, pack, capsys):
    training.run(runs.tiny_config(pack, **SWEEP), sweep)
    assert "finished at step 20" in capsys.readouterr().out
    with pytest.raises(InputError, match="config.sweep.learning_rate"):
        training.run(runs.tiny_config(pack, **SWEEP | {"sweep.learning_rate": (1e-3,)}), sweep)
    with pytest.raises(InputError, match="config.num_seeds was 2 and is now 3"):
        training.run(runs.tiny_config(pack, **SWEEP | {"num_seeds": 3}), sweep)


LOST = {
    "sweep.learning_rate": (2e-4, 1e12),
    "num_steps": 10,
    "evaluation.every": 0,
    "checkpoint.every": 10,
    "evaluation.num_samples": 60,
}


def test_a_member_that_diverges_is_named_and_left_out(pack, tmp_path, caplog):
    training.run(runs.tiny_config(pack, **LOST), tmp_path / "lost")
    content = runs.evaluation(tmp_path / "lost")
    at = content["members"][1]["diverged_at"]
    assert 0 <= at < 10
    assert content["members"][1]["metrics"] == {}
    assert content["members"][0]["metrics"]
    assert content["settings"][1]["diverged"] == [0]
    assert content["best"]["setting"] == "learning_rate=0.0002"
    assert content["best"]["passed_over"] == ["learning_rate=1e+12"]
    assert "learning_rate=1e+12, seed 0 has diverged between steps 0 and 10" in caplog.text
    for text in (sweep_table(content), (tmp_path / "lost" / "report.html").read_text()):
        assert f"diverged at step {at}" in text
        assert "1 of 2 members diverged" in text


def test_without_any_member_left_the_run_ends(pack, tmp_path):
    config = runs.tiny_config(pack, **LOST | {"sweep.learning_rate": (1e12, 2e12)})
    with pytest.raises(TrainingDiverged, match="all 2 members have diverged by step 10"):
        training.run(config, tmp_path / "lost")
    assert (tmp_path / "lost" / "report.html").exists()


def test_without_a_judge_there_are_pictures(tmp_path):
    config = runs.tiny_config("", num_seeds=2, num_steps=10)
    training.run(config, tmp_path / "run")
    content = runs.evaluation(tmp_path / "run")
    assert content["metrics"] == {}
    assert len(content["members"]) == 2
    assert (tmp_path / "run" / "report.html").read_text().count("<img") == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"collapse.action": "rollback"}, "config.collapse.action is 'rollback' with 2 GANs"),
        ({"evaluation.textures": True}, "config.evaluation.textures is set with 2 GANs"),
        ({"sweep.gamma": (1.0,)}, "config.r1_weight and config.r2_weight are 0"),
        ({"dataset.memory_limit_mb": 0.1}, "num_seeds=1 and no sweep"),
    ],
)
def test_what_cannot_work_with_several_is_refused(changes, message, pack, tmp_path):
    config = runs.tiny_config(pack, **{"num_seeds": 2} | changes)
    with pytest.raises(InputError, match=message):
        training.run(config, tmp_path / "run")


def test_states_that_do_not_fit_are_refused(pack, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "memory", lambda: 2**20)
    config = runs.tiny_config(pack, num_seeds=5, **{"dataset.memory_limit_mb": 100})
    with pytest.raises(InputError, match=r"5 GANs of .* MiB each need .* lower config.num_seeds"):
        training.run(config, tmp_path / "run")


def test_checkpoints_hold_all_members_and_show_damage(sweep):
    with Checkpoints(sweep / workdir.CHECKPOINTS, read_only=True) as checkpoints:
        assert checkpoints.steps() == [10, 20]
        assert checkpoints.best_step() in (10, 20)
