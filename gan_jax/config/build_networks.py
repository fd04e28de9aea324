"""From the `model` part of a GAN's config to its two networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from ml_collections import ConfigDict

from gan_jax.errors import InputError, nearest
from gan_jax.models.article import ArticleDiscriminator, ArticleGenerator, check_article_size
from gan_jax.models.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_jax.models.layers import DISCRIMINATOR_NORMS, NORMS, initializer, is_batch
from gan_jax.models.r3gan import R3GANDiscriminator, R3GANGenerator, stage_widths
from gan_jax.models.resnet import ResnetDiscriminator, ResnetGenerator
from gan_jax.models.sizes import num_stages
from gan_jax.models.texture import TextureGenerator, check_texture
from gan_jax.models.texture_discriminator import TextureDiscriminator, check_scales

CONDITIONALS = ("", "projection", "auxiliary")
_DTYPES = {"float32": None, "bfloat16": jnp.bfloat16}


class Networks(NamedTuple):
    """A GAN's networks, and the length of the latents that the generator takes."""

    generator: nn.Module
    discriminator: nn.Module
    latent_dim: int


def build_networks(
    model: ConfigDict, image_shape: tuple[int, int, int], num_classes: int = 0
) -> Networks:
    """The networks of a config's `model`, for images of shape (h, w, c).

    Args:
        model: see `gan_jax.config`.
        image_shape: (h, w, c).
        num_classes: of the training images, 0 if they have no labels. With `model.conditional` the
            networks are told of them.

    Raises:
        InputError: an unknown name, a size that the model cannot make, fields that do not go
            together, or no classes where they are needed.
    """
    if model.name not in _MODELS:
        raise InputError(
            f"config.model.name {model.name!r} is not known: {nearest(model.name, _MODELS)}"
        )
    conditional = _condition(model, num_classes)
    generator, discriminator = _MODELS[model.name](model, image_shape, conditional)
    return Networks(generator, discriminator, _latent_dim(model, generator))


def computation_dtype(name: str) -> Any:
    """What networks take as `dtype`: None for 'float32', the dtype for 'bfloat16'.

    Raises:
        InputError: for another name.
    """
    if name not in _DTYPES:
        raise InputError(f"config.model.dtype {name!r} is not known: {nearest(name, _DTYPES)}")
    return _DTYPES[name]


def _condition(model: ConfigDict, num_classes: int) -> dict[str, Any]:
    """The fields num_classes and auxiliary of a discriminator."""
    if model.conditional not in CONDITIONALS:
        raise InputError(
            f"config.model.conditional is {model.conditional!r}; expected 'projection' or "
            "'auxiliary', or '' for a GAN without classes."
        )
    if not model.conditional:
        return dict(num_classes=0, auxiliary=False)
    if model.name not in _CONDITIONAL_MODELS:
        raise InputError(
            f"config.model.conditional is {model.conditional!r}, and the model '{model.name}' "
            f"cannot be told of classes: set config.model.name to one of "
            f"{', '.join(_CONDITIONAL_MODELS)}, or config.model.conditional=''."
        )
    if num_classes < 2:
        raise InputError(
            f"config.model.conditional is {model.conditional!r}, and the training images have "
            f"{num_classes or 'no'} class{'' if num_classes == 1 else 'es'}: give a set with "
            "labels of at least 2 classes, or config.model.conditional=''."
        )
    if model.conditional == "auxiliary" and not model.auxiliary_weight > 0:
        raise InputError(
            f"config.model.auxiliary_weight is {model.auxiliary_weight}; an auxiliary classifier "
            "learns nothing unless it is above 0. Set it to 1, or "
            "config.model.conditional='projection'."
        )
    return dict(num_classes=num_classes, auxiliary=model.conditional == "auxiliary")


def _article(
    model: ConfigDict, shape: tuple[int, int, int], conditional: dict[str, Any]
) -> tuple[nn.Module, nn.Module]:
    del conditional
    check_article_size(*shape[:2])
    dtype = computation_dtype(model.dtype)
    return (
        ArticleGenerator(shape, model.initialization, dtype=dtype),
        ArticleDiscriminator(model.initialization, model.dropout_rate, dtype=dtype),
    )


def _dcgan(
    model: ConfigDict, shape: tuple[int, int, int], conditional: dict[str, Any]
) -> tuple[nn.Module, nn.Module]:
    num_stages(*shape[:2])
    common = dict(
        kernel_size=model.kernel_size,
        initialization=model.initialization,
        dtype=computation_dtype(model.dtype),
    )
    num_classes = conditional["num_classes"]
    return (
        DCGANGenerator(
            shape,
            width=model.width,
            norm=model.generator_norm,
            num_classes=num_classes,
            **common,
        ),
        DCGANDiscriminator(
            width=_discriminator_width(model),
            norm=model.discriminator_norm,
            **conditional,
            **common,
        ),
    )


def _resnet(
    model: ConfigDict, shape: tuple[int, int, int], conditional: dict[str, Any]
) -> tuple[nn.Module, nn.Module]:
    num_stages(*shape[:2], "resnet")
    _check_norms(model)
    initializer(model.initialization)  # refuses one that is not known
    common = dict(initialization=model.initialization, dtype=computation_dtype(model.dtype))
    return (
        ResnetGenerator(
            shape,
            width=model.width,
            norm=model.generator_norm,
            num_classes=conditional["num_classes"],
            **common,
        ),
        ResnetDiscriminator(
            width=_discriminator_width(model),
            norm=model.discriminator_norm,
            **conditional,
            **common,
        ),
    )


def _r3gan(
    model: ConfigDict, shape: tuple[int, int, int], conditional: dict[str, Any]
) -> tuple[nn.Module, nn.Module]:
    common = dict(
        halvings=model.halvings,
        blocks=model.blocks,
        expansion=model.expansion,
        group_size=model.group_size,
        dtype=computation_dtype(model.dtype),
    )
    generator = R3GANGenerator(
        shape, width=model.width, num_classes=conditional["num_classes"], **common
    )
    discriminator = R3GANDiscriminator(width=_discriminator_width(model), **conditional, **common)
    for network in (generator, discriminator):
        stage_widths(network, *shape[:2])  # refuses what does not fit together
    return generator, discriminator


def _texture(
    model: ConfigDict, shape: tuple[int, int, int], conditional: dict[str, Any]
) -> tuple[nn.Module, nn.Module]:
    if conditional["auxiliary"]:
        raise InputError(
            "config.model.conditional is 'auxiliary', and a texture's discriminator has no "
            "classifier: set it to 'projection'."
        )
    num_classes = conditional["num_classes"]
    common = dict(
        levels=model.levels,
        initialization=model.initialization,
        dtype=computation_dtype(model.dtype),
    )
    generator = TextureGenerator(
        shape,
        width=model.width,
        local_dim=model.local_dim,
        fine_dim=model.fine_dim,
        num_textures=model.num_textures,
        num_classes=num_classes,
        num_waves=model.num_waves,
        coarse_layers=model.coarse_layers,
        refined=model.refined,
        norm=model.generator_norm,
        **common,
    )
    check_texture(generator)
    discriminator = TextureDiscriminator(
        width=_discriminator_width(model),
        scales=model.discriminator_scales,
        num_classes=num_classes,
        pooled=model.pooled_logits,
        norm=model.discriminator_norm,
        **common,
    )
    check_scales(discriminator, shape[:2])
    return generator, discriminator


def _check_norms(model: ConfigDict) -> None:
    is_batch(model.generator_norm, NORMS)
    is_batch(model.discriminator_norm, DISCRIMINATOR_NORMS)


def _discriminator_width(model: ConfigDict) -> int:
    if model.discriminator_width < 0:
        raise InputError(
            f"config.model.discriminator_width is {model.discriminator_width}; expected 1 or more, "
            "or 0 for that of config.model.width."
        )
    return model.discriminator_width or model.width


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


_MODELS: dict[str, Callable[..., tuple[nn.Module, nn.Module]]] = {
    "article": _article,
    "dcgan": _dcgan,
    "r3gan": _r3gan,
    "resnet": _resnet,
    "texture": _texture,
}
_CONDITIONAL_MODELS = ("dcgan", "r3gan", "resnet", "texture")
