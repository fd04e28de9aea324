"""DCGAN (Radford et al. 2016) for any image size from 8 to 256 and any number of channels."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from gan_jax.models.conditional import check_labels, head, join_class, normalise
from gan_jax.models.layers import (
    ConvTranspose,
    Dense,
    at_least_float32,
    downsample,
    initializer,
    is_batch,
    is_spectral,
    scale_initializer,
    widths,
)
from gan_jax.models.sizes import base_size, crop, num_stages


class DCGANGenerator(nn.Module):
    """Latents float [n, latent_dim] to images [n, h, w, c] in [-1, 1].

    A dense layer makes a base of 4 to 7 pixels on the shorter side; transposed convolutions of
    stride 2 double it; what exceeds `image_shape` is cropped from the border. With classes it is
    called with labels int32 [n] after the latents: batch normalisation then has a gain and a bias
    for each class, and without it a learned vector of the class comes beside the latents.

    Fields:
        image_shape: (h, w, c), h and w from 8 to 256.
        width: channels of the last hidden layer; they double towards the base, up to 8 x width.
        kernel_size: side of the transposed convolutions.
        norm: 'batch' or 'none'.
        initialization: name of the kernel initialiser, see `layers.initializer`.
        num_classes: 2 or more, or 0 for an unconditional network.
        axis_name: mapped axis over which batch statistics are shared, or None.
        dtype: dtype of the computation; None for float32.

    Raises:
        InputError: for a size or norm outside these, or labels where there are no classes.
    """

    image_shape: tuple[int, int, int]
    width: int = 64
    kernel_size: int = 4
    norm: str = "batch"
    initialization: str = "normal"
    num_classes: int = 0
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, latents: Array, labels: Array | None = None, *, train: bool) -> Array:
        height, width, channels = self.image_shape
        stages = num_stages(height, width)
        check_labels(self.num_classes, labels)
        kernel_init, batch_norm = initializer(self.initialization), is_batch(self.norm)

        def activate(x: Array) -> Array:
            if batch_norm:
                scale_init = scale_initializer(self.initialization)
                x = normalise(self, x, labels, train=train, scale_init=scale_init)
            return nn.relu(x)

        biased = not batch_norm
        if labels is not None and not batch_norm:
            latents = join_class(self, latents, labels)
        base = base_size(height, width, stages)
        features = widths(self.width, stages)[::-1]
        x = Dense(
            base[0] * base[1] * features[0], biased, kernel_init=kernel_init, dtype=self.dtype
        )(latents)
        x = activate(x.reshape(-1, *base, features[0]))
        size = (self.kernel_size, self.kernel_size)
        for count in features[1:]:
            x = ConvTranspose(count, size, 2, biased, kernel_init=kernel_init, dtype=self.dtype)(x)
            x = activate(x)
        x = ConvTranspose(channels, size, 2, kernel_init=kernel_init, dtype=self.dtype)(x)
        return at_least_float32(jnp.tanh(crop(x, height, width)))


class DCGANDiscriminator(nn.Module):
    """Images float [n, h, w, c] in [-1, 1] to logits [n]: high for real.

    Convolutions of stride 2 with LeakyReLU, the mirror of the generator. With norm 'batch' the
    first layer has none, as in the paper; gradient penalties, which look at one example at a time,
    need 'none' or 'spectral'. With classes it is called with labels int32 [n] after the images, see
    `conditional.head`, which with `auxiliary` gives class logits [n, num_classes] too. Fields
    otherwise as in `DCGANGenerator`.
    """

    width: int = 64
    kernel_size: int = 4
    norm: str = "batch"
    initialization: str = "normal"
    num_classes: int = 0
    auxiliary: bool = False
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(
        self, images: Array, labels: Array | None = None, *, train: bool
    ) -> Array | tuple[Array, Array]:
        check_labels(self.num_classes, labels)
        height, width = images.shape[1:3]
        features = widths(self.width, num_stages(height, width))
        x = downsample(self, images, features, self.kernel_size, train=train)
        return head(
            self,
            x.reshape(len(x), -1),
            labels,
            kernel_init=initializer(self.initialization),
            spectral_norm=is_spectral(self.norm),
            train=train,
        )
