"""Memory that a process frees and allocates again."""

import platform
import subprocess
import sys

import pytest

_COUNTED = """
import resource
import numpy as np
from gan_jax.data.machine import keep_freed_memory
{first}
def pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        np.ones({size}, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
pages()
print(pages())
"""


def _new_pages(size, first=""):
    program = _COUNTED.format(size=size, first=first)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_a_large_array_is_allocated_from_memory_that_was_freed():
    size = 256 << 20
    assert _new_pages(size) > 4 * _new_pages(size, "keep_freed_memory()")


def test_nothing_happens_without_that_c_library(monkeypatch):
    import ctypes

    from gan_jax.data.machine import keep_freed_memory

    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    keep_freed_memory.__wrapped__()
