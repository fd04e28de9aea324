"""Where else a run's log goes, besides its folder: Weights & Biases, MLflow.

A library is imported only when it is asked for. It is a guest: where it fails, as without a
network, the run goes on without it and says so.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gan_jax.data.disk import read_json, write_json
from gan_jax.errors import InputError, nearest
from gan_jax.runtime.images import to_pil

_RUNS = "writers.json"  # in a run's folder: under which name each library knows it
_PROJECT = "gan_jax"
_log = logging.getLogger(__name__)


class _WandB:
    """Weights & Biases. WANDB_PROJECT and WANDB_MODE=offline are heeded."""

    def __init__(self, workdir: pathlib.Path, config: Mapping[str, Any], known: str) -> None:
        import wandb

        self._wandb = wandb
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", _PROJECT),
            name=workdir.name,
            id=known or None,
            resume="allow",
            dir=str(workdir),
            config=dict(config),
            settings=wandb.Settings(silent=True, console="off"),
        )
        self.known = self._run.id

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def image(self, step: int, name: str, image: np.ndarray) -> None:
        self._run.log({name: self._wandb.Image(to_pil(image))}, step=step)

    def close(self) -> None:
        self._run.finish()


class _MLflow:
    """MLflow, at MLFLOW_TRACKING_URI or else in the run's own folder."""

    def __init__(self, workdir: pathlib.Path, config: Mapping[str, Any], known: str) -> None:
        import mlflow
        from flax.traverse_util import flatten_dict

        own = f"sqlite:///{workdir.resolve()}/mlflow.db"
        place = os.environ.get("MLFLOW_TRACKING_URI", own)
        self._client = mlflow.MlflowClient(place)
        self._metric = mlflow.entities.Metric
        if known:
            self.known = known
            self._client.update_run(known, status="RUNNING")
            return
        pictures = (workdir.resolve() / "mlartifacts").as_uri() if place == own else None
        there = self._client.get_experiment_by_name(_PROJECT)
        number = (
            there.experiment_id if there else self._client.create_experiment(_PROJECT, pictures)
        )
        self.known = self._client.create_run(number, run_name=workdir.name).info.run_id
        for name, value in flatten_dict(dict(config), sep=".").items():
            self._client.log_param(self.known, name, json.dumps(value)[:6000])

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        now = int(1000 * time.time())
        metrics = [self._metric(name, value, now, step) for name, value in values.items()]
        self._client.log_batch(self.known, metrics)

    def image(self, step: int, name: str, image: np.ndarray) -> None:
        self._client.log_image(self.known, to_pil(image), f"{name}_{step:07d}.png")

    def close(self) -> None:
        self._client.set_terminated(self.known)


WRITERS: dict[str, Callable[..., Any]] = {"wandb": _WandB, "mlflow": _MLflow}


def writer_names(choice: str) -> list[str]:
    """The names in 'wandb,mlflow'.

    Raises:
        InputError: one that is not known, or whose library is not installed.
    """
    names = [name.strip() for name in choice.split(",") if name.strip()]
    for name in names:
        if name not in WRITERS:
            raise InputError(f"config.log_to names '{name}': {nearest(name, WRITERS)}")
        if importlib.util.find_spec(name) is None:
            raise InputError(
                f"config.log_to names '{name}', which is not installed: pip install {name}, or "
                "leave it out."
            )
    return names


def open_writers(choice: str, workdir: pathlib.Path, config: Mapping[str, Any]) -> list[Writer]:
    """The writers that `config.log_to` names, each going on with the run that it knows already."""
    path = workdir / _RUNS
    found: list[Writer] = []
    for name in writer_names(choice):
        known = read_json(path) if path.exists() else {}
        writer = Writer(name, workdir, config, known.get(name, ""))
        if writer.known:
            write_json(path, known | {name: writer.known})
            found.append(writer)
    return found


class Writer:
    """A log that is kept elsewhere: its errors end itself, and not the run."""

    def __init__(self, name: str, *of_run: Any) -> None:
        self._name = name
        self._writer: Any = self._try(lambda: WRITERS[name](*of_run))
        self.known = "" if self._writer is None else self._writer.known

    def _try(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except Exception as error:  # from a library, its server or the network
            self._writer = None
            reason = " ".join(str(error).split())
            _log.warning(
                "%s is left out from here on: %s: %s", self._name, type(error).__name__, reason
            )

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Takes numbers by 'group/name'."""
        if (writer := self._writer) is not None:
            self._try(lambda: writer.scalars(step, values))

    def image(self, step: int, name: str, image: np.ndarray) -> None:
        """Takes a picture, uint8 [h, w, c]."""
        if (writer := self._writer) is not None:
            self._try(lambda: writer.image(step, name, image))

    def close(self) -> None:
        """Hands over what is left."""
        if self._writer is not None:
            self._try(self._writer.close)
