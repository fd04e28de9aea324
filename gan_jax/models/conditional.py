"""Layers that know the class: batch normalisation, embeddings, and a discriminator's heads.

Labels are int32 [n], from 0 to num_classes - 1; a label outside has no embedding: zeros take its
place.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax import Array

from gan_jax.errors import InputError
from gan_jax.models.layers import BatchNorm, Dense, Initializer, at_least_float32
from gan_jax.models.spectral import spectral_normalise


def check_labels(num_classes: int, labels: Array | None) -> None:
    """Raises InputError for labels where a network takes none, or none where it needs them."""
    if num_classes < 0 or num_classes == 1:
        raise InputError(
            f"num_classes is {num_classes}; expected 2 or more, or 0 for an unconditional network."
        )
    if num_classes and labels is None:
        raise InputError(
            f"the network has {num_classes} classes: call it with labels, int32 [n], after its "
            "first argument."
        )
    if not num_classes and labels is not None:
        raise InputError("the network is unconditional (num_classes=0): call it without labels.")


class Embedding(nn.Module):
    """Labels int32 [n] to learned vectors [n, features]: rows of 'embedding' [classes, features].

    With `spectral_norm` the table is divided by its largest singular value, as
    `gan_jax.models.spectral` does with kernels.
    """

    num_classes: int
    features: int
    embedding_init: Initializer = nn.initializers.normal(1.0)
    dtype: Any = None
    spectral_norm: bool = False

    @nn.compact
    def __call__(self, labels: Array, *, train: bool = False) -> Array:
        shape = (self.num_classes, self.features)
        table = self.param("embedding", self.embedding_init, shape, jnp.float32)
        if self.spectral_norm:
            table = spectral_normalise(self, table, update=train)
        (table,) = promote_dtype(table, dtype=self.dtype)
        # A product, as a gather's derivative is a scatter; full precision, so that rows are exact.
        return jnp.matmul(
            jax.nn.one_hot(labels, self.num_classes, dtype=table.dtype), table, precision="highest"
        )


class ConditionalBatchNorm(nn.Module):
    """Batch normalisation with a gain and a bias for each class (Dumoulin et al. 2017; Miyato and
    Koyama 2018, section 4).

    x float [n, ..., c] and labels int32 [n] to the shape of x. Statistics are shared by the
    classes. Gains begin as `scale_init` has them, biases at zero. Other fields as in `BatchNorm`.
    """

    num_classes: int
    axis_name: str | None = None
    dtype: Any = None
    scale_init: Initializer = nn.initializers.ones

    @nn.compact
    def __call__(self, x: Array, labels: Array, *, use_running_average: bool) -> Array:
        x = BatchNorm(axis_name=self.axis_name, dtype=self.dtype, use_scale=False, use_bias=False)(
            x, use_running_average=use_running_average
        )

        def looked_up(name: str, init: Initializer) -> Array:
            table = Embedding(self.num_classes, x.shape[-1], init, self.dtype, name=name)
            return table(labels).reshape(-1, *[1] * (x.ndim - 2), x.shape[-1])

        return x * looked_up("scale", self.scale_init) + looked_up("bias", nn.initializers.zeros)


def normalise(
    network: nn.Module,
    x: Array,
    labels: Array | None = None,
    *,
    train: bool,
    scale_init: Initializer = nn.initializers.ones,
) -> Array:
    """Batch normalisation of x [n, ..., c]: with labels a gain and a bias for each class.

    To be called in a compact method of `network`, whose layer it is, and whose `axis_name`, `dtype`
    and `num_classes` it takes.
    """
    fields = dict(axis_name=network.axis_name, dtype=network.dtype, scale_init=scale_init)
    if labels is None:
        return BatchNorm(**fields)(x, use_running_average=not train)
    layer = ConditionalBatchNorm(network.num_classes, **fields)
    return layer(x, labels, use_running_average=not train)


def join_class(network: nn.Module, latents: Array, labels: Array) -> Array:
    """Latents [n, d] with a learned class vector of the same length beside them: [n, 2 d].

    Latents and vectors begin with the same spread, a standard normal's. To be called in a compact
    method of `network`, whose layer the embedding is.
    """
    embedding = Embedding(network.num_classes, latents.shape[-1], dtype=network.dtype)
    return jnp.concatenate([latents, embedding(labels).astype(latents.dtype)], -1)


def head(
    network: nn.Module,
    x: Array,
    labels: Array | None,
    *,
    kernel_init: Initializer,
    spectral_norm: bool = False,
    train: bool,
) -> Array | tuple[Array, Array]:
    """A discriminator's end: features x [n, f] to logits [n], float32 at least.

    - Without classes: w . x + b.
    - With classes, the projection (Miyato and Koyama 2018, eq. 3): w . x + b + e(y) . x, with a
      learned vector e(y) [f] for each class. e begins as the kernel w does.
    - With classes and `auxiliary`, the classifier of Odena et al. 2017: the logits do not depend on
      the labels, and beside them come class logits [n, num_classes], of the class given the image.

    To be called in a compact method of `network`, whose layers they are, and whose `num_classes`,
    `auxiliary` and `dtype` it takes.

    Args:
        network: the discriminator.
        x: features.
        labels: int32 [n], or None without classes.
        kernel_init: of w, e and the classifier.
        spectral_norm: whether these are normalised, see `gan_jax.models.spectral`.
        train: whether the spectral norm is estimated anew.
    """
    num_classes, auxiliary = network.num_classes, network.auxiliary
    fields: dict[str, Any] = dict(
        kernel_init=kernel_init, dtype=network.dtype, spectral_norm=spectral_norm
    )
    logits = Dense(1, **fields)(x, train=train)[:, 0]
    if num_classes and not auxiliary:
        assert labels is not None  # by `check_labels`
        embedding = Embedding(num_classes, x.shape[-1], kernel_init, network.dtype, spectral_norm)
        logits += jnp.sum(embedding(labels, train=train) * x, -1)
    logits = at_least_float32(logits)
    if not (num_classes and auxiliary):
        return logits
    return logits, at_least_float32(Dense(num_classes, **fields)(x, train=train))
