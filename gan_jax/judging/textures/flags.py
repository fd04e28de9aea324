"""What a reader must know before the numbers of textures; see `gan_jax.judging.flags`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gan_jax.data.content import content_keys
from gan_jax.judging.overlap import overlap_flags
from gan_jax.metrics.overlap import shows_piece_of
from gan_jax.reports.flags import Flag, make_flag
from gan_jax.reports.words import TOO_FEW

_MOST_COPIED = 0.01


def texture_flags(
    headline: Mapping[str, Any], reference: np.ndarray, images: np.ndarray, *, tested: int
) -> list[Flag]:
    """Whether images are too few, repeated or copied, and whether real ones overlap.

    Args:
        headline: of `TextureTest`.
        reference, images: uint8 [m, h, w, c] and [n, h, w, c].
        tested: real images that share no piece.
    """
    flags = []
    if not headline or headline["verdict"] == TOO_FEW:
        flags.append(make_flag("too few", "There are too few images for a judgement."))
    if text := _repeated(images, "images to judge"):
        flags.append(make_flag("collapsed", text, apart=True))
    if text := _repeated(reference, "real images"):
        flags.append(make_flag("few different", text))
    flags += copied_flags(images, reference, "real image")
    return [*flags, *overlap_flags(tested, len(reference))]


def _repeated(images: np.ndarray, title: str) -> str:
    different = len(np.unique(content_keys(images)))
    if 2 * different > len(images):
        return ""
    return f"The {len(images):,} {title} are only {different:,} different one(s), repeated."


def copied_flags(images: np.ndarray, others: np.ndarray, name: str) -> list[Flag]:
    """Whether images [n, h, w, c] show pieces of `others` [m, h, w, c], each called a `name`."""
    same = np.isin(content_keys(images), content_keys(others))
    copied = int(np.sum(same | shows_piece_of(images, others)))
    if copied <= _MOST_COPIED * len(images):
        return []
    text = f"{copied:,} of the {len(images):,} images show a piece of a {name}, unchanged."
    return [make_flag("copied", text, apart=True)]
