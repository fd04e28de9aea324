"""The open files of a run while it trains: checkpoints, logs, the progress line."""

from __future__ import annotations

import pathlib
from typing import Any

from ml_collections import ConfigDict

from gan_jax.config import examples_a_step
from gan_jax.config.saved import plain
from gan_jax.data import Dataset
from gan_jax.errors import InputError
from gan_jax.runtime import parallel
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.checkpoint import Checkpoints, check_space
from gan_jax.runtime.feed import Feed, make_feed
from gan_jax.runtime.logs import ProgressLine, RunLogger, read_history
from gan_jax.training import loop
from gan_jax.training.collapse_guard import CollapseGuard
from gan_jax.training.rollback import Rollbacks


class Session:
    """One stretch of a run, from where its folder stands; a context manager.

    Args:
        config: of the run.
        workdir: its folder.
        state: at the start, placed on the devices; the template of what is restored.
        num_steps: of the whole run.
        begin: the step that `state` stands at.

    Attributes:
        start, state: where the folder stands.
        logger, progress: open.

    Raises:
        InputError: the folder is past `num_steps`, or its disk or checkpoints cannot be used.
    """

    def __init__(
        self,
        config: ConfigDict,
        workdir: pathlib.Path,
        state: Any,
        num_steps: int,
        *,
        begin: int = 0,
    ) -> None:
        self._config, self._num_steps = config, num_steps
        check_space(workdir, state, keep=config.checkpoint.keep)
        self._checkpoints = Checkpoints(
            workdir / folder.CHECKPOINTS,
            keep=config.checkpoint.keep,
            notes={folder.CONFIG: plain(config)},
        )
        self._rollbacks = Rollbacks(workdir)
        self._rollbacks.carry_out(self._checkpoints)
        restored = self._checkpoints.restore(state)
        self.start, self.state = restored or (begin, state)
        self._rollbacks.start_from(self.start)
        if self.start > num_steps:
            raise InputError(
                f"'{workdir}' is at step {self.start:,}, past the {num_steps:,} steps asked for: "
                "raise config.num_steps or give another --workdir."
            )
        if restored:
            say(f"Resuming from the checkpoint of step {self.start:,}")
        main = parallel.is_main_process()
        self._workdir = workdir
        self.logger = RunLogger(workdir, enabled=main, resume_step=self.start)
        self.progress = ProgressLine(num_steps, self.start, enabled=main)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type | None, *error: object) -> None:
        first: Exception | None = None
        for close in (self.progress.close, self.logger.close, self._checkpoints.close):
            try:
                close()
            except Exception as failure:  # the others are closed all the same
                first = first or failure
        if first is not None and kind is None:
            raise first

    def resume_guard(self, guard: CollapseGuard) -> None:
        """Gives the guard the run's readings so far.

        Raises:
            ModeCollapse, RollBack: what the run was to end with when it was left.
        """
        guard.resume(self.start, read_history(self._workdir))
        end = self.check(guard, self.start)
        if end is not None:
            raise end

    def check(self, guard: CollapseGuard, step: int) -> Exception | None:
        """What the run is to end with for a collapse; None to go on."""
        return guard.check(step, self._checkpoints, self._rollbacks)

    def fit(
        self, key: Any, *, plan: parallel.Plan, dataset: Dataset, step: Any, **rest: Any
    ) -> Any:
        """Trains to the last step from where the folder stands."""
        config = self._config
        feed = make_feed(
            dataset,
            plan,
            batch_size=examples_a_step(config),
            steps_per_call=config.steps_per_call,
            seed=config.seed,
        )
        compiled = parallel.compile_steps(step, feed.fetch, plan)
        return self.run(key, plan=plan, feed=feed, compiled=compiled, **rest)

    def run(self, key: Any, *, plan: parallel.Plan, feed: Feed, compiled: Any, **rest: Any) -> Any:
        """Like `fit`, with what `loop.fit` calls already made."""
        config, watch = self._config, loop.Stopwatch()
        state = loop.fit(
            self.state,
            parallel.replicate(self._rollbacks.key(key), plan),
            start=self.start,
            schedule=loop.Schedule(
                num_steps=self._num_steps,
                batch_size=config.batch_size,
                log_every=config.log_every,
                checkpoint_every=config.checkpoint.every,
                evaluate_every=config.evaluation.every,
            ),
            compiled=compiled,
            feed=feed,
            checkpoints=self._checkpoints,
            logger=self.logger,
            progress=self.progress,
            watch=watch,
            **rest,
        )
        if self.start < self._num_steps:
            self.progress.write(f"Time: {watch.describe()}")
        return state


def say(text: str) -> None:
    """Prints a line, once for all processes."""
    if parallel.is_main_process():
        print(text, flush=True)
