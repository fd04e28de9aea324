"""The same networks as one would first write them in Flax: `nn.Conv`, `nn.ConvTranspose`.

Their variables are laid out as those of `gan_jax.models`, so that one can run with the other's.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
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


GANS = {
    "article": (ArticleGenerator, ArticleDiscriminator),
    "dcgan": (DCGANGenerator, DCGANDiscriminator),
}
