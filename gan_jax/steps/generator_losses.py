"""Losses of a generator beside the adversarial one: pixels, and what a frozen recogniser sees.

Each is called (generated, real, axis name) and gives a mean, [], over the examples; images are
float [n, h, w, c] in [-1, 1], on each device its share. The weights of a frozen recogniser are
constants of the compiled step: no optimiser sees them and no checkpoint holds them.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array

from gan_jax.errors import InputError, nearest
from gan_jax.models.cnn import CNN
from gan_jax.steps.axis import pmean

PIXEL_KINDS = ("l1", "l2")


@dataclasses.dataclass(frozen=True)
class Pixel:
    """The mean absolute ('l1') or squared ('l2') difference of pixels.

    Generated image i is compared with real image i, so the generator must have been given
    something of that one.

    Attributes:
        weight: in the generator's loss.
        kind: 'l1' or 'l2'.

    Raises:
        InputError: another kind.
    """

    weight: float = 1.0
    kind: str = "l1"
    name = "pixel"

    def __post_init__(self) -> None:
        if self.kind not in PIXEL_KINDS:
            raise InputError(
                f"pixel loss {self.kind!r} is not known: {nearest(self.kind, PIXEL_KINDS)}"
            )

    def __call__(self, fake: Array, real: Array, axis_name: str | None = None) -> Array:
        difference = fake - real
        return jnp.mean(jnp.abs(difference) if self.kind == "l1" else difference**2)


@dataclasses.dataclass(frozen=True)
class FrozenFeatures:
    """A layer of a trained recogniser, which is not trained any more.

    Two are equal if their network, layer and digest are, so that a GAN which holds one is still
    hashable.

    Attributes:
        network: the module.
        layer: one of those that it returns.
        digest: of the pack, which stands for the weights.
        variables: parameters and batch statistics.
    """

    network: CNN
    layer: str
    digest: str
    variables: Any = dataclasses.field(compare=False, repr=False)

    @classmethod
    def of(cls, extractor: Any, layer: str) -> FrozenFeatures:
        """A layer of a pack, an `extractors.extractor.Extractor`.

        Raises:
            InputError: the network has no such layer.
        """
        layers = [f"block{i}" for i in range(1, len(extractor.network.widths) + 1)]
        layers += ["penultimate", "logits"]
        if layer not in layers:
            raise InputError(
                f"the layer {layer!r} is not one of {extractor.stamp}'s: {nearest(layer, layers)}"
            )
        return cls(extractor.network, layer, extractor.digest, extractor.variables)

    def __call__(self, images: Array) -> Array:
        """Features float [n, ...] of images [n, h, w, c] in [-1, 1], batch statistics fixed."""
        outputs: Any = self.network.apply(self.variables, images, train=False)
        features = outputs[self.layer]
        return features.astype(jnp.promote_types(features.dtype, jnp.float32))


@dataclasses.dataclass(frozen=True)
class _OnFeatures:
    """Base of the losses on a frozen recogniser.

    Attributes:
        features: f.
        weight: in the generator's loss.
    """

    features: FrozenFeatures
    weight: float = 1.0
    name: ClassVar[str]

    def __call__(self, fake: Array, real: Array, axis_name: str | None = None) -> Array:
        raise NotImplementedError


class FeatureMatching(_OnFeatures):
    """|| E f(x) - E f(G(z)) ||^2, the expectations being means over the batch.

    Salimans et al. 2016, "Improved techniques for training GANs", section 3.1, with f a layer of
    the frozen recogniser where they take one of the discriminator. The means are over the whole
    batch on all devices, like batch statistics; under gradient accumulation they are a part's. A
    layer of maps [h, w, c] is compared at each position, the squares being summed.
    """

    name = "feature_matching"

    def __call__(self, fake: Array, real: Array, axis_name: str | None = None) -> Array:
        means = [jnp.mean(self.features(images), 0) for images in (fake, real)]
        fake_mean, real_mean = pmean(means, axis_name)
        return jnp.sum((fake_mean - real_mean) ** 2)


class Perceptual(_OnFeatures):
    """The mean squared difference of features of generated image i and real image i.

    Johnson et al. 2016, "Perceptual losses for real-time style transfer and super-resolution",
    section 3.2, feature reconstruction, with the frozen recogniser in place of VGG.
    """

    name = "perceptual"

    def __call__(self, fake: Array, real: Array, axis_name: str | None = None) -> Array:
        return jnp.mean((self.features(fake) - self.features(real)) ** 2)
