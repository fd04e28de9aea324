"""What a reader of a set should know, and is told once."""

from __future__ import annotations

import functools
import logging

from gan_jax.errors import printable

_log = logging.getLogger(__name__)


@functools.lru_cache(maxsize=1024)
def notice(text: str) -> None:
    """Logs a warning, the same one only once a process, however often a set is read."""
    _log.warning("%s", printable(text))
