"""One training step of many GANs at once: a pure function, mapped over members.

A member is a GAN with its own seed and, in a sweep, its own hyper-parameters. Members share the
networks, the step counter and nothing else. One whose numbers stop being finite is frozen as it was
before that step, and the others go on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import flax.struct
import jax
import jax.numpy as jnp
from jax import Array

from gan_jax.steps.hyperparameters import with_hyperparameters
from gan_jax.steps.passes import Batch, Metrics
from gan_jax.steps.state import GAN, GANState, create_gan_state

Step = Callable[..., tuple[GANState, Metrics]]
RUNNING = -1


class MembersState(flax.struct.PyTreeNode):
    """Many GANs in training.

    Attributes:
        gans: a state whose leaves are [members, ...], but for `step`, which they share.
        diverged: int32 [members], the steps that each had done when its next one was not finite;
            -1 for one that is still training.
    """

    gans: GANState
    diverged: Array


class MemberInputs(flax.struct.PyTreeNode):
    """What is each member's own throughout its run.

    Attributes:
        key: root keys [members].
        values: hyper-parameters by their place in the GAN, see `steps.hyperparameters`; float
            [members].
    """

    key: Array
    values: dict[str, Array]


def create_members_state(
    gan: GAN, seeds: Sequence[int], image_shape: tuple[int, ...]
) -> MembersState:
    """The members before the first step, each as `create_gan_state` makes it from its seed."""
    create = jax.jit(lambda key: create_gan_state(gan, key, image_shape))
    states = {seed: create(jax.random.key(seed)) for seed in dict.fromkeys(seeds)}
    members = [states[seed] for seed in seeds]
    gans = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
    diverged = jnp.full(len(seeds), RUNNING, jnp.int32)
    return MembersState(gans.replace(step=members[0].step), diverged)


def member_axes(state: MembersState) -> MembersState:
    """The axis of members of every leaf: 0, or None where they share it."""
    axes = jax.tree.map(lambda _: 0, state)
    return axes.replace(gans=axes.gans.replace(step=None))


def member_state(state: MembersState, index: int) -> MembersState:
    """The state of one member, without the axis of members."""
    axes = member_axes(state)
    return jax.tree.map(
        lambda axis, leaf: leaf if axis is None else leaf[index],
        axes,
        state,
        is_leaf=lambda axis: axis is None,
    )


def stack_members(states: Sequence[MembersState]) -> MembersState:
    """The reverse of `member_state`, of all members."""
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
    return stacked.replace(gans=stacked.gans.replace(step=states[0].gans.step))


def member_step(
    state: MembersState,
    batch: Batch,
    inputs: MemberInputs,
    *,
    gan: GAN,
    step: Step,
    axis_name: str | None = None,
) -> tuple[MembersState, Metrics]:
    """One step of one member: all arguments without the axis of members.

    The member moves only if all its metrics are finite, and if they always were; the step counter
    moves in any case.

    Args:
        state, batch, axis_name: as in `gan_jax.steps`.
        inputs: the member's.
        gan: what all members have in common.
        step: of a GAN, such as `gan_jax.steps.gan_step`.

    Returns:
        (state, metrics); the metrics of a member that does not move are NaN.
    """
    before = state.gans
    own = with_hyperparameters(gan, inputs.values)
    after, metrics = step(before, batch, inputs.key, gan=own, axis_name=axis_name)
    finite = functools.reduce(jnp.logical_and, map(jnp.isfinite, metrics.values()))
    running = state.diverged == RUNNING
    moves = running & finite
    kept = jax.tree.map(lambda new, old: jnp.where(moves, new, old), after, before)
    diverged = jnp.where(running & ~finite, before.step, state.diverged)
    shown = {name: jnp.where(moves, value, jnp.nan) for name, value in metrics.items()}
    return MembersState(kept.replace(step=after.step), diverged), shown


def members_step(
    state: MembersState,
    batch: Batch,
    key: MemberInputs,
    *,
    gan: GAN,
    step: Step,
    axis_name: str | None = None,
) -> tuple[MembersState, Metrics]:
    """One step of all members by `jax.vmap`, with the signature of a step in `gan_jax.steps`.

    The batch's arrays are [n, members, ...], but for an 'index' [n], and the metrics [members].
    Other arguments are as in `member_step`.
    """
    axes = member_axes(state)
    mapped = jax.vmap(
        functools.partial(member_step, gan=gan, step=step, axis_name=axis_name),
        in_axes=(axes, {name: None if name == "index" else 1 for name in batch}, 0),
        out_axes=(axes, 0),
    )
    return mapped(state, batch, key)
