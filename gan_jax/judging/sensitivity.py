"""What is seen of known damage: distances of damaged images over those of undamaged ones.

A random half of real images is damaged and compared with the other half, for every kind of damage,
strength and seed. The ratio of that distance to the floor, the distance of the two halves
undamaged, says what a metric sees: 1 is nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from gan_jax.data.progress import progress_bar
from gan_jax.judging.degradations import Degradation, Pool

Halves = Sequence[tuple[np.ndarray, np.ndarray]]
"""For each seed the rows of images that are kept and of those that are damaged."""

Distances = Callable[[np.ndarray, np.ndarray], Mapping[str, float]]
"""Gives distances by metric, from the rows of kept images and from damaged images."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One kind of damage as one metric sees it.

    Attributes:
        degradation: its name.
        metric: the name of the distance, or of the layer in whose features it is taken.
        strengths: ascending.
        ratios: mean over seeds of the distance, over the mean floor; one for each strength. All 1
            where the floor is 0, as nothing is seen in features that are the same for all images.
        spreads: standard deviations over seeds, over the mean floor, likewise.
        threshold: 1 and three standard deviations of the floor over its mean.
    """

    degradation: str
    metric: str
    strengths: tuple[float, ...]
    ratios: tuple[float, ...]
    spreads: tuple[float, ...]
    threshold: float

    @property
    def seen(self) -> tuple[bool, ...]:
        """Whether each strength lies above the threshold."""
        return tuple(ratio > self.threshold for ratio in self.ratios)

    @property
    def monotone(self) -> bool:
        """Whether no ratio falls below the one before by more than the larger spread of both."""
        ratios, spreads = np.array(self.ratios), np.array(self.spreads)
        drops = ratios[:-1] - ratios[1:]
        return bool(np.all(drops <= np.maximum(spreads[:-1], spreads[1:])))


def random_halves(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two disjoint random halves of the indices below `count`; of an odd count one is left out."""
    order = np.random.default_rng([seed, count]).permutation(count)
    return order[: count // 2], order[count // 2 : count // 2 * 2]


def measure_damage(
    pool: Pool,
    degradations: Sequence[Degradation],
    halves: Halves,
    floors: Mapping[str, np.ndarray],
    distances: Distances,
    *,
    every: int = 1,
) -> tuple[Row, ...]:
    """Damages images in every way, strength and seed; a row for each kind of damage and metric.

    Args:
        halves: at least 2 pairs.
        floors: by metric, the distances of undamaged halves, at least 2.
        every: of the strengths of a damage each `every`-th one is tried, the strongest always.
    """
    rows: list[Row] = []
    tried = [(one, one.strengths[::-1][::every][::-1]) for one in degradations]
    with progress_bar("degradations", sum(len(s) for _, s in tried), " strengths") as bar:
        for degradation, strengths in tried:
            bar.set_postfix_str(degradation.name)
            found = {metric: np.zeros((len(halves), len(strengths))) for metric in floors}
            for column, strength in enumerate(strengths):
                number = degradation.strengths.index(strength)
                for seed, (kept, damaged) in enumerate(halves):
                    rng = np.random.default_rng([seed, number])
                    changed = degradation.apply(pool.take(damaged), strength, rng)
                    for metric, distance in distances(kept, changed).items():
                        found[metric][seed, column] = distance
                bar.update()
            rows += [
                judge_damage(degradation.name, metric, strengths, found[metric], floor)
                for metric, floor in floors.items()
            ]
    return tuple(rows)


def judge_damage(
    degradation: str,
    metric: str,
    strengths: tuple[float, ...],
    distances: np.ndarray,
    floors: np.ndarray,
) -> Row:
    """What one metric says of one kind of damage.

    Args:
        strengths: k, ascending.
        distances: of the damaged half from the undamaged one, [seeds, k].
        floors: of undamaged halves, two or more; all 0 where the metric sees nothing at all.
    """
    floor = floors.mean()
    ratios = distances / floor if floor > 0 else np.ones_like(distances)
    return Row(
        degradation=degradation,
        metric=metric,
        strengths=strengths,
        ratios=tuple(ratios.mean(0).tolist()),
        spreads=tuple(ratios.std(0, ddof=1).tolist()),
        threshold=1 + 3 * relative_spread(floors),
    )


def relative_spread(floors: np.ndarray) -> float:
    """The standard deviation of floors over their mean; 0 if they are 0."""
    mean = floors.mean()
    return float(floors.std(ddof=1) / mean) if mean > 0 else 0.0
