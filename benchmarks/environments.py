"""Pythons for the peers: a virtual environment each, made when first needed."""

from __future__ import annotations

import hashlib
import pathlib
import subprocess
import sys

PEERS = pathlib.Path(__file__).resolve().parent / "peers"
CACHE = pathlib.Path("~/.cache/gan_jax/benchmarks").expanduser()


class EnvironmentFailed(RuntimeError):
    """A peer's environment cannot be made; the message says what to do."""


def obtain_python(peer: str, given: str = "", *, cache: pathlib.Path = CACHE) -> str:
    """The Python that runs a peer ('torch' or 'keras').

    Args:
        peer: names `peers/requirements-<peer>.txt`.
        given: a Python that has the peer's packages already; used as it is.
        cache: where the environments are kept, one a peer. One is made anew when its requirements
            or the Python version have changed, or when it was left half made.

    Raises:
        EnvironmentFailed: the given Python does not exist, or the packages cannot be installed.
    """
    if given:
        if not pathlib.Path(given).exists():
            raise EnvironmentFailed(f"--{peer}-python {given} does not exist; give a Python's path")
        return given
    requirements = PEERS / f"requirements-{peer}.txt"
    stamp = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    folder = cache / peer
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    done = folder / "requirements.sha256"
    if done.exists() and done.read_text() == stamp:
        return str(python)
    print(f"Installing {peer} into {folder} (once)", flush=True)
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements)],
    ):
        made = subprocess.run(command, capture_output=True, text=True)
        if made.returncode:
            raise EnvironmentFailed(
                f"{' '.join(command)} failed:\n{made.stderr[-2000:]}\nInstall {peer} into a Python "
                f"of your own and give it as --{peer}-python."
            )
    done.write_text(stamp)
    return str(python)
