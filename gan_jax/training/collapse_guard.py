"""What a run does about its mode-collapse meter: warn, stop or go back."""

from __future__ import annotations

import logging
from typing import Any

from gan_jax.errors import ModeCollapse
from gan_jax.judging.collapse_meter import (
    LEAST_IMAGES,
    Collapse,
    CollapseMeter,
    CollapseRule,
    Reading,
    make_meter,
)
from gan_jax.judging.judge import Judge
from gan_jax.runtime import parallel
from gan_jax.runtime.checkpoint import Checkpoints
from gan_jax.training.rollback import RollBack, Rollbacks

_log = logging.getLogger(__name__)
_ADVICE = (
    "Try a learning rate 2 to 10 times lower, one for the discriminator that is not much below the "
    "generator's, R1 (config.r1_weight=1 with config.model.discriminator_norm='none'), or a larger "
    "batch, with another --workdir"
)


class CollapseWatch:
    """The readings of one GAN, and whether they tell of a collapse.

    Args:
        meter: may be shared by several GANs of one judge.
        rule: what counts as a collapse.
        num_steps: of the whole run.
    """

    def __init__(self, meter: CollapseMeter, rule: CollapseRule, num_steps: int) -> None:
        self._meter, self._rule, self._num_steps = meter, rule, num_steps
        self._readings: list[Reading] = []

    def resume(self, step: int, history: list[dict]) -> None:
        """Begins at `step` with the readings of the log's rows up to there."""
        found = [self._meter.from_scalars(row["step"], row) for row in history]
        self._readings = [reading for reading in found if reading and reading.step <= step]

    def read(self, step: int, features: Any) -> dict[str, float]:
        """Takes the reading of generated images; returns its numbers for the log.

        'eval/collapsed' is not among them where the meter has too few images to judge.

        Args:
            step: steps trained.
            features: with `semantic` [n, d] and `probabilities` [n, k].
        """
        reading = self._meter.read(step, features.semantic, features.probabilities)
        self._readings.append(reading)
        if not self._meter.can_judge:
            return reading.scalars()
        return reading.scalars() | {"eval/collapsed": float(self.collapse() is not None)}

    def collapse(self) -> Collapse | None:
        """What the readings so far show."""
        return self._rule.find(self._readings, num_steps=self._num_steps)


def make_watches(
    settings: dict[str, Any], judge: Judge, count: int, *, num_samples: int, num_steps: int
) -> list[CollapseWatch]:
    """Watches of `count` GANs over one meter; the arguments are those of `CollapseGuard`.

    Logs a warning if there are too few images for the meter to judge by.
    """
    limits = {name: v for name, v in settings.items() if name not in ("action", "rollbacks")}
    meter = make_meter(judge.features.semantic, judge.reference_counts, num_images=num_samples)
    if not meter.can_judge:
        _log.warning(
            "The mode-collapse meter cannot judge: it compares %d images a side (of %d generated "
            "and half of %d real ones), and below %d chance looks like a collapse. Its curves are "
            "drawn, but it will not warn or stop. Give config.evaluation.num_samples=%d or more "
            "and a reference of %d images or more.",
            len(meter.real),
            num_samples,
            len(judge.features.semantic),
            LEAST_IMAGES,
            LEAST_IMAGES,
            2 * LEAST_IMAGES,
        )
    return [CollapseWatch(meter, CollapseRule(**limits), num_steps) for _ in range(count)]


class CollapseGuard:
    """Takes a reading at each evaluation and says what is to be done.

    Args:
        settings: `config.collapse` as plain data.
        judge: gives the real images' features.
        num_samples: generated images of an evaluation.
        num_steps: of the whole run.
    """

    def __init__(
        self, settings: dict[str, Any], judge: Judge, *, num_samples: int, num_steps: int
    ) -> None:
        self._action, self._max_rollbacks = settings["action"], settings["rollbacks"]
        self._num_steps = num_steps
        (self._watch,) = make_watches(
            settings, judge, 1, num_samples=num_samples, num_steps=num_steps
        )
        self._warned = False

    def resume(self, step: int, history: list[dict]) -> None:
        """Begins at `step` with the readings of the log's rows up to there."""
        self._watch.resume(step, history)
        self._warned = False

    def read(self, step: int, features: Any) -> dict[str, float]:
        """As `CollapseWatch.read`."""
        return self._watch.read(step, features)

    def check(
        self, step: int, checkpoints: Checkpoints, rollbacks: Rollbacks
    ) -> ModeCollapse | RollBack | None:
        """What the run is to end or go back with after the last reading; None to go on.

        All processes call it together. A collapse that changes nothing is logged as a warning, once
        until it is over.
        """
        collapse = self._watch.collapse()
        if not parallel.any_process(collapse is not None):
            self._warned = False
            return None
        found = "; ".join(collapse.findings) if collapse else "seen by another process"
        since = collapse.since if collapse else step
        checkpoints.wait()
        best = checkpoints.best_step(before=since)
        if self._action == "rollback" and best is not None:
            if rollbacks.count < self._max_rollbacks:
                return RollBack(step, best, found)
        message = f"the generator has collapsed, from step {since:,} to {step:,}: {found}."
        if self._action in ("stop", "rollback") and step < self._num_steps:
            return ModeCollapse(
                f"{message} {self._describe(best, rollbacks)} The state was saved. {_ADVICE}; "
                "or config.collapse.action='warn' to go on with this one."
            )
        if not self._warned:
            _log.warning("%s %s %s.", _capital(message), self._describe(best, rollbacks), _ADVICE)
        self._warned = True
        return None

    def _describe(self, best: int | None, rollbacks: Rollbacks) -> str:
        text = (
            f"The best checkpoint from before is that of step {best:,} (eval.py "
            f"--checkpoint={best})."
            if best is not None
            else "There is no checkpoint from before."
        )
        if rollbacks.count:
            text += f" The run had gone back {rollbacks.count} time(s) already."
        return text


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
