"""Many GANs on the devices there are; with `runtime.parallel` the only module that knows them.

- 'members': each device trains its share of the members by `jax.vmap`, and they never meet;
- 'batch': every device trains all members by `jax.vmap` on its share of each batch, where the
  members cannot be shared equally, or where there are several processes;
- 'turns': the members one after another by one compiled step. So it is on a single CPU device,
  where a convolution that is mapped over its kernels becomes a grouped one, which XLA runs slowly.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import NamedSharding, PartitionSpec

from gan_jax.errors import InputError
from gan_jax.runtime import parallel
from gan_jax.runtime.compiler import with_options
from gan_jax.runtime.parallel import AXIS, Fetch, Plan
from gan_jax.steps.members import (
    MemberInputs,
    MembersState,
    Step,
    member_axes,
    member_state,
    member_step,
    members_step,
    stack_members,
)
from gan_jax.steps.state import GAN

Compiled = Callable[..., tuple[MembersState, dict[str, Array]]]


@dataclasses.dataclass(frozen=True)
class MembersPlan:
    """Which devices train, and what each does: `layout` is 'members', 'batch' or 'turns'."""

    plan: Plan
    layout: str


def make_members_plan(
    mode: str, num_members: int, batch_size: int, num_devices: int = 0
) -> MembersPlan:
    """The plan for this machine, with `num_devices` or, if that is 0, all.

    The modes 'pmap' and 'jit' differ in the layout 'batch' only. Raises InputError as
    `parallel.make_plan`, where neither members nor batches of `batch_size` can be shared.
    """
    if parallel.process_count() == 1:
        try:
            plan = parallel.make_plan(mode, num_members, num_devices)
        except InputError:
            pass
        else:
            alone = len(plan.devices) == 1 and plan.devices[0].platform == "cpu"
            return MembersPlan(plan, "turns" if alone else "members")
    return MembersPlan(parallel.make_plan(mode, batch_size, num_devices), "batch")


def place_members(state: MembersState, plan: MembersPlan) -> MembersState:
    """Puts each member on its device, or all on every device, as the plan has it."""
    if plan.layout != "members":
        return parallel.replicate(state, plan.plan)
    return jax.tree.map(
        lambda spec, leaf: jax.device_put(leaf, NamedSharding(plan.plan.mesh, spec)),
        _specs(state),
        state,
    )


def on_host(tree: Any) -> Any:
    """A tree of arrays as numpy arrays, whole; those of several processes must be replicated."""
    return jax.tree.map(np.asarray, parallel.local_copy(tree))


def compile_members(
    gan: GAN, step: Step, fetch: Fetch, plan: MembersPlan, *, scan: bool | None = None
) -> Compiled:
    """Compiles a step so that one call does several steps of all members.

    Args:
        gan: what all members have in common.
        step: of a GAN, see `gan_jax.steps`.
        fetch: (data, rows) to the batch of one step of one member; pure.
        scan: whether a call is one compiled program instead of one a step; None: but on the CPU.

    Returns:
        (state, inputs, data, rows) to (state, metrics). The state is placed by `place_members` and
        given up to the call; inputs and data are replicated; `rows` are numpy arrays [steps, batch,
        members], this process's share. Metrics, [members], are means over the steps: NaN where a
        member was not finite in one of them.
    """
    if plan.layout == "turns":
        return _in_turns(functools.partial(member_step, gan=gan, step=step), fetch)
    mapped = functools.partial(members_step, gan=gan, step=step)
    fetch_all = jax.vmap(fetch, in_axes=(None, 1), out_axes=1)
    if plan.layout == "batch":
        return parallel.compile_steps(mapped, fetch_all, plan.plan, scan=scan)
    on_accelerator = plan.plan.devices[0].platform != "cpu"
    return _shared(mapped, fetch_all, plan.plan, on_accelerator if scan is None else scan)


def _specs(state: MembersState) -> MembersState:
    return jax.tree.map(
        lambda axis: PartitionSpec() if axis is None else PartitionSpec(AXIS),
        member_axes(state),
        is_leaf=lambda axis: axis is None,
    )


def fetching_step(step: Callable[..., Any], fetch: Fetch) -> Callable[..., Any]:
    """The step of one device's members: (state, inputs, data, rows) to (state, metrics)."""

    def one(state: MembersState, inputs: MemberInputs, data: Any, rows: Any) -> Any:
        return step(state, fetch(data, rows), inputs)

    return one


def shard_members(
    function: Callable[..., Any], plan: Plan, state: MembersState, axes: int
) -> Callable[..., Any]:
    """`function` on each device's own members; `rows` have so many axes before the members'."""
    specs = _specs(state)
    rows = PartitionSpec(*[None] * axes, AXIS)
    return jax.jit(
        jax.shard_map(
            function,
            mesh=plan.mesh,
            in_specs=(specs, PartitionSpec(AXIS), PartitionSpec(), rows),
            out_specs=(specs, PartitionSpec(AXIS)),
            check_vma=False,
        ),
        donate_argnums=0,
    )


def _shared(step: Callable[..., Any], fetch: Fetch, plan: Plan, scan: bool) -> Compiled:
    """Each device's own members, mapped."""
    one = fetching_step(step, fetch)
    function, axes = (parallel.scanned(one), 2) if scan else (one, 1)

    @functools.cache
    def compiled(structure: Any) -> Callable[..., Any]:
        state = jax.tree.unflatten(structure, [0] * structure.num_leaves)
        return shard_members(function, plan, state, axes)

    def call(state: MembersState, inputs: MemberInputs, data: Any, rows: np.ndarray) -> Any:
        program = compiled(jax.tree.structure(state))
        if scan:
            return program(state, inputs, data, rows)
        state, collected = parallel.one_by_one(program, state, inputs, data, rows)
        return state, parallel.mean_metrics(collected)

    return call


def _in_turns(step: Callable[..., Any], fetch: Fetch) -> Compiled:
    """The members one after another, each for all steps of the call."""
    program = with_options(jax.jit(fetching_step(step, fetch), donate_argnums=0))

    @functools.partial(jax.jit, static_argnums=2)
    def part(state: MembersState, inputs: MemberInputs, count: int) -> Any:
        return [
            (member_state(state, index), jax.tree.map(lambda x: x[index], inputs))  # noqa: B023
            for index in range(count)
        ]

    stack = jax.jit(stack_members)

    def call(state: MembersState, inputs: MemberInputs, data: Any, rows: np.ndarray) -> Any:
        states, collected = [], []
        for index, (own, own_inputs) in enumerate(part(state, inputs, rows.shape[2])):
            own, metrics = parallel.one_by_one(program, own, own_inputs, data, rows[:, :, index])
            states.append(own)
            collected.append(parallel.mean_metrics(metrics))
        return stack(states), _stacked(collected)

    return call


@jax.jit
def _stacked(collected: list[dict[str, Array]]) -> dict[str, Array]:
    return jax.tree.map(lambda *values: jnp.stack(values), *collected)
