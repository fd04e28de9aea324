"""texture_fd during a run: the number of the end, logged, and the score of checkpoints."""

import numpy as np
import pytest

from gan_jax import run as training
from gan_jax.data import Dataset
from gan_jax.data.content import in_content_order
from gan_jax.data.disk import write_json
from gan_jax.data.procedural import procedural_textures
from gan_jax.errors import InputError
from gan_jax.judging.textures.run import TextureMeter
from gan_jax.judging.textures.suite import judge_textures
from gan_jax.metrics.texture.headline import HEADLINE
from gan_jax.runtime import workdir
from gan_jax.runtime.checkpoint import Checkpoints
from gan_jax.training import evaluate_gan as evaluate_gan_module
from tests.runs import history, tiny_texture_config


def _textures(count, **options):
    return procedural_textures("quasi_periodic", count, size=(16, 16), period=5.0, **options)


def _dataset(images):
    return Dataset("textures", "test", images=images)


def test_a_reading_is_what_the_suite_says():
    real, fake = _textures(20), _textures(12, seed=1)
    fake[3:] = 255 - fake[3:]
    meter = TextureMeter(_dataset(real))
    expected = judge_textures(real, fake, families=HEADLINE).metrics["texture_fd"]
    for _ in range(2):
        found = meter.read(fake)
        assert set(found) == {"eval/texture_fd", "eval/texture_fd_floor"}
        assert found["eval/texture_fd"] == pytest.approx(expected["value"], rel=1e-12)
        assert found["eval/texture_fd_floor"] == pytest.approx(expected["floor"], rel=1e-12)


def test_no_more_images_than_the_end_judges(monkeypatch):
    monkeypatch.setattr("gan_jax.judging.textures.run.MOST_CROPS", 8)
    real, fake = _textures(16), _textures(40, seed=1)
    real, fake = in_content_order(real), in_content_order(fake)
    expected = judge_textures(real[:8], fake[:8], families=HEADLINE).metrics["texture_fd"]
    found = TextureMeter(_dataset(real)).read(fake)
    assert found["eval/texture_fd"] == pytest.approx(expected["value"], rel=1e-12)


def test_order_changes_nothing(monkeypatch):
    monkeypatch.setattr("gan_jax.judging.textures.run.MOST_CROPS", 12)
    real, fake = _textures(20), _textures(16, seed=1)
    expected = TextureMeter(_dataset(real)).read(fake)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        meter = TextureMeter(_dataset(rng.permutation(real)))
        assert meter.read(rng.permutation(fake)) == expected


def test_a_reference_without_variety_is_refused_at_once():
    with pytest.raises(InputError, match="all the same"):
        TextureMeter(_dataset(np.repeat(_textures(1), 6, axis=0)))


@pytest.fixture
def config():
    return tiny_texture_config(3, every=1)


@pytest.fixture
def no_report(monkeypatch):
    """The end of a run without its judgement and pages, which take longer than all else."""

    def evaluate_gan(out, **_):
        write_json(out / workdir.EVALUATION, {"metrics": {}, "protocol": {}})

    monkeypatch.setattr(evaluate_gan_module, "evaluate_gan", evaluate_gan)


@pytest.mark.usefixtures("quickly_compiled", "no_report")
def test_a_run_logs_it_and_keeps_the_best_by_it(config, tmp_path):
    training.run(config, tmp_path)
    rows = [row for row in history(tmp_path) if "eval/texture_fd" in row]
    readings = {row["step"]: row["eval/texture_fd"] for row in rows}
    assert list(readings) == [1, 2, 3] and len(set(readings.values())) == 3
    assert len({row["eval/texture_fd_floor"] for row in rows}) == 1
    with Checkpoints(tmp_path / workdir.CHECKPOINTS, read_only=True) as checkpoints:
        assert checkpoints.best_step() == min(readings, key=readings.get)


@pytest.mark.usefixtures("quickly_compiled", "no_report")
def test_a_run_that_does_not_ask_has_neither(config, tmp_path):
    config.evaluation.textures = False
    config.num_steps = 1
    training.run(config, tmp_path)
    assert not any("eval/texture_fd" in row for row in history(tmp_path))
    with Checkpoints(tmp_path / workdir.CHECKPOINTS, read_only=True) as checkpoints:
        assert checkpoints.best_step() is None
