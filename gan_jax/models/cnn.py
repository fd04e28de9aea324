"""The recogniser: convolution, pooling, dense, softmax; its layers serve as features."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
from jax import Array

from gan_jax.errors import InputError
from gan_jax.models.clips import frames_as_channels
from gan_jax.models.conditional import normalise
from gan_jax.models.layers import Conv, Dropout, at_least_float32, max_pool

# Kaiming: the right gain under ReLU and batch normalisation (He et al. 2015).
_KERNEL_INIT = nn.initializers.he_normal()


class CNN(nn.Module):
    """Images float [n, h, w, c] in [-1, 1] to a dict of features and logits, by layer name.

    Clips [n, t, h, w, c] are read as images whose channels are the frames.

    Each block is two 3x3 convolutions with batch normalisation and ReLU, then 2x2 max pooling (as
    long as both sides are at least 2). Returned, all floating point:

    - 'block1', 'block2', ...: the output of each block before pooling, [n, h_i, w_i, c_i];
    - 'penultimate': the dense layer after ReLU, before dropout, [n, dense];
    - 'logits': [n, num_classes], whose softmax is p(class | image).

    Fields:
        num_classes: at least 2.
        widths: channels of each block.
        dense: units of the penultimate layer.
        dropout_rate: dropout before the logits, with `train`.
        axis_name, dtype: as in `dcgan.DCGANGenerator`.

    Raises:
        InputError: for fewer than two classes, or images under 4 pixels.
    """

    num_classes: int
    widths: tuple[int, ...] = (32, 64, 96)
    dense: int = 128
    dropout_rate: float = 0.3
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, images: Array, *, train: bool) -> dict[str, Array]:
        if self.num_classes < 2:
            raise InputError(f"a recogniser needs at least 2 classes, got {self.num_classes}")
        if images.ndim == 5:
            images = frames_as_channels(images)
        if min(images.shape[1:3]) < 4:
            raise InputError(
                f"the recogniser needs images of at least 4x4 pixels, got "
                f"{images.shape[1]}x{images.shape[2]}"
            )

        def activate(x: Array) -> Array:
            return nn.relu(normalise(self, x, train=train))

        outputs: dict[str, Array] = {}
        x = images
        for number, width in enumerate(self.widths, start=1):
            for _ in range(2):
                x = Conv(width, (3, 3), 1, False, kernel_init=_KERNEL_INIT, dtype=self.dtype)(x)
                x = activate(x)
            outputs[f"block{number}"] = x
            if min(x.shape[1:3]) >= 2:
                x = max_pool(x)
        x = x.reshape(len(x), -1)
        x = nn.Dense(self.dense, use_bias=False, kernel_init=_KERNEL_INIT, dtype=self.dtype)(x)
        x = activate(x)
        outputs["penultimate"] = x
        x = Dropout(self.dropout_rate, axis_name=self.axis_name)(x, deterministic=not train)
        x = nn.Dense(self.num_classes, dtype=self.dtype)(x)
        outputs["logits"] = at_least_float32(x)
        return outputs
