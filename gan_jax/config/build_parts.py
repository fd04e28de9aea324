"""From a config to the parts of a GAN or a recogniser: optimisers, penalties, augmentation.

A field whose brother `*_end` is set becomes a schedule, see `scheduled`; any other stays a number.
"""

from __future__ import annotations

from collections.abc import Callable

from ml_collections import ConfigDict

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
from gan_jax.steps.optimizer import Adam
from gan_jax.steps.penalties import DRAGAN, R1, R2, GradientPenalty, Penalty
from gan_jax.steps.schedules import BurnIn, Decay, Schedule
from gan_jax.steps.state import Augmentation

_PENALTIES: dict[str, Callable[..., Penalty]] = {
    "r1_weight": R1,
    "r2_weight": R2,
    "gradient_penalty_weight": GradientPenalty,
    "dragan_weight": DRAGAN,
}
_COLOURS: dict[str, Callable[[float], Augmentation]] = {
    "brightness": Brightness,
    "saturation": Saturation,
    "contrast": Contrast,
}
_RESAMPLED = ("shift", "rotation", "scale", "shear", "flip")


def scheduled(
    config: ConfigDict, field: str, section: str = "", calls_per_step: int = 1
) -> float | Schedule:
    """A field's number, or its schedule if it changes over the burn-in.

    The field stands in a section of the config, or in the config itself if that is ''. A schedule
    is asked `calls_per_step` times a step.
    """
    part = config[section] if section else config
    start, end = part[field], part.get(f"{field}_end")
    if end is None or end == start:
        return start
    images, shape = float(config.burn_in.images), config.burn_in.shape
    return BurnIn(float(start), float(end), images, config.batch_size, shape, calls_per_step)


def build_optimizer(
    config: ConfigDict, section: str, num_steps: int, updates_per_step: int = 1
) -> Adam:
    """Adam with a config's schedules.

    The learning rate's decay runs over `num_steps`, with so many updates each.
    """
    options = config[section]
    rate = scheduled(config, "learning_rate", section, updates_per_step)
    if options.schedule != "constant" or options.warmup_steps:
        updates = num_steps * updates_per_step
        warmup = min(options.warmup_steps * updates_per_step, updates)
        assert not isinstance(rate, Schedule)  # by `config.checks`
        rate = Decay(rate, options.schedule, updates, warmup)
    return Adam(rate, options.b1, scheduled(config, "b2", section, updates_per_step))


def penalty_fields(config: ConfigDict) -> list[str]:
    """The fields of the gradient penalties whose weight is above 0, or comes to be."""
    return [name for name in _PENALTIES if config[name] or config.get(f"{name}_end")]


def build_penalties(config: ConfigDict) -> tuple[Penalty, ...]:
    """The gradient penalties that a GAN's config asks for."""
    return tuple(_PENALTIES[name](scheduled(config, name)) for name in penalty_fields(config))


def build_augmentation(config: ConfigDict) -> Augmentation | None:
    """The augmentation of a config, or None for none; InputError for a probability of nothing."""
    options = config.augment
    parts = [make(options[name]) for name, make in _COLOURS.items() if options[name]]
    if any(options[name] for name in _RESAMPLED):
        parts.append(Affine(**{name: options[name] for name in _RESAMPLED}, fill=options.fill))
    if options.translation:
        parts.append(Translation(options.translation, options.fill))
    if options.cutout:
        parts.append(Cutout(options.cutout, options.fill))
    probability = _probability(config)
    if not parts and probability != 1:
        raise InputError(
            "config.augment says how often images are augmented, but not how: set "
            "config.augment.translation, brightness, contrast or another change above 0."
        )
    if len(parts) > 1 or probability != 1:
        return Sequence(tuple(parts), probability)
    return parts[0] if parts else None


def _probability(config: ConfigDict) -> float | Schedule | AdaptiveProbability:
    adaptive = config.augment.get("adaptive")  # a recogniser's config has none
    if not adaptive or not adaptive.use:
        return scheduled(config, "probability", "augment")
    return AdaptiveProbability(
        config.batch_size, adaptive.target, adaptive.interval, adaptive.images, adaptive.limit
    )
