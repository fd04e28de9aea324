"""What a run does when its generator collapses: warn, stop or go back."""

import dataclasses
import json
import shutil

import jax
import numpy as np
import pytest

from gan_jax import run as training
from gan_jax.__main__ import train
from gan_jax.config import gan_config
from gan_jax.config.checks import check_config
from gan_jax.errors import InputError, ModeCollapse
from gan_jax.judging.collapse_meter import Reading
from gan_jax.reports.pages.gan import GANReport, write_gan_report
from gan_jax.training.rollback import RollBack, Rollbacks, turned
from tests import runs


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"action": "rolback"}, "did you mean 'rollback'.*none, warn, stop, rollback"),
        ({"action": ""}, "none, warn, stop, rollback"),
        ({"action": "stop"}, "needs a judge"),
        ({"coverage": 1.5}, "collapse.coverage is 1.5; expected a share"),
        ({"patience": 0}, "collapse.patience is 0"),
        ({"rollbacks": -1}, "collapse.rollbacks is -1"),
        ({"limit": 1}, "collapse.limit is not a field"),
    ],
)
def test_settings_that_cannot_work(changes, message):
    config = gan_config()
    with config.unlocked():
        config.collapse.update(changes)
    with pytest.raises(InputError, match=message):
        check_config(config)


def test_a_stop_needs_evaluations_on_the_way():
    config = gan_config()
    config.judge.pack, config.collapse.action, config.evaluation.every = "pack", "stop", 0
    with pytest.raises(InputError, match="evaluation.every is 0"):
        check_config(config)


def weak_discriminator(pack, **changes):
    """A run whose generator meets no resistance, and draws one thing."""
    return runs.tiny_config(
        pack,
        **{
            "num_steps": 60,
            "evaluation.every": 10,
            "checkpoint.every": 10,
            "ema_half_life": 50.0,
            "discriminator_optimizer.learning_rate": 1e-9,
            "generator_optimizer.learning_rate": 0.1,
        }
        | changes,
    )


def evaluated(folder):
    return [row for row in runs.history(folder) if "eval/vendi" in row]


def test_a_healthy_run_is_left_alone(tiny_run):
    folder, _ = tiny_run
    rows = evaluated(folder)
    assert [row["step"] for row in rows] == [20, 40]
    assert not any(row["eval/collapsed"] for row in rows)
    assert all(row["eval/vendi_real"] > 2 and row["eval/coverage_floor"] > 0.9 for row in rows)
    assert "Has it collapsed" in (folder / "report.html").read_text()
    assert not (folder / "collapse.json").exists()


def test_a_collapse_stops_the_run_and_does_so_again_until_told_otherwise(tiny_run, tmp_path, capfd):
    """As a call, and as train.py, which says it in a line and exits with 3."""
    # So fast that no rounding saves it.
    changes = {"collapse.action": "stop", "generator_optimizer.learning_rate": 1.0}
    config, folder = weak_discriminator(tiny_run[1], **changes), tmp_path / "run"
    with pytest.raises(ModeCollapse, match=r"to 40: .*Vendi score 1\.\d+ \(.*'warn'"):
        training.run(config, folder)
    assert runs.final_state(folder)[0] == 40
    experiment = tmp_path / "weak.py"
    experiment.write_text(
        "from tests.training.test_collapsing_runs import weak_discriminator\n\n\n"
        f"def get_config():\n    return weak_discriminator({str(tiny_run[1])!r}, **{changes})\n"
    )
    words = [f"--config={experiment}", f"--workdir={folder}"]
    assert train(words, command="python train.py") == 3
    said = capfd.readouterr().err
    assert "Error: the generator has collapsed" in said and "Traceback" not in said
    assert runs.final_state(folder)[0] == 40
    assert [row["eval/collapsed"] for row in evaluated(folder)] == [0, 0, 0, 1]
    config.collapse.action = "warn"
    training.run(config, folder)
    assert runs.evaluation(folder)["protocol"]["step"] == 60
    assert "steps 40 to 60" in (folder / "report.html").read_text()


def falling(pack, **changes):
    """Counts any loss of variety as a collapse, so that a run of some steps shows one."""
    limits = {"coverage": 0.0, "vendi": 0.0, "class_kl": 1.0, "drop": 1.0, "patience": 1}
    settings = {f"collapse.{name}": value for name, value in limits.items()}
    return weak_discriminator(pack, **settings, **{"collapse.action": "rollback"}, **changes)


def run_until_collapse(folder, config):
    """Returns the message that the run ended with."""
    with pytest.raises(ModeCollapse) as error:
        training.run(config, folder)
    return str(error.value)


@pytest.fixture(scope="module")
def stopped(tiny_run, tmp_path_factory):
    """A run that may not go back."""
    folder = tmp_path_factory.mktemp("stopped")
    message = run_until_collapse(folder, falling(tiny_run[1], **{"collapse.rollbacks": 0}))
    assert "gone back" not in message
    return folder


@pytest.fixture(scope="module")
def rolled_back(tiny_run, tmp_path_factory):
    """The same run, which went back once."""
    folder = tmp_path_factory.mktemp("rollback")
    assert "gone back 1 time" in run_until_collapse(folder, falling(tiny_run[1]))
    return folder


def test_a_rollback_goes_on_from_the_best_checkpoint_otherwise(stopped, rolled_back):
    made = json.loads((rolled_back / "collapse.json").read_text())
    (entry,) = made["rollbacks"]
    assert made["pending"] is False
    before, after = (
        {row["step"]: row for row in evaluated(folder)} for folder in (stopped, rolled_back)
    )
    assert entry["to"] < entry["from"] == max(before)
    earlier = [step for step in before if step < entry["from"]]
    assert entry["to"] == min(earlier, key=lambda step: before[step]["eval/fd_semantic"])
    assert after[entry["to"]] == before[entry["to"]]
    later = entry["to"] + 10
    assert after[later] != before[later], "the same random numbers would fail the same way"


@pytest.mark.slow
def test_a_rollback_cut_short_is_carried_out_on_resuming(stopped, rolled_back, tiny_run, tmp_path):
    """Killed before the order was written, before a checkpoint was removed, and well after."""
    (entry,) = json.loads((rolled_back / "collapse.json").read_text())["rollbacks"]
    for name in ("before", "ordered", "after"):
        folder = tmp_path / name
        shutil.copytree(rolled_back if name == "after" else stopped, folder)
        if name == "ordered":
            Rollbacks(folder).order(RollBack(entry["from"], entry["to"], entry["reason"]))
        if name == "after":
            saved = [int(path.name) for path in (folder / "checkpoints").glob("[0-9]*")]
            assert len(saved) > 1
            shutil.rmtree(folder / "checkpoints" / str(max(saved)))
        assert "gone back 1 time" in run_until_collapse(folder, falling(tiny_run[1]))
        assert evaluated(folder) == evaluated(rolled_back)
        (step, state), (other_step, other) = map(runs.final_state, (folder, rolled_back))
        assert step == other_step
        assert all(jax.tree.leaves(jax.tree.map(np.array_equal, state, other)))


def test_rollbacks_change_the_key_and_are_forgotten_before_their_step(tmp_path):
    rollbacks, root = Rollbacks(tmp_path), jax.random.key(3)
    words = [jax.random.key_data(turned(root, rollbacks.count))]
    assert np.array_equal(words[0], jax.random.key_data(root))
    for step in (40, 60):
        rollbacks.order(RollBack(step, step - 20, "reason"))
        words.append(jax.random.key_data(turned(root, rollbacks.count)))
    assert len({tuple(map(int, word)) for word in words}) == 3
    again = Rollbacks(tmp_path)
    assert again.count == 2
    again.start_from(30)
    assert Rollbacks(tmp_path).count == 1
    again.start_from(0)
    assert Rollbacks(tmp_path).count == 0


def test_the_report_draws_the_curves(tmp_path):
    good = Reading(0, 500, 0.4, 0.96, 10.0, 12.0, 0.1, np.log(10), 0.0)
    bad = dataclasses.replace(good, coverage=0.0, vendi=1.1, class_kl=2.3)
    rows = [
        {"step": step, **value.scalars(), "eval/collapsed": float(step > 1)}
        for step, value in enumerate([good, bad, bad])
    ]
    write_gan_report(tmp_path / "r.html", GANReport("run", history=rows))
    page = (tmp_path / "r.html").read_text()
    for text in ("Coverage over time", "Vendi score over time", "Has it collapsed", "step 2"):
        assert text in page
    for row in rows:
        row["eval/collapsed"] = 0.0
    write_gan_report(tmp_path / "r.html", GANReport("run", history=rows))
    assert "never warned" in (tmp_path / "r.html").read_text()
    write_gan_report(tmp_path / "r.html", GANReport("run", history=[{"step": 1}]))
    assert "Has it collapsed" not in (tmp_path / "r.html").read_text()
