"""Configs as JSON keeps them beside a run: written, filled up and compared when it goes on."""

from __future__ import annotations

import json
from typing import Any

from ml_collections import ConfigDict

from gan_jax.config import cnn_config, gan_config, study_config

# Fields that may differ when a run is resumed: they change how long it goes on, what is watched, or
# where it runs, not what it computes at each step.
RESUMABLE = (
    "num_steps",
    "num_epochs",
    "parallel",
    "num_devices",
    "steps_per_call",
    "log_every",
    "compilation_cache",
    "checkpoint",
    "evaluation",
    "judge",
    "collapse",
)
# Of a study: these add cells, or leave some out of the tables, and change none.
STUDY_RESUMABLE = ("sizes", "ratios", "num_seeds")


def plain(config: ConfigDict) -> dict[str, Any]:
    """The config as JSON has it: dicts, lists, numbers, strings."""
    return json.loads(json.dumps(config.to_dict()))


def with_defaults(saved: dict[str, Any]) -> dict[str, Any]:
    """A plain config as it was saved, with the defaults of fields that came later."""

    def fill(part: dict[str, Any], default: dict[str, Any]) -> dict[str, Any]:
        filled = dict(default) | part
        for name, value in part.items():
            if isinstance(value, dict) and isinstance(default.get(name), dict):
                filled[name] = fill(value, default[name])
        return filled

    kinds = {"gan": gan_config, "cnn": cnn_config, "study": study_config}
    if saved.get("kind") not in kinds:
        return saved
    filled = fill(saved, plain(kinds[saved["kind"]]()))
    if saved["kind"] == "gan":
        for part in (
            filled["judge"],
            filled["feature_matching"],
            filled["super_resolution"]["perceptual"],
        ):
            if part["train"]:
                part["train"] = with_defaults(part["train"])
    return filled


def differences(saved: dict[str, Any], current: dict[str, Any]) -> list[str]:
    """What keeps a run of config `saved` from being resumed with `current`, a line a field."""
    found = []
    resumable = RESUMABLE + (STUDY_RESUMABLE if current.get("kind") == "study" else ())

    def compare(old: Any, new: Any, path: str) -> None:
        if isinstance(old, dict) and isinstance(new, dict):
            for name in sorted(old.keys() | new.keys()):
                compare(old.get(name), new.get(name), f"{path}.{name}")
        elif old != new:
            found.append(f"{path} was {old!r} and is now {new!r}")

    for name in sorted(saved.keys() | current.keys()):
        if name not in resumable:
            compare(saved.get(name), current.get(name), f"config.{name}")
    return found
