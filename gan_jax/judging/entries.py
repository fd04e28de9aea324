"""Numbers as eval.json holds them: {'value', 'floor' or 'real', 'ci', 'n'} and what goes with them.

'floor' is the same distance between real images and real ones at the same n, 'real' the same number
of real images.
"""

from __future__ import annotations

from typing import Any

from gan_jax import metrics
from gan_jax.reports.result import Entry

INFLUENCE = "real_influence"
"""In an entry until it is written: float64 [m], what each reference image adds to its value."""


def distance_entry(result: metrics.FrechetResult) -> Entry:
    """A Fréchet distance beside its floor."""
    return {
        "value": result.value,
        "floor": result.floor,
        "floor_spread": result.floor_spread,
        "ci": None if result.interval is None else list(result.interval),
        "n": result.n,
    }


def estimate_entry(estimate: metrics.Estimate, count: int, **more: Any) -> Entry:
    """A number of `count` images with its error, and `more`, such as its value of real images."""
    return {
        "value": estimate.value,
        "standard_error": estimate.standard_error,
        "ci": list(estimate.interval),
        "n": count,
        **more,
    }
