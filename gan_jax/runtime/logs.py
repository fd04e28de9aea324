"""A run's log: metrics.jsonl, TensorBoard events, and a progress line."""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import math
import os
import pathlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

import tqdm

from gan_jax.data.disk import new_file
from gan_jax.errors import InputError
from gan_jax.runtime.images import displayable, png_bytes
from gan_jax.runtime.writers import Writer

_HISTORY = "metrics.jsonl"
_LINE_SECONDS = 10.0  # at least from one line of progress to the next


def say(text: str) -> None:
    """Prints a line, once for all processes."""
    from gan_jax.runtime import parallel  # with JAX, which readers of a log need not load

    if parallel.is_main_process():
        print(text, flush=True)


class RunLogger:
    """Scalars to metrics.jsonl and TensorBoard, images to TensorBoard, both to further writers.

    Each line of metrics.jsonl is a row {"step": int, "time": UTC in ISO 8601, "group/name": number,
    ...}, on disk when `scalars` returns. NaN and infinity, which JSON lacks, are written as null.

    Args:
      workdir: the run's folder; made if missing.
      enabled: False makes every method do nothing: for all processes but the first.
      writers: take all of it too, see `gan_jax.runtime.writers`.
      resume_step: rows and events of later steps, written by a run that went on past its last
        checkpoint, are dropped. 0 starts both afresh.

    Raises:
      InputError: metrics.jsonl cannot be read or written there.
    """

    def __init__(
        self, workdir, *, enabled: bool = True, writers: Sequence[Writer] = (), resume_step: int = 0
    ):
        self._writers = writers
        self._file = self._events = None
        if not enabled:
            return
        workdir = pathlib.Path(workdir)
        path = workdir / _HISTORY
        try:
            workdir.mkdir(parents=True, exist_ok=True)
            _keep_rows(path, resume_step)
            self._file = open(path, "ab", buffering=0)
        except OSError as error:
            raise InputError(
                f"cannot write {path}: {error.strerror}. Choose another --workdir, or free it."
            ) from error
        self._events = _Events(workdir / "tensorboard", resume_step)

    def scalars(self, step: int, values: Mapping) -> None:
        """Writes one row; `values` maps 'group/name' to a number or a 0-d array.

        Raises InputError for the names 'step' and 'time', which the row itself uses.
        """
        if self._file is None or self._events is None:
            return
        reserved = {"step", "time"} & set(values)
        if reserved:
            raise InputError(f"scalar name {reserved.pop()!r} is taken; write it as 'group/name'.")
        values = {name: float(value) for name, value in values.items()}
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        # Row by row and unbuffered: a run that is killed leaves at most its last line torn.
        line = _line({"step": int(step), "time": now} | values).encode()
        while line:
            line = line[self._file.write(line) :]
        self._events.add(int(step), [{"tag": k, "simple_value": v} for k, v in values.items()])
        for writer in self._writers:
            writer.scalars(int(step), values)

    @contextlib.contextmanager
    def whole_or_not(self) -> Iterator[None]:
        """Takes back the rows of the block if it ends with an error."""
        before = 0 if self._file is None else os.fstat(self._file.fileno()).st_size
        try:
            yield
        except BaseException:
            if self._file is not None:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._file.fileno(), before)
            raise

    def image(self, step: int, name: str, image) -> None:
        """Writes one picture, uint8 [h, w, c], or a moving one, to TensorBoard."""
        if self._events is not None:
            image = displayable(image)
            height, width, channels = image.shape[-3:]
            encoded = {"height": height, "width": width, "colorspace": channels}
            encoded["encoded_image_string"] = png_bytes(image)
            self._events.add(int(step), [{"tag": name, "image": encoded}])
            for writer in self._writers:
                writer.image(int(step), name, image)

    def flush(self) -> None:
        """Hands everything to the disk."""
        if self._file is not None and self._events is not None:
            os.fsync(self._file.fileno())
            self._events.flush()

    def close(self) -> None:
        """Flushes and closes; calling it again does nothing."""
        if self._file is not None and self._events is not None:
            self.flush()
            self._file.close()
            self._events.close()
            self._file = self._events = None
            for writer in self._writers:
                writer.close()


def read_history(workdir) -> list[dict]:
    """All rows of a run's metrics.jsonl in the order written; [] if there is no such file.

    null reads as NaN. A last line torn by a kill is left out silently, any other damaged line with
    a warning: a damaged log must not stop a run from resuming.
    """
    path = pathlib.Path(workdir) / _HISTORY
    if not path.exists():
        return []
    rows = []
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            step = int(row.pop("step"))
            values = {name: math.nan if value is None else value for name, value in row.items()}
            rows.append({"step": step} | values)
        except (ValueError, KeyError, TypeError, AttributeError):
            if number < len(lines):
                logging.warning("%s: line %d is not a row and is left out.", path, number)
    return rows


class _Events:
    """A TensorBoard event file, written by the caller's thread.

    tensorboardX's own SummaryWriter hands events to a thread through a bounded queue; if that
    thread dies, as on a full disk, the run hangs. Here the error reaches the caller.
    """

    _FLUSH_SECONDS = 5.0

    def __init__(self, folder: pathlib.Path, resume_step: int):
        # Slow to import, and not needed for --help.
        from tensorboardX import record_writer
        from tensorboardX.proto import event_pb2, summary_pb2

        self._event, self._summary = event_pb2.Event, summary_pb2.Summary
        folder.mkdir(parents=True, exist_ok=True)
        # TensorBoard reads the files of a run in the order of their names. Its own writers put the
        # machine's name into them, which is nobody's business whom the run is given to.
        name = f"events.out.tfevents.{time.time_ns()}.from{resume_step}"
        self._writer = record_writer.RecordWriter(str(folder / name))
        self._flushed = time.monotonic()
        self._write(file_version="brain.Event:2")
        # A session start tells TensorBoard to hide what an earlier file holds from this step on.
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._write(step=resume_step + 1 if resume_step else 0, session_log=start)

    def add(self, step: int, values: list[dict]) -> None:
        self._write(step=step, summary=self._summary(value=values))
        if time.monotonic() - self._flushed > self._FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        self._flushed = time.monotonic()
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()

    def _write(self, **fields) -> None:
        event = self._event(wall_time=time.time(), **fields)
        self._writer.write(event.SerializeToString())


def _keep_rows(path: pathlib.Path, resume_step: int) -> None:
    """Rewrites the history with the rows up to `resume_step`, whole or not at all."""
    if not path.exists():
        return
    kept = [row for row in read_history(path.parent) if 0 < resume_step >= row["step"]]
    with new_file(path, text=True) as file:
        file.writelines(map(_line, kept))


def _line(row: Mapping) -> str:
    plain = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }
    return json.dumps(plain, allow_nan=False) + "\n"


class ProgressLine:
    """Step, share done, ETA and a few numbers: a bar on a terminal, else a line now and then.

    Args:
      total_steps: the step at which the work is done.
      initial: the step it starts from, so that a resumed run gives a true ETA.
      enabled: False shows nothing.
      stream: where to show it; standard error by default.
    """

    def __init__(self, total_steps: int, initial: int = 0, *, enabled: bool = True, stream=None):
        self._stream = sys.stderr if stream is None else stream
        self._enabled, self._total, self._step = enabled, total_steps, initial
        self._values: dict[str, str] = {}
        self._first: tuple[int, float] | None = None  # (step, time)
        self._shown: tuple[int, float] | None = None
        self._bar = None
        if enabled and self._stream.isatty():
            self._bar = tqdm.tqdm(
                total=total_steps,
                initial=initial,
                desc="training",
                unit="step",
                file=self._stream,
                dynamic_ncols=True,
                smoothing=0.1,
            )

    def update(self, step: int, values: Mapping | None = None) -> None:
        """Moves to `step` (absolute) and shows `values`, a name to a number or a text.

        Values given earlier stay until they are given again, such as the last FD.
        """
        if not self._enabled:
            return
        step = int(step)
        self._values.update({k: _short(v) for k, v in (values or {}).items()})
        if self._bar is not None:
            self._bar.set_postfix(self._values, refresh=False)
            self._bar.update(step - self._step)
        self._step = step
        now, shown = time.monotonic(), self._shown
        if self._bar is None and (shown is None or now - shown[1] >= _LINE_SECONDS):
            self._print(now)

    def write(self, message: str) -> None:
        """Prints a line of its own without breaking the bar."""
        if self._bar is not None:
            self._bar.write(message, file=self._stream)
        elif self._enabled:
            print(message, file=self._stream, flush=True)

    def close(self) -> None:
        """Shows the last state and ends the line; calling it again does nothing."""
        if self._bar is not None:
            self._bar.close()
        elif self._enabled and self._shown and self._shown[0] != self._step:
            self._print(time.monotonic())
        self._enabled, self._bar = False, None

    def _print(self, now: float) -> None:
        self._shown = (self._step, now)
        self._first = self._first or self._shown
        share = self._step / self._total if self._total else 1.0
        parts = [f"training: step {self._step:,}/{self._total:,} ({share:.0%})"]
        done, seconds = self._step - self._first[0], now - self._first[1]
        if done > 0 and seconds > 0:  # from the first update on, which leaves compilation out
            left = max(self._total - self._step, 0) * seconds / done
            parts.append(f"{_short(done / seconds)} steps/s")
            parts.append(f"ETA {tqdm.tqdm.format_interval(left)}")
        parts += [f"{name} {value}" for name, value in self._values.items()]
        print(", ".join(parts), file=self._stream, flush=True)


def _short(value) -> str:
    """A number in three digits or so."""
    if isinstance(value, str):
        return value
    value = float(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
