"""DCGAN (Radford et al. 2016) for any image size from 8 to 256 and any number of channels."""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from gan_jax.errors import InputError
from gan_jax.models.layers import (
    BatchNorm,
    ConvTranspose,
    downsample,
    initializer,
    is_batch,
    scale_initializer,
    widths,
)


class DCGANGenerator(nn.Module):
    """Latents float [n, latent_dim] to images [n, h, w, c] in [-1, 1].

    A dense layer makes a base of 4 to 7 pixels on the shorter side; transposed convolutions of
    stride 2 double it; what exceeds `image_shape` is cropped from the border.

    Fields:
        image_shape: (h, w, c), h and w from 8 to 256.
        width: channels of the last hidden layer; they double towards the base, up to 8 x width.
        kernel_size: side of the transposed convolutions.
        norm: 'batch' or 'none'.
        initialization: name of the kernel initialiser, see `layers.initializer`.
        axis_name: mapped axis over which batch statistics are shared, or None.
        dtype: dtype of the computation; None for float32.

    Raises:
        InputError: for a size or norm outside these.
    """

    image_shape: tuple[int, int, int]
    width: int = 64
    kernel_size: int = 4
    norm: str = "batch"
    initialization: str = "normal"
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, latents: Array, *, train: bool) -> Array:
        height, width, channels = self.image_shape
        stages = num_stages(height, width)
        kernel_init = initializer(self.initialization)

        def activate(x: Array) -> Array:
            if is_batch(self.norm):
                x = BatchNorm(
                    axis_name=self.axis_name,
                    dtype=self.dtype,
                    scale_init=scale_initializer(self.initialization),
                )(x, use_running_average=not train)
            return nn.relu(x)

        biased = self.norm != "batch"
        base = (math.ceil(height / 2**stages), math.ceil(width / 2**stages))
        features = widths(self.width, stages)[::-1]
        x = nn.Dense(
            base[0] * base[1] * features[0], biased, kernel_init=kernel_init, dtype=self.dtype
        )(latents)
        x = activate(x.reshape(-1, *base, features[0]))
        size = (self.kernel_size, self.kernel_size)
        for count in features[1:]:
            x = ConvTranspose(count, size, 2, biased, kernel_init=kernel_init, dtype=self.dtype)(x)
            x = activate(x)
        x = ConvTranspose(channels, size, 2, kernel_init=kernel_init, dtype=self.dtype)(x)
        top, left = (x.shape[1] - height) // 2, (x.shape[2] - width) // 2
        x = jnp.tanh(x[:, top : top + height, left : left + width])
        return x.astype(jnp.promote_types(x.dtype, jnp.float32))


class DCGANDiscriminator(nn.Module):
    """Images float [n, h, w, c] in [-1, 1] to logits [n]: high for real.

    Convolutions of stride 2 with LeakyReLU, the mirror of the generator. With norm 'batch' the
    first layer has none, as in the paper; 'none' is needed by gradient penalties, which look at
    one example at a time. Fields as in `DCGANGenerator`.
    """

    width: int = 64
    kernel_size: int = 4
    norm: str = "batch"
    initialization: str = "normal"
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, images: Array, *, train: bool) -> Array:
        x = downsample(
            images,
            widths(self.width, num_stages(*images.shape[1:3])),
            kernel_size=self.kernel_size,
            norm=self.norm,
            initialization=self.initialization,
            train=train,
            axis_name=self.axis_name,
            dtype=self.dtype,
        )
        kernel_init = initializer(self.initialization)
        logits = nn.Dense(1, kernel_init=kernel_init, dtype=self.dtype)(x.reshape(len(x), -1))
        return logits[:, 0].astype(jnp.promote_types(logits.dtype, jnp.float32))


def num_stages(height: int, width: int) -> int:
    """How many stride-2 layers lie between the image and a base of 4 to 7 pixels.

    Raises:
        InputError: for a side outside 8 to 256.
    """
    for side in (height, width):
        if not 8 <= side <= 256:
            raise InputError(
                f"dcgan cannot make images of {height}x{width}: both sides must be from 8 to 256 "
                "pixels. Set config.dataset.image_size=(h, w) to resize them."
            )
    return int(math.log2(min(height, width) / 4))
