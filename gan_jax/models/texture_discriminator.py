"""The discriminator of a texture GAN: of patches, at one or several sizes of the image."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from gan_jax.errors import InputError
from gan_jax.models.conditional import Embedding, check_labels
from gan_jax.models.layers import (
    Dense,
    at_least_float32,
    downsample,
    initializer,
    is_spectral,
    widths,
)
from gan_jax.models.sizes import check_least


class TextureDiscriminator(nn.Module):
    """Images float [n, h, w, c] in [-1, 1] to logits [n]: high for real.

    Convolutions of stride 2 end in a map, a logit for each 2^levels pixels. With `pooled` the
    image's logit is the mean of the map, so images of any size give logits of the same scale.
    Without, logits [n, positions] are given as they are, and each position counts for itself in the
    losses, as in the papers: a mean of many is much surer than each, so that the discriminator soon
    knows all images. With norm 'batch' the first layer has none; gradient penalties need 'none' or
    'spectral'. With `num_classes` it is called with labels int32 [n] too, and a position's logit is
    that of all textures plus the product of its features with an embedding of its class (projection
    discriminator, Miyato and Koyama 2018, eq. 3).

    With `scales` above 1 there are as many trunks, each of which sees the image at half the size of
    the one before (Wang et al. 2018, "High-resolution image synthesis and semantic manipulation
    with conditional GANs", section 3.2). The logits of all of them are given side by side, those of
    a coarse scale repeated until there are as many as of the finest: each scale counts alike.
    A trunk's logit sees 3 x 2^levels - 2 pixels of its scale along a side: the first looks at the
    grain, the last at how it is laid out. Other fields as in `TextureGenerator`.

    Raises:
        InputError: fewer than 1 scale, or an image that is smaller than a step of the last map.
    """

    width: int = 32
    levels: int = 4
    scales: int = 1
    num_classes: int = 0
    pooled: bool = True
    norm: str = "batch"
    initialization: str = "normal"
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, images: Array, labels: Array | None = None, *, train: bool) -> Array:
        check_labels(self.num_classes, labels)
        check_scales(self, images.shape[1:3])
        maps = [self._trunk(images, labels, train=train)]
        for _ in range(1, self.scales):
            images = nn.avg_pool(images, (2, 2), (2, 2))
            coarse = self._trunk(images, labels, train=train)
            maps.append(jax.image.resize(coarse, maps[0].shape, "nearest"))
        logits = jnp.concatenate([found.reshape(len(images), -1) for found in maps], -1)
        logits = at_least_float32(logits)
        return jnp.mean(logits, -1) if self.pooled else logits

    def _trunk(self, images: Array, labels: Array | None, *, train: bool) -> Array:
        """The map of logits, [n, h / 2^levels, w / 2^levels, 1], of images of one scale."""
        x = downsample(self, images, widths(self.width, self.levels), 4, train=train)
        spectral_norm = is_spectral(self.norm)
        logits = Dense(
            1,
            kernel_init=initializer(self.initialization),
            dtype=self.dtype,
            spectral_norm=spectral_norm,
        )(x, train=train)
        if labels is not None:
            embedded = Embedding(
                self.num_classes, x.shape[-1], dtype=self.dtype, spectral_norm=spectral_norm
            )(labels, train=train)
            logits += jnp.einsum("nhwc,nc->nhw", x, embedded)[..., None]
        return logits


def check_scales(discriminator: TextureDiscriminator, size: tuple[int, ...]) -> None:
    """Raises InputError for a discriminator of images (h, w) that has too many scales or none."""
    scales, levels = discriminator.scales, discriminator.levels
    check_least(discriminator, scales=1)
    least = 2 ** (levels + scales - 1)
    if min(size) < least:
        raise InputError(
            f"images of {size[0]}x{size[1]} are too small for {scales} scales of a discriminator "
            f"with levels {levels}, which need {least} pixels: give fewer scales."
        )
