"""A conditional GAN at work: the classes that it is asked for, and the images of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax.data import Dataset
from gan_jax.reports.class_pictures import ClassPictures, NamedRows
from gan_jax.sampling.generate import (
    blend_classes,
    can_blend_classes,
    generate_images,
    interpolate,
    sample_labels,
)
from gan_jax.steps.state import GAN

MOST_ROWS = 20
_COLUMNS = 10
_WALKS = 3
_STEPS = 12


def asked_labels(gan: GAN, train: Dataset, *, seed: int, count: int) -> np.ndarray | None:
    """Labels int32 [count] in the mix of the training set; None for an unconditional GAN."""
    if not gan.num_classes:
        return None
    return sample_labels(seed, count, gan.num_classes, _counts(gan, train))


def draw_classes(
    gan: GAN, variables: Any, train: Dataset, latents: np.ndarray, *, batch_size: int
) -> NamedRows:
    """A row of images for each of the first classes that the training set has.

    A column for each of the latents [m, latent_dim]; `variables` are the generator's averaged ones.
    """
    shown = _shown(gan, train)
    images = generate_images(
        gan.generator,
        variables,
        np.tile(latents, (len(shown), 1)),
        labels=np.repeat(shown, len(latents)),
        batch_size=batch_size,
    )
    return NamedRows(_names(train, shown), images.reshape(len(shown), -1, *images.shape[1:]))


def class_pictures(
    gan: GAN, variables: Any, train: Dataset, latents: np.ndarray, *, batch_size: int
) -> ClassPictures:
    """The pictures of a finished conditional GAN; arguments as in `draw_classes`."""
    columns = latents[:_COLUMNS]
    generated = draw_classes(gan, variables, train, columns, batch_size=batch_size)
    shown = _shown(gan, train)
    chosen = np.concatenate([_examples(train, label, len(columns)) for label in shown])
    real = train.take(chosen)
    real = real.reshape(len(shown), -1, *real.shape[1:])
    start, end = latents[:2]
    walk = interpolate(start, end, _STEPS)
    within = [
        generate_images(
            gan.generator, variables, walk, labels=np.full(_STEPS, label), batch_size=_STEPS
        )
        for label in shown[:_WALKS]
    ]
    pairs = list(zip(shown, np.roll(shown, -1), strict=True))[:_WALKS]
    names = _names(train, shown)
    between = None
    if can_blend_classes(variables):
        between = NamedRows(
            tuple(" to ".join(_names(train, pair)) for pair in pairs),
            np.stack([_class_walk(gan, variables, start, *pair) for pair in pairs]),
        )
    return ClassPictures(
        generated, NamedRows(names, real), NamedRows(names[:_WALKS], np.stack(within)), between
    )


def _class_walk(gan: GAN, variables: Any, latent: np.ndarray, start: int, end: int) -> np.ndarray:
    """Images uint8 [steps, h, w, c] of one latent from class to class."""
    steps = [
        generate_images(
            gan.generator,
            blend_classes(variables, start, end, share),
            latent[None],
            labels=np.array([start]),
            batch_size=1,
        )
        for share in np.linspace(0.0, 1.0, _STEPS)
    ]
    return np.concatenate(steps)


def _counts(gan: GAN, train: Dataset) -> np.ndarray:
    return np.bincount(train.class_labels, minlength=gan.num_classes)


def _shown(gan: GAN, train: Dataset) -> np.ndarray:
    """The first classes with training images; the GAN has learned nothing of the others."""
    return np.flatnonzero(_counts(gan, train))[:MOST_ROWS]


def _names(train: Dataset, labels: Sequence[int] | np.ndarray) -> tuple[str, ...]:
    names = train.label_names
    return tuple(names[label] for label in labels)


def _examples(train: Dataset, label: int, count: int) -> np.ndarray:
    """Indices of `count` training images of a class, repeated if it has fewer."""
    order = train.content_order()
    return np.resize(order[train.class_labels[order] == label][:count], count)
