"""What the loop is given: a task, and evaluators that look at its state now and then."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np
from jax import Array
from ml_collections import ConfigDict

from gan_jax.config import examples_a_step
from gan_jax.config.members import Member
from gan_jax.config.saved import plain
from gan_jax.data import Dataset
from gan_jax.runtime import parallel
from gan_jax.runtime.feed import Feed, make_feed
from gan_jax.runtime.workdir import CONFIG
from gan_jax.training.rollback import turned

SAMPLES = "samples"  # the picture that every GAN gives


@dataclasses.dataclass(frozen=True)
class Pace:
    """How long to train, and how often what happens, in steps.

    Attributes:
        num_steps: the step to end at.
        batch_size: images per step on all devices.
        log_every, checkpoint_every: happen at the end of the call that reaches a multiple; 0 for
            never.
        evaluate_every: likewise; 0 for the end only.
        begin: the step that the first state stands at.
        keep: how many checkpoints stay, besides the best one.
    """

    num_steps: int
    batch_size: int
    log_every: int = 0
    checkpoint_every: int = 0
    evaluate_every: int = 0
    begin: int = 0
    keep: int = 1

    @classmethod
    def of(cls, config: ConfigDict, num_steps: int, *, begin: int = 0) -> Pace:
        """The pace of a config that trains from `begin` to `num_steps`."""
        return cls(
            num_steps=num_steps,
            batch_size=config.batch_size,
            log_every=config.log_every,
            checkpoint_every=config.checkpoint.every,
            evaluate_every=config.evaluation.every,
            begin=begin,
            keep=config.checkpoint.keep,
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Reading:
    """What an evaluator found.

    Attributes:
        numbers: to log, by 'eval/name'; one by 'watch/name' has a chart of its own on the page.
        pictures: uint8 [h, w, c] by name; kept in the run's folder and in TensorBoard.
        score: ranks checkpoints, lower is better; None for no rank.
        shown: for the progress line.
        end: ends the run once the numbers are logged and the state is saved; None to go on.
        members: readings of single members of a sweep, by their index.
    """

    numbers: Mapping[str, float] = dataclasses.field(default_factory=dict)
    pictures: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    score: float | None = None
    shown: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    end: Exception | None = None
    members: Mapping[int, Reading] = dataclasses.field(default_factory=dict)


class Evaluator(Protocol):
    """Looks at a state now and then; knows nothing of the loop."""

    def __call__(self, step: int, state: Any) -> Reading:
        """What is seen in the state after `step` steps. Every process makes this call."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """An evaluator whose readings depend on the earlier ones."""

    def resume(self, step: int, history: list[dict]) -> Exception | None:
        """Takes the rows of the log up to `step`; returns what the run ends with at once."""


def look(evaluators: Sequence[Evaluator], step: int, state: Any) -> Reading:
    """One reading from those of all evaluators; a later score or end replaces an earlier one."""
    readings = [evaluator(step, state) for evaluator in evaluators]
    scores = [reading.score for reading in readings if reading.score is not None]
    ends = [reading.end for reading in readings if reading.end is not None]
    return Reading(
        numbers=_joined(reading.numbers for reading in readings),
        pictures=_joined(reading.pictures for reading in readings),
        score=scores[-1] if scores else None,
        shown=_joined(reading.shown for reading in readings),
        end=ends[-1] if ends else None,
        members=_joined(reading.members for reading in readings),
    )


def resume(evaluators: Sequence[Evaluator], step: int, history: list[dict]) -> Exception | None:
    """Gives the evaluators that remember the log up to `step`; what the run ends with, or None."""
    ends = [e.resume(step, history) for e in evaluators if isinstance(e, Remembering)]
    return next((end for end in ends if end is not None), None)


class OncePerStep:
    """A function of (step, state) that keeps its last result, for evaluators that share it."""

    def __init__(self, function: Callable[[int, Any], Any]) -> None:
        self._function = function
        self._of: tuple[int, Any] | None = None
        self._result: Any = None

    def __call__(self, step: int, state: Any) -> Any:
        # By the state too: a run that went back comes to the same steps with other states.
        if self._of is None or self._of[0] != step or self._of[1] is not state:
            self._result = None  # not two results at once in memory
            self._result, self._of = self._function(step, state), (step, state)
        return self._result


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
    """What is trained: a network, a GAN, or many GANs at once.

    Attributes:
        state: makes the state before the first step, placed on the devices.
        inputs: of the number of rollbacks so far, what each call takes beside the state: a root
            key, or what each member has of its own.
        feed: the training images.
        program: compiled, (state, inputs, data, rows) to (state, metrics); gives up the state.
        pace: how long and how often.
        evaluators: asked in this order.
        members: of a sweep, whose metrics are arrays [members]; () of a single network.
        kept: JSON values to keep in each checkpoint.
    """

    state: Callable[[], Any]
    inputs: Callable[[int], Any]
    feed: Feed
    program: Callable[..., tuple[Any, dict[str, Array]]]
    pace: Pace
    evaluators: Sequence[Evaluator] = ()
    members: Sequence[Member] = ()
    kept: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def single_task(
    config: ConfigDict,
    *,
    state: Callable[[], Any],
    step: Callable[..., tuple[Any, dict[str, Array]]],
    plan: parallel.Plan,
    train: Dataset,
    pace: Pace,
    evaluators: Sequence[Evaluator],
) -> Task:
    """The task of one network or one GAN, on the images of `train`.

    `state` makes the state at `pace.begin`, on the host or one device; `step` is one of
    `gan_jax.steps`, bound to what it trains.
    """
    feed = make_feed(
        train,
        plan,
        batch_size=examples_a_step(config),
        steps_per_call=config.steps_per_call,
        seed=config.seed,
    )
    key = jax.random.key(config.seed)
    return Task(
        state=lambda: parallel.replicate(state(), plan),
        inputs=lambda rollbacks: parallel.replicate(turned(key, rollbacks), plan),
        feed=feed,
        program=parallel.compile_steps(step, feed.fetch, plan),
        pace=pace,
        evaluators=evaluators,
        kept={CONFIG: plain(config)},
    )


def _joined(parts: Any) -> dict[Any, Any]:
    return {name: value for part in parts for name, value in part.items()}
