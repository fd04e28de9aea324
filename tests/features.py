"""Features that several tests share."""

import math

import numpy as np


def mixed_normal(seed: int, n: int, d: int, shift: float = 0.0) -> np.ndarray:
    """Correlated normal features [n, d]; reference values in the tests depend on every digit."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) / math.sqrt(d) + shift


class Family:
    """Distributions of features whose distance from one another grows with `change`.

    'gamma' has heavy tails and full rank; 'relu' is what a CNN's features look like: clipped at 0,
    of effective rank 9 at d = 64.
    """

    def __init__(self, kind: str, d: int) -> None:
        rng = np.random.default_rng([11, d])
        self.kind, self.d = kind, d
        self.mixing = rng.normal(size=(d if kind == "gamma" else 24, d))
        self.mixing /= math.sqrt(len(self.mixing))
        self.bias = 0.2 * rng.normal(size=d)
        self.direction = rng.normal(size=d)
        self.direction /= np.linalg.norm(self.direction)
        self.scale = rng.uniform(-1.0, 1.0, size=d)

    def draw(self, seed: int, n: int, change: float = 0.0) -> np.ndarray:
        """Features [n, d]: at `change` 0 of the family itself, else scaled and shifted."""
        rng = np.random.default_rng([seed, self.d])
        if self.kind == "gamma":
            x = (rng.gamma(1.0, size=(n, self.d)) - 1.0) @ self.mixing
        else:
            hidden = rng.normal(size=(n, 24)) / np.sqrt(np.arange(1, 25))
            x = hidden @ self.mixing + self.bias + 0.05 * rng.normal(size=(n, self.d))
            x = np.maximum(x, 0.0)
        return x * (1.0 + change * self.scale) + change * 0.5 * self.direction
