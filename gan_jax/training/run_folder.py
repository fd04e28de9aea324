"""What a training keeps while it goes: checkpoints, logs, pictures and the progress line."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
from collections.abc import Callable, Mapping
from typing import Any

import jax

from gan_jax.errors import InputError
from gan_jax.runtime import parallel
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.checkpoint import Checkpoints
from gan_jax.runtime.images import save_png
from gan_jax.runtime.logs import ProgressLine, RunLogger, read_history, say
from gan_jax.runtime.writers import open_writers
from gan_jax.training.rollback import Rollbacks
from gan_jax.training.task import SAMPLES, Reading, Task

# In a checkpoint's notes: numbers that wait for their line of the log, and whether the evaluators
# have yet to look at the state.
_PENDING, _UNSEEN = "pending", "unseen"


class RunFolder:
    """One stretch of a training, from where its folder stands; a context manager.

    Args:
        workdir: the folder; None to keep nothing.
        task: what is trained.

    Attributes:
        start, state: where the folder stands.
        pending: what waited for its line of the log when the folder was left.
        unseen: whether the evaluators could not end their look at the state.
        inputs: what each call takes beside the state.
        members: of a sweep.
        progress: the line that shows how far it is.

    Raises:
        InputError: the folder is past the task's end, or its disk or checkpoints cannot be used.
    """

    def __init__(self, workdir: pathlib.Path | None, task: Task) -> None:
        pace, self._workdir, self.members = task.pace, workdir, task.members
        self.start, self.state = pace.begin, task.state()
        self._checkpoints, restored, rollbacks = None, None, 0
        notes: dict[str, Any] = {}
        if workdir is not None:
            _check_space(workdir, self.state, keep=pace.keep)
            self._checkpoints = Checkpoints(
                workdir / folder.CHECKPOINTS, keep=pace.keep, notes=dict(task.kept)
            )
            made = Rollbacks(workdir)
            made.carry_out(self._checkpoints)
            restored = self._checkpoints.restore(self.state)
            self.start, self.state = restored or (self.start, self.state)
            made.start_from(self.start)
            rollbacks, notes = made.count, self._checkpoints.notes(self.start)
        self.pending, self.unseen = notes.get(_PENDING, {}), _UNSEEN in notes
        self.inputs = task.inputs(rollbacks)
        if self.start > pace.num_steps:
            raise InputError(
                f"'{workdir}' is at step {self.start:,}, past the {pace.num_steps:,} steps "
                "asked for: raise config.num_steps or give another --workdir."
            )
        if restored:
            say(f"Resuming from the checkpoint of step {self.start:,}")
        enabled = workdir is not None and parallel.is_main_process()
        members = [pathlib.Path(folder.MEMBERS, member.folder) for member in task.members]
        self._places = [workdir, *(workdir / place for place in members)] if workdir else []
        config = task.kept.get(folder.CONFIG, {})
        asked = config.get("log_to", "")
        writers = open_writers(asked, workdir, config) if workdir and enabled else []
        self._loggers = [
            RunLogger(
                place,
                enabled=enabled,
                writers=[] if number else writers,  # of a sweep they take what is of all
                resume_step=self.start,
            )
            for number, place in enumerate(self._places)
        ]
        self._enabled = enabled
        self.progress = ProgressLine(pace.num_steps, self.start, enabled=enabled)

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, kind: type | None, *error: object) -> None:
        closes: list[Callable[[], None]] = [self.progress.close]
        closes += [logger.close for logger in self._loggers]
        if self._checkpoints is not None:
            closes.append(self._checkpoints.close)
        first: Exception | None = None
        for close in closes:
            try:
                close()
            except Exception as failure:  # the others are closed all the same
                first = first or failure
        if first is not None and kind is None:
            raise first

    def history(self) -> list[dict]:
        """The rows of the log up to `start`."""
        return read_history(self._workdir) if self._workdir is not None else []

    def log(self, step: int, numbers: Mapping[str, Any], member: int | None = None) -> None:
        """Adds a row to the log of the run, or to that of a member."""
        if self._loggers:
            self._loggers[0 if member is None else member + 1].scalars(step, numbers)

    def keep(self, step: int, reading: Reading) -> None:
        """Keeps the numbers and pictures of a reading, and those of its members; all or none."""
        with contextlib.ExitStack() as stack:
            for logger in self._loggers:
                stack.enter_context(logger.whole_or_not())
            self._keep(step, 0, reading)
            for index, one in reading.members.items():
                self._keep(step, index + 1, one)
        if reading.shown:
            self.progress.update(step, reading.shown)

    def _keep(self, step: int, place: int, reading: Reading) -> None:
        for name, picture in reading.pictures.items() if self._enabled else ():
            prefix = "" if name == SAMPLES else f"{name}_"
            file = f"{prefix}step_{step:07d}.png"
            save_png(self._places[place] / folder.SAMPLES / file, picture)
            self._loggers[place].image(step, name, picture)
        if self._loggers:
            self._loggers[place].scalars(step, reading.numbers)

    def save(
        self,
        step: int,
        state: Any,
        *,
        score: float | None,
        pending: dict[str, Any],
        unseen: bool = False,
    ) -> None:
        """Saves a checkpoint; what is resumed from it has its log."""
        if self._checkpoints is not None:
            for logger in self._loggers:
                logger.flush()
            notes = {_PENDING: pending} | ({_UNSEEN: True} if unseen else {})
            self._checkpoints.save(step, state, score=score, notes=notes)

    def seen(self, score: float | None) -> None:
        """Writes down that the evaluators have looked at the state at `start`."""
        if self._checkpoints is not None:
            self._checkpoints.rate(self.start, score, {_PENDING: self.pending})

    def wait(self) -> None:
        """Returns when all that was saved is on disk. Every process makes this call."""
        if self._checkpoints is not None:
            self._checkpoints.wait()

    def last_checkpoint(self) -> str:
        """In words."""
        steps = self._checkpoints.steps() if self._checkpoints is not None else []
        if not steps:
            return "No checkpoint was saved before."
        return f"The last good checkpoint is that of step {steps[-1]:,}."


def _check_space(workdir: pathlib.Path, tree: Any, *, keep: int) -> None:
    """Raises InputError if the disk cannot hold the checkpoints of a run."""
    state = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
    needed = (keep + 2) * state + 32 * 2**20
    free = shutil.disk_usage(workdir).free
    if free < needed:
        raise InputError(
            f"the disk of {workdir} has {free / 2**20:.0f} MiB free, and this run's checkpoints "
            f"need {needed / 2**20:.0f} MiB. Free some space, give another --workdir, or lower "
            "config.checkpoint.keep."
        )
