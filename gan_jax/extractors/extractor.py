"""The trained CNN as an extractor: its layers and probabilities as features of images."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Hashable
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.extractors.common import Features, OfOneShape
from gan_jax.extractors.record import network_of
from gan_jax.models.cnn import CNN
from gan_jax.runtime.parallel import map_batches
from gan_jax.runtime.pixels import to_float


@dataclasses.dataclass(frozen=True)
class Extractor(OfOneShape):
    """A CNN that judges images.

    Attributes:
        network: the module.
        variables: its parameters and batch statistics.
        record: the pack's content; see `gan_jax.extractors.record.make_record`.
        digest: SHA-256 of record and weights, 64 hexadecimal digits.
        gate: the verdict of the degradation gate: 'passed', 'failed: ...' or 'not run'.
        training_keys: `content_keys` of the images it was trained on, uint64 [n]; None if not kept.
    """

    network: CNN
    variables: dict[str, Any]
    record: dict[str, Any]
    digest: str
    gate: str = "not run"
    training_keys: np.ndarray | None = None

    _takes = "was trained on {}"
    _instead = "take a pack trained on such images"

    @property
    def layer_statistics(self) -> dict[str, dict[str, Any]]:
        """By layer, as `judging.layer_statistics` measured it; {} if the pack does not say."""
        return self.record.get("layer_statistics", {})

    def features(self, images: np.ndarray, *, batch_size: int = 500, progress=None) -> Features:
        """The features of uint8 images [n, h, w, c]; InputError for another dtype or size."""
        layers = self.record["layers"]
        apply = _apply(cast(Hashable, self.network), layers["semantic"], layers["texture"])
        images = self.checked(images)
        options = {"batch_size": batch_size, "progress": progress}
        return Features(*map_batches(apply, self.variables, images, **options))

    def feature_maps(self, images: np.ndarray, *, batch_size: int = 500) -> np.ndarray:
        """The texture layer, float32 [n, h, w, c], of uint8 images; errors as `features`."""
        images = self.checked(images)
        return map_batches(self._apply_texture(), self.variables, images, batch_size=batch_size)

    @property
    def feature_map_bytes(self) -> int:
        """Bytes of one image's map."""
        image = jax.ShapeDtypeStruct((1, *self.image_shape), np.uint8)
        found = jax.eval_shape(self._apply_texture(), self.variables, image)
        return found.size * found.dtype.itemsize

    def _apply_texture(self):
        return _apply_texture(cast(Hashable, self.network), self.record["layers"]["texture"])


@functools.lru_cache(maxsize=8)
def _apply(network: CNN, semantic: str, texture: str):
    @jax.jit
    def apply(variables: Any, images: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        outputs = _outputs(network, variables, images)
        return as_features(outputs[semantic], outputs[texture], outputs["logits"])

    return apply


def as_features(
    semantic: jax.Array, maps: jax.Array, logits: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The first three arrays of `Features`, of a network's outputs."""
    maps = maps.astype(jnp.float32)
    mean, std = jnp.mean(maps, (1, 2)), jnp.std(maps, (1, 2))
    texture = jnp.concatenate([mean, std], -1)
    return semantic.astype(jnp.float32), texture, jax.nn.softmax(logits, -1)


@functools.lru_cache(maxsize=8)
def _apply_texture(network: CNN, texture: str):
    return jax.jit(
        lambda variables, images: _outputs(network, variables, images)[texture].astype(jnp.float32)
    )


def _outputs(network: CNN, variables: Any, images: jax.Array) -> dict[str, jax.Array]:
    # Full float32 products also where a GPU or TPU would round them: numbers must not depend on the
    # machine.
    with jax.default_matmul_precision("highest"):
        outputs: Any = network.apply(variables, to_float(images), train=False)
    return outputs


def assemble(variables: Any, record: dict[str, Any]) -> Extractor:
    """The extractor that a record and weights describe, before it is saved: without a digest.

    `variables` are {'params': ..., 'batch_stats': ...}; `record` is from `make_record`.
    """
    return Extractor(network_of(record), variables, record, "")
