"""The jobs of eval.py and `gan-jax`, and which options each takes.

A flag that a job would ignore is refused: the user expects something of it. Imports nothing heavy.
"""

from __future__ import annotations

import dataclasses
import re
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gan_jax.data.disk import path_of
from gan_jax.errors import InputError

SOURCES = ("workdir", "samples", "gate", "compare")
_HELP = "see --help."
_PATHS = (
    "workdir samples reference training save_statistics cache gate select enlarge walk "
    "export_program out"
).split()


@dataclasses.dataclass(frozen=True)
class Job:
    """One thing to do with one kind of source.

    Attributes:
        source: the flag that names what is looked at, one of `SOURCES`.
        action: the flag that says what is done with it; '' for the job without one.
        needs: flags that must have a value.
        takes: flags that may be given beside those.
    """

    source: str
    action: str
    needs: tuple[str, ...]
    takes: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(f"--{flag}" for flag in (self.action, self.source) if flag)

    @property
    def flags(self) -> frozenset[str]:
        """All flags that may be given."""
        return frozenset((*self.needs, *self.takes, self.source, self.action)) - {""}


_OF_RUN = "checkpoint member batch_size"
_TESTING = "num_samples seeds num_steps json"
_READING = "keep batch_size json"
# Source, action, the flags that it needs, and those that it takes.
_JOBS = (
    ("workdir", "", "", f"{_OF_RUN} extractor num_samples out metrics cache texture json"),
    (
        "workdir",
        "export",
        "out",
        f"{_OF_RUN} seed truncation frames select least_confidence as_asked",
    ),
    ("workdir", "walk", "", f"{_OF_RUN} seed truncation frames fps walks points"),
    ("workdir", "export_program", "", "checkpoint member"),
    ("workdir", "draw", "out", "checkpoint member seed texture_number seamless"),
    ("workdir", "enlarge", "out", "checkpoint"),
    ("workdir", "recognise", "out", f"{_OF_RUN} extractor num_samples {_READING}"),
    ("workdir", "gan_train_test", "out", f"{_OF_RUN} extractor {_TESTING}"),
    (
        "samples",
        "",
        "reference",
        "reference_split extractor training metrics resize image_size batch_size cache "
        "save_statistics out json",
    ),
    ("samples", "benchmark", "out", "reference training resize image_size batch_size json"),
    ("samples", "recognise", "extractor out", f"reference reference_split resize {_READING}"),
    ("samples", "gan_train_test", "reference extractor out", f"resize {_TESTING}"),
    (
        "samples",
        "texture",
        "reference out",
        "reference_split extractor metrics crop num_crops grey seed json",
    ),
    ("gate", "", "reference", "reference_split resize"),
    ("compare", "", "", "out json"),
)
JOBS = tuple(
    Job(source, action, tuple(needs.split()), tuple(takes.split()))
    for source, action, needs, takes in _JOBS
)
_ACTIONS = frozenset(job.action for job in JOBS) - {""}
_ALSO_NEEDED = {"least_confidence": "select", "as_asked": "select"}


def with_paths(values: Mapping[str, Any], given: Iterable[str]) -> types.SimpleNamespace:
    """The values of all flags, with `~` as the home folder in those that may name a path.

    Without a home folder, a cache that is not among the flags `given` on the command line is ''.
    Any other path that begins with `~` then raises InputError.
    """

    def expanded(found: re.Match[str]) -> str:
        return str(path_of(found[0]))

    options = types.SimpleNamespace(**values)
    if "cache" not in given:
        try:
            path_of(options.cache)
        except InputError:
            options.cache = ""
    for name in _PATHS:
        setattr(options, name, re.sub("^~.*", expanded, getattr(options, name), flags=re.S))
    # Packs with commas, and inception:WEIGHTS.
    options.extractor = re.sub(r"(?:^|(?<=[,:]))~[^,]*", expanded, options.extractor)
    return options


def choose(given: Mapping[str, Any], words: Sequence[str] = ()) -> Job:
    """The job that a command line asks for.

    Args:
        given: the values of the flags on it, by name. A flag that is False counts as not given.
        words: on it that are no flags, such as the folders after --compare.

    Raises:
        InputError: no source or several, several actions, an action that is not for the source, a
            flag or word that the job would ignore, or a flag that it needs and lacks.
    """
    given = {name: value for name, value in given.items() if value is not False}
    sources = [name for name in SOURCES if given.get(name)]
    if len(sources) != 1:
        raise InputError(
            "give one of --workdir (a run of ours), --samples (anybody's images), --gate (a pack "
            f"to test) and --compare (the folders of several results); {_HELP}"
        )
    here = {job.action: job for job in JOBS if job.source == sources[0]}
    actions = [name for name in given if name in _ACTIONS - here[""].flags]
    if len(actions) > 1:
        raise InputError(f"{_and(actions)}: give one of them at a time.")
    action = actions[0] if actions else ""
    if action not in here:
        fitting = [job.source for job in JOBS if job.action == action]
        raise InputError(f"--{action} needs {_and(fitting, 'or')}; {_HELP}")
    job = here[action]
    for name in given:
        if name not in job.flags:
            raise InputError(f"--{name} does not go with {job}; it is for {takers(name)}.")
    needed = [(action or job.source, name) for name in job.needs]
    needed += [pair for pair in _ALSO_NEEDED.items() if pair[0] in given]
    for name, other in needed:
        if not given.get(other):
            raise InputError(f"--{name} needs --{other} too; {_HELP}")
    if words and job.source != "compare":
        raise InputError(f"'{words[0]}' is not understood; {_HELP}")
    return job


def takers(name: str) -> str:
    """The jobs that take a flag, in words."""
    words: dict[str, None] = {}
    for job in JOBS:
        if name not in job.flags:
            continue
        same = [other for other in JOBS if other.action == job.action]
        optional = any(job.action in other.takes for other in JOBS)
        if not job.action:
            words[f"--{job.source} alone"] = None
        elif optional or not all(name in other.flags for other in same):
            words[str(job)] = None
        else:
            words[f"--{job.action}"] = None
    return _listed(list(words))


def _and(names: Iterable[str], word: str = "and") -> str:
    return _listed([f"--{name}" for name in names], word)


def _listed(parts: list[str], word: str = "and") -> str:
    return f" {word} ".join([", ".join(parts[:-1])] * (len(parts) > 1) + parts[-1:])
