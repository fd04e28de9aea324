"""What can be seen to be wrong with a config without data or devices."""

from __future__ import annotations

import difflib
from typing import Any

from ml_collections import ConfigDict

from gan_jax.config.defaults import KINDS, TRAININGS, study_config
from gan_jax.config.fields import FIELDS
from gan_jax.errors import InputError, nearest
from gan_jax.steps.losses import HINGE, MINIMAX, NON_SATURATING

# The losses whose logits say by their sign what is real.
_SIGNED = (MINIMAX.name, NON_SATURATING.name, HINGE.name)


def check_config(config: ConfigDict) -> None:
    """Raises InputError for a config that can be seen to be wrong without data or devices."""
    if config.get("kind") not in KINDS:
        raise InputError(
            f"config.kind is {config.get('kind')!r}; expected 'gan', 'cnn' or 'study'."
        )
    _check_names(config, KINDS[config.kind](), "config")
    if config.kind == "study":
        _check_study(config)
        return
    if config.num_steps < 0 or (config.num_steps == 0 and not config.num_epochs > 0):
        raise InputError(
            f"config.num_steps is {config.num_steps} and config.num_epochs {config.num_epochs}: "
            "one of them must be above 0."
        )
    if config.kind == "cnn":
        check_values(config)
        _check_layers(config)
        return
    check_gan(config)
    _check_collapse(config)
    for path in TRAININGS:
        if value_of(config, f"{path.rpartition('.')[0]}.pack") and (own := value_of(config, path)):
            check_config(own)


def check_values(config: ConfigDict, path: str = "config") -> None:
    """Raises InputError for the first field whose value is none that `fields.FIELDS` allows.

    The config is of any kind, or a part of a study's; `path` is its name in messages.
    """
    for field, rule in FIELDS.items():
        value = value_of(config, field)
        if value is None or rule.fits(value):
            continue
        if rule.expected:
            raise InputError(f"{path}.{field} is {value!r}; expected {rule.expected}.")
        raise InputError(f"{path}.{field} {value!r} is not known: {nearest(value, rule.choices)}")


def value_of(config: ConfigDict, field: str) -> Any:
    """The value of a field by its dotted name; None if there is no such field."""
    for name in field.split("."):
        config = config.get(name) if isinstance(config, ConfigDict) else None
    return config


def check_gan(config: ConfigDict) -> None:
    """Raises InputError for values of a GAN's config that cannot be, or do not go together."""
    check_values(config)
    if config.accumulation < 1 or config.batch_size % config.accumulation:
        raise InputError(
            f"config.accumulation is {config.accumulation}; expected 1 or more, and a divisor "
            f"of config.batch_size, which is {config.batch_size}."
        )
    if config.discriminator_steps > 1 and config.updates == "simultaneous":
        raise InputError(
            f"config.discriminator_steps is {config.discriminator_steps} with config.updates "
            "'simultaneous', which updates both networks once on the same images. Set "
            "config.updates='alternating', or discriminator_steps=1."
        )
    _check_burn_in(config)
    if config.augment.adaptive.use:
        _check_adaptive(config)
    _check_super_resolution(config)


def _check_burn_in(config: ConfigDict) -> None:
    """Refuses a burn-in over which nothing changes, and changes without one or beside another."""
    images = config.burn_in.images
    ends = {
        field: value_of(config, field)
        for field in FIELDS
        if field.endswith("_end") and value_of(config, field) is not None
    }
    for field, value in ends.items():
        if not images:
            raise InputError(
                f"config.{field} is {value}, but there is no burn-in to reach it in: set "
                "config.burn_in.images to the number of images that it is to take, such as a "
                f"fifth of all that are trained on, or leave {field} at None."
            )
        section = config[field.partition(".")[0]]
        if field.endswith(".learning_rate_end") and (
            section.schedule != "constant" or section.warmup_steps
        ):
            raise InputError(
                f"config.{field} is {value} with schedule {section.schedule!r} and warmup_steps "
                f"{section.warmup_steps}: the rate follows one of them. Set schedule='constant' "
                "and warmup_steps=0, or leave learning_rate_end at None."
            )
    if images and not ends:
        raise InputError(
            f"config.burn_in.images is {images:,}, but nothing changes over it: set where a field "
            "is to end, such as config.r1_weight_end, or the images to 0."
        )


def _check_adaptive(config: ConfigDict) -> None:
    name = "config.augment.adaptive"
    if config.loss not in _SIGNED:
        raise InputError(
            f"{name}.use goes with the losses {', '.join(_SIGNED)}, and config.loss is "
            f"'{config.loss}': the probability follows the sign of the logits of real images, and "
            "with this loss the sign does not say what is real. Use a fixed schedule: set "
            f"{name}.use=False, and config.augment.probability and probability_end with "
            "config.burn_in.images."
        )
    if config.augment.probability != 1 or config.augment.probability_end is not None:
        raise InputError(
            f"{name}.use sets the probability itself, from 0 on: leave config.augment.probability "
            "at 1 and probability_end at None."
        )


def _check_super_resolution(config: ConfigDict) -> None:
    section = config.super_resolution
    if not section.factor:
        if section.warm_up_steps:
            raise InputError(
                f"config.super_resolution.warm_up_steps is {section.warm_up_steps}, and nothing is "
                "enlarged: set config.super_resolution.factor=2 or 4, or warm_up_steps=0."
            )
        return
    if config.model.conditional:
        raise InputError(
            f"config.model.conditional is {config.model.conditional!r}, and a generator that "
            "enlarges is not told of classes: set it to ''."
        )
    if config.discriminator_steps != 1:
        raise InputError(
            f"config.discriminator_steps is {config.discriminator_steps}, and a generator that "
            "enlarges is to see the images that the network of the pixel loss sees: set it to 1."
        )
    if config.collapse.action in ("stop", "rollback"):
        raise InputError(
            f"config.collapse.action is {config.collapse.action!r}, and a generator that enlarges "
            "has its images given, so that nothing looks for a collapse: set it to 'none'."
        )


def _check_collapse(config: ConfigDict) -> None:
    """Refuses to act on a collapse that nothing could find."""
    if config.collapse.action not in ("stop", "rollback"):
        return
    needs = f"config.collapse.action is {config.collapse.action!r}, which needs"
    if not config.judge.pack:
        raise InputError(f"{needs} a judge: set config.judge.pack, or the action to 'none'.")
    if not config.evaluation.every:
        raise InputError(
            f"{needs} evaluations during training, and config.evaluation.every is 0 (at the "
            "end only): set it to a number of steps, or the action to 'warn'."
        )


def _check_layers(config: ConfigDict) -> None:
    known = [f"block{i}" for i in range(1, len(config.model.widths) + 1)]
    if config.layers.texture not in known:
        raise InputError(
            f"config.layers.texture is {config.layers.texture!r}; the network has "
            f"{', '.join(known)}."
        )


def _check_study(config: ConfigDict) -> None:
    for name, kind in (("sizes", int), ("ratios", (int, float))):
        values = tuple(config[name])
        fits = all(isinstance(v, kind) and not isinstance(v, bool) and v > 0 for v in values)
        if not values or not fits or list(values) != sorted(set(values)):
            raise InputError(
                f"config.{name} is {values!r}; expected numbers above 0 in ascending order, such "
                f"as {study_config()[name]!r}."
            )
    check_values(config)
    for part in ("recogniser", "gan"):
        check_values(config[part], f"config.{part}")
        steps = config[part].num_steps
        if steps < 1:
            raise InputError(f"config.{part}.num_steps is {steps}; expected a number above 0.")
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


def _check_names(config: ConfigDict, known: ConfigDict, path: str) -> None:
    """Refuses a config that has other fields or sections than the known one, or fewer."""
    for name in config:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {path}.{close[0]}?" if close else ""
            raise InputError(f"{path}.{name} is not a field.{hint}")
        if isinstance(known[name], ConfigDict) and not f"{path}.{name}".endswith(TRAININGS):
            if not isinstance(config[name], ConfigDict):
                raise InputError(f"{path}.{name} is {config[name]!r}; expected a section.")
            _check_names(config[name], known[name], f"{path}.{name}")
    missing = sorted(set(known) - set(config))
    if missing:
        raise InputError(
            f"{path}.{missing[0]} is missing; begin with gan_jax.config.gan_config(), "
            "cnn_config() or study_config(), which have every field."
        )
