"""A run of clips: trained, cut and resumed, judged, drawn at any length, and judged from files."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

import gan_jax
from configs import cnn_moving_digits, moving_digits
from gan_jax import run as training
from gan_jax.data import read_images
from gan_jax.errors import InputError, Interrupted
from gan_jax.sampling.drawing import Source
from gan_jax.sampling.samples import export_samples
from gan_jax.sampling.walk import write_walk
from tests import runs

pytestmark = pytest.mark.slow


def _config(folder):
    """The experiment with frames of 24 pixels, 4 a clip, tiny networks and few steps."""
    config = moving_digits.get_config()
    config.judge.train = cnn_moving_digits.get_config()
    for part in (config, config.judge.train):
        part.dataset.update(image_size=(24, 24), num_frames=4, num_clips=64, num_test_clips=48)
        part.update(num_devices=1, compilation_cache="", steps_per_call=2, batch_size=8)
    config.judge.train.update(num_steps=4)
    config.judge.train.model.update(widths=(4, 4), dense=8)
    config.judge.pack = str(folder / "judge" / "pack")
    config.model.update(width=2, latent_dim=4)
    config.num_steps = 8
    config.evaluation.update(every=4, num_samples=24, num_final_samples=24, grid=4)
    config.checkpoint.every = 4
    return config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    training.run(_config(folder), folder / "run")
    return folder / "run"


def test_a_run_of_clips_leaves_numbers_and_pictures_that_move(run):
    content = runs.evaluation(run)
    for name in ("fd_semantic", "speed", "speed_change", "direction_kl"):
        assert content["metrics"][name]["n"] == 24
    assert content["metrics"]["speed"]["real"] > 0
    assert content["protocol"]["extractor"].startswith("cnn-moving-digits@")
    assert (run / "samples" / "step_0000004.png").exists()
    page = (run / "report.html").read_text()
    found = re.findall(r"data:image/png;base64,([^\"]+)", page)
    pictures = [Image.open(io.BytesIO(base64.b64decode(one))) for one in found]
    assert any(getattr(one, "n_frames", 1) > 1 for one in pictures)  # real clips, if no other
    assert "phase correlation" in page


def test_a_run_cut_in_two_equals_one_that_was_not(run, tmp_path, monkeypatch):
    config = _config(run.parent)
    runs.at_step(monkeypatch, 4, runs.terminate)
    with pytest.raises(Interrupted):
        training.run(config, tmp_path / "cut")
    monkeypatch.undo()
    training.run(config, tmp_path / "cut")
    assert runs.evaluation(tmp_path / "cut")["metrics"] == runs.evaluation(run)["metrics"]
    assert runs.history(tmp_path / "cut") == runs.history(run)


def test_clips_are_drawn_at_any_length_and_read_again(run, tmp_path):
    export_samples(Source(run), 6, tmp_path / "clips.npz")
    clips = read_images(tmp_path / "clips.npz").images
    assert clips.shape == (6, 4, 24, 24, 1)
    export_samples(Source(run, frames=7), 6, tmp_path / "long.npz")
    longer = read_images(tmp_path / "long.npz").images
    assert longer.shape == (6, 7, 24, 24, 1)
    assert np.abs(longer[:, :4].astype(int) - clips).max() <= 1  # the same clips, going on
    export_samples(Source(run), 6, tmp_path / "grid.gif")
    with Image.open(tmp_path / "grid.gif") as picture:
        assert picture.format == "GIF" and picture.width > 24
    export_samples(Source(run), 6, tmp_path / "gifs")
    assert len(list((tmp_path / "gifs").rglob("*.gif"))) == 6


def test_clips_from_a_file_are_judged(run, tmp_path):
    export_samples(Source(run), 24, tmp_path / "clips.npz")
    reference = read_images("moving_digits", split="test", num_frames=4, image_size=(24, 24))
    clips = read_images(tmp_path / "clips.npz").images
    pack = str(run.parent / "judge" / "pack")
    result = gan_jax.judge(clips, reference.take(np.arange(48)), extractor=pack)
    assert {"fd_semantic", "speed"} <= result.metrics.keys()


def test_what_clips_do_not_have_is_refused(run, tmp_path):
    with pytest.raises(InputError, match="makes clips, which move by themselves"):
        write_walk(Source(run), tmp_path / "walk.gif")
    with pytest.raises(InputError, match="--frames is 1; expected 2 or more"):
        export_samples(Source(run, frames=1), 2, tmp_path / "one")
