"""A generator that enlarges images: SRGAN's residual network, without batch normalisation.

Ledig et al. 2017, "Photo-realistic single image super-resolution using a generative adversarial
network", section 2.1. Batch normalisation is left out as by Lim et al. 2017 ("Enhanced deep
residual networks", section 3.1), and what the network adds to is the input with each pixel
repeated, so that it begins as that. It is convolutional throughout: images of any size at use.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
from jax import Array

from gan_jax.errors import InputError, nearest
from gan_jax.models.layers import Conv, at_least_float32
from gan_jax.models.resampling import double_nearest
from gan_jax.models.sizes import check_least

FACTORS = (2, 4)
UPSAMPLINGS = ("subpixel", "resize")
_KERNEL_INIT = nn.initializers.he_normal()
_SIZE = (3, 3)


class SuperResolutionGenerator(nn.Module):
    """Images float [n, h, w, c] in [-1, 1] to [n, factor h, factor w, c], about in [-1, 1].

    Fields:
        factor: 2 or 4; each doubling has a layer of its own.
        width: channels of the hidden layers.
        blocks: residual blocks at the small size, each of two 3x3 convolutions.
        upsampling: 'subpixel': a convolution to four times the channels, whose values become 2x2
            pixels (Shi et al. 2016); 'resize': pixels are repeated, then convolved (Odena et al.
            2016, "Deconvolution and checkerboard artifacts").
        dtype: as in `dcgan.DCGANGenerator`.

    Raises:
        InputError: for fields outside these.
    """

    factor: int = 2
    width: int = 32
    blocks: int = 4
    upsampling: str = "subpixel"
    dtype: Any = None

    @nn.compact
    def __call__(self, images: Array, *, train: bool) -> Array:
        del train
        check_super_resolution(self)

        def conv(x: Array, features: int, kernel_init: Any = _KERNEL_INIT) -> Array:
            return Conv(features, _SIZE, 1, kernel_init=kernel_init, dtype=self.dtype)(x)

        x = start = nn.relu(conv(images, self.width))
        for _ in range(self.blocks):
            y = nn.relu(conv(x, self.width))
            # Branches begin at zero, as in `r3gan.InvertedBottleneck`.
            x += conv(y, self.width, nn.initializers.zeros)
        x = start + conv(x, self.width)
        enlarged = images
        for _ in range(int(math.log2(self.factor))):
            if self.upsampling == "subpixel":
                x = depth_to_space(conv(x, 4 * self.width))
            else:
                x = conv(double_nearest(x), self.width)
            x, enlarged = nn.relu(x), double_nearest(enlarged)
        x = conv(x, images.shape[-1], nn.initializers.zeros)
        return at_least_float32(x + enlarged)

    @property
    def reach(self) -> int:
        """Pixels of the input on each side that a pixel of the output depends on, at most."""
        return 2 * self.blocks + 3 + int(math.log2(self.factor))


def depth_to_space(x: Array) -> Array:
    """Four channels to 2x2 pixels: [n, h, w, 4c] to [n, 2h, 2w, c]."""
    n, h, w, c = x.shape
    x = x.reshape(n, h, w, 2, 2, c // 4).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, 2 * h, 2 * w, c // 4)


def check_super_resolution(generator: SuperResolutionGenerator) -> None:
    """Raises InputError for fields of the generator that cannot be."""
    if generator.factor not in FACTORS:
        raise InputError(f"factor is {generator.factor}; expected 2 or 4.")
    check_least(generator, width=1, blocks=1)
    if generator.upsampling not in UPSAMPLINGS:
        raise InputError(
            f"upsampling {generator.upsampling!r} is not known: "
            f"{nearest(generator.upsampling, UPSAMPLINGS)}"
        )
