"""Logs that go elsewhere too: what the libraries hold afterwards, offline, and their failures."""

import json
import logging

import pytest

from configs import smoke
from gan_jax import run as training
from gan_jax.errors import InputError
from gan_jax.runtime import writers
from gan_jax.runtime.logs import read_history


def _config(name, steps):
    config = smoke.get_config()
    config.judge.pack, config.judge.train = "", None
    config.num_devices, config.compilation_cache = 1, ""
    config.num_steps, config.log_every = steps, 2
    config.evaluation.every = config.checkpoint.every = 4
    config.log_to = name
    return config


def test_mlflow_has_numbers_and_pictures_and_goes_on(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    place = tmp_path / "run"
    for steps in (4, 8):
        training.run(_config("mlflow", steps), place)
    client = mlflow.MlflowClient(f"sqlite:///{place.resolve()}/mlflow.db")
    (found,) = client.search_runs([client.get_experiment_by_name("gan_jax").experiment_id])
    assert found.info.run_name == "run" and found.info.status == "FINISHED"
    assert found.data.params["model.name"] == '"dcgan"'
    rows = [row for row in read_history(place) if "train/generator" in row]
    name = "train/generator"
    kept = client.get_metric_history(found.info.run_id, name)
    assert [(one.step, one.value) for one in kept] == [(row["step"], row[name]) for row in rows]
    assert any("samples_0000004" in one.path for one in client.list_artifacts(found.info.run_id))
    assert found.info.artifact_uri.startswith((place.resolve() / "mlartifacts").as_uri())


def test_wandb_offline_has_one_run(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    place = tmp_path / "run"
    training.run(_config("wandb", 4), place)
    known = json.loads((place / "writers.json").read_text())["wandb"]
    (folder,) = (place / "wandb").glob("offline-run-*")
    assert folder.name.endswith(known)
    assert list(folder.glob("files/media/images/samples_4_*.png"))


class _Fails:
    known = "x"

    def scalars(self, step, values):
        raise ConnectionError("no route")

    def close(self):
        raise AssertionError("it was left out")


def test_a_writer_that_fails_does_not_end_the_run(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(writers.WRITERS, "wandb", lambda *of_run: _Fails())
    monkeypatch.setattr(writers.importlib.util, "find_spec", lambda name: True)
    with caplog.at_level(logging.WARNING):
        training.run(_config("wandb", 4), tmp_path / "run")
    told = [one.getMessage() for one in caplog.records if "left out" in one.getMessage()]
    assert told == ["wandb is left out from here on: ConnectionError: no route"]
    assert (tmp_path / "run" / "report.html").exists()


def test_what_cannot_be_written_to_is_refused_first(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="names 'wandbb': did you mean 'wandb'"):
        training.run(_config("wandbb", 4), tmp_path / "run")
    monkeypatch.setattr(writers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="'mlflow', which is not installed: pip install mlflow"):
        training.run(_config("mlflow", 4), tmp_path / "run")
    assert not (tmp_path / "run").exists()
