"""The package in one call each; `gan_jax` offers these names as its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax.judging.samples import open_samples
from gan_jax.reports.result import Result


def judge(
    images: Any,
    reference: Any,
    *,
    extractor: str = "",
    reference_split: str = "",
    training: Any = "",
    metrics: Sequence[str] | None = None,
    resize: str = "",
    image_size: Sequence[int] = (),
    batch_size: int = 500,
) -> Result:
    """Judges generated images; the numbers are those of `eval.py --samples`.

        result = gan_jax.judge(images, "mnist5k")
        print(result)
        result.metrics["fd_semantic"]["value"]

    No file is written.

    Args:
        images: generated ones: an array of NumPy, JAX or PyTorch, a list of Pillow's pictures, or
            the path of a folder or file; see `gan_jax.data.given.given_images`.
        reference: real ones, likewise, or a set's name such as 'mnist5k'.
        extractor: a released pack's name, a pack's folder or another of `extractors.choice`;
            several with commas; '' for the released pack of the reference.
        reference_split: 'train', 'test' or 'all'; '' for its test part, or all of a set that has no
            parts of its own.
        training: what the generator was trained on, to find copies among; '' if not known.
        metrics: families, see `gan_jax.judging.suite`; None for all that can be computed.
        resize: how to bring images to the extractor's size, such as 'crop_area'; '': refuse.
        image_size: (height, width) to bring them to in place of that size.
        batch_size: images per call of the network.

    Returns:
        The result: `print` shows it as a table, and so does a notebook. `metrics` has by name
        'value', 'floor', 'ci' and 'n', `flags` what must be known first, `content()` all of it.

    Raises:
        InputError: images, a reference or a pack that cannot be read or do not fit together.
    """
    opened = open_samples(
        images,
        reference,
        extractor,
        reference_split=reference_split or "test",
        divide=bool(reference_split),
        training=training,
        families=metrics,
        resize=resize,
        image_size=image_size,
    )
    pixels = opened.samples.take(np.arange(len(opened.samples)))
    found = opened.judge(opened.judges(batch_size=batch_size), pixels, metrics)
    first, *others = (Result.of(one, opened.about) for one in found)
    return dataclasses.replace(first, judges=others)
