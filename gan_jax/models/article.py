"""The article's networks: a dense pyramid under transposed convolutions, and its discriminator.

The layers are those that the article lists. These of its faults are repaired, here or where the
networks are used:

- images were scaled to [0, 1] while the generator ends in tanh: data is in [-1, 1];
- the discriminator ended in a sigmoid under a loss that expects logits: it returns logits;
- the generator was concatenated into the discriminator's path: they are two networks;
- one optimiser trained both networks toward the same labels: each has its own optimiser and loss;
- real images were fed to the generator as if they were noise: it is fed Gaussian latents.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from gan_jax.errors import InputError
from gan_jax.models.conditional import normalise
from gan_jax.models.layers import (
    Conv,
    ConvTranspose,
    Dropout,
    at_least_float32,
    initializer,
)

_SLOPE = 0.3  # the LeakyReLU slope of the framework that the article used


class ArticleGenerator(nn.Module):
    """Latents float [n, latent_dim] to images [n, h, w, c] in [-1, 1].

    Height and width are multiples of 4, else InputError; the article's are 28. Fields as in
    `DCGANGenerator`.
    """

    image_shape: tuple[int, int, int] = (28, 28, 1)
    initialization: str = "xavier"
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, latents: Array, *, train: bool) -> Array:
        height, width, channels = self.image_shape
        check_article_size(height, width)
        kernel_init = initializer(self.initialization)

        def activate(x: Array) -> Array:
            return nn.leaky_relu(normalise(self, x, train=train), _SLOPE)

        x = latents
        base = (height // 4) * (width // 4) * 256
        for features in (128, 256, 512, 1024, base):
            x = nn.Dense(features, use_bias=False, kernel_init=kernel_init, dtype=self.dtype)(x)
            x = activate(x)
        x = x.reshape(-1, height // 4, width // 4, 256)
        for features, strides in ((128, 1), (64, 2)):
            x = ConvTranspose(
                features, (5, 5), strides, False, kernel_init=kernel_init, dtype=self.dtype
            )(x)
            x = activate(x)
        x = ConvTranspose(channels, (7, 7), 2, kernel_init=kernel_init, dtype=self.dtype)(x)
        return at_least_float32(jnp.tanh(x))


class ArticleDiscriminator(nn.Module):
    """Images float [n, h, w, c] in [-1, 1] to logits [n]: high for real.

    With `train`, dropout draws from the 'dropout' rng. Fields as in `ArticleGenerator`.
    """

    initialization: str = "xavier"
    dropout_rate: float = 0.3
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, images: Array, *, train: bool) -> Array:
        kernel_init = initializer(self.initialization)
        x = images
        for features in (64, 128):
            x = Conv(features, (5, 5), 2, kernel_init=kernel_init, dtype=self.dtype)(x)
            x = nn.leaky_relu(x, _SLOPE)
            x = Dropout(self.dropout_rate, axis_name=self.axis_name)(x, deterministic=not train)
        logits = nn.Dense(1, kernel_init=kernel_init, dtype=self.dtype)(x.reshape(len(x), -1))
        return at_least_float32(logits[:, 0])


def check_article_size(height: int, width: int) -> None:
    """Raises InputError for an image size that the article's generator cannot make."""
    if height % 4 or width % 4:
        raise InputError(
            f"the article's generator cannot make images of {height}x{width}: height and width "
            "must be multiples of 4. The model 'dcgan' makes any size from 8 to 256."
        )
