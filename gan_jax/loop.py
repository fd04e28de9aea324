"""The loop: compiled calls one after another, with a look at their numbers in between."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gan_jax import parallel
from gan_jax.checkpoint import Checkpoints
from gan_jax.errors import Interrupted, TrainingDiverged
from gan_jax.feed import Feed
from gan_jax.logs import ProgressLine, RunLogger


class StopSignal:
    """Turns SIGTERM and Ctrl-C into `Interrupted`: at once, or where the loop has saved.

    A context manager; outside the main thread it does nothing. Within `deferred` a signal is only
    remembered; a second Ctrl-C ends at once even there.
    """

    def __init__(self) -> None:
        self.number = 0
        self._deferring = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopSignal:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Within, signals wait in `number`; one that still waits at the end is raised then."""
        self._deferring = True
        try:
            yield
        finally:
            self._deferring = False
        if self.number:
            self._interrupt()

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
        if self.number == signal.SIGINT == number:
            raise KeyboardInterrupt
        self.number = number
        if not self._deferring:
            self._interrupt()

    def _interrupt(self) -> None:
        name = signal.Signals(self.number).name
        raise Interrupted(
            f"{name}: stopped; the same command goes on from the newest checkpoint.", self.number
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
        """Each activity with its seconds, but those that took next to none."""
        parts = {"train": self.training()} | self.seconds
        return ", ".join(f"{name} {took:.1f} s" for name, took in parts.items() if took >= 0.05)


@dataclasses.dataclass(frozen=True)
class Plan:
    """How long, and how often what happens, all in steps.

    Attributes:
        num_steps: the step to end at.
        batch_size: images a step on all devices.
        steps_per_call: see `feed.make_feed`.
        log_every, checkpoint_every: happen at the end of the call that reaches a multiple.
        evaluate_every: likewise; 0 for the end only.
    """

    num_steps: int
    batch_size: int
    steps_per_call: int
    log_every: int
    checkpoint_every: int
    evaluate_every: int


def fit(
    state: Any,
    key: Array,
    *,
    start: int,
    notes: dict[str, Any],
    plan: Plan,
    compiled: Callable[..., tuple[Any, dict[str, Array]]],
    feed: Feed,
    checkpoints: Checkpoints,
    logger: RunLogger,
    progress: ProgressLine,
    stop: StopSignal,
    evaluate: Callable[[int, Any], tuple[dict[str, float], float | None]],
    watch: Stopwatch,
) -> Any:
    """Trains from step `start` to the end and returns the state.

    Numbers of a call are read one call later, so the devices never wait for the host. What is about
    to be saved is first looked at: a checkpoint never holds a state that is not finite.

    Args:
        notes: what the checkpoint that is gone on from says of numbers not yet logged; {} for none.
        evaluate: (step, state) to (numbers to log, score to rank checkpoints by or None).

    Raises:
        TrainingDiverged: a loss, or the state, is not finite.
        Interrupted: a signal came; the state was saved.
    """
    recorder = _Recorder(plan, start, notes, logger, progress, checkpoints, watch)
    pending: tuple[int, dict[str, Array]] | None = None
    step = start
    calls = feed.calls(start, plan.num_steps)
    while step < plan.num_steps:
        with watch.measure("input"):
            rows = next(calls)
        before, first = step, step == start
        with watch.measure("compile") if first else contextlib.nullcontext():
            state, metrics = compiled(state, key, feed.data, rows)
            if first:
                float(next(iter(metrics.values())))
        step = min(plan.num_steps, (step // plan.steps_per_call + 1) * plan.steps_per_call)
        if pending is not None:
            recorder.record(*pending)
        pending = (step, metrics)
        done = step == plan.num_steps
        at_log = _crossed(plan.log_every, before, step)
        stopping = stop.agreed(at_log or done)
        evaluating = done or _crossed(plan.evaluate_every, before, step)
        if not (evaluating or stopping or _crossed(plan.checkpoint_every, before, step)):
            continue
        recorder.record(*pending)
        pending = None
        recorder.check_state(step, state)
        score = None
        if evaluating:
            with watch.measure("evaluate"):
                numbers, score = evaluate(step, state)
            logger.scalars(step, numbers)
        with watch.measure("save"):
            checkpoints.save(step, state, score=score, notes=recorder.notes())
        if stopping and not done:
            with watch.measure("save"):
                checkpoints.wait()
            name = signal.Signals(stopping).name
            raise Interrupted(
                f"{name}: stopped and saved at step {step:,} of {plan.num_steps:,}; the same "
                "command goes on from there.",
                stopping,
            )
    return state


def _crossed(every: int, before: int, after: int) -> bool:
    return every > 0 and before // every != after // every


class _Recorder:
    """Checks the numbers of each call, and writes their mean at every log interval.

    The interval's sums are kept with each checkpoint, so that a resumed run logs the same rows.
    """

    def __init__(
        self,
        plan: Plan,
        start: int,
        notes: dict[str, Any],
        logger: RunLogger,
        progress: ProgressLine,
        checkpoints: Checkpoints,
        watch: Stopwatch,
    ) -> None:
        self._plan, self._logger, self._progress = plan, logger, progress
        self._checkpoints, self._watch = checkpoints, watch
        self._seen = start
        self._logged: int = notes.get("logged", start)
        self._sums: dict[str, float] = dict(notes.get("sums", {}))
        self._timed, self._timed_at = start, watch.training()

    def notes(self) -> dict[str, Any]:
        """What a checkpoint taken now must know to go on with the interval."""
        return {"logged": self._logged, "sums": self._sums}

    def record(self, step: int, metrics: dict[str, Array]) -> None:
        """Takes the means over a call that ended at `step`."""
        values = {
            name: float(np.asarray(parallel.local_copy(value))) for name, value in metrics.items()
        }
        bad = [f"{name} is {value}" for name, value in values.items() if not math.isfinite(value)]
        if bad:
            self._raise(f"between steps {self._seen:,} and {step:,}: {', '.join(bad)}", values)
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value * (step - self._seen)
        before, self._seen = self._seen, step
        if not (_crossed(self._plan.log_every, before, step) or step == self._plan.num_steps):
            self._progress.update(step)
            return
        row = {name: value / (step - self._logged) for name, value in self._sums.items()}
        now = self._watch.training()
        rate = (step - self._timed) * self._plan.batch_size / max(now - self._timed_at, 1e-9)
        row["time/images_per_second"] = rate
        self._logger.scalars(step, row)
        losses = {name.split("/")[1]: v for name, v in row.items() if name.startswith("loss/")}
        self._progress.update(step, {"images/s": rate, **losses})
        self._sums, self._logged = {}, step
        self._timed, self._timed_at = step, now

    def check_state(self, step: int, state: Any) -> None:
        """Raises TrainingDiverged if a number of the state is not finite."""
        for path, leaf in jax.tree.leaves_with_path(parallel.local_copy(state)):
            if jnp.issubdtype(leaf.dtype, jnp.inexact) and not np.isfinite(np.asarray(leaf)).all():
                name = jax.tree_util.keystr(path, simple=True, separator=".")
                self._raise(f"at step {step:,}: {name} is not finite", self._sums)

    def _raise(self, what: str, metrics: dict[str, float]) -> None:
        steps = self._checkpoints.steps()
        saved = (
            f"The last good checkpoint is that of step {steps[-1]:,}, and nothing after it was "
            "saved."
            if steps
            else "There is no checkpoint before it, and none was saved."
        )
        penalty = (
            ", R1 (config.r1_weight=1 with config.model.discriminator_norm='none')"
            if "loss/generator" in metrics
            else ""
        )
        raise TrainingDiverged(
            f"training diverged {what}. {saved} Try a learning rate 2 to 10 times lower, a warm-up "
            f"(warmup_steps of the optimizer){penalty}, or float32 if it was bfloat16, with "
            "another --workdir."
        )
