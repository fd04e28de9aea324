"""95 % intervals of a number with a normal error, and of a share."""

from __future__ import annotations

import math

Z = 1.96
"""Standard errors from the middle of a normal 95 % interval to its ends."""


def normal_interval(value: float, standard_error: float) -> tuple[float, float]:
    """95 % interval of a number whose error is normal."""
    return value - Z * standard_error, value + Z * standard_error


def wilson_interval(successes: float, trials: float) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927), which stays inside [0, 1] near its ends."""
    z, share = Z, successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials)
    half *= math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    low, high = max(centre - half, 0.0), min(centre + half, 1.0)
    # Exactly the ends, where rounding would leave the share itself outside.
    return (low if successes else 0.0), (high if successes < trials else 1.0)
