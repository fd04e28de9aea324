"""A run from config to report: `run(config, workdir)`."""

from __future__ import annotations

import pathlib

from ml_collections import ConfigDict

from gan_jax.config.checks import check_config
from gan_jax.config.saved import plain
from gan_jax.data import machine
from gan_jax.data.disk import path_of
from gan_jax.runtime import parallel
from gan_jax.runtime.logs import say
from gan_jax.runtime.signals import StopSignal
from gan_jax.runtime.startup import enable_compilation_cache
from gan_jax.runtime.workdir import held_by_all
from gan_jax.runtime.writers import writer_names
from gan_jax.studies.augmentation.study import run_study
from gan_jax.training import own_data
from gan_jax.training.gan import train_gan
from gan_jax.training.recogniser import train_recogniser


def run(config: ConfigDict, workdir: str | pathlib.Path) -> None:
    """Trains what the config describes in `workdir`, or goes on where it was left.

    Mistakes are told before the first step, where they can be seen. A finished run is left as it
    is. Any other goes on from the newest whole checkpoint in the folder, or else starts from the
    seed.

    Args:
        config: from `config.gan_config`, `config.cnn_config` or `config.study_config`.
        workdir: the run's folder.

    Raises:
        InputError: a mistake in the config, the data, or the folder.
        TrainingDiverged: a loss is not finite.
        ModeCollapse: the generator collapsed, and the config asks to stop then.
        Interrupted: SIGTERM or Ctrl-C, after saving.
    """
    workdir = path_of(workdir)
    config, chosen = prepare(config, workdir)
    parallel.check_same(plain(config), "config")
    machine.keep_freed_memory()
    with StopSignal() as stop, held_by_all(workdir):
        if chosen:
            say(chosen)
        if config.kind == "study":
            run_study(config, workdir, stop)
        elif config.kind == "gan":
            train_gan(config, workdir, stop)
        else:
            train_recogniser(config, workdir, stop)


def prepare(config: ConfigDict, workdir: pathlib.Path) -> tuple[ConfigDict, str]:
    """The config without open fields, checked, and what was chosen for these, in words."""
    config, chosen = own_data.complete(config, workdir)
    check_config(config)
    writer_names(config.get("log_to", ""))
    enable_compilation_cache(config.compilation_cache)
    return config, chosen
