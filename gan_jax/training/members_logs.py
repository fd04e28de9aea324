"""What the members of a run write down: each in a folder of its own, and what they have in common.

members/<member>/ holds metrics.jsonl, TensorBoard events and pictures as the folder of a single run
does, so that `tensorboard --logdir RUN` draws the members' curves over one another. The run's own
metrics.jsonl holds the means over the members that are still training.
"""

from __future__ import annotations

import logging
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax.config.members import Member
from gan_jax.errors import TrainingDiverged
from gan_jax.runtime import parallel
from gan_jax.runtime.logs import ProgressLine, RunLogger
from gan_jax.runtime.workdir import MEMBERS
from gan_jax.training import loop
from gan_jax.training.members_parallel import on_host

_log = logging.getLogger(__name__)


class MemberLogs:
    """The open logs of the members; a context manager.

    Args:
        workdir: of the run.
        members: of the run.
        resume_step: see `RunLogger`.
    """

    def __init__(self, workdir: pathlib.Path, members: Sequence[Member], resume_step: int) -> None:
        self.folders = [workdir / MEMBERS / member.folder for member in members]
        enabled = parallel.is_main_process()
        self.loggers = [
            RunLogger(folder, enabled=enabled, resume_step=resume_step) for folder in self.folders
        ]

    def __enter__(self) -> MemberLogs:
        return self

    def __exit__(self, *error: object) -> None:
        for logger in self.loggers:
            logger.close()


class MembersRecorder:
    """Checks the numbers of each call, and writes each member's mean at every log interval.

    Args:
        members: of the run.
        diverged: int [members], the steps done before each diverged, -1 for none.
        start: the step to begin at.
        schedule: of the run.
        logs: of the members.
        logger, progress: of the run.
        watch: for the speed.
        pending: see `loop.IntervalMeans`.
    """

    def __init__(
        self,
        members: Sequence[Member],
        diverged: np.ndarray,
        *,
        start: int,
        schedule: loop.Schedule,
        logs: MemberLogs,
        logger: RunLogger,
        progress: ProgressLine,
        watch: loop.Stopwatch,
        pending: dict[str, Any],
    ) -> None:
        self._members, self._running = members, np.asarray(diverged) < 0
        self._logs, self._logger, self._progress = logs, logger, progress
        self._means = loop.IntervalMeans(start, schedule, watch, pending)
        self.pending = self._means.pending

    def record(self, step: int, metrics: dict) -> None:
        """Takes the metrics [members] of a call that ended at `step`.

        Raises:
            TrainingDiverged: no member is left.
        """
        values = {name: np.float64(value) for name, value in on_host(metrics).items()}
        finite = np.all([np.isfinite(value) for value in values.values()], axis=0)
        self._announce(self._running & ~finite, step)
        self._running &= finite
        due = self._means.add(step, values)
        if not self._running.any():
            raise TrainingDiverged(
                f"all {len(self._members)} members have diverged by step {step:,}. Nothing after "
                "the last checkpoint was saved. Try learning rates 2 to 10 times lower, or R1 "
                "(config.r1_weight=1 with config.model.discriminator_norm='none'), with another "
                "--workdir."
            )
        if not due:
            self._progress.update(step)
            return
        rows, rate = self._means.take()
        for index in np.flatnonzero(self._running):
            own = {name: row[index] for name, row in rows.items()}
            self._logs.loggers[index].scalars(step, own)
        mean = {name: float(np.mean(row[self._running])) for name, row in rows.items()}
        mean["members/running"] = float(self._running.sum())
        speed = {}
        if rate is not None:
            mean["time/images_per_second"] = rate * mean["members/running"]
            speed["images/s"] = mean["time/images_per_second"]
        self._logger.scalars(step, mean)
        self._progress.update(step, speed | loop.losses_of(mean))

    def _announce(self, lost: np.ndarray, step: int) -> None:
        for index in np.flatnonzero(lost):
            _log.warning(
                "%s has diverged between steps %s and %s: it is left as it was before, and the "
                "others go on.",
                self._members[index].name,
                f"{self._means.seen:,}",
                f"{step:,}",
            )
