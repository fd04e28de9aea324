"""Checkpoints: the only module that knows Orbax.

Each holds the whole state and its checksum, so damage is seen on restoring. The newest ones and the
best by the Fréchet distance are kept. A checkpoint that cannot be read is never deleted.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import pathlib
import shutil
import sys
import threading
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from gan_jax.data.disk import clear_leftovers, new_file, new_folder, read_json, remove_folder
from gan_jax.errors import InputError, first_line
from gan_jax.runtime import parallel
from gan_jax.runtime.integrity import arrays_of, file_checksums, passing_reason, state_checksum

_STATE, _CHECK = "state", "check/metadata"
_TOGETHER = ocp.options.MultiprocessingOptions()
_ONLY_HERE = ocp.options.MultiprocessingOptions(primary_host=0, active_processes={0})
_log = logging.getLogger(__name__)


class CheckpointError(InputError):
    """No checkpoint of a run can be restored, or one cannot be written."""


class Checkpoints:
    """The checkpoints of one run, in `folder`, named by their steps.

    Saving is asynchronous: the state is copied, training goes on, and the files appear whole or not
    at all. The first process writes them. Use as a context manager, or call `close`, to wait for
    the last one.

    Args:
        folder: made if it is not there.
        keep: how many of the newest to keep, beside the best by `score`.
        read_only: change nothing in the folder, which a run may be writing to.
        notes: JSON values to keep beside each state.

    Raises:
        CheckpointError: the folder cannot be made.
    """

    def __init__(
        self,
        folder: str | pathlib.Path,
        *,
        keep: int = 2,
        read_only: bool = False,
        notes: dict[str, Any] | None = None,
    ) -> None:
        self._notes = notes or {}
        self._folder = pathlib.Path(folder).absolute()
        self._keep, self._read_only = keep, read_only
        self._writes = not read_only and parallel.is_main_process()
        self._writer: threading.Thread | None = None
        self._error: Exception | None = None
        if self._writes:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                clear_leftovers(self._folder)
            except OSError as error:
                raise self._write_error(error) from error

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def steps(self) -> list[int]:
        """The steps there are checkpoints of, ascending."""
        if not self._folder.is_dir():
            return []
        names = [path.name for path in self._folder.iterdir() if path.is_dir()]
        return sorted(int(name) for name in names if name.isdecimal())

    def best_step(self, *, before: int | None = None) -> int | None:
        """The step with the lowest score, of those below `before`; None if none has one."""
        steps = [step for step in self.steps() if before is None or step < before]
        scores = {step: self._check(step).get("score") for step in steps}
        scored = {step: score for step, score in scores.items() if score is not None}
        return min(scored, key=scored.__getitem__, default=None)

    def notes(self, step: int) -> dict[str, Any]:
        """The JSON values that `save` was given beside the state."""
        return self._check(step).get("notes") or {}

    def rate(self, step: int, score: float | None, notes: dict[str, Any]) -> None:
        """Gives the checkpoint of `step`, which is on disk, a score and other notes."""
        if self._writes:
            place = self._folder / str(step) / _CHECK
            clear_leftovers(place.parent)
            check = self._check(step) | {"score": score, "notes": self._notes | notes}
            with new_file(place, text=True) as file:
                json.dump(check, file)

    def _check(self, step: int) -> dict[str, Any]:
        with contextlib.suppress(InputError):
            return read_json(self._folder / str(step) / _CHECK)
        return {}  # a damaged checkpoint has no rank; restoring will say so

    def save(
        self,
        step: int,
        state: Any,
        *,
        score: float | None = None,
        notes: dict[str, Any] | None = None,
    ) -> None:
        """Saves the state after `step` steps, unless that checkpoint is there already.

        Args:
            step: names the checkpoint.
            state: a tree of arrays, each whole in every process.
            score: lower is better; None is not ranked.
            notes: JSON values to keep beside it, with those of the folder.

        Raises:
            CheckpointError: the one before, which was still being written, could not be.
        """
        self.wait()
        if not self._writes or step in self.steps():
            return
        # Copies, as the buffers are given up to the next step.
        state = jax.tree.map(np.array, parallel.local_copy(state))
        arguments = (step, state, score, notes)
        self._writer = threading.Thread(target=self._write, args=arguments, daemon=True)
        self._writer.start()

    def _write(self, step: int, state: Any, score: float | None, notes: Any) -> None:
        notes = self._notes | (notes or {})
        check = {"crc32": state_checksum(state), "score": score, "notes": notes}
        try:
            if not self._folder.is_dir():
                raise FileNotFoundError(errno.ENOENT, "the folder was removed", str(self._folder))
            with new_folder(self._folder / str(step)) as made:
                with _quiet(), _checkpointer(_ONLY_HERE) as orbax:
                    orbax.save(made / _STATE, args=ocp.args.StandardSave(state))
                check["files"] = file_checksums(made / _STATE)
                (made / _CHECK).parent.mkdir()
                (made / _CHECK).write_text(json.dumps(check))
            kept = {*self.steps()[-self._keep :], self.best_step()}
            for old in set(self.steps()) - kept:
                remove_folder(self._folder / str(old))
        except Exception as error:  # noqa: BLE001  it is raised by `wait`, in the caller's thread
            self._error = error

    def remove_after(self, step: int) -> None:
        """Deletes the checkpoints of later steps, from the newest on; all processes call it."""
        self.wait()
        for later in reversed(self.steps()) if self._writes else ():
            if later > step:
                remove_folder(self._folder / str(later))

    def wait(self) -> None:
        """Returns when all that was saved is on disk; all processes call it.

        Raises CheckpointError if it could not be written.
        """
        error = self._finished()
        if not self._read_only:
            parallel.raise_together(error)

    def _finished(self) -> CheckpointError | None:
        """Waits for the last write, and returns what went wrong with it."""
        if self._writer is not None:
            self._writer.join()
        error, self._writer, self._error = self._error, None, None
        return None if error is None else self._write_error(error)

    def close(self) -> None:
        """As `wait`, but a process may call it alone."""
        if error := self._finished():
            raise error

    def _write_error(self, error: Exception) -> CheckpointError:
        reason = passing_reason(error) or first_line(error, kind=False)
        with contextlib.suppress(OSError):
            free = shutil.disk_usage(self._folder).free / 2**20
            if getattr(error, "errno", None) == errno.ENOSPC or free < 64:
                reason = f"the disk is full ({free:.0f} MiB free)"
        with contextlib.suppress(OSError):
            steps = self.steps()
            kept = f"the checkpoint of step {steps[-1]} is whole" if steps else "none was saved"
            reason = f"{reason}; {kept}"
        return CheckpointError(
            f"a checkpoint could not be written to {self._folder}: {reason}. Mend that, or give "
            "another --workdir, and run the same command again."
        )

    def restore(self, template: Any, step: int | None = None) -> tuple[int, Any] | None:
        """The state at `step`, or at the newest step that is whole.

        A damaged newer one, whose checksum is wrong or which cannot be decoded, gives a warning
        and, unless this is read-only, is renamed damaged-STEP; the one before it is taken. All
        processes call this together.

        Args:
            template: a state of the same structure, shapes, dtypes and placement.
            step: which; None for the newest.

        Returns:
            (step, state), or None if there are no checkpoints at all.

        Raises:
            CheckpointError: `step` is not there or damaged; every checkpoint is damaged; one is of
                another network; or one cannot be read for a reason that may pass, such as too many
                open files.
        """
        steps = self.steps() if step is None else [step]
        if step is not None and step not in self.steps():
            raise CheckpointError(
                f"there is no checkpoint of step {step} in {self._folder}; there are: "
                f"{', '.join(map(str, self.steps())) or 'none'}."
            )
        damaged = []
        for candidate in reversed(steps):
            try:
                state = self._restore(candidate, template)
            except CheckpointError:
                raise
            except Exception as error:  # whatever a damaged file makes the reader raise
                if reason := passing_reason(error):
                    raise CheckpointError(
                        f"the checkpoint of step {candidate} in {self._folder} cannot be read now: "
                        f"{reason}. Nothing was changed: mend that and run the same command again."
                    ) from error
                damaged.append(candidate)
                reason = first_line(error, kind=False)
                _log.warning("The checkpoint of step %d is damaged (%s).", candidate, reason)
                continue
            if damaged:
                _log.warning("Going on from the checkpoint of step %d instead.", candidate)
                self._set_aside(damaged)
            return candidate, state
        if damaged:
            raise CheckpointError(
                f"no checkpoint in {self._folder} can be read (damaged: "
                f"{', '.join(map(str, damaged))}). Move the folder away to begin anew, or give "
                "another --workdir."
            )
        return None

    def _set_aside(self, steps: list[int]) -> None:
        if self._read_only:
            return
        parallel.wait_for_all("damaged checkpoints read")
        for step in steps if self._writes else ():
            place, number = self._folder / f"damaged-{step}", 1
            while place.exists():
                number += 1
                place = self._folder / f"damaged-{step}-{number}"
            os.rename(self._folder / str(step), place)
            _log.warning("It is kept as %s.", place)

    def _restore(self, step: int, template: Any) -> Any:
        place = self._folder / str(step)
        check = json.loads((place / _CHECK).read_text())
        # Read here first: Orbax hides why a file cannot be read, and leaves tasks behind.
        if check.get("files", (found := file_checksums(place / _STATE))) != found:
            raise ValueError("a file of it is not as it was written")
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, template)
        with _quiet(), _checkpointer(_TOGETHER) as orbax:
            self._refuse_another_network(step, orbax.metadata(place / _STATE), template)
            restored = orbax.restore(place / _STATE, args=ocp.args.StandardRestore(abstract))
        state = jax.tree.map(jax.numpy.copy, restored)  # buffers that may be donated
        if state_checksum(state) != check["crc32"]:
            raise ValueError("its checksum does not fit its contents")
        return state

    def _refuse_another_network(self, step: int, metadata: Any, template: Any) -> None:
        saved = arrays_of(metadata.item_metadata.tree)
        wanted = arrays_of(ocp.tree.serialize_tree(template, keep_empty_nodes=True))
        for name in sorted({*saved, *wanted}):
            if saved.get(name) != wanted.get(name):
                raise CheckpointError(
                    f"the checkpoint of step {step} in {self._folder} is of another network: "
                    f"{name} is {saved.get(name, 'not in it')}, and this config makes it "
                    f"{wanted.get(name, 'nothing')}. Give the config and the data it was begun "
                    "with, or another --workdir."
                )


def _checkpointer(processes: ocp.options.MultiprocessingOptions) -> ocp.Checkpointer:
    handler = ocp.StandardCheckpointHandler(multiprocessing_options=processes)
    return ocp.Checkpointer(handler, multiprocessing_options=processes)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Orbax and asyncio log an error in full before they raise it."""
    if sys.unraisablehook is not _without_late_callbacks:
        _OTHER_HOOKS.append(sys.unraisablehook)
        sys.unraisablehook = _without_late_callbacks
    loggers = [logging.getLogger(name) for name in ("absl", "asyncio")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)


_OTHER_HOOKS: list[Any] = []


def _without_late_callbacks(unraisable: Any) -> None:
    """Drops what TensorStore's threads print once an error has ended Orbax's event loop."""
    if str(unraisable.exc_value) != "Event loop is closed":
        _OTHER_HOOKS[-1](unraisable)
