"""The machine's name, as results carry it."""

from __future__ import annotations

import os
import pathlib
import platform
import re
from typing import Any

from gan_jax.environment import processor_name


def describe_machine() -> dict[str, Any]:
    """Processor, cores, memory in bytes, system and the load of the last minute."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": processor_name(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_bytes": memory,
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 2),
    }


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
