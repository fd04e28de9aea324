"""Adam whose learning rate and second moment's decay may change while it runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import optax
from jax import Array

from gan_jax.steps.schedules import Schedule, value_at


@dataclasses.dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba 2015) as plain numbers: `init` and `update` are those of optax.

    Unlike those of a closure its numbers can be read, compared and replaced, by traced scalars too.

    Attributes:
        learning_rate: above 0, or a schedule that is called with the updates done.
        b1: decay of the first moment, in [0, 1).
        b2: decay of the second, likewise, or such a schedule.
    """

    learning_rate: float | Schedule
    b1: float
    b2: float | Schedule

    def init(self, params: Any) -> optax.OptState:
        """The state before the first update."""
        return self._transformation().init(params)

    def update(
        self, updates: Any, state: optax.OptState, params: Any = None
    ) -> tuple[Any, optax.OptState]:
        """(gradients, state) to (changes of the parameters, state)."""
        return self._transformation().update(updates, state, params)

    def _transformation(self) -> optax.GradientTransformation:
        def rate(count: Array) -> Any:
            return value_at(self.learning_rate, count)

        if not isinstance(self.b2, Schedule):
            return optax.adam(rate, b1=self.b1, b2=self.b2)
        return optax.chain(
            scale_by_changing_adam(self.b1, self.b2), optax.scale_by_learning_rate(rate)
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
