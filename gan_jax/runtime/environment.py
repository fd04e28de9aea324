"""The versions and hardware that a number was made with."""

from __future__ import annotations

import importlib.metadata
import os
import pathlib
import platform

import jax

import gan_jax

_LIBRARIES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def library_versions() -> dict[str, str]:
    """Versions of this package, of Python and of the libraries that numbers depend on."""
    versions = {"gan_jax": gan_jax.__version__, "python": platform.python_version()}
    return versions | {name: importlib.metadata.version(name) for name in _LIBRARIES}


def describe_environment() -> dict[str, str]:
    """Library versions and devices, for a report."""
    device = jax.devices()[0]
    return library_versions() | {
        "devices": f"{jax.device_count()} x {device.device_kind}",
        "processes": str(jax.process_count()),
        "processor": f"{processor_name()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.machine()}",
    }


def processor_name() -> str:
    """The processor's name."""
    return cpu_info("model name") or platform.processor() or platform.machine()


def cpu_info(field: str) -> str:
    """What Linux says of the first processor in that field; '' elsewhere, or without the field."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(field)), "")
