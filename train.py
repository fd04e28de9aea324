"""Trains a GAN or a recogniser: python train.py --config configs/quickstart.py"""

import logging
import pathlib
import sys

from absl import app, flags
from ml_collections import config_flags

_CONFIG = config_flags.DEFINE_config_file(
    "config",
    None,
    "The experiment, such as configs/quickstart.py. Any field may be changed on the command line: "
    "--config.batch_size=128 --config.dataset.path=DIR.",
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "The run's folder; runs/<name of the config> if not given."
)
_COORDINATOR = flags.DEFINE_string(
    "coordinator",
    "",
    "For a run of several processes: host:port of process 0, or 'auto' on a cluster or TPU pod.",
)
_NUM_PROCESSES = flags.DEFINE_integer("num_processes", 1, "With --coordinator: how many.")
_PROCESS_ID = flags.DEFINE_integer("process_id", 0, "With --coordinator: this one, from 0.")


def main(_: list[str]) -> None:
    logging.getLogger().setLevel(logging.WARNING)
    # Imported late, so that --help and a mistyped flag answer at once.
    from gan_jax.data.disk import path_of
    from gan_jax.errors import InputError
    from gan_jax.run import run
    from gan_jax.runtime.startup import initialise_processes

    if _CONFIG.value is None:
        raise InputError("--config is missing: give an experiment, such as configs/quickstart.py.")
    if _WORKDIR.value is None:
        name = pathlib.Path(config_flags.get_config_filename(flags.FLAGS["config"])).stem
        workdir = pathlib.Path("runs") / name
    else:
        workdir = path_of(_WORKDIR.value)
    initialise_processes(_COORDINATOR.value, _NUM_PROCESSES.value, _PROCESS_ID.value)
    run(_CONFIG.value, workdir)


if __name__ == "__main__":
    from gan_jax.runtime.cli import run_main

    smaller = "--config.batch_size, or --config.evaluation.batch_size if it was judging"
    sys.exit(run_main(app, main, smaller=smaller))
