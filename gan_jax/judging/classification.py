"""A recogniser at work on images: its logits, and how many of a labelled set it names correctly."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from gan_jax.data import Dataset
from gan_jax.runtime import parallel
from gan_jax.runtime.pixels import to_float


@dataclasses.dataclass(frozen=True)
class Recognition:
    """A recogniser on labelled images.

    Attributes:
        accuracy: share named correctly, in [0, 1].
        predictions: int [n].
        confusion: images of true class i called class j, int [k, k].
    """

    accuracy: float
    predictions: np.ndarray
    confusion: np.ndarray


def recognise(
    network: nn.Module, variables: Any, dataset: Dataset, *, batch_size: int = 500
) -> Recognition:
    """Runs a recogniser on a labelled set."""
    images = dataset.all_images()
    logits = class_logits(network, variables, images, batch_size=batch_size)
    predictions = np.argmax(logits, -1)
    classes = logits.shape[-1]
    confusion = np.bincount(dataset.labels * classes + predictions, minlength=classes**2)
    return Recognition(
        accuracy=float(np.mean(predictions == dataset.labels)),
        predictions=predictions,
        confusion=confusion.reshape(classes, classes),
    )


def class_logits(
    network: nn.Module, variables: Any, images: np.ndarray, *, batch_size: int = 500
) -> np.ndarray:
    """A recogniser's logits float32 [n, k] of uint8 images [n, h, w, c]."""
    return parallel.map_batches(_logits(network), variables, images, batch_size=batch_size)


@functools.lru_cache(maxsize=8)
def _logits(network: nn.Module):
    @jax.jit
    def apply(variables: Any, images: jax.Array) -> jax.Array:
        found: Any = network.apply(variables, to_float(images), train=False)
        return found["logits"]

    return apply
