"""What numbers depend on, in one shape for every flow: none can forget seed, n or preprocessing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gan_jax
from gan_jax.data import Dataset


def make_protocol(
    about: Mapping[str, Any],
    *,
    seed: int | Sequence[int] | None,
    images: int,
    preprocessing: str,
    reference: Dataset | None,
) -> dict[str, Any]:
    """A protocol as result files hold it, JSON values.

    Args:
        about: what else this flow's numbers depend on.
        seed: of all that was drawn, or one for each repetition; None where nothing was.
        images: how many were judged.
        preprocessing: how images were brought to what measures them.
        reference: the real images that they were compared with; None without any.
    """
    compared = {
        "reference": None if reference is None else reference.name,
        "reference_split": None if reference is None else reference.split,
        "reference_fingerprint": None if reference is None else reference.fingerprint,
        "reference_images": 0 if reference is None else len(reference),
    }
    return {
        **about,
        "preprocessing": preprocessing,
        **compared,
        "images": images,
        "seed": seed if seed is None or isinstance(seed, int) else list(seed),
        "gan_jax": gan_jax.__version__,
    }
