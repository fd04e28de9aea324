"""What a run does about its mode-collapse meter: warn, stop or go back."""

from __future__ import annotations

import logging
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from ml_collections import ConfigDict

from gan_jax.errors import ModeCollapse
from gan_jax.judging.collapse_meter import (
    LEAST_IMAGES,
    Collapse,
    CollapseMeter,
    CollapseRule,
    make_meter,
)
from gan_jax.judging.collapse_meter import Reading as MeterReading
from gan_jax.judging.judge import Judge
from gan_jax.runtime import parallel
from gan_jax.runtime.checkpoint import Checkpoints
from gan_jax.runtime.workdir import CHECKPOINTS
from gan_jax.training.rollback import RollBack, Rollbacks
from gan_jax.training.task import Reading

_log = logging.getLogger(__name__)
_ADVICE = (
    "Try a learning rate 2 to 10 times lower, one for the discriminator that is not much below the "
    "generator's, R1 (config.r1_weight=1 with config.model.discriminator_norm='none'), or a larger "
    "batch, with another --workdir"
)


def collapse_meter_of(config: ConfigDict, judge: Judge | None) -> CollapseMeter | None:
    """The meter that a GAN's config asks for, of a judge's real images; None without a judge.

    Logs a warning if there are too few images for the meter to judge by.
    """
    if judge is None or config.collapse.action == "none":
        return None
    num_samples = config.evaluation.num_samples
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
    return meter


class CollapseGuard:
    """An evaluator that reads the collapse meter, and says what is to be done.

    Args:
        settings: `config.collapse` as plain data.
        meter: may be shared by several GANs of one judge.
        features: of (step, state), the judge's features of what is drawn: `semantic` [n, d] and
            `probabilities` [n, k].
        num_steps: of the whole run.
        workdir: the run's folder, for its checkpoints and rollbacks; None for a member of a sweep,
            for which a collapse is only a warning.
        name: whose collapse it is.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        meter: CollapseMeter,
        features: Callable[[int, Any], Any],
        *,
        num_steps: int,
        workdir: pathlib.Path | None,
        name: str = "the generator",
    ) -> None:
        limits = {k: v for k, v in settings.items() if k not in ("action", "rollbacks")}
        self._rule, self._meter, self._features = CollapseRule(**limits), meter, features
        self._action, self._most_rollbacks = settings["action"], settings["rollbacks"]
        self._num_steps, self._workdir, self._name = num_steps, workdir, name
        self._readings: list[MeterReading] = []
        self._warned = False

    def resume(self, step: int, history: list[dict]) -> Exception | None:
        """Takes the readings of the log up to `step`; returns what the run ends with at once."""
        found = [self._meter.from_scalars(row["step"], row) for row in history]
        self._readings = [reading for reading in found if reading and reading.step <= step]
        self._warned = False
        return self._consequence(step, self._collapse())

    def __call__(self, step: int, state: Any) -> Reading:
        """The meter's numbers; without 'eval/collapsed' where it has too few images to judge."""
        features = self._features(step, state)
        reading = self._meter.read(step, features.semantic, features.probabilities)
        self._readings.append(reading)
        numbers, collapse = reading.scalars(), self._collapse()
        if self._meter.can_judge:
            numbers["eval/collapsed"] = float(collapse is not None)
        return Reading(numbers, end=self._consequence(step, collapse))

    def _collapse(self) -> Collapse | None:
        return self._rule.find(self._readings, num_steps=self._num_steps)

    def _consequence(self, step: int, collapse: Collapse | None) -> ModeCollapse | RollBack | None:
        """What the run ends or goes back with after the last reading; None to go on.

        A collapse that changes nothing is logged as a warning, once until it is over.
        """
        if not parallel.any_process(collapse is not None):
            self._warned = False
            return None
        found = "; ".join(collapse.findings) if collapse else "seen by another process"
        since = collapse.since if collapse else step
        message = f"{self._name} has collapsed, from step {since:,} to {step:,}: {found}."
        if self._workdir is None:
            self._warn(message)
            return None
        with Checkpoints(self._workdir / CHECKPOINTS, read_only=True) as checkpoints:
            best = checkpoints.best_step(before=since)
        rollbacks = Rollbacks(self._workdir).count
        if self._action == "rollback" and best is not None and rollbacks < self._most_rollbacks:
            return RollBack(step, best, found)
        message = f"{message} {_described(best, rollbacks)}"
        if self._action in ("stop", "rollback") and step < self._num_steps:
            return ModeCollapse(
                f"{message} The state was saved. {_ADVICE}; or config.collapse.action='warn' to go "
                "on with this one."
            )
        self._warn(f"{message} {_ADVICE}.")
        return None

    def _warn(self, message: str) -> None:
        if not self._warned:
            _log.warning("%s", message[:1].upper() + message[1:])
        self._warned = True


def _described(best: int | None, rollbacks: int) -> str:
    text = "There is no checkpoint from before."
    if best is not None:
        text = (
            f"The best checkpoint from before is that of step {best:,} (eval.py "
            f"--checkpoint={best})."
        )
    if rollbacks:
        text += f" The run had gone back {rollbacks} time(s) already."
    return text
