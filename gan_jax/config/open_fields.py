"""Fields of a config that are left open, to be chosen from the data."""

from __future__ import annotations

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder


def leave_open(config: ConfigDict, *fields: str) -> None:
    """Makes fields, such as 'dataset.image_size', None: `gan_jax.training.own_data` chooses them.

    A section's name stands for all fields in it. The command line sets them as it does others.
    """
    for field in fields:
        *sections, name = field.split(".")
        section = config
        for inner in sections:
            section = section[inner]
        value = section[name]
        if isinstance(value, ConfigDict):
            leave_open(value, *value)
        else:
            del section[name]
            section[name] = placeholder(type(value))


def open_fields(config: ConfigDict) -> list[str]:
    """The fields that are to be chosen from the data: those of None, whose default is not."""
    found = []
    for name, value in config.items():
        if isinstance(value, ConfigDict):
            found += [f"{name}.{inner}" for inner in open_fields(value)]
        elif value is None and not name.endswith("_end"):
            found.append(name)
    return found
