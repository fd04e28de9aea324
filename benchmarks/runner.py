"""Processes and their turns: all are started and warmed up, then one at a time computes."""

from __future__ import annotations

import collections
import json
import os
import pathlib
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Any

from benchmarks.machine import busy_seconds, process_seconds
from benchmarks.works import Task

_ROOT = pathlib.Path(__file__).resolve().parent.parent
_DEVICES = {
    "auto": {},
    "cpu": {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""},
    "gpu": {"JAX_PLATFORMS": "cuda"},
}
# Several processes share a GPU's memory, and no compiler may find its work done already.
_ALWAYS = {
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1",
}


class PeerFailed(RuntimeError):
    """A peer's process ended; the message holds the end of what it wrote to stderr."""


class Process:
    """A peer in its own process, waiting until it is asked to take a turn.

    Attributes:
        description: what the peer says of itself, with `first_step_seconds` from the start of the
            process (imports and compilation included) and `compile_seconds`.
    """

    def __init__(self, python: str, module: str, task: Task, device: str) -> None:
        """Starts the process and returns when it is warm.

        Raises:
            PeerFailed: if it ends before that.
        """
        environment = os.environ | _ALWAYS | _DEVICES[device]
        environment.pop("JAX_COMPILATION_CACHE_DIR", None)
        self._errors = tempfile.TemporaryFile("w+")
        start = time.perf_counter()
        self._process = subprocess.Popen(
            [python, "-m", f"benchmarks.peers.{module}", task.to_json()],
            cwd=_ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        try:
            self._answer()
            seconds = time.perf_counter() - start
            self.description = self._answer() | {"first_step_seconds": seconds}
        except BaseException:
            self.stop()
            raise

    def turn(self, seconds: float) -> dict[str, Any]:
        """Lets the peer compute for some seconds; its rate, counts and peak memory.

        'others' is how many cores other programs kept busy meanwhile, or None if nothing tells.

        Raises:
            PeerFailed: if it ends instead.
        """
        start, before = time.perf_counter(), self._others()
        try:
            self._process.stdin.write(json.dumps({"seconds": seconds}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # its last words are in stderr
        answer = self._answer()
        after, seconds = self._others(), time.perf_counter() - start
        others = None if after is None else max(0.0, (after - before) / seconds)
        return answer | {"others": others}

    def stop(self) -> None:
        """Ends the process."""
        for stream in (self._process.stdin, self._process.stdout):
            try:
                stream.close()
            except BrokenPipeError:
                pass
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def _others(self) -> float | None:
        busy = busy_seconds()
        return None if busy is None else busy - process_seconds(self._process.pid)

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        code = self._process.wait()
        self._errors.seek(0)
        words = self._errors.read().strip().splitlines()[-15:]
        raise PeerFailed(f"ended with code {code}:\n" + "\n".join(words))


def take_turns(
    processes: dict[str, Any],
    *,
    first: str,
    rounds: int,
    seconds: float,
    report: Callable[[str], None] = print,
) -> dict[str, list[dict[str, Any]]]:
    """Rounds of turns, in which one process computes at a time.

    Each peer's turn lies between two turns of `first`: first, A, first, B, first, A, ..., first.

    Args:
        processes: by name, each with `turn(seconds)`.
        first: the name of the one that all others are compared with.
        rounds: turns of each of the others.
        seconds: length of a turn.
        report: is given a line a round.

    Returns:
        the turns by name, in the order taken; see `ratios.neighbour_ratios` for who is whose
        neighbour.
    """
    others = [name for name in processes if name != first]
    turns: dict[str, list[dict[str, Any]]] = collections.defaultdict(list)
    turns[first].append(processes[first].turn(seconds))
    for number in range(rounds):
        for name in others or [None]:
            if name:
                turns[name].append(processes[name].turn(seconds))
            turns[first].append(processes[first].turn(seconds))
        rates = ", ".join(f"{name} {turns[name][-1]['rate']:.4g}" for name in processes)
        report(f"  round {number + 1} of {rounds}: {rates}")
    return dict(turns)
