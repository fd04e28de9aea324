"""The experiments that come with the package: the files of `configs/`, by name."""

from __future__ import annotations

import importlib
import pathlib
import runpy
import sys
import types

from ml_collections import ConfigDict

from gan_jax.data.disk import path_of
from gan_jax.errors import InputError, nearest


def experiments_folder() -> pathlib.Path:
    """Where their files are: in the installed package, or beside it in a clone."""
    package = pathlib.Path(__file__).resolve().parent.parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def experiment_names() -> list[str]:
    """Of all that come with the package."""
    return sorted(path.stem for path in experiments_folder().glob("*.py"))


def find_experiment(choice: str) -> str:
    """The file of an experiment, with its argument: 'recipes:mnist5k.r1' is '.../recipes.py:mn...'.

    Raises InputError for neither a file nor the name of one that comes with the package.
    """
    place, colon, argument = choice.partition(":")
    path = path_of(place)
    if not path.is_file():
        if path.suffix or len(path.parts) != 1:
            there = sorted(str(other) for other in path.parent.glob("*.py"))
            known = there or [f"configs/{name}.py" for name in experiment_names()]
            raise InputError(f"--config '{path}' is not a file: {nearest(str(path), known)}")
        if place not in experiment_names():
            raise InputError(
                f"--config '{place}' is neither a file nor the name of an experiment: "
                f"{nearest(place, experiment_names())}"
            )
        path = experiments_folder() / f"{place}.py"
    _offer_configs()
    return f"{path}{colon}{argument}"


def load_config(choice: str) -> ConfigDict:
    """The config of an experiment, to change and to give to `train`.

        config = gan_jax.load_config("quickstart")
        config.batch_size = 128

    Args:
        choice: a name such as 'quickstart' or 'recipes:mnist5k.r1', or a file of your own.

    Raises:
        InputError: neither a file nor a known name.
    """
    path, _, argument = find_experiment(choice).partition(":")
    return runpy.run_path(path)["get_config"](*([argument] if argument else []))


def _offer_configs() -> None:
    """Makes `from configs import ...` find them, which they do among each other, from anywhere."""
    try:
        module = importlib.import_module("configs")
    except ModuleNotFoundError:
        module = sys.modules["configs"] = types.ModuleType("configs")
    ours, paths = experiments_folder(), list(getattr(module, "__path__", []))
    if ours not in map(pathlib.Path, paths):
        module.__path__ = [str(ours), *paths]
