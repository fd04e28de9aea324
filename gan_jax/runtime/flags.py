"""The flags of train.py, by absl, and how any of absl's flags are read."""

from __future__ import annotations

import difflib
import logging
import pathlib
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from gan_jax.data.disk import path_of
from gan_jax.errors import InputError

# What knows configs is imported late: eval.py has none, and its --help answers at once.
if TYPE_CHECKING:
    from ml_collections import ConfigDict

_TEXT = """{says}

usage: {command} --config EXPERIMENT [--config.FIELD=VALUE ...] [options]

  --config            a file such as configs/quickstart.py, or a name:
{names}
  --config.FIELD      changes a field: --config.batch_size=128,
                      --config.dataset.path=DIR
  --workdir           the run's folder; runs/EXPERIMENT if not given
  --dry_run           only say what would be done, as gan-jax check does

Several processes:
  --coordinator       host:port of process 0, or 'auto' on a cluster or TPU pod
  --num_processes     how many (default: 1)
  --process_id        this one, from 0 (default: 0)
"""


def with_config(
    do: Callable[[ConfigDict, pathlib.Path], object],
    arguments: Sequence[str],
    *,
    command: str,
    says: str,
) -> None:
    """Calls `do` with the config and the run's folder that a command line names.

    With --help, `command` and what it `says` are printed in place of the call.

    Raises:
        InputError: a flag, an experiment, or a field of its config that is not known.
    """
    from ml_collections import config_flags

    from gan_jax.config.experiments import experiment_names

    if {"-h", "--help", "-help"} & set(arguments):
        indent = " " * 22
        names = textwrap.fill(
            " ".join(experiment_names()), 74, initial_indent=indent, subsequent_indent=indent
        )
        print(_TEXT.format(says=says, command=command, names=names), end="")
        return
    logging.getLogger().setLevel(logging.WARNING)
    words = [command, *_with_files(arguments)]
    values = flags.FlagValues()
    config_flags.DEFINE_config_file("config", None, "", flag_values=values, sys_argv=words)
    flags.DEFINE_string("workdir", None, "", flag_values=values)
    flags.DEFINE_string("coordinator", "", "", flag_values=values)
    flags.DEFINE_integer("num_processes", 1, "", flag_values=values)
    flags.DEFINE_integer("process_id", 0, "", flag_values=values)
    left = parse_flags(words, values)[1:]
    if left:
        raise InputError(f"'{left[0]}' is not understood; see {command} --help.")
    if values.config is None:
        raise InputError("--config is missing: give an experiment, such as configs/quickstart.py.")
    if values.workdir is None:
        name = pathlib.Path(config_flags.get_config_filename(values["config"])).stem
        workdir = pathlib.Path("runs") / name
    else:
        workdir = path_of(values.workdir)
    # Imported late, so that --help and a mistyped flag answer at once.
    from gan_jax.runtime.startup import initialise_processes

    initialise_processes(values.coordinator, values.num_processes, values.process_id)
    do(values.config, workdir)


def _with_files(arguments: Sequence[str]) -> list[str]:
    """The arguments with the file of the experiment that --config names."""
    from gan_jax.config.experiments import find_experiment

    words = list(arguments)
    for index, word in enumerate(words):
        flag, equals, value = word.partition("=")
        if flag not in ("--config", "-config"):
            continue
        if equals:
            words[index] = f"{flag}={find_experiment(value)}"
        elif index + 1 < len(words):
            words[index + 1] = find_experiment(words[index + 1])
    return words


def parse_flags(arguments: list[str], values: flags.FlagValues = flags.FLAGS) -> list[str]:
    """absl's flag parsing, whose errors, a config file's included, become InputErrors."""
    try:
        return values(arguments)
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


def _check_fields(arguments: list[str]) -> None:
    """Raises InputError, with the nearest names, if an override names no field of the config."""
    from gan_jax.config.experiments import load_config

    values = _given(arguments)
    try:
        config = load_config(values.pop("config", ""))
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
