"""Both command lines: exit codes, one-line errors, sizes. Imports nothing heavy."""

from __future__ import annotations

import difflib
import os
import pathlib
import re
import runpy
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

from gan_jax.data.disk import in_words
from gan_jax.errors import InputError, Interrupted, TrainingDiverged


def run_main(app: Any, main: Callable[[list[str]], None], *, smaller: str) -> int:
    """Runs `main` under absl's `app`; mistakes become one line and an exit status.

    So do a full disk, too little memory and a missing accelerator; `smaller` names what to lower if
    memory does not suffice. Any other error is a fault of the program, and leaves its trace.

    Returns:
        0; 2 for bad input and what the machine lacks; 3 for diverged training; 128 + n after
        signal n.
    """
    for stream in (sys.stdout, sys.stderr):  # names of files may hold what a terminal does not take
        stream.reconfigure(errors="backslashreplace")
    try:
        try:
            app.run(main, flags_parser=_parse)
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


def _parse(arguments: list[str]) -> list[str]:
    """absl's flag parsing, whose errors, a config file's included, become InputErrors."""
    from absl import flags

    _check_config_file(arguments)
    try:
        return flags.FLAGS(arguments)
    except (InputError, OSError):
        raise
    except flags.Error as error:
        raise InputError(f"{' '.join(str(error).split()).rstrip('.')}; see --help.") from error
    except Exception as error:
        _check_fields(arguments)
        cause: object = error
        while isinstance(cause, BaseException) and cause.args:  # KeyError quotes its own message
            cause = cause.args[0]
        raise InputError(f"--config cannot be used: {' '.join(str(cause).split())}") from error


def _given(arguments: list[str]) -> dict[str, str]:
    """The values of --config and of its fields on a command line, by name."""
    values = {}
    for index, argument in enumerate(arguments):
        name, equals, value = argument.lstrip("-").partition("=")
        if argument.startswith("-") and name.partition(".")[0] == "config":
            values[name] = value if equals else "".join(arguments[index + 1 : index + 2])
    return values


def _check_config_file(arguments: list[str]) -> None:
    """Raises InputError, with the nearest name, if the file that --config names is not there."""
    given = _given(arguments)
    path = pathlib.Path(given.get("config", "").partition(":")[0])
    if "config" not in given or path.is_file():
        return
    there = sorted(str(other) for other in path.parent.glob("*.py"))
    close = difflib.get_close_matches(str(path), there, n=1)
    hint = f"did you mean {close[0]}?" if close else "give a file such as configs/quickstart.py."
    raise InputError(f"--config '{path}' is not a file: {hint}")


def _check_fields(arguments: list[str]) -> None:
    """Raises InputError, with the nearest names, if an override names no field of the config."""
    values = _given(arguments)
    path, _, argument = values.pop("config", "").partition(":")
    try:
        config = runpy.run_path(path)["get_config"](*([argument] if argument else []))
    except Exception:  # the file itself is at fault, and its own error is shown
        return
    for name in values:
        _check_field(name, config)


def _check_field(name: str, config: Any) -> None:
    known = config
    for part in name.split(".")[1:]:
        if not hasattr(known, "items") or part not in known:
            fields = _fields(config, "config")
            close = [field for field in fields if part in _short_names(field)]
            close = close or difflib.get_close_matches(name, fields, n=3)
            guess = f" Did you mean {' or '.join(close[:3])}?" if close else ""
            raise InputError(
                f"--{name} is not a field of the config.{guess} All fields stand in "
                "gan_jax/config/defaults.py, with their meaning."
            )
        known = known[part]


def _fields(config: Any, name: str) -> list[str]:
    found = []
    for part, value in config.items():
        found += _fields(value, f"{name}.{part}") if hasattr(value, "items") else [f"{name}.{part}"]
    return found


def _short_names(field: str) -> tuple[str, str]:
    """'learning_rate' and 'lr' of a field whose last part is that."""
    last = field.rpartition(".")[2]
    return last, "".join(word[:1] for word in last.split("_"))


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
