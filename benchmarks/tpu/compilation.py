"""One case compiled for chips that are not here. Needs the libtpu wheel (extra `tpu`)."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import os
from typing import Any, NamedTuple

from benchmarks.tpu.cases import BATCH_A_CHIP, CONFIGURED, PEERED, Case

# The wheel asks the machine what it is; these say that there is no TPU to be asked.
_VARIABLES = {
    "JAX_PLATFORMS": "cpu",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-8",
    # No chip is used that two processes could claim.
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
}


class Sent(NamedTuple):
    """What a data-parallel step has to send, in bytes: of gradients, and of one number a channel
    for each batch normalisation."""

    gradients: int
    channels: int


class Prepared(NamedTuple):
    """A case ready to be compiled.

    Attributes:
        compile: to the compiled program.
        sent: see `Sent`; of one GAN.
        batch: images a step on all chips together.
        layout: that of a sweep's members, else ''.
    """

    compile: Any
    sent: Sent
    batch: int
    layout: str = ""


def set_environment() -> None:
    """To be called before JAX is imported."""
    os.environ.update(_VARIABLES)


def chips_of(topology: str) -> tuple[Any, ...]:
    """The devices of a topology; an error of JAX without the libtpu wheel."""
    from jax.experimental import topologies

    return tuple(topologies.get_topology_desc(platform="tpu", topology_name=topology).devices)


def prepare(case: Case) -> Prepared:
    """The step of a case on shapes; see `benchmarks.programs`."""
    if case.work in PEERED:
        return _prepare_peered(case)
    return _prepare_configured(case)


def _prepare_peered(case: Case) -> Prepared:
    import jax
    import jax.numpy as jnp
    from jax.sharding import NamedSharding, PartitionSpec

    from benchmarks.peers import ours, plain
    from benchmarks.programs import compiled_program
    from benchmarks.works import Task
    from gan_jax.runtime.parallel import AXIS, Plan

    batch = BATCH_A_CHIP * case.chips
    work = dataclasses.replace(PEERED[case.work], batch_size=batch)
    task = Task(work, dtype=case.dtype)
    rows = {"images": jax.ShapeDtypeStruct((batch, *work.image_shape), jnp.float32)}
    if not work.is_gan:
        rows["labels"] = jax.ShapeDtypeStruct((batch,), jnp.int32)
    side = plain if case.form == "plain" else ours
    key, state = jax.eval_shape(lambda: (jax.random.key(0), side.create(task, jax.random.key(0))))
    step = side.make_step(task)
    sent = _sent(jax.eval_shape(lambda: ours.create(task, jax.random.key(0))))
    chips = chips_of(case.topology)
    if side is ours:
        plan = Plan(case.form, chips)
        return Prepared(
            lambda: compiled_program(step, _given, plan, state, key, {}, rows), sent, batch
        )
    mesh = Plan("jit", chips).mesh
    whole, split = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec(AXIS))
    compiled = jax.jit(
        step, donate_argnums=0, in_shardings=(whole, split, whole), out_shardings=whole
    )
    return Prepared(lambda: compiled.lower(state, rows, key).compile(), sent, batch)


def _prepare_configured(case: Case) -> Prepared:
    import jax
    import jax.numpy as jnp

    from benchmarks.programs import compiled_program
    from gan_jax.config.build import build_gan
    from gan_jax.config.counts import examples_a_step
    from gan_jax.config.members import has_members
    from gan_jax.runtime.parallel import Plan
    from gan_jax.steps.state import create_gan_state
    from gan_jax.steps.updates import UPDATES

    module, shape, classes = CONFIGURED[case.work]
    config = importlib.import_module(f"configs.{module}").get_config()
    config.model.dtype = case.dtype
    batch = examples_a_step(config)
    plan = Plan(case.form, chips_of(case.topology))
    if has_members(config):
        return _prepare_members(config, shape, classes, plan, batch)
    gan = build_gan(config, shape, config.num_steps, num_classes=classes)
    key, state = jax.eval_shape(
        lambda: (jax.random.key(0), create_gan_state(gan, jax.random.key(0), shape))
    )
    step = functools.partial(UPDATES[config.updates], gan=gan)
    rows = {
        "images": jax.ShapeDtypeStruct((batch, *shape), jnp.float32),
        "labels": jax.ShapeDtypeStruct((batch,), jnp.int32),
    }
    _check_shared(batch, plan)
    return Prepared(
        lambda: compiled_program(step, _given, plan, state, key, {}, rows), _sent(state), batch
    )


def _prepare_members(config: Any, shape: Any, classes: int, plan: Any, batch: int) -> Prepared:
    import jax
    import jax.numpy as jnp

    from benchmarks.programs import compiled_members_program
    from gan_jax.config.members import build_members, members_of
    from gan_jax.runtime.members_parallel import MembersPlan
    from gan_jax.runtime.pixels import to_float
    from gan_jax.steps.members import MemberInputs, create_members_state
    from gan_jax.steps.updates import UPDATES

    members = tuple(members_of(config))
    gan, values = build_members(config, members, shape, config.num_steps, num_classes=classes)
    count = len(members)
    # As `make_members_plan` has it for chips of this machine.
    layout = "batch" if count % len(plan.devices) else "members"
    if layout == "batch":
        _check_shared(batch, plan)
    seeds = [member.seed for member in members]
    state = jax.eval_shape(lambda: create_members_state(gan, seeds, shape))
    inputs = jax.eval_shape(
        lambda: MemberInputs(
            jax.random.split(jax.random.key(0), count),
            {place: jnp.zeros(count) for place in values},
        )
    )
    # Images lie on the chips, and each member has rows of its own.
    data = jax.ShapeDtypeStruct((4000, *shape), jnp.uint8)
    rows = jax.ShapeDtypeStruct((batch, count), jnp.int32)
    step = UPDATES[config.updates]

    def compile_() -> Any:
        return compiled_members_program(
            gan,
            step,
            lambda data, rows: {"images": to_float(data[rows])},
            MembersPlan(plan, layout),
            state,
            inputs,
            data,
            rows,
        )

    return Prepared(compile_, _sent(state.gans), batch * count, layout)


def _given(data: Any, rows: Any) -> Any:
    del data
    return rows


def _check_shared(batch: int, plan: Any) -> None:
    count = len(plan.devices)
    if batch % count:
        raise ValueError(f"{count} chips cannot share the config's batch of {batch}")


def _sent(state: Any) -> Sent:
    """Of a state of a GAN (or of stacked ones), or of a recogniser."""
    import jax

    nets = [
        getattr(state, n) for n in ("generator", "discriminator", "network") if hasattr(state, n)
    ]

    def size(tree: Any) -> int:
        return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))

    channels = sum(size(net.collections.get("batch_stats", {})) for net in nets) // 2
    return Sent(size([net.params for net in nets]), channels)
