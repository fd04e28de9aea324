"""Anybody's samples against anybody's reference: opened and checked first, then judged."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gan_jax.data import Dataset, read_images
from gan_jax.errors import InputError
from gan_jax.extractors.choice import open_extractors
from gan_jax.extractors.common import shape_text
from gan_jax.extractors.identity import refuse_selector
from gan_jax.extractors.released import pack_for, released_names
from gan_jax.judging.judge import Judge, Judgement, make_judge
from gan_jax.judging.suite import check_families
from gan_jax.sampling.selection import selecting_recogniser

_USUAL_RESIZE = "crop_area"


@dataclasses.dataclass(frozen=True, eq=False)
class OpenedSamples:
    """Samples, a reference and extractors that fit together.

    Attributes:
        samples, reference: of one shape, which the extractors take.
        training: what the generator was trained on, or None.
        extractors: the headline's first.
        resize: how images were brought to the extractor's size; '' if they were not.
    """

    samples: Dataset
    reference: Dataset
    training: Dataset | None
    extractors: Sequence[Any]
    resize: str

    def judges(self, **options: Any) -> list[Judge]:
        """A judge for each extractor; options as of `judging.judge.make_judge`."""
        return [make_judge(one, self.reference, **options) for one in self.extractors]

    def judge(
        self, judges: Sequence[Judge], images: np.ndarray, families: Sequence[str] | None
    ) -> list[Judgement]:
        """What each judge says of all samples, `images`."""
        return [
            judge.judge(images, families=families, training=self.training, complete=True)
            for judge in judges
        ]

    @property
    def about(self) -> dict[str, Any]:
        """What a protocol says of the samples."""
        return about_samples(self.samples, self.resize)


def open_samples(
    samples: Any,
    reference: Any,
    extractors: str = "",
    *,
    reference_split: str = "test",
    divide: bool = False,
    training: Any = "",
    families: Sequence[str] | None = None,
    resize: str = "",
    image_size: Sequence[int] = (),
    announce: Callable[[str], None] = lambda line: None,
) -> OpenedSamples:
    """Reads samples and reference, and checks that they can be judged.

    Args:
        samples: images by path, name or in memory, as `gan_jax.data.read_images` takes them.
        reference: likewise, real ones.
        extractors: see `extractors.choice`; several with commas, the first for the headline; '' for
            the released pack of the reference.
        reference_split: 'train', 'test' or 'all' of a reference that has parts of its own; one that
            has none is taken whole.
        divide: whether it is divided nevertheless, as a run divides its data set.
        training: images the generator was trained on, to find copies among; '' if not known. Its
            training part, or all of it where it has no parts; of a reference that is divided and is
            the training set too, the other part.
        families: of metrics that will be asked for; unknown ones are refused.
        resize: how to bring images to the extractor's size (a name of the data options); '' refuses
            other sizes.
        image_size: (height, width) to bring them to in place of the extractor's size; by cropping
            and averaging if `resize` does not say how.
        announce: told which images are the reference and the training images.

    Raises:
        InputError: images, a reference or a pack that cannot be read or do not fit together.
    """
    check_families(families or ())
    part: dict[str, Any] = {"split": reference_split, "divide": divide}
    if image_size:
        resize = resize or _USUAL_RESIZE
    head = extractors.split(",")[0]  # the others take the size that it takes
    options = _size_options(head, resize, image_size)
    real = read_images(reference, **part, **options)
    if not extractors:
        head = extractors = _released(real)
        announce(f"extractor: {head}, which comes with gan_jax for this reference")
    if resize:
        options = resizing_options(open_extractors(head, real)[0], resize) | options
        real = read_images(reference, **part, **options)
    announce(f"reference: {real.described}")
    opened = open_extractors(extractors, real)
    judged = read_images(samples, split="all", **options)
    known = None
    if not isinstance(training, str) or training:
        same = isinstance(training, str) and isinstance(reference, str) and training == reference
        known = read_images(training, split="train", divide=divide and same, **options)
        announce(f"training: {known.described}")
    for extractor in opened:
        extractor.check_shape(judged.image_shape)
    if isinstance(samples, str | os.PathLike):
        refuse_selector(selecting_recogniser(samples), opened)
    return OpenedSamples(judged, real, known, opened, resize)


def about_samples(samples: Dataset, resize: str) -> dict[str, Any]:
    """What a protocol says of samples; `resize` is '' if they were taken as they are."""
    return {
        "samples": samples.name,
        "samples_fingerprint": samples.fingerprint,
        "resize": resize or "none",
    }


def resizing_options(extractor: Any, resize: str) -> dict[str, Any]:
    """Data options for the extractor's size; {} for no `resize`, or one that resizes itself."""
    if not resize or extractor.image_shape is None:
        return {}
    height, width, channels = extractor.image_shape[-3:]
    return {"image_size": (height, width), "resize": resize, "channels": channels}


def _size_options(head: str, resize: str, image_size: Sequence[int]) -> dict[str, Any]:
    """Data options that bring images to a size that is known before they are read.

    A set of mixed sizes cannot be read without one.
    """
    if not image_size and resize:
        with contextlib.suppress(InputError):  # a control, which takes the reference's size
            shape = open_extractors(head, None)[0].image_shape
            image_size = () if shape is None else shape[:2]
    return {"image_size": tuple(image_size), "resize": resize} if image_size else {}


def _released(reference: Dataset) -> str:
    """The name of the released pack for a reference; InputError if there is none."""
    if name := pack_for(reference):
        return name
    shape = shape_text(reference.image_shape)
    raise InputError(
        f"no pack comes with gan_jax for the reference {reference.name} ({shape}): give an "
        f"extractor, the pack of one trained on such images, or one of "
        f"{', '.join(released_names())}."
    )
