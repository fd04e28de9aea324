"""Adam with learning rates, and a second moment's decay, that change while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import optax
from jax import Array
from ml_collections import ConfigDict

from gan_jax.burn_in import burnt_in
from gan_jax.errors import InputError, nearest
from gan_jax.schedules import Ramp

_SCHEDULES: dict[str, Callable[[float, int], optax.Schedule]] = {
    "constant": lambda rate, steps: optax.constant_schedule(rate),
    "linear": lambda rate, steps: optax.linear_schedule(rate, 0.0, steps),
    "cosine": lambda rate, steps: optax.cosine_decay_schedule(rate, steps),
}


def build_optimizer(
    config: ConfigDict, section: str, num_steps: int, updates_a_step: int = 1
) -> optax.GradientTransformation:
    """Adam (Kingma and Ba 2015) with a config's schedule.

    Args:
        config: of a GAN or a recogniser.
        section: the optimiser's name in it.
        num_steps: over which the schedule runs.
        updates_a_step: how often the optimiser is called a step.

    Raises:
        InputError: an unknown schedule, two schedules at once, or numbers out of range.
    """
    options = config[section]
    rate = burnt_in(config, "learning_rate", section)
    b2 = burnt_in(config, "b2", section)
    _check(options, f"config.{section}")
    if isinstance(rate, Ramp):
        schedule = _by_update(rate, updates_a_step)
    else:
        updates = num_steps * updates_a_step
        warmup = min(options.warmup_steps * updates_a_step, updates)
        schedule = _SCHEDULES[options.schedule](rate, max(updates - warmup, 1))
        if warmup:
            schedule = optax.join_schedules(
                [optax.linear_schedule(0.0, rate, warmup), schedule], [warmup]
            )
    if isinstance(b2, Ramp):
        return optax.chain(
            scale_by_changing_adam(options.b1, _by_update(b2, updates_a_step)),
            optax.scale_by_learning_rate(schedule),
        )
    return optax.adam(schedule, b1=options.b1, b2=b2)


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
