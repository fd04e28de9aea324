"""Residual networks for GANs (Gulrajani et al. 2017; Miyato et al. 2018; Brock et al. 2019).

Generator and discriminator of pre-activation residual blocks, for any image size from 8 to 256 and
any number of channels: the SNGAN architecture (Miyato et al. 2018, appendix B.4), whose channels
double from the image inwards as in its larger versions.
"""

from __future__ import annotations

import itertools
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax import Array

from gan_jax.errors import InputError
from gan_jax.models.conditional import check_labels, head, join_class, normalise
from gan_jax.models.convolution import conv, conv_transpose
from gan_jax.models.layers import (
    DISCRIMINATOR_NORMS,
    Conv,
    Dense,
    Initializer,
    at_least_float32,
    initializer,
    is_batch,
    is_spectral,
    widths,
)
from gan_jax.models.platform import platform
from gan_jax.models.resampling import double_nearest, halve_mean, with_even_sides
from gan_jax.models.sizes import base_size, crop, num_stages
from gan_jax.models.spectral import spectral_normalise

RESAMPLINGS = ("none", "up", "down")


class ResnetGenerator(nn.Module):
    """Latents float [n, latent_dim] to images [n, h, w, c] in [-1, 1].

    A dense layer makes a base of 4 to 7 pixels on the shorter side; residual blocks double it by
    nearest neighbours; normalisation, ReLU, a 3x3 convolution and tanh end it; what exceeds
    `image_shape` is cropped from the border. Classes, fields and errors are as in `DCGANGenerator`,
    which has a `kernel_size` besides.
    """

    image_shape: tuple[int, int, int]
    width: int = 64
    norm: str = "batch"
    initialization: str = "xavier"
    num_classes: int = 0
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, latents: Array, labels: Array | None = None, *, train: bool) -> Array:
        height, width, channels = self.image_shape
        stages = num_stages(height, width, "resnet")
        check_labels(self.num_classes, labels)
        kernel_init, batch_norm = initializer(self.initialization), is_batch(self.norm)
        if labels is not None and not batch_norm:
            latents = join_class(self, latents, labels)
        first, *features = widths(self.width, stages + 1)[::-1]
        base = base_size(height, width, stages)
        fields: dict[str, Any] = dict(kernel_init=kernel_init, dtype=self.dtype)
        x = Dense(base[0] * base[1] * first, **fields)(latents).reshape(-1, *base, first)
        for count in features:
            block = ResidualBlock(
                count,
                "up",
                batch_norm=batch_norm,
                num_classes=self.num_classes,
                axis_name=self.axis_name,
                **fields,
            )
            x = block(x, labels, train=train)
        x = _activate(self, x, labels, batch_norm=batch_norm, train=train)
        x = Conv(channels, (3, 3), **fields)(x)
        return at_least_float32(jnp.tanh(crop(x, height, width)))


class ResnetDiscriminator(nn.Module):
    """Images float [n, h, w, c] in [-1, 1] to logits [n]: high for real.

    Residual blocks with average pooling, down to 4 to 7 pixels on the shorter side, and one
    without; ReLU; the sum over pixels; a linear end, see `conditional.head` for what it is with
    classes (labels int32 [n] then come after the images) and with `auxiliary`.

    Fields:
        norm: 'spectral', 'none' or 'batch'; gradient penalties, which look at one example at a
            time, do not go with 'batch'.
        auxiliary: an auxiliary classifier in place of the projection.
        Others as in `ResnetGenerator`; the widest layers are those of the least resolution.
    """

    width: int = 64
    norm: str = "spectral"
    initialization: str = "xavier"
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
        stages = num_stages(height, width, "resnet")
        batch_norm = is_batch(self.norm, DISCRIMINATOR_NORMS)
        fields: dict[str, Any] = dict(
            kernel_init=initializer(self.initialization), spectral_norm=is_spectral(self.norm)
        )
        x = images
        for layer, count in enumerate(widths(self.width, stages + 1)):
            block = ResidualBlock(
                count,
                "down" if layer < stages else "none",
                preactivation=layer > 0,
                batch_norm=batch_norm,
                axis_name=self.axis_name,
                dtype=self.dtype,
                **fields,
            )
            x = block(x, None, train=train)
        x = _activate(self, x, None, batch_norm=batch_norm, train=train)
        return head(self, jnp.sum(x, (1, 2)), labels, train=train, **fields)


class ResidualBlock(nn.Module):
    """x [n, h, w, i] to [n, h', w', features]: two activated 3x3 convolutions beside a shortcut.

    The shortcut is a 1x1 convolution where the size or the channels change (Miyato et al. 2018,
    figure 8).

    Fields:
        features: channels of both convolutions.
        resample: 'up' doubles both sides, 'down' halves them, rounded up; 'none' keeps them.
        preactivation: whether x itself is normalised and activated; not so for an image.
        batch_norm: whether to normalise before each ReLU, by class if there are classes.
        num_classes, spectral_norm, kernel_init, axis_name, dtype: as in the networks.
    """

    features: int
    resample: str
    preactivation: bool = True
    batch_norm: bool = False
    num_classes: int = 0
    spectral_norm: bool = False
    kernel_init: Initializer = nn.initializers.xavier_uniform()
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, labels: Array | None, *, train: bool) -> Array:
        fields: dict[str, Any] = dict(
            spectral_norm=self.spectral_norm, kernel_init=self.kernel_init, dtype=self.dtype
        )

        def activate(x: Array) -> Array:
            return _activate(self, x, labels, batch_norm=self.batch_norm, train=train)

        # Each resampling beside the convolution at the higher resolution.
        resamplings = ("none", "down") if self.resample == "down" else (self.resample, "none")
        y = x
        for number, resample in enumerate(resamplings):
            y = activate(y) if number or self.preactivation else y
            y = ResampledConv(self.features, resample, **fields)(y, train=train)
        if self.resample != "none" or x.shape[-1] != self.features:
            # The name under which saved runs hold its parameters.
            shortcut = ResampledConv(self.features, self.resample, 1, name="Conv_0", **fields)
            x = shortcut(x, train=train)
        return y + x


class ResampledConv(nn.Module):
    """A convolution after nearest upsampling ('up') or before average pooling ('down').

    Either is one convolution of stride 2, transposed or not, whose kernel is that of `size` x
    `size` spread by a box of 2x2 (Karras et al. 2018, "Progressive growing of GANs"): for 3x3, 16
    products in place of 36 for each pixel of the lower resolution. Where a side is odd, what is
    pooled with its last line is what the convolution gives one line further; for 1x1, that line is
    repeated. But a 1x1 convolution commutes with the resampling, and is taken at the lower
    resolution on a CPU or GPU. A TPU's compiler would write whole images to double or halve them.

    x [n, h, w, i] to [n, 2h, 2w, features], [n, ceil(h/2), ceil(w/2), features] or, with 'none',
    [n, h, w, features]. Parameters and other fields as in `layers.Conv`; it is the kernel before
    it is spread that is normalised.
    """

    features: int
    resample: str = "none"
    size: int = 3
    spectral_norm: bool = False
    kernel_init: Initializer = nn.initializers.xavier_uniform()
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        if self.resample not in RESAMPLINGS:
            raise InputError(
                f"resample is {self.resample!r}; expected one of {', '.join(RESAMPLINGS)}."
            )
        shape = (self.size, self.size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        if self.spectral_norm:
            kernel = spectral_normalise(self, kernel, update=train)
        x, kernel, bias = promote_dtype(x, kernel, bias, dtype=self.dtype)
        if self.size == 1 and platform() != "tpu":
            y = conv(halve_mean(x) if self.resample == "down" else x, kernel) + bias
            return double_nearest(y) if self.resample == "up" else y
        if self.resample == "up":
            return conv_transpose(x, _spread(kernel), 2) + bias
        if self.resample == "down":
            x = with_even_sides(x) if self.size == 1 else x
            return conv(x, _spread(kernel) / 4, 2) + bias
        return conv(x, kernel) + bias


def _spread(kernel: Array) -> Array:
    """The full convolution of a kernel [k, k, i, o] with a box of ones: [k + 1, k + 1, i, o]."""
    sides = itertools.product([(0, 1), (1, 0)], repeat=2)
    spread: Any = sum(jnp.pad(kernel, (*pair, (0, 0), (0, 0))) for pair in sides)
    return spread


def _activate(
    network: nn.Module, x: Array, labels: Array | None, *, batch_norm: bool, train: bool
) -> Array:
    """ReLU, after batch normalisation where there is one."""
    return nn.relu(normalise(network, x, labels, train=train) if batch_norm else x)
