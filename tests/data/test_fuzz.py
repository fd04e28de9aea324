"""Broken and hostile files: each is read or refused in one line, with little memory."""

import pathlib
import subprocess
import sys

import pytest

from tests.broken_files import LIMIT_MB

_ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("count", [3, pytest.param(400, marks=pytest.mark.slow)])
def test_broken_files_are_read_or_refused_in_one_line_and_little_memory(count):
    done = subprocess.run(
        [sys.executable, "-m", "tests.broken_files", str(count)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    read, refused, memory = map(int, done.stdout.split())
    assert read > 500 and refused > 400
    assert memory < 1.5 * LIMIT_MB  # what is read, and the decoders themselves
