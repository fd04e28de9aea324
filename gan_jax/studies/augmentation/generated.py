"""The generated images of a group: drawn once, taken by all of its arms."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gan_jax.runtime.parallel import map_batches
from gan_jax.runtime.pixels import to_float
from gan_jax.sampling.generate import generate_images, sample_latents
from gan_jax.sampling.trained import TrainedGAN


@dataclasses.dataclass(frozen=True, eq=False)
class Pool:
    """Generated images, in an order whose beginnings have the subset's mix of classes.

    Attributes:
        images: uint8 [n, h, w, c].
        labels: the classes asked for, int32 [n].
        logits: of the discriminator, told those classes, float32 [n].
        real_logits: of the subset's own images, float32 [size].
    """

    images: np.ndarray
    labels: np.ndarray
    logits: np.ndarray
    real_logits: np.ndarray


def draw_pool(
    trained: TrainedGAN,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    count: int,
    seed: int,
    batch_size: int,
) -> Pool:
    """`count` images of the averaged generator; image i depends on (seed, i) and its class alone.

    Args:
        trained: a conditional GAN.
        images: the subset that it was trained on, uint8 [size, h, w, c].
        labels: its classes, int32 [size], in an order whose beginnings have the mix of the whole.
            Generated image i gets the class of image i of the subset, over and over.
        count, seed, batch_size: of the drawn images.
    """
    gan = trained.gan
    asked = labels[np.arange(count) % len(labels)]
    latents = sample_latents(seed, count, gan.latent_dim)
    drawn = generate_images(
        gan.generator, trained.ema, latents, labels=asked, batch_size=batch_size
    )
    read = functools.partial(
        discriminator_logits, gan.discriminator, trained.discriminator, batch_size=batch_size
    )
    return Pool(drawn, asked, read(drawn, asked), read(images, labels))


def discriminator_logits(
    discriminator: nn.Module,
    variables: Any,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    batch_size: int,
) -> np.ndarray:
    """A conditional discriminator's logits float32 [n] of uint8 images [n, h, w, c] of classes [n].

    With running batch statistics, and without augmentation. Several logits of an image are
    averaged.
    """
    return map_batches(_read(discriminator), variables, (images, labels), batch_size=batch_size)


@functools.lru_cache(maxsize=8)
def _read(discriminator: nn.Module):
    @jax.jit
    def read(variables: Any, inputs: tuple[Array, Array]) -> Array:
        images, labels = inputs
        outputs = discriminator.apply(variables, to_float(images), labels, train=False)
        logits = outputs[0] if isinstance(outputs, tuple) else outputs
        return jnp.mean(logits.reshape(len(images), -1), axis=-1)

    return read
