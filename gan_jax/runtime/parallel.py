"""Devices and processes: the only module that knows them.

Here a pure step becomes a compiled one: by `jax.pmap` over the axis 'data' (the default), or by
`jax.jit` on a global view with sharded batches. Both give the same numbers, up to the order of
floating-point sums.

On a GPU or TPU, one compiled call scans several steps. XLA's CPU back end runs the body of a loop
without its fast paths (4 times slower when measured), so there a call is a loop of compiled steps.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import zlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from gan_jax.errors import InputError
from gan_jax.runtime.compiler import with_options
from gan_jax.runtime.memory import fitting_batch_size

AXIS = "data"
MODES = ("pmap", "jit")

Fetch = Callable[[Any, Any], dict[str, Array]]


@dataclasses.dataclass(frozen=True)
class Plan:
    """Which devices train, and how.

    Attributes:
        mode: 'pmap' or 'jit'.
        devices: of all processes, grouped by process.
    """

    mode: str
    devices: tuple[Any, ...]  # jax.Device

    @property
    def local_devices(self) -> list[Any]:
        """Those of this process."""
        return [d for d in self.devices if d.process_index == jax.process_index()]

    @property
    def mesh(self) -> Mesh:
        """All devices in a row."""
        return Mesh(np.array(self.devices), (AXIS,), axis_types=(AxisType.Auto,))


def make_plan(mode: str, batch_size: int, num_devices: int = 0) -> Plan:
    """The plan for this machine, with `num_devices` or, if that is 0, all.

    Raises InputError for an unknown mode, more devices than there are, or a `batch_size`, of all
    devices together, that they cannot share equally.
    """
    if mode not in MODES:
        raise InputError(f"parallel is {mode!r}; expected one of {', '.join(MODES)}.")
    devices = sorted(jax.devices(), key=lambda d: (d.process_index, d.id))
    if not 0 <= num_devices <= len(devices):
        raise InputError(
            f"num_devices is {num_devices}, but there are {len(devices)}; give 0 for all."
        )
    if num_devices and jax.process_count() > 1 and num_devices != len(devices):
        raise InputError(
            f"num_devices is {num_devices}: with several processes all {len(devices)} "
            "devices are used; give 0."
        )
    devices = devices[: num_devices or None]
    if batch_size < 1 or batch_size % len(devices):
        below = batch_size // len(devices) * len(devices)
        nearest = below if below > 0 else len(devices)
        raise InputError(
            f"batch_size is {batch_size}, which {len(devices)} devices cannot share "
            f"equally: give a multiple of {len(devices)}, such as {nearest}."
        )
    return Plan(mode, tuple(devices))


def is_main_process() -> bool:
    """Whether this is the process that writes logs, pictures and reports."""
    return jax.process_index() == 0


def process_count() -> int:
    """How many processes train together."""
    return jax.process_count()


def process_index() -> int:
    """The number of this process, from 0."""
    return jax.process_index()


def check_same(content: Any, name: str) -> None:
    """Raises InputError, with the content's `name`, unless all processes have the same JSON."""
    if jax.process_count() == 1:
        return
    own = zlib.crc32(json.dumps(content, sort_keys=True, default=str).encode())
    found = multihost_utils.process_allgather(np.array(own, np.uint32))
    others = np.flatnonzero(found != found[0])
    if len(others):
        raise InputError(
            f"process {others[0]} was given another {name} than process 0: start all with the same "
            "command but for --process_id."
        )


def any_process(flag: bool) -> bool:
    """Whether `flag` is set in any process; all call it together."""
    if jax.process_count() == 1:
        return flag
    return bool(np.any(multihost_utils.process_allgather(np.array(flag))))


def raise_together(error: Exception | None) -> None:
    """Raises `error` if there is one, and InputError in all other processes; all call it."""
    if any_process(error is not None):
        raise error or InputError("another process of this run could not go on: see its message.")


def wait_for_all(name: str) -> None:
    """Returns when every process has come here."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


def replicate(tree: Any, plan: Plan) -> Any:
    """Puts a copy of every leaf on every device; each process must hold the same values."""
    sharding = NamedSharding(plan.mesh, PartitionSpec())

    def put(leaf: Any) -> Array:
        if isinstance(leaf, Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            # Keys cannot be put on devices of other processes; their words can.
            words = np.asarray(jax.random.key_data(leaf))
            return jax.random.wrap_key_data(jax.device_put(words, sharding))
        return jax.device_put(leaf if jax.process_count() == 1 else np.asarray(leaf), sharding)

    return jax.tree.map(put, tree)


def local_copy(tree: Any) -> Any:
    """A tree whose replicated arrays lie on one device of this process, without communication."""

    def own(leaf: Any) -> Any:
        replicated = isinstance(leaf, Array) and leaf.is_fully_replicated
        return leaf.addressable_data(0) if replicated else leaf

    return jax.tree.map(own, tree)


def shard_rows(batch_size: int, plan: Plan) -> slice:
    """Which rows of a global batch belong to this process."""
    rows = batch_size // len(plan.devices)
    first = next(i for i, d in enumerate(plan.devices) if d.process_index == jax.process_index())
    return slice(first * rows, (first + len(plan.local_devices)) * rows)


def compile_steps(
    step: Callable[..., tuple[Any, dict[str, Array]]],
    fetch: Fetch,
    plan: Plan,
    *,
    scan: bool | None = None,
) -> Callable[..., tuple[Any, dict[str, Array]]]:
    """Compiles a pure step so that one call does several.

    Args:
        step: (state, batch, key, axis_name=) to (state, metrics), see `gan_jax.steps`.
        fetch: (data, rows) to the batch dict of one step on one device; pure.
        scan: whether a call is one compiled program, instead of one program run for each step;
            None for one everywhere but on the CPU.

    Returns:
        (state, key, data, rows) to (state, metrics). `state`, `key` and `data` are replicated, and
        `state` is given up to the call; `rows` is a tree of numpy arrays [steps, local batch, ...],
        this process's share. Metrics are means over the steps.
    """
    one = one_step(step, fetch, plan)
    if plan.devices[0].platform != "cpu" if scan is None else scan:
        return _on_devices(scanned(one), plan, batch_axis=1)
    compiled = _on_devices(one, plan, batch_axis=0)

    def call(state: Any, key: Array, data: Any, rows: Any) -> tuple[Any, dict[str, Array]]:
        state, collected = one_by_one(compiled, state, key, data, rows)
        if len(collected) == 1:
            return state, collected[0]
        return state, mean_metrics(local_copy(collected))

    return call


def one_step(step: Callable[..., Any], fetch: Fetch, plan: Plan) -> Callable[..., Any]:
    """The step that each device does, (state, key, data, rows) to (state, metrics)."""
    axis_name = AXIS if plan.mode == "pmap" else None

    def one(state: Any, key: Array, data: Any, rows: Any) -> tuple[Any, dict[str, Array]]:
        batch = fetch(data, rows)
        if plan.mode == "jit":
            # Without it, what is drawn and generated would be computed in full on every device.
            index = jnp.arange(len(batch["images"]), dtype=jnp.int32)
            sharding = NamedSharding(plan.mesh, PartitionSpec(AXIS))
            batch |= {"index": jax.lax.with_sharding_constraint(index, sharding)}
        return step(state, batch, key, axis_name=axis_name)

    return one


def scanned(one: Callable[..., Any]) -> Callable[..., Any]:
    """Several of a step as one program; arguments as in `one_step`, metrics are means."""

    def several(state: Any, inputs: Any, data: Any, rows: Any) -> tuple[Any, dict[str, Array]]:
        state, metrics = jax.lax.scan(lambda s, r: one(s, inputs, data, r), state, rows)
        return state, jax.tree.map(lambda x: jnp.mean(x, 0), metrics)

    return several


def one_by_one(
    program: Callable[..., Any], state: Any, inputs: Any, data: Any, rows: Any
) -> tuple[Any, list[dict[str, Array]]]:
    """Runs the program of one step for each of `rows`; the state, and the metrics of each step."""
    collected = []
    for index in range(len(jax.tree.leaves(rows)[0])):
        picked = jax.tree.map(lambda x: x[index], rows)  # noqa: B023 (used at once)
        state, metrics = program(state, inputs, data, picked)
        collected.append(metrics)
    return state, collected


@jax.jit
def mean_metrics(collected: list[dict[str, Array]]) -> dict[str, Array]:
    """The means over the metrics of several steps, which lie on the same devices."""
    return jax.tree.map(lambda *values: jnp.mean(jnp.stack(values), 0), *collected)


def _on_devices(function: Callable[..., Any], plan: Plan, batch_axis: int) -> Callable[..., Any]:
    """`function` on every device's share of `rows`, which is cut along `batch_axis`."""
    compiled, place = placed(function, plan, batch_axis)
    compiled = with_options(compiled)

    def call(state: Any, key: Array, data: Any, rows: Any) -> Any:
        result = compiled(state, key, data, place(rows))
        apart = plan.mode == "pmap" and jax.process_count() > 1
        return _as_global(result, plan) if apart else result

    return call


def placed(function: Callable[..., Any], plan: Plan, batch_axis: int) -> tuple[Any, Any]:
    """The function as `jax.pmap` or `jax.jit` has it, and what puts `rows` where it takes them."""
    if plan.mode == "pmap":
        count = len(plan.local_devices)

        def place(x: np.ndarray, /) -> Any:
            """[..., batch, ...] to [devices, ..., share, ...]."""
            shape = x.shape[:batch_axis] + (count, -1) + x.shape[batch_axis + 1 :]
            return np.moveaxis(x.reshape(shape), batch_axis, 0)

        compiled = jax.pmap(
            function,
            axis_name=AXIS,
            in_axes=(None, None, None, 0),
            out_axes=None,
            devices=list(plan.devices) if jax.process_count() == 1 else None,
            donate_argnums=0,
        )
    else:
        by_rows = NamedSharding(plan.mesh, PartitionSpec(*[None] * batch_axis, AXIS))
        replicated = NamedSharding(plan.mesh, PartitionSpec())
        place = functools.partial(jax.make_array_from_process_local_data, by_rows)
        compiled = jax.jit(function, donate_argnums=0, out_shardings=replicated)
    return compiled, functools.partial(jax.tree.map, place)


def _as_global(tree: Any, plan: Plan) -> Any:
    """The result of `pmap` as arrays of all processes, without copying.

    The values are the same everywhere, but `pmap` places them on this process's devices only, and
    such arrays cannot be saved by all processes together.
    """
    sharding = NamedSharding(plan.mesh, PartitionSpec())

    def join(x: Array) -> Array:
        parts = [shard.data for shard in x.addressable_shards]
        return jax.make_array_from_single_device_arrays(x.shape, sharding, parts)

    return jax.tree.map(join, tree)


def map_batches(
    function: Callable[[Any, Any], Any],
    variables: Any,
    inputs: Any,
    *,
    batch_size: int,
    progress: Callable[[int], None] | None = None,
) -> Any:
    """Applies a function of single examples to many, in batches over all devices and processes.

    The last batch is padded and the padding cut off, so one program serves every batch. Several
    processes share the examples, and must all call it. Examples that fit into one batch each
    process does for itself, without meeting the others.

    Args:
        function: (variables, batch) to a tree of arrays [batch, ...], jit-compiled by the caller;
            an example's result must not depend on the others.
        variables: any tree on one device or on the host, the same in all processes.
        inputs: a tree of numpy arrays [n, ...], the same in all processes.
        batch_size: examples per call at most; halved until they fit into memory, and rounded up to
            a multiple of the devices. With several processes it is not halved.
        progress: called after every batch with the number of examples done by all processes.

    Returns:
        A tree of numpy arrays [n, ...], the same in all processes.

    Raises:
        InputError: no examples.
    """
    devices = jax.local_devices()
    mesh = Mesh(np.array(devices), (AXIS,), axis_types=(AxisType.Auto,))
    split = NamedSharding(mesh, PartitionSpec(AXIS))
    if jax.process_count() == 1:  # several might not agree on it
        batch_size = fitting_batch_size(
            function, variables, inputs, most=batch_size, devices=devices
        )
    program = with_options(function)
    variables = jax.device_put(variables, NamedSharding(mesh, PartitionSpec()))
    batch_size = -(-batch_size // len(devices)) * len(devices)
    count = len(jax.tree.leaves(inputs)[0])
    if count == 0:
        raise InputError("there are no examples to work on: at least one is needed.")
    processes = 1 if count <= batch_size else jax.process_count()
    share = -(-count // processes)
    start = min(jax.process_index() * share, count) if processes > 1 else 0
    pieces = []
    # Every process does the same number of examples, some of them padding.
    for first in range(start, start + share, batch_size):
        rows = np.minimum(np.arange(first, min(first + batch_size, start + share)), count - 1)
        padded = np.pad(rows, (0, batch_size - len(rows)), mode="edge")
        batch = jax.tree.map(lambda x: jax.device_put(x[padded], split), inputs)  # noqa: B023
        result = program(variables, batch)
        pieces.append(jax.tree.map(lambda x: np.asarray(x)[: len(rows)], result))  # noqa: B023
        if progress:
            progress(min((first + batch_size - start) * processes, count))
    local = jax.tree.map(lambda *parts: np.concatenate(parts), *pieces)
    if processes == 1:
        return local
    gathered = multihost_utils.process_allgather(local)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:count], gathered)
