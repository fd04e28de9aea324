"""What can be seen to be wrong with a config without data or devices."""

from __future__ import annotations

import difflib

from ml_collections import ConfigDict

from gan_jax.config.defaults import cnn_config, gan_config, study_config
from gan_jax.errors import InputError, nearest

# What a run may do when its generator collapses.
COLLAPSE_ACTIONS = ("none", "warn", "stop", "rollback")


def check_config(config: ConfigDict) -> None:
    """Raises InputError for a config that can be seen to be wrong without data or devices."""
    kinds = {"gan": gan_config, "cnn": cnn_config, "study": study_config}
    if config.get("kind") not in kinds:
        raise InputError(
            f"config.kind is {config.get('kind')!r}; expected 'gan', 'cnn' or 'study'."
        )
    _check_fields(config, kinds[config.kind](), "config")
    if config.kind == "study":
        _check_study(config)
        return
    if config.num_steps < 0 or (config.num_steps == 0 and not config.num_epochs > 0):
        raise InputError(
            f"config.num_steps is {config.num_steps} and config.num_epochs {config.num_epochs}: "
            "one of them must be above 0."
        )
    for name in ("batch_size", "steps_per_call", "log_every"):
        _check_positive(f"config.{name}", config[name])
    _check_positive("config.checkpoint.every", config.checkpoint.every)
    _check_positive("config.checkpoint.keep", config.checkpoint.keep)
    if config.seed < 0:
        raise InputError(f"config.seed is {config.seed}; expected 0 or more.")
    if config.evaluation.every < 0:
        raise InputError(
            f"config.evaluation.every is {config.evaluation.every}; expected a number of steps, or "
            "0 for the end only."
        )
    if config.kind == "gan":
        if config.accumulation < 1 or config.batch_size % config.accumulation:
            raise InputError(
                f"config.accumulation is {config.accumulation}; expected 1 or more, and a divisor "
                f"of config.batch_size, which is {config.batch_size}."
            )
        _check_discriminator_steps(config)
        if config.evaluation.num_samples < 4:
            raise InputError(
                f"config.evaluation.num_samples is {config.evaluation.num_samples}; the Frechet "
                "distance needs at least 4 samples, and hundreds to mean something."
            )
        final = config.evaluation.num_final_samples
        if final and final < 4:
            raise InputError(
                f"config.evaluation.num_final_samples is {final}; expected at least 4, or 0 for as "
                "many as config.evaluation.num_samples."
            )
        _check_collapse(config)
        _check_positive("config.num_seeds", config.num_seeds)
        for section in (config.judge, config.feature_matching, config.super_resolution.perceptual):
            if section.train and section.pack:
                check_config(section.train)


def _check_study(config: ConfigDict) -> None:
    """Raises InputError for settings of an augmentation study that cannot work."""
    for name, kind in (("sizes", int), ("ratios", (int, float))):
        values = tuple(config[name])
        fits = all(isinstance(v, kind) and not isinstance(v, bool) and v > 0 for v in values)
        if not values or not fits or list(values) != sorted(set(values)):
            raise InputError(
                f"config.{name} is {values!r}; expected numbers above 0 in ascending order, such "
                f"as {study_config()[name]!r}."
            )
    for name in ("num_seeds", "steps_per_call", "log_every", "mixed_ratio"):
        _check_positive(f"config.{name}", config[name])
    for part in ("recogniser", "gan"):
        _check_positive(f"config.{part}.num_steps", config[part].num_steps)
        _check_positive(f"config.{part}.batch_size", config[part].batch_size)
    if config.seed < 0:
        raise InputError(f"config.seed is {config.seed}; expected 0 or more.")
    if config.pool_ratio < max(*config.ratios, config.mixed_ratio):
        raise InputError(
            f"config.pool_ratio is {config.pool_ratio}, less than the greatest of config.ratios "
            f"and config.mixed_ratio, {max(*config.ratios, config.mixed_ratio)}: the arms take "
            "their images from the pool; raise it to that at least."
        )
    if not config.gan.model.conditional:
        raise InputError(
            "config.gan.model.conditional is '': images without a class cannot teach a "
            "recogniser. Set it to 'projection' or 'auxiliary'."
        )
    filters = config.filters
    if filters.recognisers < 1:
        raise InputError(
            f"config.filters.recognisers is {filters.recognisers}; expected 1 or more."
        )
    if not 0 <= filters.confidence < 1:
        raise InputError(
            f"config.filters.confidence is {filters.confidence}; expected a probability from 0 to "
            "below 1."
        )
    if not 0 < filters.acceptance < 1:
        raise InputError(
            f"config.filters.acceptance is {filters.acceptance}; expected a share between 0 and 1."
        )
    if config.control.extra_steps < 0 or config.control.most < 1:
        raise InputError(
            f"config.control.extra_steps is {config.control.extra_steps} and most "
            f"{config.control.most}; expected 0 or more steps, and 1 or more times "
            "config.recogniser.num_steps."
        )


def _check_discriminator_steps(config: ConfigDict) -> None:
    times = config.discriminator_steps
    if times < 1:
        raise InputError(f"config.discriminator_steps is {times}; expected 1 or more.")
    if times > 1 and config.updates == "simultaneous":
        raise InputError(
            f"config.discriminator_steps is {times} with config.updates 'simultaneous', which "
            "updates both networks once on the same images. Set config.updates='alternating', or "
            "discriminator_steps=1."
        )


def _check_collapse(config: ConfigDict) -> None:
    """Raises InputError for settings of the collapse meter that cannot work."""
    collapse = config.collapse
    if collapse.action not in COLLAPSE_ACTIONS:
        raise InputError(
            f"config.collapse.action is {collapse.action!r}; "
            f"{nearest(collapse.action, COLLAPSE_ACTIONS)}"
        )
    for name in ("coverage", "vendi", "class_kl", "drop", "grace"):
        if not 0 <= collapse[name] <= 1:
            raise InputError(
                f"config.collapse.{name} is {collapse[name]}; expected a share from 0 to 1."
            )
    _check_positive("config.collapse.patience", collapse.patience)
    if collapse.rollbacks < 0:
        raise InputError(f"config.collapse.rollbacks is {collapse.rollbacks}; expected 0 or more.")
    if collapse.action in ("stop", "rollback"):
        needs = f"config.collapse.action is {collapse.action!r}, which needs"
        if not config.judge.pack:
            raise InputError(f"{needs} a judge: set config.judge.pack, or the action to 'none'.")
        if not config.evaluation.every:
            raise InputError(
                f"{needs} evaluations during training, and config.evaluation.every is 0 (at the "
                "end only): set it to a number of steps, or the action to 'warn'."
            )


def _check_positive(name: str, value: float) -> None:
    if not value > 0:
        raise InputError(f"{name} is {value}; expected a number above 0.")


def _check_fields(config: ConfigDict, known: ConfigDict, path: str) -> None:
    for name in config:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {path}.{close[0]}?" if close else ""
            raise InputError(f"{path}.{name} is not a field.{hint}")
        if isinstance(known[name], ConfigDict) and name != "train":
            if not isinstance(config[name], ConfigDict):
                raise InputError(f"{path}.{name} is {config[name]!r}; expected a section.")
            _check_fields(config[name], known[name], f"{path}.{name}")
    missing = sorted(set(known) - set(config))
    if missing:
        raise InputError(
            f"{path}.{missing[0]} is missing; begin with gan_jax.config.gan_config(), "
            "cnn_config() or study_config(), which have every field."
        )
