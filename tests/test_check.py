"""What `gan-jax check` says of a run before it begins; nothing is trained."""

import re

import pytest
from PIL import Image

from configs import augmentation_study_smoke, smoke, sweep_gamma
from gan_jax.errors import InputError
from gan_jax.run import check
from gan_jax.run.check import PICTURE, check_run
from tests.runs import tiny_config

pytestmark = pytest.mark.usefixtures("quickly_compiled")


@pytest.fixture
def checked(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(check, "LEAST_SECONDS", 0.0)

    def run(config):
        config.compilation_cache = ""
        check_run(config, tmp_path / "run")
        return capsys.readouterr().out

    return run


def test_a_run_is_described_and_not_begun(checked, tmp_path):
    config = smoke.get_config()
    config.judge.pack = "mnist-v1"
    config.judge.train = None
    config.dataset.image_size = None
    config.num_devices = 1
    config.generator_optimizer.learning_rate = 0.123
    said = checked(config)
    assert "generator_optimizer.learning_rate = 0.123  (default 0.0002)" in said
    assert re.search(r"\n  7 +400 +100\n", said)
    found = re.search(
        r"Training: ([\d,]+) steps of ([\d,]+) images, about .* (?:s|min): [\d.e+-]+ steps/s", said
    )
    assert found[1] == f"{config.num_steps:,}" and found[2] == str(config.batch_size)
    assert re.search(r"memory: \d.* disk: \d", said)
    assert "Judge: mnist-v1@" in said and "the test notices a blur of" in said
    assert [path.name for path in (tmp_path / "run").iterdir()] == [PICTURE]
    assert Image.open(tmp_path / "run" / PICTURE).size == (10 * 28 + 9, 10 * 28 + 9)


def test_a_judge_that_is_trained_first_is_timed_too(checked, tmp_path):
    said = checked(tiny_config(tmp_path / "cnn" / "pack"))
    assert "is not there yet and is trained first" in said
    assert re.search(r"Its training: \d+ steps", said)
    assert not (tmp_path / "cnn").exists()


def test_a_sweep_and_a_study(checked):
    config = sweep_gamma.get_config()
    config.model.width = 2
    config.sweep.gamma = (1.0, 2.0)
    config.num_seeds = config.num_devices = 1
    config.batch_size, config.judge.pack = 8, ""
    assert "sweep.gamma = [1.0, 2.0]  (default [])" in checked(config)
    assert "A study trains many small networks" in checked(augmentation_study_smoke.get_config())


def test_what_would_keep_the_run_from_beginning_is_told(checked):
    config = smoke.get_config()
    config.judge.pack = "mnist-v2"
    config.judge.train = None
    with pytest.raises(InputError, match="mnist-v"):
        checked(config)
