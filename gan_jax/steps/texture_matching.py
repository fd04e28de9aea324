"""Texture matching: the generator is held to what random filters of several scales see of textures.

The Gram matrices of a layer's features describe a texture (Gatys et al. 2015, "Texture synthesis
using convolutional neural networks"), and those of a single layer of random filters of several
sizes do so about as well (Ustyuzhaninov et al. 2017, "What does it take to generate natural
textures?"). Here the sizes come from halving the image instead, and what is compared is the mean of
the Gram matrices over a batch: the images need not be alike, as with one target for each.
"""

from __future__ import annotations

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from gan_jax.errors import InputError
from gan_jax.steps.axis import pmean


@dataclasses.dataclass(frozen=True)
class TextureMatching:
    """The mean over scales of || E Gram(G(z)) - E Gram(x) ||^2 / || E Gram(x) ||^2.

    The features are relu(filter * image) with random filters of mean 0 and norm 1, which see no
    zero padding; Gram is their product averaged over positions, with a feature that is 1
    everywhere beside them, so that their means count too. The expectations are means over the batch
    on all devices; under gradient accumulation they are a part's.

    Attributes:
        weight: in the generator's loss.
        scales: how often the image is looked at, each time at half the size of the time before.
        filters: at each scale.
        size: of a filter, in pixels of its scale.
        seed: of the filters.

    Raises:
        InputError: fewer than one of any of these.
    """

    weight: float = 1.0
    scales: int = 4
    filters: int = 64
    size: int = 7
    seed: int = 0
    name = "texture_matching"

    def __post_init__(self) -> None:
        for field in ("scales", "filters", "size"):
            if getattr(self, field) < 1:
                raise InputError(
                    f"texture matching with {field}={getattr(self, field)}; expected 1 or more."
                )

    def check_size(self, image_shape: tuple[int, ...]) -> None:
        """Raises InputError if images (h, w, c) are smaller than a filter at the last scale."""
        least = self.size * 2 ** (self.scales - 1)
        if min(image_shape[:2]) < least:
            raise InputError(
                f"images of {image_shape[0]}x{image_shape[1]} are too small for texture matching "
                f"at {self.scales} scales with filters of {self.size} pixels, which needs {least}: "
                "give fewer scales."
            )

    def __call__(self, fake: Array, real: Array, axis_name: str | None = None) -> Array:
        rng = np.random.default_rng(self.seed)
        total = jnp.zeros((), jnp.float32)
        for scale in range(self.scales):
            drawn = rng.standard_normal((self.size, self.size, real.shape[-1], self.filters))
            drawn -= drawn.mean((0, 1))
            filters = jnp.asarray(drawn / np.sqrt((drawn**2).sum((0, 1, 2))), real.dtype)
            grams = [_gram(images, filters) for images in (fake, real)]
            of_fake, of_real = pmean(grams, axis_name)
            total += jnp.sum((of_fake - of_real) ** 2) / jnp.sum(of_real**2)
            if scale + 1 < self.scales:
                fake, real = (nn.avg_pool(images, (2, 2), (2, 2)) for images in (fake, real))
        return total / self.scales


def _gram(images: Array, filters: Array) -> Array:
    """The Gram matrix [k + 1, k + 1] of images [n, h, w, c] under filters [s, s, c, k]."""
    features = nn.relu(
        lax.conv_general_dilated(
            images, filters, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
    )
    ones = jnp.ones((*features.shape[:3], 1), features.dtype)
    features = jnp.concatenate([features, ones], -1).reshape(-1, features.shape[-1] + 1)
    return features.T @ features / len(features)
