"""Where the seconds of a run go."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator


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
