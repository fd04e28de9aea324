"""The mode-collapse meter: has a generator begun to draw the same few things?

A meter compares generated images with real ones in the recogniser's features and gives a reading; a
rule looks at the readings so far and says whether they tell of a collapse. Nothing here knows of
training.

- coverage (Naeem et al. 2020, eq. 5): the share of real images that have a generated one among
  their neighbours, beside what other real images cover at the same n;
- Vendi score (Friedman & Dieng 2023): how many different images the generated ones amount to,
  beside that of as many real ones;
- class KL: how far the mix of classes is from the real one.
"""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Sequence

import numpy as np

from gan_jax import metrics
from gan_jax.data.content import in_content_order
from gan_jax.errors import InputError

_MAX_IMAGES = 500  # a side: a reading then takes some hundredths of a second
_NEIGHBOURS = 5
LEAST_IMAGES = 50  # below, a reading is too noisy to judge by
_LEAST_READINGS = 4  # before a run that never drew anything varied is called collapsed
_LOGGED = (
    "coverage", "coverage_floor", "vendi", "vendi_real", "class_kl", "classes_missing",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Reading:
    """What the meter shows after one step.

    Attributes:
        step: steps trained.
        n: images a side.
        coverage: of the real images, 0 to 1.
        coverage_floor: what other real images cover, at the same n.
        vendi: Vendi score of the generated images, 1 to n.
        vendi_real: that of real ones, at the same n.
        class_kl: KL of the class mix from the real one, in nats, 0 or more.
        class_kl_max: that of a single class among equally frequent ones, log of their number.
        classes_missing: share of the real classes that were not drawn, 0 to 1.
    """

    step: int
    n: int
    coverage: float
    coverage_floor: float
    vendi: float
    vendi_real: float
    class_kl: float
    class_kl_max: float
    classes_missing: float

    @property
    def coverage_share(self) -> float:
        """Coverage as a share of that of real images."""
        return self.coverage / max(self.coverage_floor, 1e-12)

    @property
    def variety(self) -> float:
        """Vendi score as a share of that of real images; both less 1, so that 0 is one image."""
        return (self.vendi - 1.0) / max(self.vendi_real - 1.0, 1e-12)

    def scalars(self) -> dict[str, float]:
        """The numbers for a log: 'eval/name'."""
        return {f"eval/{name}": getattr(self, name) for name in _LOGGED}


@dataclasses.dataclass(frozen=True, eq=False)
class CollapseMeter:
    """The real images' side of the comparison; see `make_meter`.

    Attributes:
        real: their features, [n, d], a seeded subset.
        reference_counts: real images of each class, [k].
        coverage_floor, vendi_real: of real images, see `Reading`.
    """

    real: np.ndarray
    reference_counts: tuple[int, ...]
    coverage_floor: float
    vendi_real: float

    def read(self, step: int, features: np.ndarray, probabilities: np.ndarray) -> Reading:
        """A reading of generated images; their order is no matter.

        Args:
            step: steps trained.
            features: of m generated images, [m, d]; n of them, drawn by content, are compared.
            probabilities: of the recogniser's classes, [m, k]; all are used.

        Raises:
            InputError: fewer images than the meter was made for.
        """
        count = len(self.real)
        if len(features) < count:
            raise InputError(
                f"{len(features)} generated images for a meter of {count} real ones; expected at "
                "least as many, or a meter made with a smaller num_images."
            )
        fake = in_content_order(features)[:count]
        found = np.argmax(probabilities, axis=-1)
        counts = metrics.class_histogram(found, len(self.reference_counts))
        present = np.asarray(self.reference_counts) > 0
        return self._reading(
            step,
            coverage=_coverage(self.real, fake),
            vendi=metrics.vendi_score(fake),
            class_kl=metrics.class_kl(counts, self.reference_counts),
            classes_missing=float(np.mean(np.asarray(counts)[present] == 0)),
        )

    @property
    def can_judge(self) -> bool:
        """Whether there are images enough for a `CollapseRule` to say anything."""
        return len(self.real) >= LEAST_IMAGES

    def from_scalars(self, step: int, row: dict[str, float]) -> Reading | None:
        """The reading that a row of the log holds, see `Reading.scalars`; None if it has none."""
        names = ("coverage", "vendi", "class_kl", "classes_missing")
        values = {name: row.get(f"eval/{name}", math.nan) for name in names}
        if not all(math.isfinite(value) for value in values.values()):
            return None
        return self._reading(step, **values)

    def _reading(self, step: int, **values: float) -> Reading:
        present = sum(count > 0 for count in self.reference_counts)
        return Reading(
            step=step,
            n=len(self.real),
            coverage_floor=self.coverage_floor,
            vendi_real=self.vendi_real,
            class_kl_max=math.log(present),
            **values,
        )


def make_meter(
    real: np.ndarray, reference_counts: Sequence[int], *, num_images: int
) -> CollapseMeter:
    """A meter for `num_images` generated images, or for 500 of them if there are more.

    Two disjoint random subsets of the real images, of the same size, give the floor of coverage.

    Args:
        real: features of m real images, [m, d], in any order.
        reference_counts: real images of each class, [k].
        num_images: how many generated images there will be, at least 2.

    Raises:
        InputError: fewer than 4 real or 2 generated images.
    """
    if len(real) < 4 or num_images < 2:
        raise InputError(
            f"{len(real)} real and {num_images} generated images; the collapse meter needs at "
            "least 4 and 2, and hundreds to mean something."
        )
    count = min(_MAX_IMAGES, len(real) // 2, num_images)
    order = np.random.Generator(np.random.Philox(0)).permutation(len(real))
    real = in_content_order(real)
    first, second = real[order[:count]], real[order[count : 2 * count]]
    return CollapseMeter(
        real=first,
        reference_counts=tuple(int(count) for count in reference_counts),
        coverage_floor=_coverage(first, second),
        vendi_real=metrics.vendi_score(first),
    )


def _coverage(real: np.ndarray, fake: np.ndarray) -> float:
    neighbours = min(_NEIGHBOURS, len(real) - 1)
    return metrics.density_coverage(real, fake, k=neighbours).coverage


@dataclasses.dataclass(frozen=True)
class Collapse:
    """That a run has collapsed.

    Attributes:
        step: of the last reading.
        since: step of the first of the bad readings in a row that end with it.
        findings: what is wrong with the last one, in words.
    """

    step: int
    since: int
    findings: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class CollapseRule:
    """When readings tell of a collapse: the last `patience` of them are bad.

    A reading is bad where a share is below its absolute limit, or has fallen below `drop` times the
    best one before. Bad readings count only after a good one, for all runs begin with bad ones. A
    run without a good one has collapsed when the share `grace` of its steps is done, it had four or
    more, and those of the later half are no better than those of the first.

    Attributes:
        coverage: least `Reading.coverage_share`.
        vendi: least `Reading.variety`.
        class_kl: greatest KL, as a share of that of a single class.
        drop: least share of the best value before, of coverage and of variety.
        patience: bad readings in a row that make a collapse.
        grace: share of the run's steps in which a run may show nothing good yet.
    """

    coverage: float = 0.05
    vendi: float = 0.25
    class_kl: float = 0.7
    drop: float = 1 / 3
    patience: int = 2
    grace: float = 0.5

    def find(self, readings: Sequence[Reading], *, num_steps: int) -> Collapse | None:
        """The collapse that the readings, in order of their steps, end with; None if none.

        Readings of fewer than 50 images a side show none: they are too noisy to judge by.
        `num_steps` is that of the whole run.
        """
        if not readings or readings[-1].n < LEAST_IMAGES:
            return None
        streak: list[tuple[Reading, tuple[str, ...]]] = []
        learned = False
        for index, reading in enumerate(readings):
            limits = self.below_limits(reading)
            found = limits or self._fallen(reading, readings[:index])
            streak = [*streak, (reading, found)] if found else []
            learned = learned or not limits
        last = readings[-1]
        late = len(readings) >= _LEAST_READINGS and last.step >= self.grace * num_steps
        if len(streak) < self.patience or not (learned or (late and not _improves(readings))):
            return None
        return Collapse(last.step, streak[0][0].step, streak[-1][1])

    def below_limits(self, reading: Reading) -> tuple[str, ...]:
        """What is bad in one reading by the absolute limits, in words; empty if nothing is."""
        found = []
        if reading.coverage_share < self.coverage:
            found.append(
                f"coverage {reading.coverage:.3f} (real images: {reading.coverage_floor:.3f})"
            )
        if reading.variety < self.vendi:
            found.append(f"Vendi score {reading.vendi:.2f} (real images: {reading.vendi_real:.2f})")
        if reading.class_kl > self.class_kl * reading.class_kl_max:
            missing = f"{reading.classes_missing:.0%} of the classes not drawn"
            found.append(f"class KL {reading.class_kl:.2f} nats ({missing})")
        return tuple(found)

    def _fallen(self, reading: Reading, earlier: Sequence[Reading]) -> tuple[str, ...]:
        if not earlier:
            return ()
        found = []
        names = (("coverage", "coverage_share", "coverage"), ("Vendi score", "variety", "vendi"))
        for name, share, value in names:
            best = max(earlier, key=operator.attrgetter(share))
            if getattr(reading, share) < self.drop * getattr(best, share):
                before, now = getattr(best, value), getattr(reading, value)
                found.append(f"{name} fell from {before:.3g} at step {best.step:,} to {now:.3g}")
        return tuple(found)


def _improves(readings: Sequence[Reading]) -> bool:
    """Whether the later half of the readings holds the first best of coverage or of variety."""
    rows = [r.coverage for r in readings], [r.variety for r in readings]
    return any(values.index(max(values)) >= len(values) / 2 for values in rows)
