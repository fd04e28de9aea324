"""From the `model` part of a GAN's config to its two networks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import flax.linen as nn
import jax.numpy as jnp
from ml_collections import ConfigDict

from gan_jax.errors import InputError
from gan_jax.models.article import ArticleDiscriminator, ArticleGenerator, check_article_size
from gan_jax.models.clips import ClipDiscriminator, ClipGenerator, check_clips
from gan_jax.models.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_jax.models.r3gan import R3GANDiscriminator, R3GANGenerator, stage_widths
from gan_jax.models.resnet import ResnetDiscriminator, ResnetGenerator
from gan_jax.models.sizes import num_stages
from gan_jax.models.texture import TextureGenerator, check_texture
from gan_jax.models.texture_discriminator import TextureDiscriminator, check_scales

Shape = tuple[int, int, int]  # (h, w, c)
Pair = tuple[nn.Module, nn.Module]
_G = TypeVar("_G", bound=nn.Module)
_D = TypeVar("_D", bound=nn.Module)
DTYPES = {"float32": None, "bfloat16": jnp.bfloat16}
"""What networks take as `dtype`, by the config's word."""


def build_networks(
    model: ConfigDict, image_shape: tuple[int, ...], num_classes: int = 0
) -> tuple[nn.Module, nn.Module, int]:
    """Generator and discriminator of a config's `model`, and how many latents the first takes.

    They are for images of shape (h, w, c), or clips (t, h, w, c). With `model.conditional` they are
    told of the `num_classes` of the training images, which are 0 if these have no labels.

    Raises:
        InputError: a size that the model cannot make, fields that do not go together, or no classes
            where they are needed.
    """
    classes = _classes(model, num_classes)
    with named("config.model", image_shape):
        height, width, channels = image_shape[-3:]
        generator, discriminator = MODELS[model.name](model, (height, width, channels), classes)
        if len(image_shape) == 4:
            generator, discriminator = _clips(model, image_shape, generator, discriminator)
    return generator, discriminator, _latent_dim(model, generator)


@contextlib.contextmanager
def named(section: str, image_shape: tuple[int, ...]) -> Iterator[None]:
    """Names the section where a module refuses its arguments; for images (h, w, c), the remedy."""
    try:
        yield
    except InputError as error:
        height, width = image_shape[-3:-1]
        sized = f"{height}x{width}" in str(error)
        hint = " config.dataset.image_size=(h, w) resizes the images." if sized else ""
        raise InputError(f"{section}: {error}{hint}") from error


def _classes(model: ConfigDict, num_classes: int) -> dict[str, Any]:
    """The fields num_classes and auxiliary of a discriminator."""
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
    auxiliary = model.conditional == "auxiliary"
    if auxiliary and not model.auxiliary_weight > 0:
        raise InputError(
            f"config.model.auxiliary_weight is {model.auxiliary_weight}; an auxiliary classifier "
            "learns nothing unless it is above 0. Set it to 1, or "
            "config.model.conditional='projection'."
        )
    if auxiliary and model.name == "texture":
        raise InputError(
            "config.model.conditional is 'auxiliary', and a texture's discriminator has no "
            "classifier: set it to 'projection'."
        )
    return dict(num_classes=num_classes, auxiliary=auxiliary)


def _article(model: ConfigDict, shape: Shape, classes: dict[str, Any]) -> Pair:
    del classes
    check_article_size(*shape[:2])
    dtype = DTYPES[model.dtype]
    return (
        ArticleGenerator(shape, model.initialization, dtype=dtype),
        ArticleDiscriminator(model.initialization, model.dropout_rate, dtype=dtype),
    )


def _dcgan(model: ConfigDict, shape: Shape, classes: dict[str, Any]) -> Pair:
    num_stages(*shape[:2])
    networks = DCGANGenerator, DCGANDiscriminator
    return _pair(networks, model, shape, classes, "kernel_size", "initialization")


def _resnet(model: ConfigDict, shape: Shape, classes: dict[str, Any]) -> Pair:
    num_stages(*shape[:2], "resnet")
    networks = ResnetGenerator, ResnetDiscriminator
    return _pair(networks, model, shape, classes, "initialization")


def _r3gan(model: ConfigDict, shape: Shape, classes: dict[str, Any]) -> Pair:
    networks = R3GANGenerator, R3GANDiscriminator
    names = ("halvings", "blocks", "expansion", "group_size")
    pair = _pair(networks, model, shape, classes, *names, normed=False)
    for network in pair:
        stage_widths(network, *shape[:2])  # refuses what does not fit together
    return pair


def _texture(model: ConfigDict, shape: Shape, classes: dict[str, Any]) -> Pair:
    num_classes = classes["num_classes"]
    of_both = _of_both(model, "levels", "initialization")
    noise = ("local_dim", "fine_dim", "num_textures", "num_waves", "coarse_layers", "refined")
    generator = TextureGenerator(
        shape,
        width=model.width,
        num_classes=num_classes,
        norm=model.generator_norm,
        **{name: model[name] for name in noise},
        **of_both,
    )
    check_texture(generator)
    discriminator = TextureDiscriminator(
        width=model.discriminator_width or model.width,
        scales=model.discriminator_scales,
        num_classes=num_classes,
        pooled=model.pooled_logits,
        norm=model.discriminator_norm,
        **of_both,
    )
    check_scales(discriminator, shape[:2])
    return generator, discriminator


def _clips(
    model: ConfigDict, shape: tuple[int, ...], generator: nn.Module, discriminator: nn.Module
) -> Pair:
    """The networks of clips, over those of single frames."""
    check_clips(shape, model.motion_dim)
    if model.name == "texture" or getattr(discriminator, "auxiliary", False):
        raise InputError(
            f"config.model.name is '{model.name}' and config.model.conditional "
            f"'{model.conditional}': clips are made by article, dcgan, resnet or r3gan, with "
            "'projection' or no classes."
        )
    motion = {"content_dim": model.latent_dim, "motion_dim": model.motion_dim}
    dtype = DTYPES[model.dtype]
    return ClipGenerator(generator, shape, **motion, dtype=dtype), ClipDiscriminator(
        discriminator,
        model.frames_judged,
        width=model.discriminator_width or model.width,
        norm=model.discriminator_norm,
        num_classes=getattr(discriminator, "num_classes", 0),
        **_of_both(model, "kernel_size", "initialization"),
    )


def _pair(
    networks: tuple[type[_G], type[_D]],
    model: ConfigDict,
    shape: Shape,
    classes: dict[str, Any],
    *names: str,
    normed: bool = True,
) -> tuple[_G, _D]:
    """A generator and a discriminator, both with the config's fields of these names."""
    generator = {"width": model.width, "num_classes": classes["num_classes"]}
    discriminator = {"width": model.discriminator_width or model.width, **classes}
    if normed:
        generator["norm"], discriminator["norm"] = model.generator_norm, model.discriminator_norm
    of_both = _of_both(model, *names)
    return networks[0](shape, **generator, **of_both), networks[1](**discriminator, **of_both)


def _of_both(model: ConfigDict, *names: str) -> dict[str, Any]:
    return {name: model[name] for name in names} | {"dtype": DTYPES[model.dtype]}


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
    return generator.latent_dim if isinstance(generator, ClipGenerator) else model.latent_dim


MODELS: dict[str, Callable[..., Pair]] = {
    "article": _article,
    "dcgan": _dcgan,
    "r3gan": _r3gan,
    "resnet": _resnet,
    "texture": _texture,
}
_CONDITIONAL_MODELS = ("dcgan", "r3gan", "resnet", "texture")
