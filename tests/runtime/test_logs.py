"""What a run leaves in its folder, and what it shows while it goes."""

from __future__ import annotations

import io
import json
import math
import re
import socket
import struct
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest
from tensorboardX.proto import event_pb2

from gan_jax.errors import InputError
from gan_jax.runtime import logs
from gan_jax.runtime.logs import ProgressLine, RunLogger, read_history


def _events(workdir):
    """All TensorBoard events of a run, file by file, by the TFRecord framing."""
    for path in sorted((workdir / "tensorboard").iterdir(), key=lambda p: p.suffix):
        data, start = path.read_bytes(), 0
        while start < len(data):
            (length,) = struct.unpack_from("<Q", data, start)
            yield event_pb2.Event.FromString(data[start + 12 : start + 12 + length])
            start += 12 + length + 4


def test_rows_are_valid_json_and_read_back(tmp_path):
    with closing(RunLogger(tmp_path / "run")) as logger:
        logger.scalars(0, {"loss/generator": np.float32(0.5), "eval/fd_semantic": 3})
        logger.scalars(20, {"loss/generator": float("nan"), "loss/discriminator": -math.inf})
        lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()  # before close

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    rows = [json.loads(line, parse_constant=refuse) for line in lines]
    assert rows[0]["step"] == 0 and rows[0]["loss/generator"] == 0.5
    assert rows[1]["loss/generator"] is None and rows[1]["loss/discriminator"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", rows[0]["time"])
    history = read_history(tmp_path / "run")
    assert history[0]["eval/fd_semantic"] == 3.0
    assert math.isnan(history[1]["loss/generator"])


def test_resuming_drops_later_rows_and_a_torn_line(tmp_path):
    with closing(RunLogger(tmp_path)) as logger:
        for step in range(10, 60, 10):
            logger.scalars(step, {"loss/generator": float("nan") if step == 20 else step})
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(path.read_bytes() + b'{"step": 60, "loss/gen')
    assert [row["step"] for row in read_history(tmp_path)] == [10, 20, 30, 40, 50]
    with closing(RunLogger(tmp_path, resume_step=30)) as logger:
        logger.scalars(40, {"loss/generator": -1.0})
    history = read_history(tmp_path)
    assert [row["step"] for row in history] == [10, 20, 30, 40]
    assert math.isnan(history[1]["loss/generator"]) and history[3]["loss/generator"] == -1.0
    assert json.loads(path.read_text().splitlines()[1])["loss/generator"] is None
    assert {p.name for p in tmp_path.iterdir()} == {"metrics.jsonl", "tensorboard"}


def test_starting_afresh_drops_all_rows(tmp_path):
    for _ in range(2):
        with closing(RunLogger(tmp_path)) as logger:
            logger.scalars(0, {"a/b": 1})
    assert len(read_history(tmp_path)) == 1


def test_a_damaged_row_is_left_out_with_a_warning(tmp_path, caplog):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"st\n[3]\n{"x": 2}\n{"step": 2}\n')
    assert [row["step"] for row in read_history(tmp_path)] == [1, 2]
    assert "line 2 is not a row" in caplog.text
    assert read_history(tmp_path / "nowhere") == []


def test_tensorboard_holds_the_same_scalars_and_the_pictures(tmp_path):
    with closing(RunLogger(tmp_path)) as logger:
        logger.scalars(5, {"loss/generator": 0.25, "loss/discriminator": 4.0})
        for channels in (1, 2, 3, 4):
            logger.image(5, f"samples/{channels}", np.zeros((6, 9, channels), np.uint8))
    values = [v for event in _events(tmp_path) for v in event.summary.value]
    assert {v.tag: v.simple_value for v in values[:2]} == {
        "loss/generator": 0.25,
        "loss/discriminator": 4.0,
    }
    assert [v.tag for v in values[2:]] == [f"samples/{c}" for c in (1, 2, 3, 4)]
    assert all((v.image.height, v.image.width) == (6, 9) for v in values[2:])
    assert all(v.image.encoded_image_string.startswith(b"\x89PNG") for v in values[2:])


def test_tensorboard_is_told_where_a_resumed_run_starts(tmp_path):
    for resume_step in (0, 70):
        with closing(RunLogger(tmp_path, resume_step=resume_step)) as logger:
            logger.scalars(resume_step + 10, {"a/b": 1.0})
    starts = [e.step for e in _events(tmp_path) if e.session_log.status]
    assert starts == [0, 71]


def test_a_log_does_not_name_the_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "a-machine-of-mine")
    for _ in range(2):  # and two that begin in one second keep a file each
        with closing(RunLogger(tmp_path)) as logger:
            logger.scalars(1, {"a/b": 1.0})
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sum("tfevents" in path.name for path in files) == 2
    assert not any("a-machine-of-mine" in path.name for path in files)
    assert not any(b"a-machine-of-mine" in path.read_bytes() for path in files)


def test_other_processes_write_nothing(tmp_path):
    with closing(RunLogger(tmp_path / "run", enabled=False)) as logger:
        logger.scalars(1, {"a/b": 1.0})
        logger.image(1, "samples", np.zeros((2, 2, 1), np.uint8))
        logger.flush()
    assert not (tmp_path / "run").exists()


def test_bad_input_is_named(tmp_path):
    with closing(RunLogger(tmp_path)) as logger, pytest.raises(InputError, match="'step' is taken"):
        logger.scalars(1, {"step": 3.0})
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write .*Choose another --workdir"):
        RunLogger(tmp_path / "file" / "run")


def test_a_full_disk_is_an_error_not_a_hang(tmp_path):
    code = f"""
import resource
from gan_jax.runtime.logs import RunLogger
logger = RunLogger({str(tmp_path)!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    for step in range(10_000):
        logger.scalars(step, {{"a/b": 1.0}})
except OSError as error:
    print("stopped at", step, flush=True)
import os; os._exit(0)
"""
    command = [sys.executable, "-c", code]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    step = int(output.stdout.split()[-1])
    assert 20 < step < 200
    assert [row["step"] for row in read_history(tmp_path)] == list(range(step))


def test_importing_logs_loads_nothing_slow():
    code = (
        "import sys, gan_jax.runtime.logs; "
        "print([m for m in ('jax', 'tensorboardX') if m in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "[]"


class _Clock:
    """Stands for the time module: seconds pass when the test says so."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(logs.time, "monotonic", lambda: self.now)


def test_progress_without_a_terminal_is_a_line_now_and_then(monkeypatch):
    clock, stream = _Clock(monkeypatch), io.StringIO()
    with closing(ProgressLine(1000, 200, stream=stream)) as progress:
        for step in range(201, 1001):
            clock.now += 0.1
            values = {"images/s": 12345.6, "loss D": 0.69314, "data": "mnist5k"}
            progress.update(step, {**values, "FD": 6.125} if step == 250 else values)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 9  # 80 seconds: at once, every 10 seconds, and the last state
    assert lines[0].startswith("training: step 201/1,000 (20%)")
    assert "10 steps/s, ETA 01:09" in lines[1]
    assert "images/s 12,346" in lines[1] and "loss D 0.693" in lines[1] and "mnist5k" in lines[1]
    assert lines[-1].startswith("training: step 1,000/1,000 (100%)")
    assert "FD" not in lines[0] and all("FD 6.12" in line for line in lines[1:])


def test_progress_on_a_terminal_is_a_bar():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    with closing(ProgressLine(10, 4, stream=stream)) as progress:
        progress.update(7, {"loss D": 0.5})
        progress.write("saved a checkpoint")
        progress.update(10, {"FD": 6.0})
    shown = stream.getvalue()
    assert "10/10" in shown and "4/10" in shown and "loss D=0.5" in shown and "FD=6" in shown
    assert "saved a checkpoint\n" in shown


def test_progress_disabled_shows_nothing():
    stream = io.StringIO()
    with closing(ProgressLine(10, stream=stream, enabled=False)) as progress:
        progress.update(10, {"a": 1.0})
        progress.write("nothing")
    assert stream.getvalue() == ""
