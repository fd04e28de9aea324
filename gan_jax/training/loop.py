"""The loop: compiled calls one after another, with a look at their numbers in between."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax import Array

from gan_jax.data.disk import in_words
from gan_jax.errors import InputError, Interrupted, TrainingDiverged
from gan_jax.runtime import parallel
from gan_jax.runtime.checkpoint import Checkpoints
from gan_jax.runtime.feed import Feed
from gan_jax.runtime.logs import ProgressLine, RunLogger

_PENDING = "pending"  # in a checkpoint's notes: numbers that wait for their line of the log


class StopSignal:
    """SIGTERM, SIGHUP and Ctrl-C: each is answered by a line at once.

    While a loop defers them it saves first; at all other times they end the run where it is, as
    everything in its folder is whole at any moment. A third one ends the process without saving. A
    context manager; outside the main thread it does nothing.
    """

    def __init__(self) -> None:
        self.number = 0
        self._deferred = False
        self._count = 0
        self._before: dict[int, Any] = {}
        self._pipe: tuple[int, int] | None = None
        self._wakeup = -1

    def __enter__(self) -> StopSignal:
        if threading.current_thread() is not threading.main_thread():
            return self
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue  # under nohup the run outlives its terminal
            self._before[number] = signal.signal(number, self._handle)
        # Python's handlers wait for the main thread, which may compile for a minute: a thread of
        # its own answers.
        self._pipe = os.pipe()
        os.set_blocking(self._pipe[1], False)
        self._wakeup = signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
        threading.Thread(target=self._answer, args=(self._pipe[0],), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._pipe is not None:
            signal.set_wakeup_fd(self._wakeup)
            os.close(self._pipe[1])  # the thread closes its own end
        self._before, self._pipe = {}, None

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Leaves it to the block to look at `agreed` or `number`."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
        if self.number and parallel.process_count() == 1:
            raise _stopped(self.number)

    def agreed(self, meeting: bool) -> int:
        """The signal to stop for now, or 0: the same in all processes.

        With several processes they only tell each other at a `meeting`, which all call at the same
        step.
        """
        if parallel.process_count() == 1:
            return self.number
        if meeting and parallel.any_process(bool(self.number)):
            return self.number or signal.SIGTERM
        return 0

    def _handle(self, number: int, frame: object) -> None:
        self.number = number
        if not self._deferred:
            raise _stopped(number)

    def _answer(self, pipe: int) -> None:
        with os.fdopen(pipe, "rb", buffering=0) as numbers:
            while byte := numbers.read(1):
                if byte[0] not in self._before:
                    continue
                self._count += 1
                name = signal.Signals(byte[0]).name
                if self._count > 2:
                    print(f"\n{name}: ended without saving.", file=sys.stderr, flush=True)
                    os._exit(128 + byte[0])
                does = "saving, and then stopping" if self._deferred else "stopping"
                more = "" if self._count == 1 else " (a third signal ends it without saving)"
                print(f"\n{name}: {does} ...{more}", file=sys.stderr, flush=True)


def _stopped(number: int) -> Interrupted:
    return Interrupted(
        f"{signal.Signals(number).name}: stopped. What was saved is whole; the same command goes "
        "on from there.",
        number,
    )


class Stopwatch:
    """Seconds by activity; what is not claimed is training."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Adds the time inside to `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def training(self) -> float:
        """Seconds since the start that no other activity claims."""
        return time.perf_counter() - self._start - sum(self.seconds.values())

    def describe(self) -> str:
        """Each activity with its seconds."""
        parts = {"train": self.training()} | self.seconds
        return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in parts.items())


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How long, and how often what happens, all in steps.

    Attributes:
        num_steps: the step to end at.
        batch_size: images a step on all devices.
        log_every, checkpoint_every: happen at the end of the call that reaches a multiple.
        evaluate_every: likewise; 0 for the end only.
    """

    num_steps: int
    batch_size: int
    log_every: int
    checkpoint_every: int
    evaluate_every: int


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What an evaluation during training found.

    Attributes:
        numbers: to log.
        score: to rank checkpoints by, lower is better; None for no rank.
        end: raised once the numbers are logged and the state is saved; None to go on.
    """

    numbers: dict[str, float]
    score: float | None = None
    end: Exception | None = None


def fit(
    state: Any,
    key: Array,
    *,
    start: int,
    schedule: Schedule,
    compiled: Callable[..., tuple[Any, dict[str, Array]]],
    feed: Feed,
    checkpoints: Checkpoints,
    logger: RunLogger,
    progress: ProgressLine,
    stop: StopSignal,
    evaluate: Callable[[int, Any], Evaluation],
    watch: Stopwatch,
    recorder: Callable[..., Any] | None = None,
) -> Any:
    """Trains from step `start` to the end and returns the state.

    Numbers of a call are read one call later, so the devices never wait for the host. What is about
    to be saved is first looked at: a checkpoint never holds a state after a non-finite loss.

    Args:
        evaluate: of (step, state).
        recorder: makes what records the numbers of each call, of start, schedule, logger, progress,
            watch and what was pending; None for that of a single network.

    Raises:
        TrainingDiverged: a loss is not finite.
        Exception: what an evaluation wants to end with, after saving.
        Interrupted: a signal came; the state was saved.
    """
    make_recorder = recorder or functools.partial(_Recorder, checkpoints=checkpoints)
    recorder = make_recorder(
        start=start,
        schedule=schedule,
        logger=logger,
        progress=progress,
        watch=watch,
        pending=checkpoints.notes(start).get(_PENDING, {}),
    )

    def save(step: int, state: Any, score: float | None = None) -> None:
        with watch.measure("save"):
            logger.flush()  # what is resumed from then has its log
            checkpoints.save(step, state, score=score, notes={_PENDING: recorder.pending()})

    @contextlib.contextmanager
    def saved_on_error(step: int, state: Any) -> Iterator[None]:
        """Saves a good state before an error in reading, judging or writing ends the run."""
        try:
            yield
        except TrainingDiverged:
            raise
        except Exception as error:
            if parallel.process_count() > 1:  # the others are not here to save with
                raise
            save(step, state)
            checkpoints.wait()
            reason = in_words(error) if isinstance(error, OSError) else str(error)
            if isinstance(error, (InputError, OSError)):
                raise InputError(
                    f"{reason.rstrip('. ')}. The state of step {step:,} was saved: mend that, and "
                    "the same command goes on from there."
                ) from error
            raise

    pending: tuple[int, dict[str, Array]] | None = None
    step = start
    calls = feed.calls(start, schedule.num_steps)
    with stop.deferred():
        while step < schedule.num_steps:
            with watch.measure("input"), saved_on_error(step, state):
                try:
                    rows = next(calls)
                except Exception:
                    if pending is not None:
                        recorder.record(*pending)
                    raise
            before, first = step, step == start
            with watch.measure("compile") if first else contextlib.nullcontext():
                state, metrics = compiled(state, key, feed.data, rows)
                if first:
                    jax.block_until_ready(metrics)
            step += len(jax.tree.leaves(rows)[0])
            if pending is not None:
                recorder.record(*pending)
            pending = (step, metrics)
            done = step == schedule.num_steps
            at_log = crossed(schedule.log_every, before, step)
            stopping = stop.agreed(at_log or done)
            evaluating = done or crossed(schedule.evaluate_every, before, step)
            if not (evaluating or stopping or crossed(schedule.checkpoint_every, before, step)):
                continue
            recorder.record(*pending)
            pending = None
            found = Evaluation({})
            if evaluating:
                with watch.measure("evaluate"), saved_on_error(step, state):
                    found = evaluate(step, state)
                    logger.scalars(step, found.numbers)
            save(step, state, found.score)
            stopping = stopping or (stop.agreed(True) if done else 0)
            if found.end is not None or stopping:
                with watch.measure("save"):
                    checkpoints.wait()
            if found.end is not None:
                raise found.end
            if stopping:
                name = signal.Signals(stopping).name
                raise Interrupted(
                    f"{name}: stopped and saved at step {step:,} of {schedule.num_steps:,}; the "
                    "same command goes on from there.",
                    stopping,
                )
    return state


def crossed(every: int, before: int, after: int) -> bool:
    """Whether a multiple of `every` lies above `before` and not above `after`; never for 0."""
    return every > 0 and before // every != after // every


class IntervalMeans:
    """Means of the metrics over the steps from one line of the log to the next, and their speed.

    Args:
        start: the step to begin at.
        schedule: says how long an interval is.
        watch: for the speed.
        pending: from `pending` at that step, when the run was left within an interval.
    """

    def __init__(
        self,
        start: int,
        schedule: Schedule,
        watch: Stopwatch,
        pending: dict[str, Any] | None = None,
    ) -> None:
        self._schedule, self._watch = schedule, watch
        self.seen = start
        self._logged = pending["since"] if pending else start
        self._logged_at = watch.training()
        self._timed: int | None = None
        sums = pending["sums"] if pending else {}
        self._sums: dict[str, Any] = {
            name: np.array(total) if isinstance(total, list) else total
            for name, total in sums.items()
        }

    def pending(self) -> dict[str, Any]:
        """What is not yet logged, as JSON values; {} if all is."""
        sums = {name: np.asarray(total).tolist() for name, total in self._sums.items()}
        return {"since": self._logged, "sums": sums} if sums else {}

    def add(self, step: int, values: dict[str, Any]) -> bool:
        """Takes the means (floats or arrays) of a call that ended at `step`.

        Returns:
            Whether a line of the log is due.
        """
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value * (step - self.seen)
        before, self.seen = self.seen, step
        if self._timed is None:
            self._timed = step  # the first call's time is compilation's
        done = step == self._schedule.num_steps
        return done or crossed(self._schedule.log_every, before, step)

    def take(self) -> tuple[dict[str, Any], float | None]:
        """The means of the interval and its training images a second; begins the next interval.

        The first call is not timed, as it compiles: None where the interval has no other.
        """
        count, now = self.seen - self._logged, self._watch.training()
        row = {name: total / count for name, total in self._sums.items()}
        timed = self.seen - max(self._logged, self._timed or 0)
        seconds = max(now - self._logged_at, 1e-9)
        rate = timed * self._schedule.batch_size / seconds if timed else None
        self._sums, self._logged, self._logged_at = {}, self.seen, now
        return row, rate


def losses_of(row: dict[str, float]) -> dict[str, float]:
    """The losses of a line of the log, by their network's name."""
    return {name.split("/")[1]: value for name, value in row.items() if name.startswith("loss/")}


class _Recorder:
    """Checks the numbers of each call, and writes their mean at every log interval."""

    def __init__(
        self,
        *,
        schedule: Schedule,
        start: int,
        logger: RunLogger,
        progress: ProgressLine,
        checkpoints: Checkpoints,
        watch: Stopwatch,
        pending: dict[str, Any],
    ) -> None:
        self._logger, self._progress, self._checkpoints = logger, progress, checkpoints
        self._means = IntervalMeans(start, schedule, watch, pending)
        self.pending = self._means.pending

    def record(self, step: int, metrics: dict[str, Array]) -> None:
        values = {
            name: float(np.asarray(parallel.local_copy(value))) for name, value in metrics.items()
        }
        bad = [f"{name} is {value}" for name, value in values.items() if not math.isfinite(value)]
        if bad:
            self._raise(bad, step)
        if not self._means.add(step, values):
            self._progress.update(step)
            return
        row, rate = self._means.take()
        speed = {} if rate is None else {"images/s": rate}
        self._progress.update(step, speed | losses_of(row))
        if rate is not None:
            row["time/images_per_second"] = rate
        self._logger.scalars(step, row)

    def _raise(self, bad: list[str], step: int) -> None:
        steps = self._checkpoints.steps()
        saved = (
            f"The last good checkpoint is that of step {steps[-1]:,}."
            if steps
            else "No checkpoint was saved before."
        )
        raise TrainingDiverged(
            f"training diverged between steps {self._means.seen:,} and {step:,}: {', '.join(bad)}. "
            f"{saved} Nothing after it was saved. Try a learning rate 2 to 10 times lower, R1 "
            "(config.r1_weight=1 with config.model.discriminator_norm='none'), or float32 if it "
            "was bfloat16, with another --workdir."
        )
