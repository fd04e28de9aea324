"""Real images that are crops of pictures: which of them count, and what must be said of them."""

from __future__ import annotations

import numpy as np

from gan_jax.data import Dataset
from gan_jax.metrics.overlap import MOST_IMAGES, OVERLAPPING, independent_rows
from gan_jax.reports.flags import Flag, make_flag

_NEARLY_ALL = 0.9  # of the crops share nothing: then all of them count


def independent_images(dataset: Dataset) -> np.ndarray:
    """The images of a set that may be counted as independent, int64 [k], rising.

    All of them, but of crops of pictures only those no two of which show the same piece. Of these
    the first 1,000 in the order of their content are looked at.
    """
    everything = np.arange(len(dataset))
    if not dataset.cropped:
        return everything
    order = dataset.content_order()[:MOST_IMAGES]
    rows = independent_rows(dataset.take(order))
    return everything if len(rows) >= _NEARLY_ALL * len(order) else np.sort(order[rows])


def overlap_flags(tested: int, total: int) -> list[Flag]:
    """That only `tested` of `total` real images count, as the others overlap them.

    None where nearly all do.
    """
    looked_at = min(total, MOST_IMAGES)
    if tested >= _NEARLY_ALL * looked_at:
        return []
    if tested < 2:
        text = "All real images are crops that overlap: they count as one, and nothing is tested."
        return [make_flag(OVERLAPPING, text)]
    text = (
        f"The real images are crops that overlap: {tested:,} of {looked_at:,} share nothing, and "
        "these alone are tested. Another part of the same picture may be told from them too."
    )
    return [make_flag(OVERLAPPING, text)]
