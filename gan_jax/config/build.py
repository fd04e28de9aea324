"""From a config to the static definitions that are trained."""

from __future__ import annotations

import dataclasses
import logging

import flax.linen as nn
from ml_collections import ConfigDict

from gan_jax.config.build_networks import DTYPES, build_networks, named
from gan_jax.config.build_parts import (
    build_augmentation,
    build_optimizer,
    build_penalties,
    penalty_fields,
    scheduled,
)
from gan_jax.config.checks import check_gan, check_values
from gan_jax.errors import InputError
from gan_jax.models.cnn import CNN
from gan_jax.models.super_resolution import SuperResolutionGenerator
from gan_jax.steps.downscale import Downscale, check_divisible
from gan_jax.steps.generator_losses import Pixel
from gan_jax.steps.losses import AdversarialLoss, adversarial_loss
from gan_jax.steps.penalties import LeCam
from gan_jax.steps.schedules import Schedule
from gan_jax.steps.state import GAN, Recogniser
from gan_jax.steps.texture_matching import TextureMatching

Shape = tuple[int, ...]  # (h, w, c), of clips (t, h, w, c)
_log = logging.getLogger(__name__)


def build_gan(
    config: ConfigDict, image_shape: Shape, num_steps: int, *, num_classes: int = 0
) -> GAN:
    """The GAN of a config, for images of shape (h, w, c) of `num_classes` classes (0: no labels).

    Raises:
        InputError: values that cannot be, a size that the model cannot make, or parts that do not
            go together.
    """
    check_gan(config)
    loss = adversarial_loss(config.loss)
    num_steps = _adversarial_steps(config, num_steps)
    if len(image_shape) == 4 and (config.super_resolution.factor or config.texture_matching.weight):
        raise InputError(
            "config.super_resolution.factor and config.texture_matching.weight are for images, and "
            "these are clips: set both to 0."
        )
    generator, discriminator, latent_dim = build_networks(config.model, image_shape, num_classes)
    _check_stability(config, loss, discriminator)
    half_life = scheduled(config, "ema_half_life")
    gan = GAN(
        generator=generator,
        discriminator=discriminator,
        generator_optimizer=build_optimizer(config, "generator_optimizer", num_steps),
        discriminator_optimizer=build_optimizer(
            config, "discriminator_optimizer", num_steps, config.discriminator_steps
        ),
        latent_dim=latent_dim,
        loss=loss,
        penalties=build_penalties(config),
        penalty_interval=config.penalty_interval,
        lecam=LeCam(config.lecam_weight) if config.lecam_weight else None,
        augment=build_augmentation(config),
        ema_half_life=half_life,
        # A half-life that rises over the burn-in needs no other rise.
        ema_rampup=0.0 if isinstance(half_life, Schedule) else GAN.ema_rampup,
        accumulation=config.accumulation,
        discriminator_steps=config.discriminator_steps,
        num_classes=getattr(generator, "num_classes", 0),
        auxiliary_weight=config.model.auxiliary_weight,
        generator_losses=_texture_matching(config, image_shape),
    )
    if config.super_resolution.factor:
        return _as_super_resolution(gan, config, image_shape)
    return gan


def _adversarial_steps(config: ConfigDict, num_steps: int) -> int:
    """How many of a run's steps follow the warm-up; InputError for a warm-up that leaves none."""
    warm_up = config.super_resolution.warm_up_steps
    if not 0 <= warm_up < num_steps:
        raise InputError(
            f"config.super_resolution.warm_up_steps is {warm_up} of {num_steps} steps in all; "
            "expected 0 or more, and fewer than all."
        )
    return num_steps - warm_up


def _texture_matching(config: ConfigDict, image_shape: Shape) -> tuple[TextureMatching, ...]:
    section = config.texture_matching
    if not section.weight:
        return ()
    matching = TextureMatching(**section)
    with named("config.texture_matching", image_shape):
        matching.check_size(image_shape)
    return (matching,)


def _as_super_resolution(gan: GAN, config: ConfigDict, image_shape: Shape) -> GAN:
    """The GAN with a generator that is given small images, and its pixel loss."""
    section = config.super_resolution
    with named("config.super_resolution", image_shape):
        check_divisible(image_shape, section.factor)
    dtype = DTYPES[config.model.dtype]
    generator = SuperResolutionGenerator(
        section.factor, section.width, section.blocks, section.upsampling, dtype
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
    """The network of a GAN that enlarges with the pixel loss alone, for a run of `num_steps`."""
    return dataclasses.replace(
        gan,
        generator_optimizer=build_optimizer(config.super_resolution, "optimizer", num_steps),
        generator_losses=(Pixel(1.0, config.super_resolution.pixel_loss),),
        adversarial_weight=0.0,
    )


def _check_stability(config: ConfigDict, loss: AdversarialLoss, discriminator: nn.Module) -> None:
    """Refuses what is wrong, and warns of what is known to fail."""
    weighted = penalty_fields(config)
    norm = getattr(discriminator, "norm", "none")  # some networks have none to choose
    if norm == "batch":
        if weighted:
            raise InputError(
                f"config.{weighted[0]} is {config[weighted[0]]} with "
                "config.model.discriminator_norm 'batch': the penalty is on the gradient of one "
                "example's logit, which batch normalisation mixes with the others'. Set "
                f"config.model.discriminator_norm='none', or config.{weighted[0]}=0."
            )
        if loss.relativistic:
            raise InputError(
                f"config.loss is '{loss.name}' with config.model.discriminator_norm 'batch': the "
                "loss compares logits of real and generated images, which batch normalisation "
                "centres apart. Set config.model.discriminator_norm='none', or another loss."
            )
    if loss.relativistic and not {"r1_weight", "r2_weight"} <= set(weighted):
        _log.warning(
            "The relativistic loss diverges without R1 and R2 (Huang et al. 2024, section 2.2): "
            "set config.r1_weight and config.r2_weight."
        )
    if loss.relativistic and weighted and config.penalty_interval > 1:
        _log.warning(
            "With the relativistic loss, penalties at every %d steps are known to fail; set "
            "config.penalty_interval=1.",
            config.penalty_interval,
        )
    if loss.name == "wasserstein" and not weighted and norm != "spectral":
        _log.warning(
            "The Wasserstein loss is unbounded: without a penalty the logits run away. Set "
            "config.gradient_penalty_weight=10, config.r1_weight, or "
            "config.model.discriminator_norm='spectral'."
        )


def build_recogniser(config: ConfigDict, num_classes: int, num_steps: int) -> Recogniser:
    """The recogniser of a config; InputError for values that cannot be."""
    check_values(config)
    model = config.model
    return Recogniser(
        network=CNN(
            num_classes=num_classes,
            widths=tuple(model.widths),
            dense=model.dense,
            dropout_rate=model.dropout_rate,
            dtype=DTYPES[model.dtype],
        ),
        optimizer=build_optimizer(config, "optimizer", num_steps),
        augment=build_augmentation(config),
        label_smoothing=config.label_smoothing,
        ema_half_life=config.ema_half_life,
    )
