"""The same networks as one would first write them in Flax: `nn.Conv`, `nn.ConvTranspose`.

Their variables are laid out as those of `gan_jax.models`, so that one can run with the other's.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from benchmarks.works import Work

_XAVIER = nn.initializers.xavier_uniform()
_NORMAL = nn.initializers.normal(0.02)
_HE = nn.initializers.he_normal()


def _norm(x: Array, train: bool, dtype: Any) -> Array:
    return nn.BatchNorm(not train, momentum=0.9, epsilon=1e-5, dtype=dtype)(x)


class ArticleGenerator(nn.Module):
    """Latents [n, latent_dim] to images [n, 28, 28, 1] in [-1, 1]."""

    work: Work
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        height, width, channels = self.work.image_shape
        for features in (128, 256, 512, 1024, height // 4 * (width // 4) * 256):
            x = nn.Dense(features, use_bias=False, kernel_init=_XAVIER, dtype=self.dtype)(x)
            x = nn.leaky_relu(_norm(x, train, self.dtype), 0.3)
        x = x.reshape(-1, height // 4, width // 4, 256)
        for features, strides in ((128, 1), (64, 2)):
            x = nn.ConvTranspose(
                features, (5, 5), (strides, strides), use_bias=False, kernel_init=_XAVIER,
                dtype=self.dtype,
            )(x)  # fmt: skip
            x = nn.leaky_relu(_norm(x, train, self.dtype), 0.3)
        x = nn.ConvTranspose(channels, (7, 7), (2, 2), kernel_init=_XAVIER, dtype=self.dtype)(x)
        return jnp.tanh(x).astype(jnp.float32)


class ArticleDiscriminator(nn.Module):
    """Images [n, 28, 28, 1] to logits [n]."""

    work: Work
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        for features in (64, 128):
            x = nn.Conv(features, (5, 5), (2, 2), kernel_init=_XAVIER, dtype=self.dtype)(x)
            x = nn.Dropout(self.work.dropout_rate, deterministic=not train)(nn.leaky_relu(x, 0.3))
        x = nn.Dense(1, kernel_init=_XAVIER, dtype=self.dtype)(x.reshape(len(x), -1))
        return x[:, 0].astype(jnp.float32)


class DCGANGenerator(nn.Module):
    """Latents [n, latent_dim] to images [n, h, w, c] in [-1, 1]."""

    work: Work
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        height, width, channels = self.work.image_shape
        scale, size = 2**self.work.stages, (self.work.kernel_size,) * 2
        features = self.work.features[::-1]
        base = (height // scale, width // scale, features[0])
        x = nn.Dense(
            base[0] * base[1] * base[2], use_bias=False, kernel_init=_NORMAL, dtype=self.dtype
        )(x)
        x = nn.relu(_norm(x.reshape(-1, *base), train, self.dtype))
        for count in features[1:]:
            x = nn.ConvTranspose(
                count, size, (2, 2), use_bias=False, kernel_init=_NORMAL, dtype=self.dtype
            )(x)
            x = nn.relu(_norm(x, train, self.dtype))
        x = nn.ConvTranspose(channels, size, (2, 2), kernel_init=_NORMAL, dtype=self.dtype)(x)
        return jnp.tanh(x).astype(jnp.float32)


class DCGANDiscriminator(nn.Module):
    """Images [n, h, w, c] to logits [n]."""

    work: Work
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        size = (self.work.kernel_size,) * 2
        for stage, count in enumerate(self.work.features):
            normed = stage > 0 and self.work.discriminator_norm == "batch"
            x = nn.Conv(
                count, size, (2, 2), use_bias=not normed, kernel_init=_NORMAL, dtype=self.dtype
            )(x)
            x = nn.leaky_relu(_norm(x, train, self.dtype) if normed else x, 0.2)
        x = nn.Dense(1, kernel_init=_NORMAL, dtype=self.dtype)(x.reshape(len(x), -1))
        return x[:, 0].astype(jnp.float32)


class CNN(nn.Module):
    """Images [n, h, w, c] to logits [n, classes]."""

    work: Work
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        for width in self.work.widths:
            for _ in range(2):
                x = nn.Conv(width, (3, 3), use_bias=False, kernel_init=_HE, dtype=self.dtype)(x)
                x = nn.relu(_norm(x, train, self.dtype))
            x = nn.max_pool(x, (2, 2), (2, 2))
        x = nn.Dense(self.work.dense, use_bias=False, kernel_init=_HE, dtype=self.dtype)(
            x.reshape(len(x), -1)
        )
        x = nn.relu(_norm(x, train, self.dtype))
        x = nn.Dropout(self.work.dropout_rate, deterministic=not train)(x)
        return nn.Dense(self.work.num_classes, dtype=self.dtype)(x).astype(jnp.float32)


def _linear(features: int, dtype: Any) -> nn.Module:
    return nn.Conv(features, (1, 1), use_bias=False, dtype=dtype)


def _resize(x: Array, factor: float, method: str) -> Array:
    n, h, w, c = x.shape
    return jax.image.resize(x, (n, int(h * factor), int(w * factor), c), method)


def _bottlenecks(x: Array, dtype: Any) -> Array:
    """Two of R3GAN's blocks: 1x1 to twice the channels, 3x3 in groups of 16, 1x1 back."""
    count = x.shape[-1]
    for _ in range(2):
        y = nn.leaky_relu(nn.Conv(2 * count, (1, 1), dtype=dtype)(x), 0.2)
        y = nn.Conv(2 * count, (3, 3), feature_group_count=2 * count // 16, dtype=dtype)(y)
        x = x + _linear(count, dtype)(nn.leaky_relu(y, 0.2))
    return x


class R3GANGenerator(nn.Module):
    """Latents [n, latent_dim] to images [n, h, w, c]."""

    work: Work
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        del train
        height, width, channels = self.work.image_shape
        scale = 2**self.work.stages
        shape = (height // scale, width // scale, self.work.width)
        basis = self.param("basis", nn.initializers.normal(1.0), shape)
        x = nn.Dense(self.work.width, use_bias=False, dtype=self.dtype)(x)
        x = _bottlenecks(basis.astype(x.dtype) * x[:, None, None], self.dtype)
        for _ in range(self.work.stages):
            x = _bottlenecks(_resize(x, 2, "bilinear"), self.dtype)
        return _linear(channels, self.dtype)(x).astype(jnp.float32)


class R3GANDiscriminator(nn.Module):
    """Images [n, h, w, c] to logits [n]."""

    work: Work
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        del train
        x = _bottlenecks(_linear(self.work.width, self.dtype)(x), self.dtype)
        for _ in range(self.work.stages):
            x = _bottlenecks(_resize(x, 0.5, "bilinear"), self.dtype)
        basis = self.param("basis", nn.initializers.normal(0.25), x.shape[1:])
        x = jnp.sum(x * basis.astype(x.dtype), (1, 2))
        return nn.Dense(1, dtype=self.dtype)(x)[:, 0].astype(jnp.float32)


class ResnetGenerator(nn.Module):
    """Latents [n, latent_dim] to images [n, h, w, c] in [-1, 1]."""

    work: Work
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        height, width, channels = self.work.image_shape
        scale, dtype = 2**self.work.stages, self.dtype
        first, *features = [self.work.width * min(2**i, 8) for i in range(self.work.stages, -1, -1)]
        x = nn.Dense(height // scale * (width // scale) * first, dtype=dtype)(x)
        x = x.reshape(-1, height // scale, width // scale, first)
        for count in features:
            y = _resize(nn.relu(_norm(x, train, dtype)), 2, "nearest")
            y = nn.Conv(count, (3, 3), dtype=dtype)(y)
            y = nn.Conv(count, (3, 3), dtype=dtype)(nn.relu(_norm(y, train, dtype)))
            x = y + nn.Conv(count, (1, 1), dtype=dtype)(_resize(x, 2, "nearest"))
        x = nn.Conv(channels, (3, 3), dtype=dtype)(nn.relu(_norm(x, train, dtype)))
        return jnp.tanh(x).astype(jnp.float32)


class ResnetDiscriminator(nn.Module):
    """Images [n, h, w, c] to logits [n], with spectral normalisation."""

    work: Work
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        def normalised(layer: nn.Module, x: Array) -> Array:
            return nn.SpectralNorm(layer, collection_name="batch_stats")(x, update_stats=train)

        def conv(x: Array, features: int, size: int) -> Array:
            return normalised(nn.Conv(features, (size, size), dtype=self.dtype), x)

        for stage in range(self.work.stages + 1):
            count, last = self.work.width * min(2**stage, 8), stage == self.work.stages
            y = conv(nn.relu(x) if stage else x, count, 3)
            y = conv(nn.relu(y), count, 3)
            if not last or x.shape[-1] != count:
                x = conv(x, count, 1)
            x = x + y if last else nn.avg_pool(x + y, (2, 2), (2, 2))
        x = jnp.sum(nn.relu(x), (1, 2))
        return normalised(nn.Dense(1, dtype=self.dtype), x)[:, 0].astype(jnp.float32)


GANS = {
    "article": (ArticleGenerator, ArticleDiscriminator),
    "dcgan": (DCGANGenerator, DCGANDiscriminator),
    "r3gan": (R3GANGenerator, R3GANDiscriminator),
    "resnet": (ResnetGenerator, ResnetDiscriminator),
}
