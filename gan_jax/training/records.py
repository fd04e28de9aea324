"""From the metrics of each compiled call to lines of the log: means, speed, divergence."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from jax import Array

from gan_jax.errors import TrainingDiverged
from gan_jax.runtime.members_parallel import on_host
from gan_jax.training.run_folder import RunFolder
from gan_jax.training.task import Pace

_log = logging.getLogger(__name__)
_ADVICE = "R1 (config.r1_weight=1 with config.model.discriminator_norm='none')"


def crossed(every: int, before: int, after: int) -> bool:
    """Whether a multiple of `every` lies above `before` and not above `after`; never for 0."""
    return every > 0 and before // every != after // every


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


class IntervalMeans:
    """Means of the metrics over the steps from one line of the log to the next, and their speed.

    Args:
        start: the step to begin at.
        pace: says how long an interval is.
        watch: for the speed.
        pending: from `pending` at that step, when the run was left within an interval.
    """

    def __init__(
        self, start: int, pace: Pace, watch: Stopwatch, pending: dict[str, Any] | None = None
    ) -> None:
        self._pace, self._watch = pace, watch
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
        done = step == self._pace.num_steps
        return done or crossed(self._pace.log_every, before, step)

    def take(self) -> tuple[dict[str, Any], float | None]:
        """The means of the interval and its training images per second; begins the next interval.

        The first call is not timed, as it compiles: None where the interval has no other.
        """
        count, now = self.seen - self._logged, self._watch.training()
        row = {name: total / count for name, total in self._sums.items()}
        timed = self.seen - max(self._logged, self._timed or 0)
        seconds = max(now - self._logged_at, 1e-9)
        rate = timed * self._pace.batch_size / seconds if timed else None
        self._sums, self._logged, self._logged_at = {}, self.seen, now
        return row, rate


class Record:
    """Checks the numbers of each call, and logs their mean at every interval.

    The numbers of a call are read when the next one was started, so that devices never wait for the
    host. In a sweep the metrics are [members], each member has a log of its own, and the run's log
    has the mean over the members that still train.

    Args:
        run: where to log.
        pace: of the task.
        watch: for the speed.
    """

    def __init__(self, run: RunFolder, pace: Pace, watch: Stopwatch) -> None:
        self._run = run
        self._means = IntervalMeans(run.start, pace, watch, run.pending)
        self._unread: tuple[int, dict[str, Array]] | None = None
        self._running = on_host(run.state.diverged) < 0 if run.members else None

    def add(self, step: int, metrics: dict[str, Array]) -> None:
        """Takes the metrics of a call that ended at `step`, and reads those of the call before.

        Raises:
            TrainingDiverged: numbers of the call before are not finite; in a sweep, of all members.
        """
        self.settle()
        self._unread = (step, metrics)

    def settle(self) -> None:
        """Reads what was not read yet; raises as `add`."""
        if self._unread is not None:
            unread, self._unread = self._unread, None
            self._read(*unread)

    def pending(self) -> dict[str, Any]:
        """See `IntervalMeans.pending`."""
        return self._means.pending()

    def _read(self, step: int, metrics: dict[str, Array]) -> None:
        values: dict[str, Any] = {
            name: np.float64(value) for name, value in on_host(metrics).items()
        }
        self._check(step, values)
        if not self._means.add(step, values):
            self._run.progress.update(step)
            return
        row, rate = self._means.take()
        if self._running is not None:
            rate = None if rate is None else rate * self._running.sum()
            row = self._log_members(step, row, self._running)
        shown = {name.split("/")[1]: v for name, v in row.items() if name.startswith("loss/")}
        if rate is not None:
            shown = {"images/s": float(rate)} | shown
            row["time/images_per_second"] = rate
        self._run.progress.update(step, shown)
        self._run.log(step, row)

    def _log_members(
        self, step: int, rows: dict[str, np.ndarray], running: np.ndarray
    ) -> dict[str, float]:
        """Logs each member's own numbers; returns their means over those that still train."""
        for index in map(int, np.flatnonzero(running)):
            self._run.log(step, {name: row[index] for name, row in rows.items()}, member=index)
        mean = {name: float(np.mean(row[running])) for name, row in rows.items()}
        return mean | {"members/running": float(running.sum())}

    def _check(self, step: int, values: dict[str, np.ndarray]) -> None:
        if self._running is None:
            bad = [f"{name} is {value}" for name, value in values.items() if not np.isfinite(value)]
            if bad:
                raise TrainingDiverged(
                    f"training diverged between steps {self._means.seen:,} and {step:,}: "
                    f"{', '.join(bad)}. {self._run.last_checkpoint()} Nothing after it was saved. "
                    f"Try a learning rate 2 to 10 times lower, {_ADVICE}, or float32 if it was "
                    "bfloat16, with another --workdir."
                )
            return
        finite = np.all([np.isfinite(value) for value in values.values()], axis=0)
        for index in map(int, np.flatnonzero(self._running & ~finite)):
            _log.warning(
                "%s has diverged between steps %s and %s: it is left as it was before, and the "
                "others go on.",
                self._run.members[index].name,
                f"{self._means.seen:,}",
                f"{step:,}",
            )
        self._running &= finite
        if not self._running.any():
            raise TrainingDiverged(
                f"all {len(finite)} members have diverged by step {step:,}. Nothing after the last "
                f"checkpoint was saved. Try learning rates 2 to 10 times lower, or {_ADVICE}, with "
                "another --workdir."
            )
