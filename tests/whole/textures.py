"""Pictures of stripes."""

import numpy as np


def stripes(height, width, period, *, seed=0, channels=1):
    """A photograph: waves of a period in pixels, and noise."""
    rng = np.random.default_rng(seed)
    waves = 127 + 60 * np.sin(2 * np.pi * np.arange(width) / period + rng.uniform(0, 6))
    image = waves[None, :, None] + rng.normal(0, 12, (height, width, channels))
    return np.clip(image, 0, 255).astype(np.uint8)


def texture_sets(n, height, width, **options):
    return np.stack([stripes(height, width, 6, seed=s, **options) for s in range(n)])
