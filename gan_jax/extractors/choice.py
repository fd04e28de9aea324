"""From what a user types to an extractor: a pack's folder, Inception's weights, or a control."""

from __future__ import annotations

import os
from typing import Any

from gan_jax.data import Dataset
from gan_jax.errors import InputError
from gan_jax.extractors.channels import ChannelExtractor, reading_channels
from gan_jax.extractors.controls import (
    MOST_FEATURES,
    pca_extractor,
    pixel_extractor,
    random_extractor,
)
from gan_jax.extractors.inception import load_inception
from gan_jax.extractors.pack import Extractor, load_pack
from gan_jax.models.cnn import CNN

FORMS = (
    "a pack's folder, inception:FILE, inception-pytorch-fid:FILE, random, random:SEED, pixels, "
    "pca or pca:COMPONENTS"
)


def open_extractors(choices: str, reference: Dataset | None) -> list[Any]:
    """The extractors of a list with commas, the headline one first; see `open_extractor`."""
    found = []
    for choice in choices.split(","):
        like = next((e for e in found if isinstance(e, Extractor | ChannelExtractor)), None)
        found.append(open_extractor(choice.strip(), reference, like=like))
    return found


def open_extractor(
    choice: str,
    reference: Dataset | None,
    *,
    like: Extractor | ChannelExtractor | None = None,
) -> Any:
    """The extractor of one choice.

    Args:
        choice: one of `FORMS`.
        reference: real images, whose shape the controls take, and which a PCA is of; None where
            there are only statistics of them. A pack of one channel reads each channel of stacks.
        like: a trained extractor whose network a random one takes, as its control.

    Raises:
        InputError: a choice that is none of these, or cannot be made for the reference.
    """
    name, _, argument = choice.partition(":")
    if name in ("inception", "inception-pytorch-fid"):
        preprocessing = "tf1" if name == "inception" else "pytorch-fid"
        return load_inception(argument, preprocessing=preprocessing)
    if name not in ("random", "pixels", "pca") or os.path.isdir(choice):
        return reading_channels(load_pack(choice), reference) if choice else _refuse(choice)
    if reference is None:
        raise InputError(
            f"the extractor '{choice}' is made for the reference's images, and there are only "
            "statistics of them: give the images, or a pack."
        )
    if name == "random" and isinstance(like, ChannelExtractor):
        shape = (*reference.image_shape[:2], 1)
        control = random_extractor(
            shape,
            seed=_number(choice, argument, 0),
            network=like.extractor.network,
            layers=like.record["layers"],
        )
        return reading_channels(control, reference)
    if name == "random":
        network = like.network if like is not None else CNN(num_classes=10)
        layers = like.record["layers"] if like is not None else None
        return random_extractor(
            reference.image_shape, seed=_number(choice, argument, 0), network=network, layers=layers
        )
    if name == "pixels" and not argument:
        return pixel_extractor(reference.image_shape)
    if name == "pca":
        rows = reference.content_order()[:MOST_FEATURES]
        return pca_extractor(reference.take(rows), _number(choice, argument, 64))
    return _refuse(choice)


def _number(choice: str, argument: str, default: int) -> int:
    if not argument:
        return default
    return int(argument) if argument.isdecimal() and len(argument) < 19 else _refuse(choice)


def _refuse(choice: str) -> Any:
    raise InputError(f"the extractor is '{choice}'; expected {FORMS}.")
