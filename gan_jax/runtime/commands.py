"""The subcommands of `gan-jax` that look at what is there: which job of eval.py each is.

Their options are those of these jobs (`runtime/jobs.py`) with the texts of `runtime/options.py`.
Imports nothing heavy.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from typing import Any, NoReturn

from gan_jax.data.disk import path_of
from gan_jax.errors import InputError, nearest
from gan_jax.runtime.jobs import JOBS, Job
from gan_jax.runtime.options import ALL_OPTIONS, OPTIONS, type_and_default

_HELP_COLUMN = 26
_METAVARS = {float: "X", int: "N", list: "A,B", str: "..."}


@dataclasses.dataclass(frozen=True)
class Command:
    """One subcommand.

    Attributes:
        name, says: of it; `says` is one line.
        places: its words in order, each 'METAVAR:option'. The option 'place' is --workdir for the
            folder of a run and else --samples; 'folders' takes any number.
        actions: of the jobs that it may be, see `Job.action`.
        example: of a whole command line, without `gan-jax`.
    """

    name: str
    says: str
    places: tuple[str, ...]
    actions: tuple[str, ...]
    example: str

    @property
    def jobs(self) -> list[Job]:
        """Those that it may be."""
        sources = {"place": ("workdir", "samples"), "folders": ("compare",)}
        first = self.places[0].partition(":")[2]
        allowed = sources.get(first, (first,))
        return [job for job in JOBS if job.source in allowed and job.action in self.actions]

    @property
    def options(self) -> list[str]:
        """The names of what may be given beside its words, by subject."""
        words = {place.partition(":")[2] for place in self.places} | {"workdir", "samples"}
        chosen = set().union(*(job.flags for job in self.jobs)) - words - {"compare"}
        if len(self.actions) == 1:
            chosen -= set(self.actions)  # the command itself says it
        return [name for name in ALL_OPTIONS if name in chosen]


COMMANDS = (
    Command(
        "judge",
        "Judge anybody's images, or a run of ours.",
        ("IMAGES_OR_RUN:place",),
        ("", "benchmark"),
        "judge my_pngs --reference mnist5k --out judged",
    ),
    Command(
        "judge-texture",
        "Judge a texture by statistics of its crops.",
        ("IMAGES:samples",),
        ("texture",),
        "judge-texture photo.png --reference textures:brick --out judged",
    ),
    Command(
        "sample",
        "Draw samples of a run into --out, a folder or NAME.npz.",
        ("RUN:workdir", "COUNT:export"),
        ("export",),
        "sample runs/quickstart 1000 --out digits.npz",
    ),
    Command(
        "texture",
        "Draw a texture of HEIGHTxWIDTH pixels into --out NAME.png.",
        ("RUN:workdir", "SIZE:draw"),
        ("draw",),
        "texture runs/texture_brick 512x768 --out wall.png",
    ),
    Command(
        "walk",
        "Draw walks through latent space as NAME.gif or NAME.mp4.",
        ("RUN:workdir", "FILE:walk"),
        ("walk",),
        "walk runs/quickstart walk.gif",
    ),
    Command(
        "enlarge",
        "Enlarge an image, or a folder of them, into --out.",
        ("RUN:workdir", "IMAGES:enlarge"),
        ("enlarge",),
        "enlarge runs/super_resolution photo.png --out enlarged",
    ),
    Command(
        "program",
        "Write the generator as one file for jax.export.",
        ("RUN:workdir", "FILE:export_program"),
        ("export_program",),
        "program runs/quickstart digits.jax",
    ),
    Command(
        "compare",
        "Compare the results of several runs.",
        ("RUN:folders",),
        ("",),
        "compare runs/a runs/b --out compared",
    ),
    Command(
        "gate",
        "Test a judge: does it notice known damage to --reference?",
        ("PACK:gate",),
        ("",),
        "gate runs/cnn_mnist5k/pack --reference mnist5k",
    ),
    Command(
        "recognise",
        "Read images with the packs of --extractor.",
        ("IMAGES_OR_RUN:place",),
        ("recognise",),
        "recognise runs/conditional --extractor PACK,PACK,PACK --out read",
    ),
    Command(
        "study",
        "GAN-train and GAN-test: do generated images teach?",
        ("IMAGES_OR_RUN:place",),
        ("gan_train_test",),
        "study runs/conditional --seeds 3 --out stand_in",
    ),
)


def parse(
    command: Command, arguments: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """What a command and the arguments that follow its name ask for, as `run.evaluate.do` takes it.

    Returns:
        The values of all options by name, those of the given ones, and the folders to compare.

    Raises:
        InputError: an option that the command does not take, with the nearest; a value that is
            none; words missing or too many.
    """
    parser = _parser(command)
    found, left = parser.parse_known_args([_underscored(one) for one in arguments])
    for word in left:
        name = word.partition("=")[0].lstrip("-")
        if not word.startswith("-"):
            raise InputError(f"'{word}' is one word too many: {parser.usage}; see --help.")
        raise InputError(
            f"gan-jax {command.name} does not take --{name}: {nearest(name, command.options)}"
        )
    given = {name: value for name, value in vars(found).items() if value is not None}
    words = given.pop("folders", [])
    if command.places[0].endswith(":folders"):
        given["compare"] = True
    place = given.pop("place", None)
    if place is not None:
        given["workdir" if _is_run(place) else "samples"] = place
    for action in command.actions:
        if action and isinstance(ALL_OPTIONS[action][0], bool):
            given[action] = True
    defaults = {name: type_and_default(option)[1] for name, (option, _) in ALL_OPTIONS.items()}
    return defaults | given, given, words


def command_help(command: Command) -> str:
    """What `gan-jax COMMAND --help` prints."""
    return _parser(command).format_help()


def completion(extra: Sequence[str]) -> str:
    """A script for bash, and for zsh by its bashcompinit, that completes commands and options.

    `extra` are the names of further commands.
    """
    cases = "\n".join(
        f'    {one.name}) words="{" ".join(f"--{name}" for name in one.options)}" ;;'
        for one in COMMANDS
    )
    names = " ".join([*extra, *(one.name for one in COMMANDS)])
    return f"""[ -n "$ZSH_VERSION" ] && autoload -U +X bashcompinit && bashcompinit
_gan_jax() {{
  local words="" current="${{COMP_WORDS[COMP_CWORD]}}"
  case "${{COMP_WORDS[1]}}" in
{cases}
  esac
  [ "$COMP_CWORD" -eq 1 ] && words="{names}"
  COMPREPLY=($(compgen -W "$words" -- "$current") $(compgen -f -- "$current"))
}}
complete -o filenames -F _gan_jax gan-jax
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{self.prog}: {message}; see --help.")


def _parser(command: Command) -> argparse.ArgumentParser:
    words = [place.partition(":") for place in command.places]
    usage = " ".join(["gan-jax", command.name, *(one for one, _, _ in words), "[options]"])
    parser = _Parser(
        prog=f"gan-jax {command.name}",
        usage=usage,
        description=command.says,
        epilog=f"example: gan-jax {command.example}",
        formatter_class=lambda prog: argparse.HelpFormatter(
            prog, max_help_position=_HELP_COLUMN, width=80
        ),
        allow_abbrev=False,
        add_help=False,
    )
    for metavar, _, option in words:
        many = "+" if option == "folders" else None
        kind = type(ALL_OPTIONS[option][0]) if option in ALL_OPTIONS else str
        parser.add_argument(option, metavar=metavar, nargs=many, type=kind, help=argparse.SUPPRESS)
    for heading, options in OPTIONS.items():
        chosen = [name for name in options if name in command.options]
        group = parser.add_argument_group(heading) if chosen else parser
        for name in chosen:
            _add(group, name, *options[name])
    return parser


def _add(group: argparse._ActionsContainer, name: str, option: Any, text: str) -> None:
    kind, _ = type_and_default(option)
    if kind is bool:
        group.add_argument(f"--{name}", action="store_true", default=None, help=text)
    elif kind is tuple:
        group.add_argument(f"--{name}", choices=option, metavar="PART", help=text)
    else:
        read = _listed if kind is list else kind
        group.add_argument(f"--{name}", type=read, metavar=_METAVARS[kind], help=text)


def _is_run(place: str) -> bool:
    from gan_jax.runtime.workdir import CONFIG  # imported late: it loads JAX

    return (path_of(place) / CONFIG).is_file()


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _underscored(argument: str) -> str:
    """--num-samples=5 is --num_samples=5."""
    name, equals, value = argument.partition("=")
    if not name.startswith("--"):
        return argument
    return f"--{name[2:].replace('-', '_')}{equals}{value}"
