"""Features that several tests share."""

import math

import numpy as np


def mixed_normal(seed: int, n: int, d: int, shift: float = 0.0) -> np.ndarray:
    """Correlated normal features [n, d]; reference values in the tests depend on every digit."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) / math.sqrt(d) + shift
