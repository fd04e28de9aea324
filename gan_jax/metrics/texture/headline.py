"""One number for a texture: the Fréchet distance over statistics that can be named.

Three families make it: the polar power spectrum (which waves), co-occurrence (which grey levels lie
side by side), and Portilla & Simoncelli's statistics (how waves of different places, scales and
directions go together); see `docs/texture_sensitivity.md`. Each statistic is standardised by the
reference's mean and deviation. A family of k statistics is then divided by sqrt(k), and several
together by the square root of their number. So every family has the same say, the reference's total
variance is 1, and a distance of 1 is a shift by one standard deviation in everything.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from gan_jax.errors import InputError
from gan_jax.metrics.texture.statistics import TextureStatistics

HEADLINE = ("spectrum", "cooccurrence", "portilla_simoncelli")
_ROUND_OFF = 1e-9


@dataclasses.dataclass(frozen=True, eq=False)
class Standardiser:
    """How the statistics of a family are brought to one scale."""

    names: tuple[str, ...]  # of the k statistics that vary over the reference
    left_out: tuple[str, ...]  # the others, such as the kurtosis of a pure wave, not compared
    mean: np.ndarray  # float64 [k], the reference's
    deviation: np.ndarray  # float64 [k], the reference's, > 0

    @classmethod
    def of(cls, reference: TextureStatistics) -> Standardiser:
        """By the moments of a reference's statistics; InputError if none of them varies.

        A statistic varies if its deviation is above 1e-9 of its largest magnitude, which is
        round-off.
        """
        mean, deviation = reference.values.mean(axis=0), reference.values.std(axis=0)
        varies = deviation > _ROUND_OFF * np.abs(reference.values).max(axis=0)
        if not varies.any():
            raise InputError(
                f"none of the {len(reference.names)} statistics ({reference.names[0]}, ...) varies "
                "over the reference; expected different images. Give more real images."
            )
        return cls(
            names=tuple(name for name, kept in zip(reference.names, varies) if kept),
            left_out=tuple(name for name, kept in zip(reference.names, varies) if not kept),
            mean=mean[varies],
            deviation=deviation[varies],
        )

    def __call__(self, statistics: TextureStatistics) -> np.ndarray:
        """Standardised statistics float64 [n, k], over sqrt(k)."""
        if set(statistics.names) != {*self.names, *self.left_out}:
            raise InputError(
                f"there are {len(statistics.names)} statistics and the reference has "
                f"{len(self.names) + len(self.left_out)}; take the same of images of the same size."
            )
        columns = [statistics.names.index(name) for name in self.names]
        centred = (statistics.values[:, columns] - self.mean) / self.deviation
        return centred / np.sqrt(len(self.names))


def headline_features(
    statistics: Mapping[str, TextureStatistics], standardisers: Mapping[str, Standardiser]
) -> np.ndarray:
    """What `texture_fd` compares: float64 [n, d], the families of `HEADLINE` side by side.

    Both arguments are by family, `statistics` of the same n images; further families are ignored.
    """
    missing = [name for name in HEADLINE if name not in statistics or name not in standardisers]
    if missing:
        raise InputError(f"texture_fd needs {', '.join(HEADLINE)}; missing: {', '.join(missing)}.")
    parts = [standardisers[name](statistics[name]) for name in HEADLINE]
    return np.hstack(parts) / np.sqrt(len(parts))
