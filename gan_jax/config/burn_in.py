"""The burn-in of a config: which fields change over it, and what they become."""

from __future__ import annotations

from ml_collections import ConfigDict

from gan_jax.errors import InputError, nearest
from gan_jax.steps.schedules import SHAPES, Ramp

# The parts of a GAN's config that have fields with a brother whose name ends in '_end'.
_SECTIONS = ("", "generator_optimizer", "discriminator_optimizer", "augment")
_END = "_end"


def burnt_in(config: ConfigDict, field: str, section: str = "") -> float | Ramp:
    """A field's number, or its ramp if it is one that changes over the burn-in.

    Args:
        config: of a GAN or a recogniser, which has no burn-in.
        field: such as 'r1_weight'.
        section: of the config that the field stands in; '' for the config itself.
    """
    part = config[section] if section else config
    end = part.get(field + _END)
    if end is None or end == part[field]:
        return part[field]
    return Ramp(
        float(part[field]),
        float(end),
        float(config.burn_in.images),
        config.batch_size,
        config.burn_in.shape,
    )


def check_burn_in(config: ConfigDict) -> None:
    """Refuses a burn-in in which nothing changes, and what is to change without one.

    Raises:
        InputError: that, an unknown shape, or a length or an end below 0.
    """
    burn_in = config.burn_in
    if burn_in.shape not in SHAPES:
        raise InputError(
            f"config.burn_in.shape {burn_in.shape!r} is not known: {nearest(burn_in.shape, SHAPES)}"
        )
    if burn_in.images < 0:
        raise InputError(f"config.burn_in.images is {burn_in.images}; expected 0 or more images.")
    ends = _ends(config)
    for name, value in ends.items():
        if not value >= 0:
            raise InputError(f"config.{name} is {value}; expected 0 or more.")
        if not burn_in.images:
            raise InputError(
                f"config.{name} is {value}, but there is no burn-in to reach it in: set "
                "config.burn_in.images to the number of images that it is to take, such as a "
                f"fifth of all that are trained on, or leave {name} at None."
            )
    if burn_in.images and not ends:
        raise InputError(
            f"config.burn_in.images is {burn_in.images:,}, but nothing changes over it: set where "
            "a field is to end, such as config.r1_weight_end, or the images to 0."
        )


def _ends(config: ConfigDict) -> dict[str, float]:
    """The ends that are set, by dotted name."""
    found = {}
    for section in _SECTIONS:
        part = config[section] if section else config
        for name in sorted(part):
            if name.endswith(_END) and part[name] is not None:
                found[f"{section}.{name}".lstrip(".")] = part[name]
    return found
