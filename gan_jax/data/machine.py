"""The memory of this machine: limits on what is read into it, and what becomes of freed memory."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import pathlib
import resource
import sys

_UNKNOWN = 4 << 30
_SHARE = 4
_MOST = 2 << 30  # so that on all but small machines the same sets are streamed
_KEPT = 1 << 30  # bytes
# Of mallopt, see malloc.h: from what size on memory is the system's, how much may lie unused at the
# end, and how many heaps there are (a thread's own heap ends at 64 MiB).
_KEEP_FREED = {-3: _KEPT, -1: _KEPT, -8: 1}
_CONTAINER_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@functools.cache
def memory() -> int:
    """Bytes of memory that this process may use: the machine's, or what it was given of it."""
    try:
        found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (ValueError, OSError, AttributeError):  # not every system tells
        found = [_UNKNOWN]
    for path in _CONTAINER_LIMITS:
        with contextlib.suppress(OSError, ValueError):  # 'max' is no limit
            found.append(int(pathlib.Path(path).read_text()))
    with contextlib.suppress(OSError, ValueError):
        address_space = resource.getrlimit(resource.RLIMIT_AS)[0]
        if address_space != resource.RLIM_INFINITY:
            found.append(address_space)
    return max(min(found), 1)


def default_limit() -> int:
    """Bytes that one set or one file may take in memory where nobody says: a quarter, or 2 GiB."""
    return min(memory() // _SHARE, _MOST)


def limit_or_default(limit: int | None) -> int:
    """The limit in bytes, or `default_limit` for None."""
    return default_limit() if limit is None else limit


def peak() -> int:
    """The most bytes that this process has held."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


@functools.cache
def keep_freed_memory() -> None:
    """Lets this process keep up to 1 GiB of the memory that it frees, for what it allocates next.

    On a CPU, each call of a program allocates its temporary arrays from the C library and frees
    them. Without this, arrays of 32 MiB and more come from the system each time, which has to clear
    every page (measured in docs/speed.md). Does nothing where the C library is not glibc.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in _KEEP_FREED.items():
            mallopt(parameter, value)
