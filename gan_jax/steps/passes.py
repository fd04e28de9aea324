"""The passes that the training steps are made of: draw, generate, augment, discriminate.

Pure functions like the steps themselves. `index`, int32 [n], names the global examples that a pass
draws for, `key` is the key of one update, and `axis_name` that of the mapped axis, or None.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gan_jax.errors import InputError
from gan_jax.steps.adaptive import AdaptiveProbability
from gan_jax.steps.axis import bind_axis, draw_latents, example_index, example_keys, named_key
from gan_jax.steps.schedules import definition_at
from gan_jax.steps.state import (
    GAN,
    Augmentation,
    GANState,
    averages_of,
    changing_probability,
)

Batch = dict[str, Array]
Metrics = dict[str, Array]


class Outputs(NamedTuple):
    """What a discriminator gives for images.

    Attributes:
        logits: [n], high for real; [n, positions] of a texture's discriminator that is not pooled.
        class_logits: [n, num_classes] of its auxiliary classifier, or None without one.
    """

    logits: Array
    class_logits: Array | None = None


class Passes:
    """The passes of one update over one batch, with all that they have in common.

    Attributes:
        gan, state, batch, axis_name: as a step has them; the batch with its 'index'.
        labels: what the networks take beside latents or images, see `conditions`.
    """

    def __init__(
        self,
        gan: GAN,
        state: GANState,
        batch: Batch,
        key: Array,
        dropout_key: Array,
        axis_name: str | None,
    ) -> None:
        self.gan, self.state, self.batch, self.axis_name = gan, state, batch, axis_name
        self.labels = conditions(batch, gan)
        self._key, self._dropout_key = key, dropout_key
        self._generator = bind_axis(gan.generator, axis_name)
        self._discriminator = bind_axis(gan.discriminator, axis_name)
        self._augment = augmentation_at(gan, state)
        if gan.conditioning is not None:
            self._inputs = gan.conditioning(batch["images"])
        else:
            self._inputs = draw_latents(named_key(key, "latents"), batch["index"], gan.latent_dim)

    def generate(self, params: Any, collections: Any) -> tuple[Array, Any]:
        """Images in training mode, and the collections as that pass leaves them."""
        return self._generator.apply(
            {"params": params, **collections},
            self._inputs,
            *self.labels,
            train=True,
            mutable=list(collections),
            rngs={"dropout": named_key(self._dropout_key, "generator_dropout")},
        )

    def discriminate(
        self, params: Any, collections: Any, images: Array, kind: str
    ) -> tuple[Outputs, Any]:
        """The outputs for augmented images in training mode, and the collections after it.

        `kind`, 'real' or 'fake', picks the augmentation and the dropout: the same each time.
        """
        found, collections = self._discriminator.apply(
            {"params": params, **collections},
            augmented(self._augment, images, self._key, self.batch["index"], kind),
            *self.labels,
            train=True,
            mutable=list(collections),
            rngs={"dropout": named_key(self._dropout_key, f"dropout_{kind}")},
        )
        return Outputs(*found) if isinstance(found, tuple) else Outputs(found), collections

    def penalty_keys(self) -> Array:
        """One key [n] for each example, for the penalties' own draws."""
        return example_keys(named_key(self._key, "penalty"), self.batch["index"])


def conditions(batch: Batch, gan: GAN) -> tuple[Array, ...]:
    """What the networks take beside latents or images: the batch's labels int32 [n], or nothing.

    Generated images are asked for with the labels of the real images of their positions, so that
    the mix of classes is the data's, and pairs of a relativistic loss are of one class.

    Raises:
        InputError: a conditional GAN and a batch without labels.
    """
    if not gan.num_classes:
        return ()
    if "labels" not in batch:
        raise InputError(
            f"the GAN is conditional on {gan.num_classes} classes and the batch has no 'labels': "
            "give them, int32 [n], or networks with num_classes=0."
        )
    return (batch["labels"],)


def with_index(batch: Batch, axis_name: str | None) -> Batch:
    """The batch with the global 'index' int32 [n] of its examples: its own, or else a count."""
    if "index" in batch:
        return batch
    return batch | {"index": example_index(len(batch["images"]), axis_name)}


def generator_batch(batch: Batch, gan: GAN, axis_name: str | None) -> Batch:
    """The part of a batch that an update of the generator alone reads."""
    names = ["index"]
    if gan.num_classes:
        names.append("labels")
    if gan.loss.relativistic or gan.conditioning is not None or gan.generator_losses:
        names.append("images")
    batch = with_index(batch, axis_name)
    return {name: batch[name] for name in names if name in batch}


def augmented(
    augment: Augmentation | None, images: Array, key: Array, index: Array, kind: str
) -> Array:
    """Images [n, h, w, c] after the augmentation, the same each time for the same kind.

    All frames of a clip [n, t, h, w, c] have one key, and so are changed alike.
    """
    if augment is None:
        return images
    keys = example_keys(named_key(key, f"augment_{kind}"), index)
    if images.ndim == 4:
        return augment(images, keys)
    frames = augment(images.reshape(-1, *images.shape[2:]), jnp.repeat(keys, images.shape[1]))
    return frames.reshape(images.shape)


def augmentation_at(gan: GAN, state: GANState) -> Augmentation | None:
    """The augmentation with the probability of this step."""
    augment: Any = gan.augment
    if isinstance(changing_probability(gan), AdaptiveProbability):
        return dataclasses.replace(augment, probability=averages_of(state)["augment"]["p"])
    return definition_at(augment, state.step)
