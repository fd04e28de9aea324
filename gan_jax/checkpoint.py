"""Checkpoints: the only module that knows Orbax.

Each holds the whole state and a checksum of it, so damage is seen on restoring. The newest ones and
the best by the Fréchet distance are kept.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import logging
import pathlib
import shutil
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from jax import Array

from gan_jax.errors import InputError

_MEGABYTE = 2**20
_SPARE = 32 * _MEGABYTE  # for logs, pictures and the report
_log = logging.getLogger(__name__)


class CheckpointError(InputError):
    """No checkpoint of a run can be restored, or one cannot be written."""


@dataclasses.dataclass(frozen=True)
class Restored:
    """What a checkpoint held.

    Attributes:
        step: steps done.
        state: of the structure, shapes, dtypes and placement that were asked for.
        notes: what was saved beside it, JSON values.
    """

    step: int
    state: Any
    notes: dict[str, Any]


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
        self._policy = _NewestAndBest(keep)
        writing = {} if read_only else {"preservation_policy": self._policy}
        self._manager = ocp.CheckpointManager(
            self._folder,
            options=ocp.CheckpointManagerOptions(
                create=not read_only,
                read_only=read_only,
                cleanup_tmp_directories=not read_only,  # what a killed run left half written
                save_interval_steps=0 if read_only else 1,
                enable_async_checkpointing=True,
                **writing,
            ),
            item_names=("state", "check"),
        )
        for step in self.steps():
            self._policy.rank(step, self._saved_score(step))

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def steps(self) -> list[int]:
        """The steps there are checkpoints of, ascending."""
        return sorted(self._manager.all_steps())

    def best_step(self) -> int | None:
        """The step with the lowest score, the earliest of equals, or None if none has one."""
        return self._policy.best(self.steps())

    def _saved_score(self, step: int) -> float | None:
        try:
            return self._read_check(step)["score"]
        except Exception:  # a damaged checkpoint has no rank; restoring will say so
            return None

    def _read_check(self, step: int) -> dict[str, Any]:
        args = ocp.args.Composite(check=ocp.args.JsonRestore())
        return self._manager.restore(step, args=args)["check"]

    def save(
        self,
        step: int,
        state: Any,
        *,
        score: float | None = None,
        notes: Mapping[str, Any] | None = None,
    ) -> None:
        """Saves the state after `step` steps; a step that is there already is left as it is.

        Args:
            step: steps done.
            state: a tree of arrays, the same in all processes.
            score: to rank it by, lower is better; None is not ranked.
            notes: JSON values to keep beside it.

        Raises:
            CheckpointError: this one, or one still being written, did not fit on the disk.
        """
        if step in self._manager.all_steps():
            return
        check = {"score": None if score is None else float(score), "notes": dict(notes or {})}
        self._policy.rank(step, check["score"])
        try:
            self._manager.save(
                step,
                args=ocp.args.Composite(
                    state=ocp.args.StandardSave(state),
                    check=ocp.args.JsonSave(check | {"crc32": checksum(state, check)}),
                ),
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise self._write_error(error) from error

    def wait(self) -> None:
        """Returns when all that was saved is on disk.

        Raises:
            CheckpointError: it did not fit on the disk.
        """
        try:
            self._manager.wait_until_finished()
            self._manager.check_for_errors()
        except (OSError, ValueError, RuntimeError) as error:
            raise self._write_error(error) from error

    def close(self) -> None:
        """Waits, then lets go of the folder."""
        try:
            self.wait()
        finally:
            self._manager.close()

    def _write_error(self, error: Exception) -> CheckpointError:
        free = shutil.disk_usage(self._folder).free / _MEGABYTE
        full = any(_is_full(link) for link in _chain(error))
        reason = f"the disk is full ({free:.0f} MiB free)" if full else _first_line(error)
        steps = self._whole_steps()
        kept = f"the checkpoint of step {steps[-1]:,} is whole" if steps else "none was saved yet"
        return CheckpointError(
            f"a checkpoint could not be written to '{self._folder}': {reason}; {kept}. Free some "
            "space, or give another --workdir, and run the same command again."
        )

    def _whole_steps(self) -> list[int]:
        """Steps on disk under their final name, which a half-written checkpoint does not have."""
        names = [path.name for path in self._folder.iterdir() if path.is_dir()]
        return sorted(int(name) for name in names if name.isdigit())

    def restore(self, template: Any, step: int | None = None) -> Restored | None:
        """The state at `step`, or at the newest step that is whole.

        A newer checkpoint that is damaged is reported as a warning, and removed unless `read_only`;
        the one before it is taken.

        Args:
            template: a tree of arrays or `jax.ShapeDtypeStruct`s with shardings: structure, shapes,
                dtypes and placement of the state. The placement may differ from the saved one.
            step: which; None for the newest.

        Returns:
            What was saved, or None if there are no checkpoints at all.

        Raises:
            CheckpointError: `step` is not there or damaged, or every checkpoint is damaged.
        """
        there = self.steps()
        if step is not None and step not in there:
            raise CheckpointError(
                f"there is no checkpoint of step {step:,} in '{self._folder}'; there are: "
                f"{', '.join(f'{s:,}' for s in there) or 'none'}."
            )
        failures = []
        for candidate in reversed(there if step is None else [step]):
            try:
                restored = self._restore(candidate, template)
            except Exception as error:  # whatever a damaged file makes the reader raise
                failures.append(candidate)
                _log.warning(
                    "the checkpoint of step %s is damaged: %s", f"{candidate:,}", _first_line(error)
                )
                continue
            if failures:
                _log.warning("going on from the checkpoint of step %s", f"{candidate:,}")
            if not self._read_only:
                for damaged in failures:
                    self._policy.rank(damaged, None)
                    self._manager.delete(damaged)
            return restored
        if failures:
            listed = ", ".join(f"{damaged:,}" for damaged in failures)
            raise CheckpointError(
                f"no checkpoint in '{self._folder}' can be read (step {listed}: damaged, or of "
                "another network). Move the folder away to begin anew, or give another --workdir."
            )
        return None

    def _restore(self, step: int, template: Any) -> Restored:
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, template)
        items = self._manager.restore(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardRestore(abstract), check=ocp.args.JsonRestore()
            ),
        )
        check = items["check"]
        # Orbax's buffers may lie in memory that is not JAX's to give up, which donation would do.
        state = _copy(items["state"])
        wanted = check.pop("crc32")
        if checksum(state, check) != wanted:
            raise ValueError("its contents do not give its checksum")
        return Restored(step, state, check["notes"])


@dataclasses.dataclass
class _NewestAndBest:
    """Which checkpoints stay; an Orbax preservation policy.

    Orbax's own `BestN` keeps all that have no metric, and forgets metrics when it is opened again.
    """

    keep: int
    scores: dict[int, float] = dataclasses.field(default_factory=dict)

    def rank(self, step: int, score: float | None) -> None:
        if score is None:
            self.scores.pop(step, None)
        else:
            self.scores[step] = score

    def best(self, steps: Sequence[int]) -> int | None:
        ranked = [step for step in steps if step in self.scores]
        return min(ranked, key=lambda step: (self.scores[step], step), default=None)

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any = None) -> list[bool]:
        steps = [checkpoint.step for checkpoint in checkpoints]
        kept = {*sorted(steps)[-self.keep :], self.best(steps)}
        return [step in kept for step in steps]


@jax.jit
def _copy(tree: Any) -> Any:
    return jax.tree.map(jnp.copy, tree)


def checksum(tree: Any, record: Mapping[str, Any] | None = None) -> int:
    """CRC-32 over the bytes of all leaves, as this process holds them, in tree order.

    A `record` of JSON values is put before them.
    """
    value = zlib.crc32(json.dumps(record, sort_keys=True).encode()) if record else 0
    for leaf in jax.tree.leaves(tree):
        local = leaf.addressable_data(0) if isinstance(leaf, Array) else leaf
        value = zlib.crc32(np.ascontiguousarray(local).view(np.uint8).reshape(-1), value)
    return value


def check_space(folder: str | pathlib.Path, tree: Any, *, keep: int) -> None:
    """Sees that the disk can hold what a run will save.

    Args:
        folder: where to; it exists.
        tree: the state, as arrays or `jax.ShapeDtypeStruct`s.
        keep: checkpoints kept; the best and the one being written come on top.

    Raises:
        CheckpointError: it cannot.
    """
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
    needed = (keep + 2) * size + _SPARE
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise CheckpointError(
            f"the disk of '{folder}' has {free / _MEGABYTE:.0f} MiB free, and this run's "
            f"checkpoints may need {needed / _MEGABYTE:.0f} MiB. Free some space, give another "
            "--workdir, or lower config.checkpoint.keep."
        )


def _is_full(error: BaseException) -> bool:
    # TensorStore reports the system's error as text.
    full = (errno.ENOSPC, errno.EDQUOT)
    return getattr(error, "errno", None) in full or "No space left" in str(error)


def _chain(error: BaseException | None) -> list[BaseException]:
    found = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    text = lines[0].strip() if lines else type(error).__name__
    return text if len(text) < 160 else text[:157] + "..."
