"""The machine's name, as results carry it, and whether it is idle enough to be measured on."""

from __future__ import annotations

import os
import pathlib
import platform
import re
import time
from typing import Any

from gan_jax.runtime.environment import processor_name

_QUIET = 0.1  # share of the cores that other programs may keep busy when a run begins
_WATCHED = 3.0  # seconds


class MachineBusy(RuntimeError):
    """Other programs are at work; the message says how much, and what to do."""


def describe_machine() -> dict[str, Any]:
    """Processor, cores, memory in bytes, system and the load of the last minute."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": processor_name(),
        "cores": core_count(),
        "memory_bytes": memory,
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 2),
    }


def core_count() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def busy_cores(seconds: float = _WATCHED) -> float:
    """How many cores all programs together keep busy, over so many seconds from now.

    Where nothing tells, the load average of the last minute, which remembers programs that ended.
    """
    before = busy_seconds()
    if before is None:
        return os.getloadavg()[0]
    time.sleep(seconds)
    return max(0.0, (busy_seconds() - before) / seconds)


def check_quiet(go_on: bool) -> dict[str, Any]:
    """What a result says of the machine as its run began: 'busy_cores', and whether 'began_busy'.

    To be called before any work of our own.

    Args:
        go_on: whether a busy machine is to be measured on all the same.

    Raises:
        MachineBusy: other programs keep more than a tenth of the cores busy, and not `go_on`.
    """
    busy, cores = busy_cores(), core_count()
    limit = _QUIET * cores
    if busy > limit and not go_on:
        raise MachineBusy(
            f"other programs keep {busy:.2f} of {cores} cores busy, and at most {limit:.2f} may be "
            "for a comparison: some libraries lose far more than others then. Wait until the "
            "machine is idle, or go on with --busy, which marks the result."
        )
    return {"busy_cores": round(busy, 2), "began_busy": busy > limit}


def busy_seconds() -> float | None:
    """Seconds that all cores together have worked since the start; None where nothing tells.

    Time that a hypervisor gave to other machines counts as work.
    """
    try:
        fields = pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    except OSError:
        return None
    user, nice, system, _, _, irq, soft, steal = map(int, fields[:8])
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


def process_seconds(pid: int) -> float:
    """Seconds that a process has worked, all its threads together; 0 where nothing tells."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def slug(text: str) -> str:
    """Lower-case words joined by hyphens, for a file name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
