"""Adam with learning rates, and a second moment's decay, that change while it runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import optax
from jax import Array
from ml_collections import ConfigDict

from gan_jax.config.burn_in import burnt_in
from gan_jax.errors import InputError, nearest
from gan_jax.steps.schedules import Ramp

_SCHEDULES: dict[str, Callable[[float, int], optax.Schedule]] = {
    "constant": lambda rate, steps: optax.constant_schedule(rate),
    "linear": lambda rate, steps: optax.linear_schedule(rate, 0.0, steps),
    "cosine": lambda rate, steps: optax.cosine_decay_schedule(rate, steps),
}


@dataclasses.dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba 2015) as plain numbers: `init` and `update` are those of optax.

    Unlike those of a closure its numbers can be read, compared and replaced, by traced scalars too.

    Attributes:
        learning_rate: above 0; where the schedule begins after the warmup, or a ramp.
        b1: decay of the first moment, in [0, 1).
        b2: decay of the second, likewise, or a ramp.
        num_updates: over which the schedule runs.
        schedule: 'constant', or 'linear' or 'cosine' down to 0 at the last update.
        warmup_updates: in which the rate rises evenly from 0; not with a ramp.
        updates_a_step: how often the optimiser is called a step; ramps count steps.
    """

    learning_rate: float | Ramp
    b1: float
    b2: float | Ramp
    num_updates: int
    schedule: str = "constant"
    warmup_updates: int = 0
    updates_a_step: int = 1

    def init(self, params: Any) -> optax.OptState:
        """The state before the first update."""
        return self._transformation().init(params)

    def update(
        self, updates: Any, state: optax.OptState, params: Any = None
    ) -> tuple[Any, optax.OptState]:
        """(gradients, state) to (changes of the parameters, state)."""
        return self._transformation().update(updates, state, params)

    def _transformation(self) -> optax.GradientTransformation:
        schedule = self._schedule()
        if isinstance(self.b2, Ramp):
            return optax.chain(
                scale_by_changing_adam(self.b1, _by_update(self.b2, self.updates_a_step)),
                optax.scale_by_learning_rate(schedule),
            )
        return optax.adam(schedule, b1=self.b1, b2=self.b2)

    def _schedule(self) -> optax.Schedule:
        rate, warmup = self.learning_rate, self.warmup_updates
        if isinstance(rate, Ramp):
            return _by_update(rate, self.updates_a_step)
        schedule = _SCHEDULES[self.schedule](rate, max(self.num_updates - warmup, 1))
        if not warmup:
            return schedule
        return optax.join_schedules([optax.linear_schedule(0.0, rate, warmup), schedule], [warmup])


def build_optimizer(
    config: ConfigDict, section: str, num_steps: int, updates_a_step: int = 1
) -> Adam:
    """Adam with a config's schedule.

    Args:
        config: of a GAN or a recogniser.
        section: the optimiser's name in it.
        num_steps: over which the schedule runs.
        updates_a_step: how often the optimiser is called a step.

    Raises:
        InputError: an unknown schedule, two schedules at once, or numbers out of range.
    """
    options = config[section]
    _check(options, f"config.{section}")
    updates = num_steps * updates_a_step
    return Adam(
        learning_rate=burnt_in(config, "learning_rate", section),
        b1=options.b1,
        b2=burnt_in(config, "b2", section),
        num_updates=updates,
        schedule=options.schedule,
        warmup_updates=min(options.warmup_steps * updates_a_step, updates),
        updates_a_step=updates_a_step,
    )


def scale_by_changing_adam(b1: float, b2: Callable[[Array], Array]) -> optax.GradientTransformation:
    """Adam's direction with a second moment's decay that is a function of the updates done before.

    Update t (from 1) with b2_t = b2(t - 1) takes v_t = b2_t v_{t-1} + (1 - b2_t) g_t^2 and divides
    it by 1 - b2_t^t, as PyTorch's Adam does when its betas are set between updates, and so R3GAN's
    trainer. With a constant b2 that makes v_t a mean of the squared gradients, their weights
    adding up to 1; the weights of a changing one would want 1 - b2_1 b2_2 ... b2_t. Where b2 rises,
    the first is smaller, so that early updates are a little shorter; after a few times 1 / (1 - b2)
    updates both are 1. The state is that of `optax.scale_by_adam`.
    """

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        return optax.scale_by_adam(b1, b2(state.count)).update(updates, state, params)

    return optax.GradientTransformation(optax.scale_by_adam(b1).init, update)


def _by_update(ramp: Ramp, updates_a_step: int) -> optax.Schedule:
    return lambda count: ramp(count / updates_a_step)


def _check(options: ConfigDict, name: str) -> None:
    if not options.learning_rate > 0:
        raise InputError(
            f"{name}.learning_rate is {options.learning_rate}; expected a number above 0."
        )
    if options.schedule not in _SCHEDULES:
        raise InputError(
            f"{name}.schedule {options.schedule!r} is not known: "
            f"{nearest(options.schedule, _SCHEDULES)}"
        )
    for field in ("b1", "b2", "b2_end"):
        value = options.get(field)
        if value is not None and not 0 <= value < 1:
            raise InputError(f"{name}.{field} is {value}; expected 0 or more, and less than 1.")
    changes = options.get("learning_rate_end") is not None
    if changes and (options.schedule != "constant" or options.warmup_steps):
        raise InputError(
            f"{name}.learning_rate_end is {options.learning_rate_end} with schedule "
            f"{options.schedule!r} and warmup_steps {options.warmup_steps}: the rate follows one "
            "of them. Set schedule='constant' and warmup_steps=0, or leave learning_rate_end at "
            "None."
        )
