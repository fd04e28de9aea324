"""From a config to the static definitions that are trained."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp
from ml_collections import ConfigDict

from gan_jax.adam import Adam, check_schedule
from gan_jax.augment import Affine, Sequence, Translation
from gan_jax.errors import InputError, nearest
from gan_jax.losses import AdversarialLoss, adversarial_loss
from gan_jax.models.article import ArticleDiscriminator, ArticleGenerator, check_article_size
from gan_jax.models.cnn import CNN
from gan_jax.models.dcgan import DCGANDiscriminator, DCGANGenerator, num_stages
from gan_jax.models.texture import TextureDiscriminator, TextureGenerator, check_texture
from gan_jax.passes import Metrics
from gan_jax.penalties import DRAGAN, R1, R2, GradientPenalty, LeCam
from gan_jax.state import GAN, Augmentation, GANState, Penalty, Recogniser
from gan_jax.steps import gan_step, simultaneous_step

Shape = tuple[int, int, int]
_log = logging.getLogger(__name__)


def build_gan(config: ConfigDict, image_shape: Shape, num_steps: int) -> GAN:
    """The GAN of a config, for images of shape (h, w, c).

    Raises:
        InputError: unknown names, a size that the model cannot make, or parts that do not go
            together.
    """
    model = config.model
    if model.name not in _MODELS:
        raise InputError(_unknown("config.model.name", model.name, _MODELS))
    loss = adversarial_loss(config.loss)
    penalties = build_penalties(config)
    _check_stability(config, loss)
    generator, discriminator = _MODELS[model.name](model, image_shape)
    return GAN(
        generator=generator,
        discriminator=discriminator,
        generator_optimizer=build_optimizer(config.generator_optimizer, num_steps),
        discriminator_optimizer=build_optimizer(config.discriminator_optimizer, num_steps),
        latent_dim=_latent_dim(model, generator),
        loss=loss,
        penalties=penalties,
        penalty_interval=config.penalty_interval,
        lecam=LeCam(config.lecam_weight) if config.lecam_weight else None,
        augment=build_augmentation(config.augment),
        ema_half_life=config.ema_half_life,
        accumulation=config.accumulation,
    )


def build_penalties(config: ConfigDict) -> tuple[Penalty, ...]:
    """The gradient penalties whose weight is above 0.

    Raises:
        InputError: a weight below 0, or an interval below 1.
    """
    for field in (*_PENALTIES, "lecam_weight"):
        if not config[field] >= 0:
            raise InputError(f"config.{field} is {config[field]}; expected 0 or more.")
    if config.penalty_interval < 1:
        raise InputError(
            f"config.penalty_interval is {config.penalty_interval}; expected 1 or more steps."
        )
    return tuple(make(config[field]) for field, make in _PENALTIES.items() if config[field])


def _check_stability(config: ConfigDict, loss: AdversarialLoss) -> None:
    """Refuses what is wrong, and warns of what is known to fail."""
    weighted = [field for field in _PENALTIES if config[field]]
    if config.model.name != "article" and config.model.discriminator_norm == "batch":
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
    if loss.name == "wasserstein" and not weighted:
        _log.warning(
            "The Wasserstein loss is unbounded: without a penalty the logits run away. Set "
            "config.gradient_penalty_weight=10 or config.r1_weight."
        )


def gan_step_function(name: str) -> Callable[..., tuple[GANState, Metrics]]:
    """The step of a config's `updates`.

    Raises:
        InputError: an unknown name.
    """
    if name not in _UPDATES:
        raise InputError(_unknown("config.updates", name, _UPDATES))
    return _UPDATES[name]


def build_recogniser(config: ConfigDict, num_classes: int, num_steps: int) -> Recogniser:
    """The recogniser of a config."""
    model = config.model
    return Recogniser(
        network=CNN(
            num_classes=num_classes,
            widths=tuple(model.widths),
            dense=model.dense,
            dropout_rate=model.dropout_rate,
            dtype=_dtype(model.dtype),
        ),
        optimizer=build_optimizer(config.optimizer, num_steps),
        augment=build_augmentation(config.augment),
        label_smoothing=config.label_smoothing,
        ema_half_life=config.ema_half_life,
    )


def build_optimizer(config: ConfigDict, num_steps: int) -> Adam:
    """Adam (Kingma and Ba 2015) with the config's schedule over `num_steps` updates.

    Raises:
        InputError: an unknown schedule or a learning rate that is not above 0.
    """
    rate = config.learning_rate
    if not rate > 0:
        raise InputError(f"learning_rate is {rate}; expected a number above 0.")
    check_schedule(config.schedule)
    return Adam(
        learning_rate=rate,
        b1=config.b1,
        b2=config.b2,
        num_steps=num_steps,
        schedule=config.schedule,
        warmup_steps=min(config.warmup_steps, num_steps),
    )


def build_augmentation(config: ConfigDict) -> Augmentation | None:
    """The augmentation of a config section, or None if it changes nothing.

    Raises:
        InputError: a translation that is not a fraction of the image's side.
    """
    options = dict(config)
    fraction = options.pop("translation")
    if not 0 <= fraction <= 0.5:
        raise InputError(
            f"augment.translation is {fraction}; expected a fraction of the side from 0 to 0.5."
        )
    affine = Affine(**options)
    parts = [] if affine == Affine() else [affine]
    if fraction:
        parts.append(Translation(fraction))
    if len(parts) > 1:
        return Sequence(tuple(parts))
    return parts[0] if parts else None


def count_steps(config: ConfigDict, num_examples: int) -> int:
    """How many steps a config asks for on a set of `num_examples` images."""
    if config.num_steps:
        return config.num_steps
    return max(1, math.ceil(config.num_epochs * num_examples / config.batch_size))


def _article(model: ConfigDict, shape: Shape) -> tuple[nn.Module, nn.Module]:
    check_article_size(*shape[:2])
    dtype = _dtype(model.dtype)
    return (
        ArticleGenerator(shape, model.initialization, dtype=dtype),
        ArticleDiscriminator(model.initialization, model.dropout_rate, dtype=dtype),
    )


def _dcgan(model: ConfigDict, shape: Shape) -> tuple[nn.Module, nn.Module]:
    num_stages(*shape[:2])
    common = dict(
        width=model.width,
        kernel_size=model.kernel_size,
        initialization=model.initialization,
        dtype=_dtype(model.dtype),
    )
    return (
        DCGANGenerator(shape, norm=model.generator_norm, **common),
        DCGANDiscriminator(norm=model.discriminator_norm, **common),
    )


def _texture(model: ConfigDict, shape: Shape) -> tuple[nn.Module, nn.Module]:
    common = dict(
        levels=model.levels,
        initialization=model.initialization,
        dtype=_dtype(model.dtype),
    )
    generator = TextureGenerator(
        shape,
        width=model.width,
        local_dim=model.local_dim,
        fine_dim=model.fine_dim,
        num_textures=model.num_textures,
        num_waves=model.num_waves,
        norm=model.generator_norm,
        **common,
    )
    check_texture(generator)
    if model.discriminator_width < 0:
        raise InputError(
            f"config.model.discriminator_width is {model.discriminator_width}; expected 1 or more, "
            "or 0 for that of config.model.width."
        )
    discriminator = TextureDiscriminator(
        width=model.discriminator_width or model.width, norm=model.discriminator_norm, **common
    )
    return generator, discriminator


def _latent_dim(model: ConfigDict, generator: nn.Module) -> int:
    """The length of the latents: the config's, or what a texture's crop needs."""
    if isinstance(generator, TextureGenerator):
        if model.latent_dim not in (0, generator.latent_dim):
            height, width = generator.image_shape[:2]
            raise InputError(
                f"config.model.latent_dim is {model.latent_dim}; a texture of {height}x{width} "
                f"with these settings takes {generator.latent_dim} numbers. Set it to 0 to derive "
                "it."
            )
        return generator.latent_dim
    if model.latent_dim < 1:
        raise InputError(f"config.model.latent_dim is {model.latent_dim}; expected 1 or more.")
    return model.latent_dim


_MODELS: dict[str, Callable[[ConfigDict, Shape], tuple[nn.Module, nn.Module]]] = {
    "article": _article,
    "dcgan": _dcgan,
    "texture": _texture,
}
_PENALTIES: dict[str, Callable[[float], Penalty]] = {
    "r1_weight": R1,
    "r2_weight": R2,
    "gradient_penalty_weight": GradientPenalty,
    "dragan_weight": DRAGAN,
}
_UPDATES = {"alternating": gan_step, "simultaneous": simultaneous_step}
_DTYPES = {"float32": None, "bfloat16": jnp.bfloat16}


def _dtype(name: str) -> jnp.dtype | None:
    if name not in _DTYPES:
        raise InputError(_unknown("config.model.dtype", name, _DTYPES))
    return _DTYPES[name]


def _unknown(field: str, value: str, choices: dict) -> str:
    return f"{field} {value!r} is not known: {nearest(value, choices)}"
