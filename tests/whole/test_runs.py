"""Whole runs: what they leave behind, stopping and resuming, judging again."""

import errno
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from PIL import Image

from gan_jax import run as training
from gan_jax.data import load
from gan_jax.errors import InputError, Interrupted, TrainingDiverged
from gan_jax.runtime import workdir
from gan_jax.runtime.checkpoint import Checkpoints
from gan_jax.runtime.logs import RunLogger
from gan_jax.training import evaluate_gan as evaluation
from gan_jax.training import run_folder
from gan_jax.training.evaluate_samples import evaluate_samples
from tests import runs

ROOT = pathlib.Path(__file__).parents[2]
NAMES = {
    "fd_semantic",
    "fd_texture",
    "classifier_score",
    "confidence",
    "class_histogram",
    "class_kl",
    "modes",
    "fd_all",
    "fd_infinity",
    "kernel_distance",
    "precision",
    "recall",
    "density",
    "coverage",
    "vendi",
    "sliced_wasserstein",
    "auth_pct",
    "data_copying",
}


def same_state(a, b):
    return all(
        np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )


def test_a_run_leaves_numbers_pictures_and_a_report(tiny_run):
    folder, pack = tiny_run
    content = runs.evaluation(folder)
    assert set(content["metrics"]) == NAMES
    for name in ("fd_semantic", "fd_texture"):
        entry = content["metrics"][name]
        assert entry["ci"][0] < entry["value"] < entry["ci"][1]
        assert entry["floor"] > 0
        assert entry["n"] == 200
    assert sum(content["metrics"]["class_histogram"]["value"]) == 200
    assert content["protocol"]["extractor"].startswith("cnn-smoke@")
    assert content["protocol"]["extractor_trained_on_reference"] is False
    for name in ("step_0000020.png", "final.png", "interpolation.png", "beside_real.png"):
        with Image.open(folder / "samples" / name) as picture:
            assert picture.size[0] > 16
    page = (folder / "report.html").read_text()
    assert "fd_semantic" in page
    assert page.count("<img") > 10
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert list((folder / "tensorboard").iterdir())
    steps = {row["step"] for row in runs.history(folder) if "eval/fd_semantic" in row}
    assert steps == {20, 40}
    assert (pack.parent / "report.html").exists()


def test_a_finished_run_is_left_as_it_is(tiny_run, capsys):
    folder, pack = tiny_run
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*.j*") if p.name != "config.json"}
    training.run(runs.tiny_config(pack), folder)
    assert "finished at step 40" in capsys.readouterr().out
    assert before == {
        p: p.stat().st_mtime_ns for p in folder.rglob("*.j*") if p.name != "config.json"
    }


def test_a_run_cut_in_two_equals_one_that_was_not(tiny_run, tmp_path, monkeypatch):
    folder, pack = tiny_run
    runs.at_step(monkeypatch, 20, runs.terminate)  # while the third call is prepared
    cut = tmp_path / "cut"
    with pytest.raises(Interrupted, match=r"saved at step 30 of 40.*same command") as error:
        training.run(runs.tiny_config(pack), cut)
    assert error.value.signal_number == signal.SIGTERM
    monkeypatch.undo()
    training.run(runs.tiny_config(pack), cut)
    assert same_state(runs.final_state(cut), runs.final_state(folder))
    assert runs.evaluation(cut)["metrics"] == runs.evaluation(folder)["metrics"]
    assert runs.history(cut) == runs.history(folder)


def command(*arguments):
    return [sys.executable, str(ROOT / "train.py"), *arguments]


def environment(tmp_path):
    kept = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
    return kept | {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_at_random_and_resumed_is_bit_identical(how, tmp_path):
    """Whole processes, struck at random moments until they come through."""
    rng = random.Random(int(how))
    flags = ["--config", str(ROOT / "configs/smoke.py"), "--config.num_steps=400"]
    flags += ["--config.judge.pack=cnn/pack", "--config.checkpoint.every=20"]
    options = {"cwd": tmp_path, "env": environment(tmp_path), "stderr": subprocess.PIPE}
    subprocess.run(command(*flags, "--workdir", "whole"), check=True, **options)
    for _ in range(40):
        process = subprocess.Popen(command(*flags, "--workdir", "cut"), **options)
        time.sleep(rng.uniform(2.0, 14.0))
        process.send_signal(how)
        message = process.communicate()[1].decode()
        assert "Traceback" not in message
        if process.returncode == 0:
            break
        assert process.returncode in (-how, 128 + how)
    else:
        subprocess.run(command(*flags, "--workdir", "cut"), check=True, **options)
    whole, cut = (runs.final_state(tmp_path / name) for name in ("whole", "cut"))
    assert whole[0] == 400
    assert same_state(whole, cut)
    assert runs.history(tmp_path / "whole") == runs.history(tmp_path / "cut")
    assert (
        runs.evaluation(tmp_path / "whole")["metrics"]
        == runs.evaluation(tmp_path / "cut")["metrics"]
    )


def test_more_steps_go_on_from_the_end(tiny_run, tmp_path, capsys):
    folder, pack = tiny_run
    longer = tmp_path / "longer"
    shutil.copytree(folder, longer)
    training.run(runs.tiny_config(pack, num_steps=60), longer)
    assert "Resuming from the checkpoint of step 40" in capsys.readouterr().out
    assert runs.final_state(longer)[0] == 60
    assert runs.evaluation(longer)["protocol"]["step"] == 60


@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_a_damaged_newest_checkpoint_falls_back(tiny_run, tmp_path, caplog, damage):
    folder, pack = tiny_run
    hurt = tmp_path / "hurt"
    shutil.copytree(folder, hurt)
    (hurt / "eval.json").unlink()
    files = [p for p in (hurt / "checkpoints" / "40" / "state").rglob("*") if p.is_file()]
    largest = max(files, key=lambda p: p.stat().st_size)
    content = bytearray(largest.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    else:
        content[len(content) // 2] ^= 0xFF
    largest.write_bytes(content)
    training.run(runs.tiny_config(pack), hurt)
    assert "checkpoint of step 40 is damaged" in caplog.text
    assert "step 20 instead" in caplog.text
    assert same_state(runs.final_state(hurt), runs.final_state(folder))


def test_divergence_stops_the_run_and_keeps_the_good_checkpoint(tiny_run, tmp_path):
    _, pack = tiny_run
    config = runs.tiny_config(
        pack,
        **{
            "generator_optimizer.learning_rate": 1e30,
            "discriminator_optimizer.learning_rate": 1e30,
        },
    )
    with pytest.raises(TrainingDiverged, match=r"between steps \d+ and \d+.*learning rate"):
        training.run(config, tmp_path / "run")
    for folder in (tmp_path / "run" / "checkpoints").iterdir():
        assert all(
            np.isfinite(x).all() for x in jax.tree.leaves(runs.final_state(tmp_path / "run")[1])
        ), folder


def test_judging_a_run_again(tiny_run, tmp_path):
    folder, _ = tiny_run
    first = runs.evaluation(folder)["metrics"]
    again = evaluation.evaluate_run(folder, out=tmp_path / "again")
    assert again["metrics"]["class_histogram"] == first["class_histogram"]
    assert again["metrics"]["fd_semantic"]["value"] == pytest.approx(
        first["fd_semantic"]["value"], rel=1e-6
    )
    assert (
        evaluation.evaluate_run(folder, checkpoint="20", out=tmp_path / "e")["protocol"]["step"]
        == 20
    )
    evaluation.evaluate_run(folder, checkpoint="best", num_samples=50, out=tmp_path / "best")
    with pytest.raises(InputError, match="no checkpoint of step 7"):
        evaluation.evaluate_run(folder, checkpoint="7")
    with pytest.raises(InputError, match="not the folder of a run"):
        evaluation.evaluate_run(tmp_path / "nowhere")


def test_a_run_of_an_earlier_version_lacks_fields_and_is_read_all_the_same(tiny_run, tmp_path):
    folder = tmp_path / "gan"
    shutil.copytree(tiny_run[0], folder)
    config = json.loads((folder / "config.json").read_text())
    del config["collapse"], config["augment"]["translation"], config["judge"]["train"]["augment"]
    (folder / "config.json").write_text(json.dumps(config))
    result = evaluation.evaluate_run(folder, families=["frechet"], out=tmp_path / "again")
    assert (
        result["metrics"]["fd_semantic"] == runs.evaluation(tiny_run[0])["metrics"]["fd_semantic"]
    )
    training.run(runs.tiny_config(tiny_run[1]), folder)  # finished: nothing to do, nothing refused


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """Real training digits as another program might have written them: PNGs, 28x28."""
    folder = tmp_path_factory.mktemp("pngs")
    images = load({"name": "mnist5k"}, "train").images[::20]
    for index, image in enumerate(images):
        Image.fromarray(image[..., 0]).save(folder / f"{index:05d}.png")
    return folder


def judge(samples, pack, out, **options):
    return evaluate_samples(str(samples), "mnist5k", str(pack), out, resize="crop_area", **options)[
        "metrics"
    ]


def test_anybodys_samples(tiny_run, samples, tmp_path):
    _, pack = tiny_run
    real = judge(samples, pack, tmp_path / "real")
    assert real["fd_semantic"]["value"] < 3 * real["fd_semantic"]["floor"]
    noisy = np.random.default_rng(0).integers(0, 256, (300, 28, 28, 1), dtype=np.uint8)
    np.save(tmp_path / "noise.npy", noisy)
    noise = judge(tmp_path / "noise.npy", pack, tmp_path / "noise")
    one = np.repeat(load({"name": "mnist5k"}, "train").images[:1], 300, axis=0)
    np.savez(tmp_path / "one.npz", images=one)
    collapsed = judge(tmp_path / "one.npz", pack, tmp_path / "one")
    for bad in (noise, collapsed):
        assert bad["fd_semantic"]["value"] > 10 * real["fd_semantic"]["value"]
    assert collapsed["classifier_score"]["value"] == pytest.approx(1.0)
    # The class's share of real images is a reading of one half of them.
    assert collapsed["class_kl"]["value"] == pytest.approx(np.log(10), abs=0.6)
    assert collapsed["class_kl"]["floor"] < 0.2
    assert (tmp_path / "real" / "report.html").exists()


def test_samples_that_cannot_be_judged(tiny_run, samples, tmp_path):
    _, pack = tiny_run
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"28x28x1.*16x16x1"):
        evaluate_samples(str(samples), "mnist5k", str(pack), out)
    np.save(tmp_path / "one.npy", np.zeros((1, 16, 16, 1), np.uint8))
    with pytest.raises(InputError, match="at least 2"):
        judge(tmp_path / "one.npy", pack, out)
    broken = np.zeros((5, 16, 16, 1), np.float32)
    broken[3] = np.nan
    np.save(tmp_path / "nan.npy", broken)
    with pytest.raises(InputError, match="3"):
        judge(tmp_path / "nan.npy", pack, out)
    assert not out.exists()


def test_a_folder_with_other_images_is_refused(tiny_run, tmp_path):
    folder, pack = tiny_run
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    (moved / "eval.json").unlink()
    record = json.loads((moved / "data.json").read_text())
    record["train"] |= {"images": 90, "fingerprint": "0" * 16}
    (moved / "data.json").write_text(json.dumps(record))
    said = r"training images are not those.*90 of 16x16x1.*4000 of 16x16x1.*remove .*data.json"
    with pytest.raises(InputError, match=said):
        training.run(runs.tiny_config(pack), moved)
    assert not (moved / "eval.json").exists()
    (moved / "data.json").unlink()
    training.run(runs.tiny_config(pack), moved)
    assert runs.evaluation(moved)["metrics"] == runs.evaluation(folder)["metrics"]


@pytest.mark.parametrize("content", [None, "", "{", "[]"])
def test_a_lost_config_is_taken_from_the_checkpoints(tiny_run, tmp_path, caplog, content):
    folder, pack = tiny_run
    hurt = tmp_path / "hurt"
    shutil.copytree(folder, hurt)
    (hurt / "config.json").unlink()
    if content is not None:
        (hurt / "config.json").write_text(content)
    with pytest.raises(InputError, match="config.seed was 0 and is now 1"):
        training.run(runs.tiny_config(pack, seed=1), hurt)
    training.run(runs.tiny_config(pack), hurt)
    assert (hurt / "config.json").read_text() == (folder / "config.json").read_text()
    assert "checkpoint of step 40 is taken" in caplog.text


def test_a_damaged_result_is_made_again(tiny_run, tmp_path, caplog):
    folder, pack = tiny_run
    hurt = tmp_path / "hurt"
    shutil.copytree(folder, hurt)
    (hurt / "eval.json").write_text("")
    training.run(runs.tiny_config(pack), hurt)
    assert runs.evaluation(hurt)["metrics"] == runs.evaluation(folder)["metrics"]
    assert "It is made again" in caplog.text


def test_an_error_of_the_feed_saves_the_state(tiny_run, tmp_path, monkeypatch):
    folder, pack = tiny_run
    home = tmp_path / "run"

    def fail():
        raise OSError(5, "Input/output error", "cat/7.png")

    runs.at_step(monkeypatch, 20, fail)
    said = r"Input/output error \(cat/7.png\). The state of step 20 was saved"
    with pytest.raises(InputError, match=said):
        training.run(runs.tiny_config(pack, **{"checkpoint.every": 1000}), home)
    monkeypatch.undo()
    training.run(runs.tiny_config(pack), home)
    assert runs.history(home) == runs.history(folder)
    assert same_state(runs.final_state(home), runs.final_state(folder))


@pytest.mark.parametrize("step", [20, 40])
@pytest.mark.parametrize("what", ["gan_jax.training.run_folder.save_png", "events"])
def test_an_evaluation_that_fails_is_made_up_for(what, step, tiny_run, tmp_path, monkeypatch):
    """Its picture, or TensorBoard's events after its row of the log, cannot be written once."""
    folder, pack = tiny_run
    home, full = tmp_path / "run", OSError(errno.ENOSPC, "No space left on device")
    if what == "events":
        real = RunLogger.scalars

        def fail_after_the_row(self, at, values):
            real(self, at, values)
            if at == step and "eval/fd_semantic" in values:
                raise full

        monkeypatch.setattr(RunLogger, "scalars", fail_after_the_row)
    else:
        real = run_folder.save_png

        def fail(path, picture):
            if path.name == f"step_{step:07d}.png":
                raise full
            real(path, picture)

        monkeypatch.setattr(what, fail)
    with pytest.raises(InputError, match=f"The state of step {step} was saved"):
        training.run(runs.tiny_config(pack), home)
    monkeypatch.undo()
    training.run(runs.tiny_config(pack), home)
    assert runs.history(home) == runs.history(folder)
    assert same_state(runs.final_state(home), runs.final_state(folder))
    best = [Checkpoints(one / "checkpoints", read_only=True).best_step() for one in (home, folder)]
    assert best[0] == best[1] is not None
    assert (home / f"samples/step_{step:07d}.png").exists()


def test_leftovers_are_cleared_where_a_run_writes_and_nowhere_else(tiny_run, tmp_path):
    """A run's folder may hold what is not the run's."""
    own = [tmp_path / place / ".final.png.0123.new" for place in ("", "samples", "members/00_a")]
    own.append(tmp_path / "members/00_a/samples/.final.png.0123.new")
    foreign = tmp_path / "my_images/.final.png.0123.new"
    for path in (*own, foreign):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    workdir.open_workdir(tmp_path, runs.tiny_config(tiny_run[1]))
    assert foreign.exists() and not any(path.exists() for path in own)


@pytest.mark.parametrize("name", ["checkpoints", "samples", "tensorboard"])
def test_a_file_where_a_folder_is_to_lie(tiny_run, tmp_path, name):
    (tmp_path / name).write_text("")
    with pytest.raises(InputError, match=f"{name}' is a file; a folder is to lie there"):
        training.run(runs.tiny_config(tiny_run[1]), tmp_path)
