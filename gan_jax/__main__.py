"""The command `gan-jax`, and what train.py calls. Help and mistakes import nothing heavy."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gan_jax.errors import InputError, nearest
from gan_jax.runtime.cli import run_main

if TYPE_CHECKING:
    from gan_jax.runtime.commands import Command

_TRAIN = "Trains what an experiment describes, or goes on where it was left."
_CHECK = "Says what a training would do and how long it would take, and trains nothing."
_COMPLETION = "Print a script that completes commands: bash or zsh."
_TRAINING_SMALLER = "--config.batch_size, or --config.evaluation.batch_size if it was judging"


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what a command line of `gan-jax` asks for; returns its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    name, rest = words[0] if words else "", words[1:]
    if name == "train":
        return train(rest)
    if name == "check":
        return check(rest)
    return run_main(lambda: _look(name, rest), smaller="--batch_size or the number of images")


def train(arguments: Sequence[str], *, command: str = "gan-jax train") -> int:
    """Trains, or with --dry_run does what `check` does; returns the exit status."""
    if "--dry_run" in arguments:
        return check([word for word in arguments if word != "--dry_run"])
    return _with_config(_run, arguments, command, _TRAIN)


def check(arguments: Sequence[str]) -> int:
    """Says what a training would do; returns the exit status."""
    return _with_config(_check, arguments, "gan-jax check", _CHECK)


def _with_config(do, arguments: Sequence[str], command: str, says: str) -> int:
    def act() -> None:
        from gan_jax.runtime.flags import with_config

        with_config(do, arguments, command=command, says=says)

    return run_main(act, smaller=_TRAINING_SMALLER)


def _run(config, workdir) -> None:
    from gan_jax.run import run

    run(config, workdir)


def _check(config, workdir) -> None:
    from gan_jax.run.check import check_run

    check_run(config, workdir)


def _look(name: str, rest: list[str]) -> None:
    from gan_jax.runtime.commands import COMMANDS, command_help, completion, parse

    known = {command.name: command for command in COMMANDS}
    if name in ("", "-h", "--help", "help"):
        print(_overview(COMMANDS), end="")
    elif name == "--version":
        from gan_jax import __version__

        print(f"gan_jax {__version__}")
    elif name == "completion":
        print(completion(["train", "check"]), end="")
    elif name not in known:
        every = ["train", "check", *known, "completion"]
        raise InputError(f"gan-jax {name} is not a command: {nearest(name, every)}")
    elif {"-h", "--help"} & set(rest):
        print(command_help(known[name]), end="")
    else:
        asked = parse(known[name], rest)
        from gan_jax.run.evaluate import do

        do(*asked)


def _overview(commands: Sequence[Command]) -> str:
    lines = [
        ("train", "Train a GAN or a recogniser, or go on where it was left."),
        ("check", "Say what a training would do, and train nothing."),
    ]
    lines += [(command.name, command.says) for command in commands]
    lines.append(("completion", _COMPLETION))
    listed = "\n".join(f"  {name:15}{says}" for name, says in lines)
    return f"""A GAN that draws and a CNN that reads, trained for each other.

usage: gan-jax COMMAND ...

{listed}

gan-jax COMMAND --help has its options. First steps:
  gan-jax train --config quickstart
  gan-jax judge my_pngs --reference mnist5k --out judged
"""


if __name__ == "__main__":
    sys.exit(main())
