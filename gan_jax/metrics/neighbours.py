"""Precision, recall, density and coverage: who lies in whose neighbourhood.

The ball of a point has the distance to its k-th nearest other point of the same set as its radius
(the point itself is left out by its number, so a copy of it counts). With n real and m fake points

    precision = share of fakes in the ball of some real one        (Kynkäänniemi et al. 2019, eq. 2)
    recall    = share of real ones in the ball of some fake        (the same)
    density   = 1 / (k m) sum over fakes of real balls around it   (Naeem et al. 2020, eq. 4)
    coverage  = share of real balls that hold a fake               (the same, eq. 5)

A point on the rim is inside; `strict=True` leaves it out, as the `prdc` package does. Comparisons
are exact for float64 distances, so the order of the points changes nothing; memory does not grow
with n x m.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from gan_jax.errors import InputError
from gan_jax.metrics import distances
from gan_jax.metrics.moments import checked_pair
from gan_jax.metrics.points import Points, make_points


@dataclasses.dataclass(frozen=True)
class DensityCoverage:
    """Fidelity (1 expected of real images, can be more) and variety (0 to 1)."""

    density: float
    coverage: float


@dataclasses.dataclass(frozen=True)
class NeighbourScores:
    """All four scores of one comparison."""

    precision: float
    recall: float
    density: float
    coverage: float


def density_coverage(real, fake, k: int = 5, *, strict: bool = False) -> DensityCoverage:
    """Density and coverage (Naeem et al. 2020) of features [n, d] and [m, d].

    Only the real points make balls, so `fake` may have any number of rows.

    Args:
      real, fake: of one extractor and layer; any real type.
      k: neighbours that make the radius; n must be larger.
      strict: a point on the rim of a ball is outside.
    """
    (held,) = _held(*checked_sides(real, fake, [k], []), [k], [], strict)
    return DensityCoverage(held.density(k), held.share_of_balls())


def neighbour_scores(
    real, fake, *, precision_k: int = 3, density_k: int = 5, strict: bool = False
) -> NeighbourScores:
    """Improved precision and recall (Kynkäänniemi et al. 2019), and `density_coverage`.

    Both sets make balls, so n and m must be larger than `precision_k`.
    """
    ks = [precision_k, density_k], [precision_k]
    good, dense, found = _held(*checked_sides(real, fake, *ks), *ks, strict)
    return NeighbourScores(
        precision=good.share_of_points(),
        recall=found.share_of_points(),
        density=dense.density(density_k),
        coverage=dense.share_of_balls(),
    )


def checked_sides(
    real, fake, real_ks: Sequence[int], fake_ks: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Both sides, in a numpy type, with more points than neighbours in each ball.

    Raises:
      InputError: no fake, other widths, a number that is not finite, or too large a k.
    """
    real, fake = checked_pair(real, fake)
    if len(fake) == 0:
        raise InputError("there are no fake features (n = 0); give at least one image.")
    for side, ks, count in (("real", real_ks, len(real)), ("fake", fake_ks, len(fake))):
        for k in ks:
            if not 1 <= k < count:
                raise InputError(
                    f"k is {k} but the {side} side has n = {count} images; expected 1 <= k < n, "
                    "as the k nearest others of each image are needed. Give more images or a "
                    "smaller k."
                )
    return real, fake


class _Held:
    """Which points lie in the balls of another set, and in how many."""

    def __init__(self, balls: Points, points: Points) -> None:
        self.balls, self.points, self.pairs = balls, points, 0
        self.balls_hit = np.zeros(len(balls.rows), bool)
        self.points_held = np.zeros(len(points.rows), bool)

    def add(self, balls: np.ndarray, points: np.ndarray) -> None:
        self.balls_hit[balls] = self.points_held[points] = True
        self.pairs += int(self.balls.counts[balls] @ self.points.counts[points])

    def share_of_points(self) -> float:
        return int(self.points.counts[self.points_held].sum()) / self.points.total

    def share_of_balls(self) -> float:
        return int(self.balls.counts[self.balls_hit].sum()) / self.balls.total

    def density(self, k: int) -> float:
        return self.pairs / (k * self.points.total)


def _held(
    real: np.ndarray, fake: np.ndarray, real_ks: list[int], fake_ks: list[int], strict: bool
) -> list[_Held]:
    a, b = make_points(real, fake)
    radii = distances.neighbourhoods(a, real_ks)[0]
    b_radii = distances.neighbourhoods(b, fake_ks)[0] if fake_ks else ()
    held = [_Held(a, b) for _ in real_ks] + [_Held(b, a) for _ in fake_ks]
    for limit, rows, columns in distances.pairs_within(a, b, radii, b_radii, strict=strict):
        held[limit].add(*((rows, columns) if limit < len(real_ks) else (columns, rows)))
    return held
