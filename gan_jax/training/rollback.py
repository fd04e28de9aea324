"""Going back to an earlier checkpoint, so that a run that is cut at any moment still does the same.

The folder of a run keeps, in collapse.json, which rollbacks were made. Their number changes the
random numbers of the steps after them.
"""

from __future__ import annotations

import pathlib
from typing import Any

import jax
from jax import Array

from gan_jax.data.disk import write_json
from gan_jax.data.schema import Unfit, fields, flag, list_of, read_checked, text, whole
from gan_jax.runtime import parallel
from gan_jax.runtime.checkpoint import Checkpoints

RECORD = "collapse.json"
_ADVICE = "put a copy of it back, or begin anew in another folder: the run's numbers follow from it"
_TOP = 2**32  # rollback i folds 2**32 - i into the root key; steps fold in small numbers


class RollBack(Exception):
    """Asks for a run to go on from an earlier checkpoint.

    Attributes:
        step: where it was asked.
        to: the checkpoint to go back to.
        reason: in words.
    """

    def __init__(self, step: int, to: int, reason: str) -> None:
        super().__init__(
            f"{reason}. Going back from step {step:,} to the checkpoint of step {to:,}, and on "
            "with other random numbers."
        )
        self.step, self.to, self.reason = step, to, reason


def turned(root: Array, rollbacks: int) -> Array:
    """The root key of the steps after so many rollbacks; `root` itself before any."""
    return jax.random.fold_in(root, _TOP - rollbacks) if rollbacks else root


class Rollbacks:
    """The rollbacks of one run.

    One is first written down and then carried out by the session that opens the folder next, which
    is the same run or, if it was cut in between, the one that resumes it.

    Args:
        workdir: the run's folder.

    Raises:
        InputError: the record there is damaged.
    """

    def __init__(self, workdir: pathlib.Path) -> None:
        self._path = workdir / RECORD
        content: dict[str, Any] = {"rollbacks": [], "pending": False}
        if self._path.exists():
            content = read_checked(self._path, _check_record, _ADVICE)
        self._made: list[dict] = content["rollbacks"]
        self._pending: bool = content["pending"]

    @property
    def count(self) -> int:
        """How many were made, on the way to where the run stands."""
        return len(self._made)

    def order(self, request: RollBack) -> None:
        """Writes down that the run is to go back; no checkpoint is touched yet."""
        entry = {"from": request.step, "to": request.to, "reason": request.reason}
        self._made, self._pending = [*self._made, entry], True
        self._write()
        parallel.wait_for_all("rollback ordered")

    def carry_out(self, checkpoints: Checkpoints) -> None:
        """Removes the checkpoints that an ordered rollback leaves behind."""
        if not self._pending:
            return
        checkpoints.remove_after(self._made[-1]["to"])
        parallel.wait_for_all("rollback carried out")
        self._pending = False
        self._write()

    def start_from(self, step: int) -> None:
        """Forgets rollbacks to later steps: a run that starts before them will come to them again.

        So it is when the checkpoint that was gone back to is damaged and an older one is taken.
        """
        kept = [entry for entry in self._made if entry["to"] <= step]
        if len(kept) < len(self._made):
            self._made, self._pending = kept, self._pending and bool(kept)
            self._write()

    def _write(self) -> None:
        if parallel.is_main_process():
            write_json(self._path, {"rollbacks": self._made, "pending": self._pending})


def _check_record(content: Any, name: str) -> None:
    entry = fields({"from": whole(), "to": whole(), "reason": text()})
    fields({"rollbacks": list_of(entry), "pending": flag})(content, name)
    if content["pending"] and not content["rollbacks"]:
        raise Unfit("pending is true, and rollbacks is empty")
