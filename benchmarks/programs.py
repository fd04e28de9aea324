"""Training steps compiled and not run: programs whose text, memory and cost one looks at.

The devices need not be here. Those of `jax.experimental.topologies` can be compiled for on any
machine that has their compiler, and shapes (`jax.ShapeDtypeStruct`) do as well as arrays.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
from jax import Array
from jax.sharding import NamedSharding, PartitionSpec

from gan_jax.errors import InputError
from gan_jax.models.platform import traced_for
from gan_jax.runtime.members_parallel import MembersPlan, fetching_step, shard_members
from gan_jax.runtime.parallel import AXIS, Fetch, Plan, one_step, placed
from gan_jax.steps.members import MemberInputs, MembersState, Step, members_step
from gan_jax.steps.state import GAN


def compiled_program(
    step: Callable[..., Any], fetch: Fetch, plan: Plan, state: Any, key: Array, data: Any, rows: Any
) -> jax.stages.Compiled:
    """The program of one step on each device.

    Arguments as for `parallel.compile_steps` and its result, but the leaves of `rows` are [batch,
    ...], of all devices together.
    """
    function, _ = placed(one_step(step, fetch, plan), plan, batch_axis=0)
    count = len(plan.devices)
    if plan.mode == "jit":
        whole, split = (NamedSharding(plan.mesh, PartitionSpec(*axes)) for axes in ([], [AXIS]))
        state, key, data = _shapes((state, key, data), whole)
        rows = _shapes(rows, split)
    else:
        state, key, data = _shapes((state, key, data))
        rows = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct((count, x.shape[0] // count, *x.shape[1:]), x.dtype),
            rows,
        )
    with traced_for(plan.devices[0].platform):
        return function.lower(state, key, data, rows).compile()


def compiled_members_program(
    gan: GAN,
    step: Step,
    fetch: Fetch,
    plan: MembersPlan,
    state: MembersState,
    inputs: MemberInputs,
    data: Any,
    rows: Any,
) -> jax.stages.Compiled:
    """The program of one step of all members.

    Arguments as for `members_parallel.compile_members` and its result, but `rows` are [batch,
    members], of all devices together.

    Raises:
        InputError: for the layout 'turns', whose members have no program in common.
    """
    if plan.layout == "turns":
        raise InputError(
            "the layout is 'turns', whose members have no program in common; expected 'members' or "
            "'batch'."
        )
    mapped = functools.partial(members_step, gan=gan, step=step)
    fetch_all = jax.vmap(fetch, in_axes=(None, 1), out_axes=1)
    if plan.layout == "batch":
        return compiled_program(mapped, fetch_all, plan.plan, state, inputs, data, rows)
    function = shard_members(fetching_step(mapped, fetch_all), plan.plan, state, axes=1)
    with traced_for(plan.plan.devices[0].platform):
        return function.lower(*_shapes((state, inputs, data, rows))).compile()


def _shapes(tree: Any, sharding: NamedSharding | None = None) -> Any:
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), tree)
