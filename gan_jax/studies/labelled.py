"""Generated images with a label each, and the real images that they are to stand in for."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from gan_jax.data import Dataset, load, read_images
from gan_jax.data.labels import renumbered
from gan_jax.errors import InputError
from gan_jax.extractors.common import shape_text
from gan_jax.extractors.extractor import Extractor
from gan_jax.extractors.pack import load_pack
from gan_jax.judging.samples import about_samples, resizing_options
from gan_jax.runtime.workdir import restore_config
from gan_jax.sampling.drawing import Source

ASKED = "classes that the GAN was asked for"
GIVEN = "labels that came with the images"
_SAMPLE_SEED = 1_000_000  # no image is drawn that eval.json of the run's own seed has judged


@dataclasses.dataclass(frozen=True, eq=False)
class Labelled:
    """Images uint8 [n, h, w, c] and their classes int32 [n]."""

    images: np.ndarray
    labels: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Experiment:
    """The images and settings of GAN-train and GAN-test.

    Attributes:
        title: of the page: which images are judged.
        config: of the recognisers that are trained, see `config.cnn_config`.
        train: labelled real images that the GAN may have learned from.
        test: labelled real images that nothing was trained on.
        labelled_by: where the generated images' labels come from.
        draw: (seed, count) to generated images, with labels in the numbering of `train`.
        available: how many can be drawn at most; None for a generator.
        protocol: where everything comes from, JSON values.
    """

    title: str
    config: ConfigDict
    train: Dataset
    test: Dataset
    labelled_by: str
    draw: Callable[[int, int], Labelled]
    available: int | None
    protocol: dict[str, Any]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The real images' classes; all labels are numbers of these."""
        return max(self.train.label_names, self.test.label_names, key=len)


def samples_of_run(source: Source, extractor: str = "") -> Experiment:
    """The images of a GAN's run beside those of its data set.

    A conditional GAN is asked for classes in the mix of its training set. Images of any other GAN
    get pseudo-labels from a recogniser.

    Args:
        source: the generator; its seed is replaced by that of each draw.
        extractor: a pack, whose config the recognisers take and which gives pseudo-labels; '' for
            the run's judge.

    Raises:
        InputError: no such run or pack, or data without classes.
    """
    drawing = source.open()
    config, train = drawing.trained.config, drawing.trained.train
    train.require_classes()
    conditional = drawing.num_classes > 0
    pack = None
    if extractor or not conditional or not config.judge.train:
        pack = _pack(extractor or config.judge.pack.split(",")[0], source.workdir)
    labelled_by, labeller = ASKED, None
    if pack is not None and not conditional:
        labelled_by, labeller = _pseudo(pack), _labeller(pack, train)

    def draw(seed: int, count: int) -> Labelled:
        own_source = dataclasses.replace(source, seed=_SAMPLE_SEED + seed)
        own = dataclasses.replace(drawing, source=own_source)
        labels = own.labels(count)
        images = own.images(own.latents(count), labels)
        if labeller is not None:
            labels = labeller(images)
        assert labels is not None  # asked for where nothing reads them
        return Labelled(images, labels)

    return Experiment(
        title=f"{config.model.name} on {train.name}",
        config=config.judge.train if pack is None else restore_config(pack.record["training"]),
        train=train,
        test=load(config.dataset, "test"),
        labelled_by=labelled_by,
        draw=draw,
        available=None,
        protocol={"samples": "generated"}
        | drawing.record()
        | {"seed": f"{_SAMPLE_SEED} + that of the training"},
    )


def samples_of_files(
    samples: str, extractor: str, reference: str, *, resize: str = ""
) -> Experiment:
    """Anybody's generated images beside real ones.

    Args:
        samples: by path or name, as `gan_jax.data.read_images` takes them; the pack labels them if
            they have no labels.
        extractor: a pack, whose config the recognisers take.
        reference: the real images' splits 'train' and 'test'; a set without splits is divided as a
            run divides its data set.
        resize: how to bring all to the pack's size; '' takes them as they are.

    Raises:
        InputError: images or a pack that cannot be read or do not fit together.
    """
    pack = _pack(extractor, samples)
    options = resizing_options(pack, resize)
    given = read_images(samples, split="all", **options)
    train, test = (
        read_images(reference, split=part, divide=True, **options) for part in ("train", "test")
    )
    train.require_classes()
    if given.image_shape != train.image_shape:
        raise InputError(
            f"the images of {given.name} are {shape_text(given.image_shape)} and those of "
            f"{train.name} {shape_text(train.image_shape)} (height x width x channels): bring them "
            "to one size, with --resize=crop_area for example."
        )
    labelled_by, labeller, labels = GIVEN, None, None
    if given.labels is None:
        labelled_by, labeller = _pseudo(pack), _labeller(pack, train)
    else:
        labels = renumbered(given.labels, given.label_names, train.label_names)
        if labels is None:
            raise InputError(
                f"the classes of {given.name} are {', '.join(given.label_names[:10])}, and those "
                f"of {train.name} {', '.join(train.label_names[:10])}: give both the same classes."
            )

    def draw(seed: int, count: int) -> Labelled:
        rows = given.draw(count, seed=seed)
        images = given.take(rows)
        if labeller is not None:
            return Labelled(images, labeller(images))
        assert labels is not None
        return Labelled(images, labels[rows].astype(np.int32))

    return Experiment(
        title=f"{given.name} for {train.name}",
        config=restore_config(pack.record["training"]),
        train=train,
        test=test,
        labelled_by=labelled_by,
        draw=draw,
        available=len(given),
        protocol=about_samples(given, resize),
    )


def _pack(choice: str, of: str | pathlib.Path) -> Extractor:
    if not choice:
        raise InputError(
            f"'{of}' has no judge, so it is not known which recogniser to train: give the pack of "
            "one with --extractor, whose config is then taken."
        )
    if "," in choice:
        raise InputError(f"--extractor={choice}: one pack is taken here; give the first alone.")
    return load_pack(choice)


def _pseudo(pack: Extractor) -> str:
    return f"pseudo-labels of {pack.stamp}"


def _labeller(pack: Extractor, train: Dataset) -> Callable[[np.ndarray], np.ndarray]:
    """A function that names each image's class, in the numbering of the training set."""
    pack.check_shape(train.image_shape)
    names = train.label_names
    if set(pack.class_names) - set(names):
        raise InputError(
            f"the recogniser {pack.stamp} knows the classes {', '.join(pack.class_names[:10])}, "
            f"and those of {train.name} are {', '.join(names[:10])}: give a recogniser of these."
        )

    numbers = np.array([names.index(name) for name in pack.class_names], np.int32)

    def name(images: np.ndarray) -> np.ndarray:
        return numbers[np.argmax(pack.features(images).class_probabilities, -1)]

    return name
