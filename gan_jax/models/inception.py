"""The Inception network by which Fréchet distances are published.

Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", in the form that
was released in December 2015 and that Heusel et al. 2017 took for the FID. It differs from other
copies of InceptionV3, those of torchvision and Keras among them, in these points:

- 1008 outputs, of which 1000 mean something;
- average pools that leave the padding out of the mean;
- a maximum pool, where all other blocks have an average, in the last block;
- batch normalisation with epsilon 0.001 and neither auxiliary classifier.

Modules and parameters bear the names of the public PyTorch file, with '.' for '/'.
"""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

NUM_OUTPUTS = 1008
IMAGE_SIZE = 299


class ConvBlock(nn.Module):
    """Convolution without bias, batch normalisation with stored statistics, ReLU.

    [n, h, w, i] to [n, h', w', features]; `padding` is 'SAME' or 'VALID'.
    """

    features: int
    kernel_size: tuple[int, int]
    strides: int = 1
    padding: str = "SAME"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        x = nn.Conv(
            self.features,
            self.kernel_size,
            self.strides,
            padding=self.padding,
            use_bias=False,
            name="conv",
        )(x)
        x = nn.BatchNorm(use_running_average=True, epsilon=1e-3, name="bn")(x)
        return nn.relu(x)


class _Block(nn.Module):
    """Base of the blocks: gives them short words for their layers."""

    def conv(self, name: str, x: Array, features: int, *kernel_size: int) -> Array:
        """Stride 1, same size."""
        return ConvBlock(features, _pair(kernel_size), name=name)(x)

    def shrink(self, name: str, x: Array, features: int) -> Array:
        """3x3, stride 2, without padding."""
        return ConvBlock(features, (3, 3), 2, "VALID", name=name)(x)


class InceptionA(_Block):
    """35x35 blocks: [n, h, w, i] to [n, h, w, 224 + pool_features]."""

    pool_features: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        one = self.conv("branch1x1", x, 64, 1)
        five = self.conv("branch5x5_1", x, 48, 1)
        five = self.conv("branch5x5_2", five, 64, 5)
        three = self.conv("branch3x3dbl_1", x, 64, 1)
        three = self.conv("branch3x3dbl_2", three, 96, 3)
        three = self.conv("branch3x3dbl_3", three, 96, 3)
        pool = self.conv("branch_pool", _average(x), self.pool_features, 1)
        return jnp.concatenate([one, five, three, pool], -1)


class InceptionB(_Block):
    """From 35x35 to 17x17: [n, h, w, i] to [n, (h - 1) // 2, (w - 1) // 2, 480 + i]."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        three = self.shrink("branch3x3", x, 384)
        double = self.conv("branch3x3dbl_1", x, 64, 1)
        double = self.conv("branch3x3dbl_2", double, 96, 3)
        double = self.shrink("branch3x3dbl_3", double, 96)
        return jnp.concatenate([three, double, _shrinking_maximum(x)], -1)


class InceptionC(_Block):
    """17x17 blocks: [n, h, w, i] to [n, h, w, 768]; `width` channels inside."""

    width: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        width = self.width
        one = self.conv("branch1x1", x, 192, 1)
        seven = self.conv("branch7x7_1", x, width, 1)
        seven = self.conv("branch7x7_2", seven, width, 1, 7)
        seven = self.conv("branch7x7_3", seven, 192, 7, 1)
        double = self.conv("branch7x7dbl_1", x, width, 1)
        double = self.conv("branch7x7dbl_2", double, width, 7, 1)
        double = self.conv("branch7x7dbl_3", double, width, 1, 7)
        double = self.conv("branch7x7dbl_4", double, width, 7, 1)
        double = self.conv("branch7x7dbl_5", double, 192, 1, 7)
        pool = self.conv("branch_pool", _average(x), 192, 1)
        return jnp.concatenate([one, seven, double, pool], -1)


class InceptionD(_Block):
    """From 17x17 to 8x8: [n, h, w, i] to [n, (h - 1) // 2, (w - 1) // 2, 512 + i]."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        three = self.conv("branch3x3_1", x, 192, 1)
        three = self.shrink("branch3x3_2", three, 320)
        seven = self.conv("branch7x7x3_1", x, 192, 1)
        seven = self.conv("branch7x7x3_2", seven, 192, 1, 7)
        seven = self.conv("branch7x7x3_3", seven, 192, 7, 1)
        seven = self.shrink("branch7x7x3_4", seven, 192)
        return jnp.concatenate([three, seven, _shrinking_maximum(x)], -1)


class InceptionE(_Block):
    """8x8 blocks: [n, h, w, i] to [n, h, w, 2048]; `pool` keeps the size."""

    pool: Callable[[Array], Array]

    @nn.compact
    def __call__(self, x: Array) -> Array:
        one = self.conv("branch1x1", x, 320, 1)
        three = self.conv("branch3x3_1", x, 384, 1)
        double = self.conv("branch3x3dbl_1", x, 448, 1)
        double = self.conv("branch3x3dbl_2", double, 384, 3)
        return jnp.concatenate(
            [
                one,
                self.conv("branch3x3_2a", three, 384, 1, 3),
                self.conv("branch3x3_2b", three, 384, 3, 1),
                self.conv("branch3x3dbl_3a", double, 384, 1, 3),
                self.conv("branch3x3dbl_3b", double, 384, 3, 1),
                self.conv("branch_pool", self.pool(x), 192, 1),
            ],
            -1,
        )


class Linear(nn.Module):
    """x [n, i] times 'kernel' [i, features]: without and with 'bias', two arrays [n, features]."""

    features: int

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, Array]:
        kernel = self.param("kernel", nn.initializers.lecun_normal(), (x.shape[-1], self.features))
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        product = x @ kernel
        return product, product + bias


class FIDInception(nn.Module):
    """Images float32 [n, 299, 299, 3] in [-1, 1) to a dict of layers.

    - 'Mixed_6e': [n, 17, 17, 768];
    - 'pool3': [n, 2048], the mean over all positions of the last block: the layer of the FID;
    - 'logits': [n, 1008];
    - 'logits_without_bias': [n, 1008], whose softmax is that of the Inception score as published
      (Salimans et al. 2016: its program leaves the bias out).

    Always in inference mode. Other image sizes from 75 pixels work and give other sides.
    """

    @nn.compact
    def __call__(self, images: Array) -> dict[str, Array]:
        x = ConvBlock(32, (3, 3), 2, "VALID", name="Conv2d_1a_3x3")(images)
        x = ConvBlock(32, (3, 3), 1, "VALID", name="Conv2d_2a_3x3")(x)
        x = ConvBlock(64, (3, 3), name="Conv2d_2b_3x3")(x)
        x = _shrinking_maximum(x)
        x = ConvBlock(80, (1, 1), name="Conv2d_3b_1x1")(x)
        x = ConvBlock(192, (3, 3), 1, "VALID", name="Conv2d_4a_3x3")(x)
        x = _shrinking_maximum(x)
        x = InceptionA(32, name="Mixed_5b")(x)
        x = InceptionA(64, name="Mixed_5c")(x)
        x = InceptionA(64, name="Mixed_5d")(x)
        x = InceptionB(name="Mixed_6a")(x)
        x = InceptionC(128, name="Mixed_6b")(x)
        x = InceptionC(160, name="Mixed_6c")(x)
        x = InceptionC(160, name="Mixed_6d")(x)
        x = middle = InceptionC(192, name="Mixed_6e")(x)
        x = InceptionD(name="Mixed_7a")(x)
        x = InceptionE(_average, name="Mixed_7b")(x)
        x = InceptionE(_maximum, name="Mixed_7c")(x)
        pooled = jnp.mean(x, (1, 2))
        without_bias, logits = Linear(NUM_OUTPUTS, name="fc")(pooled)
        return {
            "Mixed_6e": middle,
            "pool3": pooled,
            "logits": logits,
            "logits_without_bias": without_bias,
        }


def _pair(kernel_size: tuple[int, ...]) -> tuple[int, int]:
    height, width = kernel_size if len(kernel_size) == 2 else kernel_size * 2
    return height, width


def _average(x: Array) -> Array:
    return nn.avg_pool(x, (3, 3), padding="SAME", count_include_pad=False)


def _maximum(x: Array) -> Array:
    return nn.max_pool(x, (3, 3), padding="SAME")


def _shrinking_maximum(x: Array) -> Array:
    return nn.max_pool(x, (3, 3), (2, 2))
