"""From a config to a GAN that enlarges, and to the same network with the pixel loss alone."""

from __future__ import annotations

import dataclasses

from ml_collections import ConfigDict

from gan_jax.config.build_networks import DTYPES, named
from gan_jax.config.build_parts import build_optimizer
from gan_jax.errors import InputError
from gan_jax.models.super_resolution import SuperResolutionGenerator
from gan_jax.steps.downscale import Downscale, check_divisible
from gan_jax.steps.generator_losses import Pixel
from gan_jax.steps.state import GAN


def adversarial_steps(config: ConfigDict, num_steps: int) -> int:
    """How many of a run's steps follow the warm-up; InputError for a warm-up that leaves none."""
    warm_up = config.super_resolution.warm_up_steps
    if not 0 <= warm_up < num_steps:
        raise InputError(
            f"config.super_resolution.warm_up_steps is {warm_up} of {num_steps} steps in all; "
            "expected 0 or more, and fewer than all."
        )
    return num_steps - warm_up


def as_super_resolution(gan: GAN, config: ConfigDict, image_shape: tuple[int, ...]) -> GAN:
    """The GAN of a config with a generator that is given small images, and its pixel loss.

    Raises InputError for training images (h, w, c) whose sides are not multiples of the factor.
    """
    section = config.super_resolution
    with named("config.super_resolution", image_shape):
        check_divisible(image_shape, section.factor)
    generator = SuperResolutionGenerator(
        section.factor,
        section.width,
        section.blocks,
        section.upsampling,
        DTYPES[config.model.dtype],
    )
    pixel = Pixel(float(section.pixel_weight), section.pixel_loss)
    return dataclasses.replace(
        gan,
        generator=generator,
        latent_dim=0,
        conditioning=Downscale(section.factor),
        generator_losses=(*gan.generator_losses, *((pixel,) if pixel.weight else ())),
        adversarial_weight=float(section.adversarial_weight),
    )


def pixel_only(gan: GAN, config: ConfigDict, num_steps: int) -> GAN:
    """The network of `as_super_resolution` with the pixel loss alone, for a run of `num_steps`."""
    return dataclasses.replace(
        gan,
        generator_optimizer=build_optimizer(config.super_resolution, "optimizer", num_steps),
        generator_losses=(Pixel(1.0, config.super_resolution.pixel_loss),),
        adversarial_weight=0.0,
    )
