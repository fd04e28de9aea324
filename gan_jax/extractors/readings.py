"""Several recognisers reading the same images."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Sequence

import numpy as np

from gan_jax.errors import InputError
from gan_jax.extractors.common import shape_text
from gan_jax.extractors.extractor import Extractor
from gan_jax.extractors.pack import load_pack


@dataclasses.dataclass(frozen=True, eq=False)
class Readings:
    """The answers of r recognisers to n images: p(class | image) of each, float32 [r, n, k]."""

    probabilities: np.ndarray

    @functools.cached_property
    def mean(self) -> np.ndarray:
        """Their mean, float64 [n, k]: the joint answer (Lakshminarayanan et al. 2017)."""
        return np.asarray(np.mean(self.probabilities, axis=0, dtype=np.float64))

    @functools.cached_property
    def labels(self) -> np.ndarray:
        """The class of the joint answer, int [n]."""
        return np.argmax(self.mean, axis=-1)

    @functools.cached_property
    def confidences(self) -> np.ndarray:
        """The joint answer's probability of that class, float64 [n] in [1 / k, 1]."""
        return np.minimum(self.mean.max(axis=-1), 1.0)

    @functools.cached_property
    def each(self) -> np.ndarray:
        """The class that each recogniser names, int [n, r]."""
        return np.argmax(self.probabilities, axis=-1).T

    @functools.cached_property
    def agreement(self) -> np.ndarray:
        """Share of the recognisers that name the class of `labels`, float64 [n]."""
        return np.mean(self.each == self.labels[:, None], axis=1)


def open_recognisers(choices: str) -> list[Extractor]:
    """The packs of a list with commas.

    Raises InputError for no pack, one that cannot be read, one twice, or packs of other classes or
    image sizes than the first.
    """
    names = [choice.strip() for choice in choices.split(",") if choice.strip()]
    if not names:
        raise InputError(
            "--extractor is empty: give the folders of one or more recognisers' packs with commas, "
            "such as runs/cnn_mnist5k/pack."
        )
    found: list[Extractor] = []
    for name in names:
        pack = load_pack(name)
        if any(other.digest == pack.digest for other in found):
            raise InputError(
                f"--extractor names {pack.stamp} twice: agreement with itself says nothing. Give "
                "recognisers that were trained with different seeds."
            )
        first = found[0] if found else pack
        if pack.class_names != first.class_names:
            raise InputError(
                f"--extractor: the classes of {pack.stamp} are {', '.join(pack.class_names[:10])}, "
                f"and those of {first.stamp} {', '.join(first.class_names[:10])}: give recognisers "
                "of the same classes in one order."
            )
        if pack.image_shape != first.image_shape:
            raise InputError(
                f"--extractor: {pack.stamp} takes images of {shape_text(pack.image_shape)} and "
                f"{first.stamp} of {shape_text(first.image_shape)}: give recognisers of one size."
            )
        found.append(pack)
    return found


def read(recognisers: Sequence[Extractor], images: np.ndarray, *, batch_size: int) -> Readings:
    """The recognisers' answers to uint8 images [n, h, w, c]; InputError for another size."""
    found = [pack.features(images, batch_size=batch_size) for pack in recognisers]
    return Readings(np.stack([features.class_probabilities for features in found]))


def held_out(recogniser: Extractor, fingerprint: str) -> str:
    """Whether a set of real images was held out from a recogniser: yes, no or not known; why."""
    splits = recogniser.record.get("splits", {})
    if splits.get("train") == fingerprint:
        return "no: these are the images that it was trained on"
    if splits.get("test") == fingerprint:
        return "yes: these are its own test images"
    return "not known: its record names other images"


def command_for_another(recognisers: Sequence[Extractor]) -> str:
    """How to train a recogniser like the first with a seed that none of them has."""
    record = recognisers[0].record
    seeds = {pack.record.get("training", {}).get("seed") for pack in recognisers}
    seed = next(number for number in range(len(seeds) + 1) if number not in seeds)
    name = record["name"].replace("-", "_")
    config, workdir = pathlib.Path("configs", f"{name}.py"), f"runs/{name}_{seed}"
    if not config.is_file():
        return (
            f"the config that {recognisers[0].stamp} was trained with, as its pack.json tells, "
            f"with --config.seed={seed} --workdir {workdir}"
        )
    return f"python train.py --config {config} --config.seed={seed} --workdir {workdir}"


def difference(first: Extractor, other: Extractor) -> str:
    """How a recogniser differs from another: in seed, architecture, or neither that is known."""
    seeds = [pack.record.get("training", {}).get("seed") for pack in (first, other)]
    parts = []
    if seeds[0] != seeds[1]:
        parts.append("another seed")
    if first.record["architecture"] != other.record["architecture"]:
        parts.append("another architecture")
    return " and ".join(parts) or "the same seed and architecture"
