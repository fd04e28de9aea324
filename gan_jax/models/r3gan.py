"""R3GAN's networks (Huang et al. 2024, "The GAN is dead; long live the GAN!").

Residual networks of inverted bottlenecks with grouped convolutions (section 3 and appendix D of the
paper), LeakyReLU and bilinear resampling, without normalisation: each logit is a function of its
own image, as the penalties R1 and R2 need. They are meant for `losses.RELATIVISTIC` with both.
Differences from the paper: any image size from 8 to 256, whose base has 4 to 7 pixels on the
shorter side in place of 4; at the border resampling repeats pixels in place of zeros; classes enter
the discriminator by a projection (or an auxiliary classifier) beside the logit without classes.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax import Array

from gan_jax.errors import InputError
from gan_jax.models.conditional import check_labels, head, join_class
from gan_jax.models.grouped_convolution import batch_in_lanes, grouped_conv
from gan_jax.models.layers import Initializer, at_least_float32
from gan_jax.models.platform import platform
from gan_jax.models.resampling import double_bilinear, halve_bilinear
from gan_jax.models.sizes import base_size, check_least, crop, num_stages

_SLOPE = 0.2


class R3GANGenerator(nn.Module):
    """Latents float [n, latent_dim] to images [n, h, w, c], about in [-1, 1]: not clipped.

    A learned base image, each channel times a linear function of the latents; blocks at each
    resolution; bilinear doublings; a linear map to the image's channels. What exceeds `image_shape`
    is cropped from the border. With classes it is called with labels int32 [n] after the latents,
    beside which a learned vector of the class comes.

    Fields (others as in `DCGANGenerator`):
        width: channels at the base; 768 in the paper.
        halvings: how many of the last stages have half the channels of the stage before.
        blocks: at each resolution.
        expansion: channels inside a block over those outside.
        group_size: channels of a group of the 3x3 convolutions.

    Raises:
        InputError: for a size or fields that do not fit together, or labels where there are no
            classes.
    """

    image_shape: tuple[int, int, int]
    width: int = 128
    halvings: int = 0
    blocks: int = 2
    expansion: int = 2
    group_size: int = 16
    num_classes: int = 0
    dtype: Any = None

    @nn.compact
    def __call__(self, latents: Array, labels: Array | None = None, *, train: bool) -> Array:
        del train
        height, width, channels = self.image_shape
        check_labels(self.num_classes, labels)
        counts = stage_widths(self, height, width)
        if labels is not None:
            latents = join_class(self, latents, labels)
        shape = (*base_size(height, width, len(counts) - 1), counts[0])
        basis = self.param("basis", nn.initializers.normal(1.0), shape, jnp.float32)
        scales = Pointwise(counts[0], dtype=self.dtype)(latents)
        x = basis.astype(scales.dtype) * scales[:, None, None]
        for stage, count in enumerate(counts):
            if count != x.shape[-1]:
                x = Pointwise(count, dtype=self.dtype)(x)
            x = double_bilinear(x) if stage else x
            x = _stage(self, x, len(counts))
        x = Pointwise(channels, dtype=self.dtype)(x)
        return at_least_float32(crop(x, height, width))


class R3GANDiscriminator(nn.Module):
    """Images float [n, h, w, c] to logits [n]: high for real.

    The generator's mirror: a linear map of the channels, blocks at each resolution, bilinear
    halvings, a weighted sum over the pixels of each channel, and a linear end, see
    `conditional.head` for what it is with classes (labels int32 [n] then come after the images) and
    with `auxiliary`. Fields as in `R3GANGenerator`; `width` is that of the least resolution.
    """

    width: int = 128
    halvings: int = 0
    blocks: int = 2
    expansion: int = 2
    group_size: int = 16
    num_classes: int = 0
    auxiliary: bool = False
    dtype: Any = None

    @nn.compact
    def __call__(
        self, images: Array, labels: Array | None = None, *, train: bool
    ) -> Array | tuple[Array, Array]:
        check_labels(self.num_classes, labels)
        counts = stage_widths(self, *images.shape[1:3])[::-1]
        x = Pointwise(counts[0], dtype=self.dtype)(images)
        for stage, count in enumerate(counts):
            x = halve_bilinear(x) if stage else x
            if count != x.shape[-1]:
                x = Pointwise(count, dtype=self.dtype)(x)
            x = _stage(self, x, len(counts))
        pixels = x.shape[1] * x.shape[2]
        init = nn.initializers.normal(pixels**-0.5)
        basis = self.param("basis", init, x.shape[1:], jnp.float32)
        x = jnp.sum(x * basis.astype(x.dtype), (1, 2))
        kernel_init = nn.initializers.normal(x.shape[-1] ** -0.5)
        return head(self, x, labels, kernel_init=kernel_init, train=train)


def _stage(network: R3GANGenerator | R3GANDiscriminator, x: Array, stages: int) -> Array:
    """The blocks of one resolution; called in a compact method, whose layers they are."""
    for _ in range(network.blocks):
        x = InvertedBottleneck(
            network.expansion,
            network.group_size,
            gain=(network.blocks * stages) ** -0.25,
            dtype=network.dtype,
        )(x)
    return x


class InvertedBottleneck(nn.Module):
    """x [n, h, w, c] plus a branch: 1x1 to more channels, 3x3 in groups, 1x1 back.

    After each of the first two come a bias and LeakyReLU. Kernels begin at He et al.'s spread for
    that slope times `gain`, but the last one at zero, so that the branch begins at zero (Zhang et
    al. 2019, "Fixup initialization", section 3: with L branches of m convolutions the gain is
    L^(-1/(2m - 2)), which is L^(-1/4) here).

    Fields:
        expansion: channels inside over c.
        group_size: channels of a group.
        gain: see above.
        dtype: dtype of the computation; None for that of x and the parameters, promoted.
    """

    expansion: int = 2
    group_size: int = 16
    gain: float = 1.0
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        inner = self.expansion * x.shape[-1]
        init = _he(math.sqrt(2 / (1 + _SLOPE**2)) * self.gain)

        def activate(y: Array, name: str) -> Array:
            bias = self.param(name, nn.initializers.zeros, (inner,), jnp.float32)
            y = batch_in_lanes(y) + bias.astype(y.dtype)
            return batch_in_lanes(nn.leaky_relu(y, _SLOPE))

        x = batch_in_lanes(x)
        y = Pointwise(inner, init, self.dtype, name="expand")(x)
        y = activate(y, "bias_expand")
        kernel = self.param("kernel", init, (3, 3, self.group_size, inner), jnp.float32)
        y = activate(grouped_conv(y, kernel.astype(y.dtype)), "bias_grouped")
        y = Pointwise(x.shape[-1], nn.initializers.zeros, self.dtype, name="project")(y)
        return batch_in_lanes(x + batch_in_lanes(y))


def _he(gain: float) -> Initializer:
    """A normal distribution of standard deviation gain / sqrt(inputs of an output)."""
    return nn.initializers.variance_scaling(gain**2, "fan_in", "normal")


class Pointwise(nn.Module):
    """A linear map of the channels, a 1x1 convolution without bias: [..., i] to [..., features].

    Parameters: 'kernel' [i, features], float32. Fields as in `layers.Conv`.
    """

    features: int
    kernel_init: Initializer = _he(1.0)
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = (x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        x, kernel = promote_dtype(x, kernel, dtype=self.dtype)
        if platform() != "cpu":
            return jnp.matmul(x, kernel)
        # One matrix product; as a product of an image of four axes it is slower there.
        return jnp.matmul(x.reshape(-1, shape[0]), kernel).reshape(*x.shape[:-1], self.features)


def stage_widths(
    network: R3GANGenerator | R3GANDiscriminator, height: int, width: int
) -> list[int]:
    """Channels at each resolution, from the base to the image of height x width.

    Raises:
        InputError: for fields that do not fit together.
    """
    stages = num_stages(height, width, "r3gan") + 1
    check_least(network, width=1, blocks=1, expansion=1, group_size=1)
    if not 0 <= network.halvings < stages:
        raise InputError(
            f"halvings is {network.halvings}; images of {height}x{width} have "
            f"{stages} stages: expected 0 to {stages - 1}."
        )
    share = 2**network.halvings
    # The narrowest stage must divide into groups, and be a whole number.
    step = share * network.group_size // math.gcd(network.expansion, network.group_size)
    if network.width % step:
        raise InputError(
            f"width is {network.width}; with halvings {network.halvings}, expansion "
            f"{network.expansion} and group_size {network.group_size} it must be a multiple of "
            f"{step}."
        )
    whole = stages - 1 - network.halvings
    return [network.width >> max(0, stage - whole) for stage in range(stages)]
