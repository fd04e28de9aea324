"""The command line of eval.py, as a user runs it."""

import subprocess
import sys

from tests.whole.test_runs import ROOT, environment


def eval_py(folder, *flags):
    """Runs eval.py with these flags in a folder; the finished process, with its texts."""
    return subprocess.run(
        [sys.executable, str(ROOT / "eval.py"), *map(str, flags)],
        cwd=folder,
        env=environment(folder) | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
