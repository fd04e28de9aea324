"""Networks of a few weights, with all that training has to get right: statistics and dropout."""

import flax.linen as nn
import jax.numpy as jnp

from gan_jax.models.layers import BatchNorm, Dropout
from gan_jax.models.texture import TextureGenerator

SHAPE = (2, 2, 1)
LATENT_DIM = 3

# Cells of 4 pixels; Glorot's kernels, so that an untrained net draws with contrast.
TEXTURE = TextureGenerator(
    (16, 16, 1), width=4, levels=2, local_dim=3, fine_dim=1, num_textures=2, num_waves=2,
    initialization="xavier",
)  # fmt: skip


class TinyGenerator(nn.Module):
    """Latents [n, 3] to images [n, 2, 2, 1], with batch normalisation."""

    axis_name: str | None = None

    @nn.compact
    def __call__(self, latents, *, train):
        x = nn.Dense(6, use_bias=False)(latents)
        x = BatchNorm(axis_name=self.axis_name)(x, use_running_average=not train)
        return jnp.tanh(nn.Dense(4)(x)).reshape(-1, *SHAPE)


class TinyDiscriminator(nn.Module):
    """Images to logits [n], with dropout or batch normalisation."""

    dropout_rate: float = 0.5
    batch_norm: bool = False
    axis_name: str | None = None

    @nn.compact
    def __call__(self, images, *, train):
        x = nn.Dense(6, use_bias=not self.batch_norm)(images.reshape(len(images), -1))
        if self.batch_norm:
            x = BatchNorm(axis_name=self.axis_name)(x, use_running_average=not train)
        x = nn.softplus(x)
        x = Dropout(self.dropout_rate, axis_name=self.axis_name)(x, deterministic=not train)
        return nn.Dense(1)(x)[:, 0]


class ConditionalGenerator(nn.Module):
    """Latents [n, 3] and labels to images [n, 2, 2, 1], with batch normalisation."""

    num_classes: int = 3
    axis_name: str | None = None

    @nn.compact
    def __call__(self, latents, labels, *, train):
        x = nn.Dense(6, use_bias=False)(latents) + nn.Embed(self.num_classes, 6)(labels)
        x = BatchNorm(axis_name=self.axis_name)(x, use_running_average=not train)
        return jnp.tanh(nn.Dense(4)(x)).reshape(-1, *SHAPE)


class ConditionalDiscriminator(nn.Module):
    """Images and labels to logits [n] by a projection; or with an auxiliary classifier beside."""

    num_classes: int = 3
    auxiliary: bool = False
    dropout_rate: float = 0.0
    axis_name: str | None = None

    @nn.compact
    def __call__(self, images, labels, *, train):
        x = nn.softplus(nn.Dense(6)(images.reshape(len(images), -1)))
        x = Dropout(self.dropout_rate, axis_name=self.axis_name)(x, deterministic=not train)
        logits = nn.Dense(1)(x)[:, 0]
        if self.auxiliary:
            return logits, nn.Dense(self.num_classes)(x)
        return logits + jnp.sum(x * nn.Embed(self.num_classes, 6)(labels), -1)


class TinyCNN(nn.Module):
    """Images to {'logits': [n, 3]}, with batch normalisation and dropout."""

    dropout_rate: float = 0.5
    axis_name: str | None = None

    @nn.compact
    def __call__(self, images, *, train):
        x = nn.Dense(6, use_bias=False)(images.reshape(len(images), -1))
        x = BatchNorm(axis_name=self.axis_name)(x, use_running_average=not train)
        x = Dropout(self.dropout_rate, axis_name=self.axis_name)(x, deterministic=not train)
        return {"logits": nn.Dense(3)(nn.softplus(x))}
