"""Adam as plain numbers: what it does can be read, compared and changed, unlike in a closure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import optax

from gan_jax.errors import InputError, nearest

_SCHEDULES: dict[str, Callable[[float, int], optax.Schedule]] = {
    "constant": lambda rate, steps: optax.constant_schedule(rate),
    "linear": lambda rate, steps: optax.linear_schedule(rate, 0.0, steps),
    "cosine": lambda rate, steps: optax.cosine_decay_schedule(rate, steps),
}


def check_schedule(name: str) -> None:
    """Raises InputError for a schedule that is not known; the nearest one is offered."""
    if name not in _SCHEDULES:
        raise InputError(f"schedule {name!r} is not known: {nearest(name, _SCHEDULES)}")


@dataclasses.dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba 2015) with a schedule; `init` and `update` are those of `optax.adam`.

    The numbers may be traced scalars, as where many GANs are trained in one program.

    Attributes:
        learning_rate: above 0; where the schedule begins, after the warmup.
        b1, b2: decay of the two moments, in [0, 1).
        num_steps: updates of the whole run.
        schedule: 'constant', or 'linear' or 'cosine' down to 0 at the last step.
        warmup_steps: updates in which the rate rises evenly from 0, at most `num_steps`.
    """

    learning_rate: float
    b1: float
    b2: float
    num_steps: int
    schedule: str = "constant"
    warmup_steps: int = 0

    def init(self, params: Any) -> optax.OptState:
        """The state before the first update."""
        return self._transformation().init(params)

    def update(
        self, updates: Any, state: optax.OptState, params: Any = None
    ) -> tuple[Any, optax.OptState]:
        """(gradients, state) to (changes of the parameters, state)."""
        return self._transformation().update(updates, state, params)

    def _transformation(self) -> optax.GradientTransformation:
        steps = max(self.num_steps - self.warmup_steps, 1)
        schedule = _SCHEDULES[self.schedule](self.learning_rate, steps)
        if self.warmup_steps:
            warmup = optax.linear_schedule(0.0, self.learning_rate, self.warmup_steps)
            schedule = optax.join_schedules([warmup, schedule], [self.warmup_steps])
        return optax.adam(schedule, b1=self.b1, b2=self.b2)
