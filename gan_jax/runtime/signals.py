"""Signals that ask a run to end: answered at once, and obeyed where nothing is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

from gan_jax.errors import Interrupted
from gan_jax.runtime import parallel


class StopSignal:
    """SIGTERM, SIGHUP and Ctrl-C: each is answered by a line at once.

    While a loop defers them it saves first; at all other times they end the run where it is, as
    everything in its folder is whole at any moment. A third one ends the process without saving. A
    context manager; outside the main thread it does nothing.
    """

    def __init__(self) -> None:
        self.number = 0
        self._deferred = False
        self._count = 0
        self._before: dict[int, Any] = {}
        self._pipe: tuple[int, int] | None = None
        self._wakeup = -1

    def __enter__(self) -> StopSignal:
        if threading.current_thread() is not threading.main_thread():
            return self
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue  # under nohup the run outlives its terminal
            self._before[number] = signal.signal(number, self._handle)
        # Python's handlers wait for the main thread, which may compile for a minute: a thread of
        # its own answers.
        self._pipe = os.pipe()
        os.set_blocking(self._pipe[1], False)
        self._wakeup = signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
        threading.Thread(target=self._answer, args=(self._pipe[0],), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._pipe is not None:
            signal.set_wakeup_fd(self._wakeup)
            os.close(self._pipe[1])  # the thread closes its own end
        self._before, self._pipe = {}, None

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Leaves it to the block to look at `agreed` or `number`."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
        if self.number and parallel.process_count() == 1:
            raise _stopped(self.number)

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
        self.number = number
        if not self._deferred:
            raise _stopped(number)

    def _answer(self, pipe: int) -> None:
        with os.fdopen(pipe, "rb", buffering=0) as numbers:
            while byte := numbers.read(1):
                if byte[0] not in self._before:
                    continue
                self._count += 1
                name = signal.Signals(byte[0]).name
                if self._count > 2:
                    print(f"\n{name}: ended without saving.", file=sys.stderr, flush=True)
                    os._exit(128 + byte[0])
                does = "saving, and then stopping" if self._deferred else "stopping"
                more = "" if self._count == 1 else " (a third signal ends it without saving)"
                print(f"\n{name}: {does} ...{more}", file=sys.stderr, flush=True)


def _stopped(number: int) -> Interrupted:
    return Interrupted(
        f"{signal.Signals(number).name}: stopped. What was saved is whole; the same command goes "
        "on from there.",
        number,
    )
