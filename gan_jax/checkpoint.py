"""Checkpoints: the only module that knows Orbax.

Each holds the whole state and a checksum of it, so damage is seen on restoring. The newest ones and
the best by the Fréchet distance are kept.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import pathlib
import shutil
import zlib
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax import Array
from orbax.checkpoint import checkpoint_managers

from gan_jax.errors import InputError

_BEST = "best"
_log = logging.getLogger(__name__)


class CheckpointError(InputError):
    """No checkpoint of a run can be restored, or one cannot be written."""


class Checkpoints:
    """The checkpoints of one run, in `folder`, one a step.

    Saving is asynchronous: the state is copied, training goes on, and the files appear whole or not
    at all. Use as a context manager, or call `close`, to wait for the last one.

    Args:
        folder: made if it is not there.
        keep: how many of the newest to keep; the best by `score` is kept beside them.
        read_only: change nothing in the folder, which a run may be writing to.
    """

    def __init__(
        self, folder: str | pathlib.Path, *, keep: int = 2, read_only: bool = False
    ) -> None:
        self._folder = pathlib.Path(folder).absolute()
        self._read_only = read_only
        policy = checkpoint_managers.AnyPreservationPolicy(
            [
                checkpoint_managers.LatestN(keep),
                checkpoint_managers.BestN(
                    get_metric_fn=lambda metrics: metrics[_BEST], reverse=True, n=1
                ),
            ]
        )
        with _without_notices() if read_only else contextlib.nullcontext():
            options = ocp.CheckpointManagerOptions(
                preservation_policy=policy,
                create=not read_only,
                enable_async_checkpointing=not read_only,
                read_only=read_only,
            )
            self._manager = ocp.CheckpointManager(
                self._folder, options=options, item_names=("state", "check")
            )

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def steps(self) -> list[int]:
        """The steps there are checkpoints of, ascending."""
        return sorted(self._manager.all_steps())

    def best_step(self, *, before: int | None = None) -> int | None:
        """The step with the lowest score, of those below `before`; None if none has one."""
        steps = [step for step in self.steps() if before is None or step < before]
        scores = {step: self._score(step) for step in steps}
        scored = {step: score for step, score in scores.items() if score is not None}
        return min(scored, key=scored.__getitem__) if scored else None

    def _score(self, step: int) -> float | None:
        try:
            return self._manager.restore(
                step, args=ocp.args.Composite(check=ocp.args.JsonRestore())
            )["check"]["score"]
        except Exception:  # a damaged checkpoint has no rank; restoring will say so
            return None

    def save(self, step: int, state: Any, *, score: float | None = None) -> None:
        """Saves the state after `step` steps; a lower `score` is better, None is not ranked.

        Raises:
            CheckpointError: this one, or one still being written, did not fit on the disk.
        """
        if step in self._manager.all_steps():
            return
        try:
            self._manager.save(
                step,
                args=ocp.args.Composite(
                    state=ocp.args.StandardSave(state),
                    check=ocp.args.JsonSave({"crc32": checksum(state), "score": score}),
                ),
                metrics=None if score is None else {_BEST: float(score)},
            )
        except (OSError, ValueError) as error:
            raise self._write_error(error) from error

    def remove_after(self, step: int) -> None:
        """Deletes the checkpoints of later steps, from the newest on; all processes call it."""
        self.wait()
        for later in reversed(self.steps()):
            if later > step:
                self._manager.delete(later)

    def wait(self) -> None:
        """Returns when all that was saved is on disk.

        Raises:
            CheckpointError: it did not fit on the disk.
        """
        try:
            self._manager.wait_until_finished()
            self._manager.check_for_errors()
        except (OSError, ValueError) as error:
            raise self._write_error(error) from error

    def close(self) -> None:
        """Waits, then lets go of the folder."""
        try:
            self.wait()
        finally:
            self._manager.close()

    def _write_error(self, error: Exception) -> CheckpointError:
        free = shutil.disk_usage(self._folder).free / 2**20
        full = getattr(error, "errno", None) == errno.ENOSPC or free < 64
        reason = f"the disk is full ({free:.0f} MiB free)" if full else str(error).split("\n")[0]
        steps = self._complete_steps()
        kept = f"the checkpoint of step {steps[-1]} is whole" if steps else "none was saved before"
        return CheckpointError(
            f"a checkpoint could not be written to {self._folder}: {reason}; {kept}. Free some "
            "space, or give another --workdir, and run the same command again."
        )

    def _complete_steps(self) -> list[int]:
        names = [path.name for path in self._folder.iterdir() if path.is_dir()]
        return sorted(int(name) for name in names if name.isdigit())

    def restore(self, template: Any, step: int | None = None) -> tuple[int, Any] | None:
        """The state at `step`, or at the newest step that is whole.

        A newer checkpoint that is damaged is reported as a warning and, unless this is read-only,
        removed, and the one before it is taken.

        Args:
            template: a state of the same structure, shapes, dtypes and placement.
            step: which; None for the newest.

        Returns:
            (step, state), or None if there are no checkpoints at all.

        Raises:
            CheckpointError: `step` is not there or damaged, or every checkpoint is damaged.
        """
        steps = self.steps() if step is None else [step]
        if step is not None and step not in self.steps():
            raise CheckpointError(
                f"there is no checkpoint of step {step} in {self._folder}; there are: "
                f"{', '.join(map(str, self.steps())) or 'none'}."
            )
        failures = []
        for candidate in reversed(steps):
            try:
                state = self._restore(candidate, template)
            except Exception as error:  # whatever a damaged file makes the reader raise
                failures.append(candidate)
                _log.warning(
                    "The checkpoint of step %d is damaged (%s).", candidate, _first_line(error)
                )
                continue
            if failures:
                _log.warning("Going on from the checkpoint of step %d instead.", candidate)
            for damaged in () if self._read_only else failures:
                self._manager.delete(damaged)
            return candidate, state
        if failures:
            raise CheckpointError(
                f"no checkpoint in {self._folder} can be read (steps "
                f"{', '.join(map(str, failures))} are damaged, or of another network). Move the "
                "folder away to begin anew, or give another --workdir."
            )
        return None

    def _restore(self, step: int, template: Any) -> Any:
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, template)
        restored = self._manager.restore(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardRestore(abstract), check=ocp.args.JsonRestore()
            ),
        )
        state = jax.tree.map(jax.numpy.copy, restored["state"])  # buffers that may be donated
        if checksum(state) != restored["check"]["crc32"]:
            raise ValueError("its checksum does not fit its contents")
        return state


@contextlib.contextmanager
def _without_notices() -> Iterator[None]:
    """Orbax warns that what was asked to be read-only is."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def checksum(tree: Any) -> int:
    """CRC-32 over the bytes of all leaves in tree order; each is whole in every process."""
    value = 0
    for leaf in jax.tree.leaves(tree):
        local = leaf
        if isinstance(leaf, Array) and leaf.is_fully_replicated:
            local = leaf.addressable_data(0)
        value = zlib.crc32(np.ascontiguousarray(local).view(np.uint8).reshape(-1), value)
    return value


def state_bytes(tree: Any) -> int:
    """What one checkpoint of this state takes, about, in bytes."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def check_space(folder: str | pathlib.Path, tree: Any, *, keep: int) -> None:
    """Raises CheckpointError if the disk cannot hold the checkpoints of a run."""
    needed = (keep + 2) * state_bytes(tree) + 32 * 2**20
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise CheckpointError(
            f"the disk of {folder} has {free / 2**20:.0f} MiB free, and this run's checkpoints "
            f"need {needed / 2**20:.0f} MiB. Free some space, give another --workdir, or lower "
            "config.checkpoint.keep."
        )


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    text = lines[0].strip() if lines else type(error).__name__
    return text if len(text) < 160 else text[:157] + "..."
