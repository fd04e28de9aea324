"""From what a user types to an extractor: a pack's folder, Inception's weights, or a control."""

from __future__ import annotations

import os
from typing import Any

from gan_jax.data import Dataset
from gan_jax.errors import InputError
from gan_jax.extractors import controls
from gan_jax.extractors.extractor import Extractor
from gan_jax.extractors.inception import load_inception
from gan_jax.extractors.pack import load_pack
from gan_jax.extractors.parts import PartReader, reading_parts

FORMS = (
    "a pack's folder, a released pack's name, inception:FILE, inception-pytorch-fid:FILE, random, "
    "random:SEED, pixels, pca or pca:COMPONENTS"
)


def open_extractors(choices: str, reference: Dataset | None) -> list[Any]:
    """The extractors of a list with commas, the headline one first; see `open_extractor`."""
    found: list[Any] = []
    for choice in choices.split(","):
        like = next((e for e in found if isinstance(e, Extractor | PartReader)), None)
        found.append(open_extractor(choice.strip(), reference, like=like))
    return found


def open_extractor(
    choice: str, reference: Dataset | None, *, like: Extractor | PartReader | None = None
) -> Any:
    """The extractor of one of `FORMS`.

    Args:
        choice: as the user typed it; InputError for one that cannot be made for the reference.
        reference: real images, whose shape the controls take and which a PCA is fitted to; None if
            there are only statistics. A pack of one channel reads each channel of stacks.
        like: a trained extractor, whose network its random control takes.
    """
    name, _, argument = choice.partition(":")
    if name in ("inception", "inception-pytorch-fid"):
        preprocessing = "tf1" if name == "inception" else "pytorch-fid"
        return load_inception(argument, preprocessing=preprocessing)
    if name not in ("random", "pixels", "pca") or os.path.isdir(choice):
        return reading_parts(load_pack(choice), reference) if choice else _refuse(choice)
    if reference is None:
        raise InputError(
            f"the extractor '{choice}' is made for the reference's images, and there are only "
            "statistics of them: give the images, or a pack."
        )
    if name == "random":
        shape, options = reference.image_shape, dict[str, Any]()
        if isinstance(like, PartReader):
            like = like.extractor
            shape = like.image_shape
        if like is not None:
            options = {"network": like.network, "layers": like.record["layers"]}
        control = controls.random_extractor(shape, seed=_number(choice, argument, 0), **options)
        return reading_parts(control, reference)
    if name == "pixels" and not argument:
        return controls.pixel_extractor(reference.image_shape)
    if name == "pca":
        rows = reference.content_order()[: controls.MOST_FEATURES]
        return controls.pca_extractor(reference.take(rows), _number(choice, argument, 64))
    return _refuse(choice)


def _number(choice: str, argument: str, default: int) -> int:
    if not argument:
        return default
    return int(argument) if argument.isdecimal() and len(argument) < 19 else _refuse(choice)


def _refuse(choice: str) -> Any:
    raise InputError(f"the extractor is '{choice}'; expected {FORMS}.")
