"""A trained GAN, read back from its run's folder."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import jax
import numpy as np

from gan_jax import parallel
from gan_jax import workdir as folder
from gan_jax.checkpoint import Checkpoints
from gan_jax.data import Dataset, load
from gan_jax.errors import InputError
from gan_jax.factory import build_gan, count_steps
from gan_jax.state import GAN, create_gan_state


@dataclasses.dataclass(frozen=True)
class TrainedGAN:
    """A GAN as a checkpoint holds it.

    Attributes:
        config: of its run, a ConfigDict.
        gan: the networks; `gan.generator` makes images.
        ema: the generator's averaged variables, for `gan.generator.apply`, on the host.
        step: of the checkpoint.
        train: the images that it was trained on.
    """

    config: Any
    gan: GAN
    ema: Any
    step: int
    train: Dataset


def read_gan(workdir: str | pathlib.Path, checkpoint: str = "latest") -> TrainedGAN:
    """The GAN of a run's folder, from the checkpoint 'latest', 'best' or of a step.

    Raises:
        InputError: no such run or checkpoint, or the run of a recogniser.
    """
    workdir = pathlib.Path(workdir)
    config = folder.read_config(workdir)
    if config.kind != "gan":
        raise InputError(
            f"'{workdir}' is the run of a recogniser, which train.py has evaluated: see "
            f"{workdir / folder.REPORT}. Give the folder of a GAN's run."
        )
    parallel.enable_compilation_cache(config.compilation_cache)
    train = load(config.dataset, "train")
    gan = build_gan(
        config,
        train.image_shape,
        count_steps(config, len(train)),
        num_classes=train.num_classes or 0,
    )
    template = create_gan_state(gan, jax.random.key(config.seed), train.image_shape)
    if not (workdir / folder.CHECKPOINTS).is_dir():
        raise InputError(f"'{workdir}' has no checkpoints yet: train it first.")
    with Checkpoints(workdir / folder.CHECKPOINTS, read_only=True) as checkpoints:
        restored = checkpoints.restore(template, _chosen_step(checkpoints, checkpoint))
    if restored is None:
        raise InputError(f"'{workdir}' has no checkpoints yet: train it first.")
    step, state = restored
    return TrainedGAN(config, gan, jax.tree.map(np.asarray, state.ema), step, train)


def _chosen_step(checkpoints: Checkpoints, name: str) -> int | None:
    if name == "latest":
        return None
    if name == "best":
        return checkpoints.best_step()
    if not name.isdigit():
        raise InputError(f"--checkpoint is {name!r}; expected 'latest', 'best' or a step.")
    return int(name)
