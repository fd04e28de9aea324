"""What every run does around its training: its folder, its end, and a page when it is stopped."""

from __future__ import annotations

import contextlib
import logging
import pathlib
from collections.abc import Iterator

from ml_collections import ConfigDict

from gan_jax.config.saved import plain
from gan_jax.data import Dataset, load
from gan_jax.data.dataset import check_same_shape
from gan_jax.data.disk import read_json
from gan_jax.errors import InputError, TrainingDiverged
from gan_jax.reports.numbers_first import expendable
from gan_jax.reports.pages.stopped import write_stopped_report
from gan_jax.runtime import parallel
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.environment import describe_environment
from gan_jax.runtime.logs import say

_log = logging.getLogger(__name__)


def load_parts(config: ConfigDict) -> tuple[Dataset, Dataset]:
    """The training and test images of a run, of one shape."""
    train, test = load(config.dataset, "train"), load(config.dataset, "test")
    check_same_shape(train, test)
    return train, test


def open_run(workdir: pathlib.Path, config: ConfigDict, train: Dataset, test: Dataset) -> None:
    """Raises InputError if the folder holds a run of another config or of other images."""
    first = parallel.is_main_process()
    folder.open_workdir(workdir, config, write=first)
    folder.check_data(workdir, train, test, write=first)


def is_finished(workdir: pathlib.Path, num_steps: int) -> bool:
    """Whether the folder holds the end of this run; says so."""
    path = workdir / folder.EVALUATION
    if not (path.exists() and (workdir / folder.REPORT).exists()):
        return False
    try:
        protocol = read_json(path).get("protocol", {})
    except InputError as error:
        _log.warning("%s It is made again.", error)
        return False
    if not isinstance(protocol, dict) or protocol.get("step") != num_steps:
        return False
    say(
        f"{workdir} is finished at step {num_steps:,}: nothing to do. See {workdir / folder.REPORT}"
        f" (to train longer raise config.num_steps; to begin anew give another --workdir)."
    )
    return True


def say_where(workdir: pathlib.Path) -> None:
    """Says where the report lies, if it could be made."""
    if (workdir / folder.REPORT).exists():
        say(f"Report: {workdir / folder.REPORT}")


@contextlib.contextmanager
def reported_if_stopped(
    workdir: pathlib.Path, config: ConfigDict, title: str, num_steps: int
) -> Iterator[None]:
    """Leaves a page behind when a collapse or a divergence ends the run."""
    try:
        yield
    except TrainingDiverged as reason:
        if parallel.is_main_process():
            with expendable(folder.REPORT):  # why the run was stopped must not be lost for it
                write_stopped_report(
                    workdir,
                    str(reason),
                    title=title,
                    num_steps=num_steps,
                    config=plain(config),
                    environment=describe_environment(),
                )
                say_where(workdir)
        raise
