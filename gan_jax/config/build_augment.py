"""From a config to the augmentation that it asks for, and to how often it is applied."""

from __future__ import annotations

from ml_collections import ConfigDict

from gan_jax.config.burn_in import burnt_in
from gan_jax.errors import InputError
from gan_jax.steps.adaptive import AdaptiveProbability
from gan_jax.steps.augment import (
    Affine,
    Brightness,
    Contrast,
    Cutout,
    Saturation,
    Sequence,
    Translation,
)
from gan_jax.steps.losses import HINGE, MINIMAX, NON_SATURATING
from gan_jax.steps.schedules import Ramp
from gan_jax.steps.state import Augmentation

_COLOURS = {"brightness": Brightness, "saturation": Saturation, "contrast": Contrast}
_RESAMPLED = ("shift", "rotation", "scale", "shear", "flip")
# The losses whose logits say by their sign what is real.
_SIGNED = (MINIMAX.name, NON_SATURATING.name, HINGE.name)


def build_augmentation(config: ConfigDict) -> Augmentation | None:
    """The augmentation of a GAN's or a recogniser's config, or None if it changes nothing.

    Raises:
        InputError: a number out of its range, or a probability of nothing.
    """
    options = config.augment
    _check(options)
    parts = [make(options[name]) for name, make in _COLOURS.items() if options[name]]
    if any(options[name] for name in _RESAMPLED):
        parts.append(Affine(**{name: options[name] for name in _RESAMPLED}, fill=options.fill))
    if options.translation:
        parts.append(Translation(options.translation, options.fill))
    if options.cutout:
        parts.append(Cutout(options.cutout, options.fill))
    changes = _probability_changes(options)
    if parts and (changes or options.probability < 1 or len(parts) > 1):
        return Sequence(tuple(parts), options.probability)
    if changes or options.probability < 1:
        raise InputError(
            "config.augment says how often images are augmented, but not how: set "
            "config.augment.translation, brightness, contrast or another change above 0."
        )
    return parts[0] if parts else None


def build_probability(config: ConfigDict) -> Ramp | AdaptiveProbability | None:
    """The probability of augmentation of a GAN's config if it changes while the GAN trains.

    Raises:
        InputError: settings of adaptive augmentation that cannot work.
    """
    probability = burnt_in(config, "probability", "augment")
    adaptive = config.augment.adaptive
    if not adaptive.use:
        return probability if isinstance(probability, Ramp) else None
    _check_adaptive(config)
    return AdaptiveProbability(
        config.batch_size,
        target=adaptive.target,
        interval=adaptive.interval,
        images=adaptive.images,
        limit=adaptive.limit,
    )


def _probability_changes(options: ConfigDict) -> bool:
    if options.get("adaptive") and options.adaptive.use:
        return True
    return options.get("probability_end") not in (None, options.probability)


def _check(options: ConfigDict) -> None:
    limits = {"translation": 0.5, "cutout": 1.0}
    for name, most in limits.items():
        if not 0 <= options[name] <= most:
            raise InputError(
                f"config.augment.{name} is {options[name]}; expected a fraction of the side from "
                f"0 to {most}."
            )
    for name in _COLOURS:
        if not options[name] >= 0:
            raise InputError(f"config.augment.{name} is {options[name]}; expected 0 or more.")
    for name in ("probability", "probability_end"):
        value = options.get(name)
        if value is not None and not 0 <= value <= 1:
            raise InputError(f"config.augment.{name} is {value}; expected 0 to 1.")


def _check_adaptive(config: ConfigDict) -> None:
    options, name = config.augment.adaptive, "config.augment.adaptive"
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
    for field, fits, expected in (
        ("target", 0 < options.target < 1, "a number between 0 and 1"),
        ("interval", options.interval >= 1, "1 or more updates"),
        ("images", options.images > 0, "a number of images above 0"),
        ("limit", 0 < options.limit <= 1, "above 0, and 1 at most"),
    ):
        if not fits:
            raise InputError(f"{name}.{field} is {options[field]}; expected {expected}.")
