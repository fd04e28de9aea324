"""Every command line: exit codes, one-line errors, sizes. Imports nothing heavy."""

from __future__ import annotations

import io
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable

from gan_jax.data import machine
from gan_jax.data.disk import in_words
from gan_jax.errors import InputError, Interrupted, TrainingDiverged


def run_main(main: Callable[[], object], *, smaller: str) -> int:
    """Runs `main`; mistakes become one line and an exit status.

    So do a full disk, too little memory and a missing accelerator; `smaller` names what to lower if
    memory does not suffice. Any other error is a fault of the program, and leaves its trace.

    Returns:
        0; 2 for bad input and what the machine lacks; 3 for diverged training; 128 + n after
        signal n.
    """
    for stream in (sys.stdout, sys.stderr):  # names of files may hold what a terminal does not take
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    machine.keep_freed_memory()
    try:
        try:
            main()
        finally:
            sys.stdout.flush()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 1 if leaving.code else 0
    except TrainingDiverged as error:
        return _fail(error, 3)
    except InputError as error:
        return _fail(error, 2)
    except Interrupted as error:
        print(error, file=sys.stderr)
        return 128 + error.signal_number
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        return _fail(f"{in_words(error)}.", 2)
    except Exception as error:
        lacking = _what_is_lacking(error, smaller)
        if not lacking:
            raise
        return _fail(lacking, 2)
    return 0


def _what_is_lacking(error: Exception, smaller: str) -> str:
    """What to do about too little memory or a missing accelerator; '' for other errors."""
    first = " ".join((str(error).splitlines() or [""])[0].split())
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in first:
        return f"out of memory ({first or 'no more can be had'}): lower {smaller}."
    first = first.partition(" (set JAX_PLATFORMS")[0]
    asked = os.environ.get("JAX_PLATFORMS", "")
    sources = (frame.filename for frame in traceback.extract_tb(error.__traceback__))
    if asked and ("backend" in first or any(name.endswith("xla_bridge.py") for name in sources)):
        return (
            f"JAX_PLATFORMS is '{asked}', and there is no such device that JAX can use here"
            f"{f' ({first})' if first else ''}: unset it, or install the JAX of that accelerator."
        )
    return ""


def _fail(error: object, status: int) -> int:
    print(f"Error: {error}", file=sys.stderr)
    return status


def size_of(text: str, flag: str) -> tuple[int, int]:
    """(height, width) of 'HEIGHTxWIDTH', or of one number for both; InputError for other texts."""
    sides = re.fullmatch(r"([1-9]\d{0,5})(?:[xX×]([1-9]\d{0,5}))?", text.strip())
    if sides is None:
        raise InputError(
            f"{flag} is '{text}'; expected HEIGHTxWIDTH in pixels, such as 512x768, or one number."
        )
    height, width = sides.groups()
    return int(height), int(width or height)
