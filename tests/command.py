"""The command line of eval.py, as a user runs it, in this process."""

import contextlib
import importlib.util
import io
import os
import sys
import types
from unittest import mock

from absl import flags

from gan_jax.runtime.cli import run_main
from gan_jax.runtime.flags import parse_flags
from tests.whole.test_runs import ROOT


@contextlib.contextmanager
def eval_script():
    """eval.py as a module, whose flags are gone afterwards: a process can define them once only."""
    spec = importlib.util.spec_from_file_location("eval_script", ROOT / "eval.py")
    module = importlib.util.module_from_spec(spec)
    before = set(flags.FLAGS)
    sys.modules["eval_script"] = module  # absl tells by it whose flags they are
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules["eval_script"]
        for name in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, name)


def eval_py(folder, *arguments):
    """Runs eval.py with these flags in a folder, its home; the exit status, and both texts."""
    words = ["eval.py", *map(str, arguments)]
    out, error = io.StringIO(), io.StringIO()
    with (
        eval_script() as script,
        mock.patch.dict(os.environ, HOME=str(folder)),
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(error),
    ):
        status = run_main(lambda: script.main(parse_flags(words)), smaller="what there is")
    return types.SimpleNamespace(returncode=status, stdout=out.getvalue(), stderr=error.getvalue())
