"""Precision, recall, density and coverage: who lies in whose neighbourhood.

The ball of a point has the distance to its k-th nearest other point of the same set as its radius
(the point itself is left out by its number, so a copy of it counts). With n real and m fake points

    precision = share of fakes in the ball of some real one        (Kynkäänniemi et al. 2019, eq. 2)
    recall    = share of real ones in the ball of some fake        (the same)
    density   = 1 / (k m) sum over fakes of real balls around it   (Naeem et al. 2020, eq. 4)
    coverage  = share of real balls that hold a fake               (the same, eq. 5)

A point on the rim is inside. `strict=True` leaves it out, as the `prdc` package does: there sets
with many equal distances (quantised features, copies) score near 0 against themselves.

Comparisons are exact for float64 distances (`gan_jax.metrics.distances`), so nothing here depends
on tiles or on the order of the points; memory does not grow with n x m.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from gan_jax.errors import InputError
from gan_jax.metrics import distances
from gan_jax.metrics.moments import checked_features
from gan_jax.metrics.points import Points, make_points


@dataclasses.dataclass(frozen=True)
class PrecisionRecall:
    """Fidelity and variety, each between 0 and 1."""

    precision: float
    recall: float


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


def precision_recall(real, fake, k: int = 3, *, strict: bool = False) -> PrecisionRecall:
    """Improved precision and recall (Kynkäänniemi et al. 2019) of features [n, d] and [m, d].

    Args:
      real, fake: of one extractor and layer; any real type.
      k: neighbours that make the radius; n and m must be larger.
      strict: a point on the rim of a ball is outside.

    Raises:
      InputError: k out of range, different numbers of columns, or a non-finite feature.
    """
    real, fake = _checked(real, fake, (k, k))
    real_points, fake_points = make_points(real, fake)
    real_radii = distances.neighbour_radii(real_points, [k])
    fake_radii = distances.neighbour_radii(fake_points, [k])
    good = np.zeros(len(fake_points.rows), bool)
    found = np.zeros(len(real_points.rows), bool)
    pairs = distances.pairs_within(real_points, fake_points, real_radii, fake_radii, strict=strict)
    for limit, rows, columns in pairs:
        if limit == 0:
            good[columns] = True
        else:
            found[rows] = True
    return PrecisionRecall(_share(fake_points, good), _share(real_points, found))


def density_coverage(real, fake, k: int = 5, *, strict: bool = False) -> DensityCoverage:
    """Density and coverage (Naeem et al. 2020) of features [n, d] and [m, d].

    Only the real points make balls, so `fake` may have any number of rows. Arguments as in
    `precision_recall`.

    Raises:
      InputError: k out of range, no fake, different numbers of columns, or a non-finite feature.
    """
    real, fake = _checked(real, fake, (k, 0))
    real_points, fake_points = make_points(real, fake)
    radii = distances.neighbour_radii(real_points, [k])
    inside = 0
    covered = np.zeros(len(real_points.rows), bool)
    for _, rows, columns in distances.pairs_within(real_points, fake_points, radii, strict=strict):
        inside += int(real_points.counts[rows] @ fake_points.counts[columns])
        covered[rows] = True
    return DensityCoverage(inside / (k * len(fake)), _share(real_points, covered))


def neighbour_scores(
    real, fake, *, precision_k: int = 3, density_k: int = 5, strict: bool = False
) -> NeighbourScores:
    """What `precision_recall` and `density_coverage` give, for little more than one of them.

    Raises:
      InputError: as they do.
    """
    real, fake = checked_pair(real, fake, precision_k, density_k)
    real_points, fake_points = make_points(real, fake)
    real_radii = distances.neighbour_radii(real_points, [precision_k, density_k])
    fake_radii = distances.neighbour_radii(fake_points, [precision_k])
    good = np.zeros(len(fake_points.rows), bool)
    found, covered = np.zeros((2, len(real_points.rows)), bool)
    inside = 0
    pairs = distances.pairs_within(real_points, fake_points, real_radii, fake_radii, strict=strict)
    for limit, rows, columns in pairs:
        if limit == 0:
            good[columns] = True
        elif limit == 1:
            inside += int(real_points.counts[rows] @ fake_points.counts[columns])
            covered[rows] = True
        else:
            found[rows] = True
    return NeighbourScores(
        precision=_share(fake_points, good),
        recall=_share(real_points, found),
        density=inside / (density_k * len(fake)),
        coverage=_share(real_points, covered),
    )


def checked_pair(real, fake, precision_k: int, density_k: int) -> tuple[np.ndarray, np.ndarray]:
    """Both sides of `neighbour_scores` in a type of numpy's own.

    Raises:
      InputError: as it does.
    """
    real, fake = _checked(real, fake, (max(precision_k, density_k), precision_k))
    _check_k(density_k, len(real), "real")
    return real, fake


def _share(points: Points, chosen: np.ndarray) -> float:
    return int(points.counts[chosen].sum()) / points.total


def _checked(real, fake, ks: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Both arrays in a type of numpy's own; `ks` are those of the real and of the fake balls."""
    real = checked_features(real, name="real features")
    fake = checked_features(fake, name="fake features")
    if real.shape[1] != fake.shape[1]:
        raise InputError(
            f"real features have {real.shape[1]} columns and fake features {fake.shape[1]}; take "
            "both from the same extractor and layer."
        )
    if len(fake) == 0:
        raise InputError("there are no fake features (n = 0); give at least one image.")
    _check_k(ks[0], len(real), "real")
    if ks[1]:
        _check_k(ks[1], len(fake), "fake")
    return tuple(
        features.astype(np.float64 if features.dtype == bool else features.dtype, copy=False)
        for features in (real, fake)
    )


def _check_k(k: int, count: int, side: str) -> None:
    if k < 1 or k >= count:
        raise InputError(
            f"k is {k} but the {side} side has n = {count} images; expected 1 <= k < n, as the k "
            "nearest others of each image are needed. Give more images or a smaller k."
        )
