"""The loop: compiled calls one after another, with a look at the state in between."""

from __future__ import annotations

import contextlib
import logging
import pathlib
import signal
from collections.abc import Iterator
from typing import Any

import jax

from gan_jax.data.disk import in_words
from gan_jax.errors import InputError, Interrupted, TrainingDiverged
from gan_jax.runtime import parallel
from gan_jax.runtime.signals import StopSignal
from gan_jax.training.records import Record, Stopwatch, crossed
from gan_jax.training.rollback import RollBack, Rollbacks
from gan_jax.training.run_folder import RunFolder
from gan_jax.training.task import Reading, Task, look, resume

_log = logging.getLogger(__name__)


def fit(task: Task, stop: StopSignal, workdir: pathlib.Path | None = None) -> Any:
    """Trains a task to its end and returns the state.

    With a folder it begins where the folder stands, and saves, logs and shows progress; without one
    it only trains. A state is looked at before it is saved: a checkpoint never holds a state after
    a non-finite loss.

    Args:
        task: what to train.
        stop: signals to end at.
        workdir: the run's folder, opened; None to keep nothing.

    Raises:
        InputError: the folder or its checkpoints cannot be used, or images cannot be read.
        TrainingDiverged: a loss is not finite, or an evaluator ends the run.
        Interrupted: a signal came; the state was saved.
    """
    while True:
        try:
            with RunFolder(workdir, task) as run:
                return _Stretch(task, run, stop).train()
        except RollBack as request:
            _log.warning("The generator has collapsed: %s", request)
            assert workdir is not None
            Rollbacks(workdir).order(request)


class _Stretch:
    """One stretch of a training, from where the folder stands to the end or an interruption."""

    def __init__(self, task: Task, run: RunFolder, stop: StopSignal) -> None:
        self._task, self._run, self._stop = task, run, stop
        self._watch = Stopwatch()
        self._record = Record(run, task.pace, self._watch)

    def train(self) -> Any:
        task, run, watch, record = self._task, self._run, self._watch, self._record
        pace, step, state = task.pace, run.start, run.state
        if (end := resume(task.evaluators, step, run.history())) is not None:
            raise end
        if parallel.any_process(run.unseen):
            self._see(step, state)
        calls = task.feed.calls(step, pace.num_steps)
        with self._stop.deferred():
            while step < pace.num_steps:
                with watch.measure("input"), self._saved_on_error(step, state):
                    rows = next(calls)
                before, first = step, step == run.start
                with watch.measure("compile") if first else contextlib.nullcontext():
                    state, metrics = task.program(state, run.inputs, task.feed.data, rows)
                    if first:
                        jax.block_until_ready(metrics)
                step += len(jax.tree.leaves(rows)[0])
                record.add(step, metrics)
                done = step == pace.num_steps
                stopping = self._stop.agreed(done or crossed(pace.log_every, before, step))
                looking = done or crossed(pace.evaluate_every, before, step)
                if looking or stopping or crossed(pace.checkpoint_every, before, step):
                    self._pause(step, state, stopping, looking)
        if run.start < pace.num_steps:
            run.progress.write(f"Time: {watch.describe()}")
        return state

    def _pause(self, step: int, state: Any, stopping: int, looking: bool) -> None:
        """Looks at the state if asked to, and saves it; ends the run where it has to end."""
        run, watch = self._run, self._watch
        self._record.settle()
        reading = Reading()
        if looking:
            with watch.measure("save"):
                run.wait()  # evaluators may look at the checkpoints
            with watch.measure("evaluate"), self._saved_on_error(step, state, unseen=True):
                reading = look(self._task.evaluators, step, state)
                run.keep(step, reading)
        self._save(step, state, reading.score)
        num_steps = self._task.pace.num_steps
        stopping = stopping or (self._stop.agreed(True) if step == num_steps else 0)
        if reading.end is not None or stopping:
            with watch.measure("save"):
                run.wait()
        if reading.end is not None:
            raise reading.end
        if stopping:
            name = signal.Signals(stopping).name
            raise Interrupted(
                f"{name}: stopped and saved at step {step:,} of {num_steps:,}; the same command "
                "goes on from there.",
                stopping,
            )

    def _see(self, step: int, state: Any) -> None:
        """Looks at the state that the run was left at when an error ended the look at it."""
        with self._watch.measure("evaluate"):
            reading = look(self._task.evaluators, step, state)
            self._run.keep(step, reading)
            self._run.seen(reading.score)
        if reading.end is not None:
            raise reading.end

    def _save(
        self, step: int, state: Any, score: float | None = None, *, unseen: bool = False
    ) -> None:
        pending = self._record.pending()
        with self._watch.measure("save"):
            self._run.save(step, state, score=score, pending=pending, unseen=unseen)

    @contextlib.contextmanager
    def _saved_on_error(self, step: int, state: Any, *, unseen: bool = False) -> Iterator[None]:
        """Saves a good state before an error in reading, judging or writing ends the run."""
        try:
            yield
        except TrainingDiverged:
            raise
        except Exception as error:
            if parallel.process_count() > 1:  # the others are not here to save with
                raise
            self._record.settle()
            self._save(step, state, unseen=unseen)
            self._run.wait()
            if not isinstance(error, (InputError, OSError)):
                raise
            reason = in_words(error) if isinstance(error, OSError) else str(error)
            raise InputError(
                f"{reason.rstrip('. ')}. The state of step {step:,} was saved: mend that, and the "
                "same command goes on from there."
            ) from error
