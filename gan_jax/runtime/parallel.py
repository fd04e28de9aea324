"""Devices and processes: the only module that knows them.

A pure step becomes a compiled one here: by `jax.pmap` over the axis 'data' (the default), or by
`jax.jit` on a global view with sharded batches. Both give the same numbers, up to the order of
floating-point sums.

On a GPU or TPU several steps are scanned in one compiled call. XLA's CPU back end runs the body of
a loop without its fast paths (4 times slower when measured), so there a call is a loop of compiled
steps.
"""

from __future__ import annotations

import dataclasses
import faulthandler
import functools
import json
import os
import socket
import sys
import time
import zlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from gan_jax.data.disk import path_of
from gan_jax.errors import InputError
from gan_jax.runtime.memory import fitting_batch_size

AXIS = "data"
MODES = ("pmap", "jit")
_MEETING_SECONDS = 300  # that processes may start apart
_HEARTBEAT_SECONDS = 30  # after which a silent process counts as lost

Fetch = Callable[[Any, Any], dict[str, Array]]


@dataclasses.dataclass(frozen=True)
class Plan:
    """Which devices train, and how.

    Attributes:
        mode: 'pmap' or 'jit'.
        devices: all devices of all processes, grouped by process.
    """

    mode: str
    devices: tuple[jax.Device, ...]

    @property
    def local_devices(self) -> list[jax.Device]:
        """Those of this process."""
        return [d for d in self.devices if d.process_index == jax.process_index()]

    @property
    def mesh(self) -> Mesh:
        """All devices in a row."""
        return Mesh(np.array(self.devices), (AXIS,), axis_types=(AxisType.Auto,))


def initialise_processes(coordinator: str, num_processes: int, process_id: int) -> None:
    """Joins the processes of a run, before any other use of JAX; 'auto' asks the cluster.

    Args:
        coordinator: '' for a single process, 'auto' on a cluster or TPU pod that JAX knows, else
            'host:port' of process 0.
        num_processes: of the run; not looked at for 'auto'.
        process_id: this one's, from 0.

    Raises:
        InputError: an address or numbers that cannot be, or process 0 does not answer.
    """
    if not coordinator:
        if num_processes != 1:
            raise InputError(
                f"--num_processes={num_processes} without --coordinator: give the host:port of "
                "process 0, the same to all processes, or leave both out for a single process."
            )
        return
    if coordinator == "auto":
        jax.distributed.initialize()
        return
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(
            f"--coordinator={coordinator}: expected host:port of process 0, such as "
            "192.168.0.1:1234, or 'auto' on a cluster that JAX knows."
        )
    if num_processes < 1 or not 0 <= process_id < num_processes:
        raise InputError(
            f"--num_processes={num_processes} --process_id={process_id}: expected at least one "
            "process, and an id from 0 to num_processes - 1."
        )
    faulthandler.disable()  # a lost process ends the others by an abort, whose reason is one line
    if process_id:
        _wait_for_coordinator(host.strip("[]"), int(port))
    jax.distributed.initialize(
        coordinator,
        num_processes,
        process_id,
        initialization_timeout=_MEETING_SECONDS,
        heartbeat_timeout_seconds=_HEARTBEAT_SECONDS,
    )


def _wait_for_coordinator(host: str, port: int) -> None:
    """Returns when process 0 answers; JAX itself would end by an abort where it never does."""
    begin = told = time.monotonic()
    while True:
        try:
            socket.create_connection((host, port), timeout=5).close()
            return
        except OSError as error:
            now = time.monotonic()
            if now - begin > _MEETING_SECONDS:
                raise InputError(
                    f"--coordinator={host}:{port}: process 0 does not answer there "
                    f"({error.strerror or error}) after {_MEETING_SECONDS} s: start it, and see to "
                    "it that this machine can reach it."
                ) from error
            if now - told > 10:
                told = now
                print(f"Waiting for process 0 at {host}:{port} ...", file=sys.stderr, flush=True)
            time.sleep(1)


def make_plan(mode: str, batch_size: int, num_devices: int = 0) -> Plan:
    """The plan for this machine.

    Args:
        mode: 'pmap' or 'jit'.
        batch_size: examples a step on all devices together.
        num_devices: how many to use; 0 for all.

    Raises:
        InputError: unknown mode, more devices than there are, or a batch that does not divide.
    """
    if mode not in MODES:
        raise InputError(f"config.parallel is {mode!r}; expected one of {', '.join(MODES)}.")
    devices = sorted(jax.devices(), key=lambda d: (d.process_index, d.id))
    if not 0 <= num_devices <= len(devices):
        raise InputError(
            f"config.num_devices is {num_devices}, but there are {len(devices)}; give 0 for all."
        )
    if num_devices and jax.process_count() > 1 and num_devices != len(devices):
        raise InputError(
            f"config.num_devices is {num_devices}: with several processes all {len(devices)} "
            "devices are used; give 0."
        )
    devices = devices[: num_devices or None]
    if batch_size < 1 or batch_size % len(devices):
        below = batch_size // len(devices) * len(devices)
        nearest = below if below > 0 else len(devices)
        raise InputError(
            f"config.batch_size is {batch_size}, which {len(devices)} devices cannot share "
            f"equally: give a multiple of {len(devices)}, such as {nearest}."
        )
    return Plan(mode, tuple(devices))


def is_main_process() -> bool:
    """Whether this process writes logs, pictures and reports."""
    return jax.process_index() == 0


def process_count() -> int:
    """How many processes train together."""
    return jax.process_count()


def process_index() -> int:
    """The number of this process, from 0."""
    return jax.process_index()


def check_same(content: Any, name: str) -> None:
    """Raises InputError unless all processes have the same JSON content; all must call it together.

    Args:
        content: to compare.
        name: what it is, for the message.
    """
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
    """Whether `flag` is set in any process; all must call it together."""
    if jax.process_count() == 1:
        return flag
    return bool(np.any(multihost_utils.process_allgather(np.array(flag))))


def raise_together(error: Exception | None) -> None:
    """Raises `error`, if it is one, and an error in every other process; all must call it together.

    Raises:
        InputError: another process has one.
    """
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
    """A replicated tree as arrays on one device of this process, without communication."""
    return jax.tree.map(lambda x: x.addressable_data(0) if isinstance(x, Array) else x, tree)


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
        plan: devices and mode.
        scan: whether a call is one compiled program instead of one a step; None: but on the CPU.

    Returns:
        (state, key, data, rows) to (state, metrics). `state`, `key` and `data` are replicated, and
        `state` is given up to the call; `rows` is a tree of numpy arrays [steps, local batch, ...],
        this process's share. Metrics are means over the steps.
    """
    one = _one_step(step, fetch, plan)

    def several(state: Any, key: Array, data: Any, rows: Any) -> tuple[Any, dict[str, Array]]:
        state, metrics = jax.lax.scan(lambda s, r: one(s, key, data, r), state, rows)
        return state, jax.tree.map(lambda x: jnp.mean(x, 0), metrics)

    if plan.devices[0].platform != "cpu" if scan is None else scan:
        return _on_devices(several, plan, batch_axis=1)
    compiled = _on_devices(one, plan, batch_axis=0)

    def call(state: Any, key: Array, data: Any, rows: Any) -> tuple[Any, dict[str, Array]]:
        collected = []
        for index in range(len(jax.tree.leaves(rows)[0])):
            picked = jax.tree.map(lambda x: x[index], rows)  # noqa: B023 (used at once)
            state, metrics = compiled(state, key, data, picked)
            collected.append(metrics)
        return state, _mean_of(collected)

    return call


def compiled_program(
    step: Callable[..., Any], fetch: Fetch, plan: Plan, state: Any, key: Array, data: Any, rows: Any
) -> jax.stages.Compiled:
    """The program of one step on each device, to be looked at: its text, its cost.

    The arguments are those of `compile_steps` and of what it returns, but for `rows`, whose leaves
    are [local batch, ...].
    """
    function = _one_step(step, fetch, plan)
    if plan.mode == "pmap":
        rows = jax.tree.map(functools.partial(_split, plan=plan, batch_axis=0), rows)
        return _pmapped(function, plan).lower(state, key, data, rows).compile()
    rows = jax.tree.map(
        lambda x: jax.make_array_from_process_local_data(_by_rows(plan, 0), x), rows
    )
    return _jitted(function, plan).lower(state, key, data, rows).compile()


def _one_step(step: Callable[..., Any], fetch: Fetch, plan: Plan) -> Callable[..., Any]:
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


def _mean_of(collected: list[dict[str, Array]]) -> dict[str, Array]:
    if len(collected) == 1:
        return collected[0]
    return mean_metrics([local_copy(metrics) for metrics in collected])


@jax.jit
def mean_metrics(collected: list[dict[str, Array]]) -> dict[str, Array]:
    """The means over the metrics of several steps, which lie on the same devices."""
    return jax.tree.map(lambda *values: jnp.mean(jnp.stack(values), 0), *collected)


def _on_devices(function: Callable[..., Any], plan: Plan, batch_axis: int) -> Callable[..., Any]:
    """`function` on every device's share of `rows`, which is cut along `batch_axis`."""
    if plan.mode == "pmap":
        mapped = _pmapped(function, plan)

        def call(state: Any, key: Array, data: Any, rows: Any) -> Any:
            split = functools.partial(_split, plan=plan, batch_axis=batch_axis)
            result = mapped(state, key, data, jax.tree.map(split, rows))
            return result if jax.process_count() == 1 else _as_global(result, plan)

        return call

    jitted, sharding = _jitted(function, plan), _by_rows(plan, batch_axis)

    def place(x: np.ndarray) -> Array:
        return jax.make_array_from_process_local_data(sharding, x)

    return lambda state, key, data, rows: jitted(state, key, data, jax.tree.map(place, rows))


def _pmapped(function: Callable[..., Any], plan: Plan) -> Callable[..., Any]:
    return jax.pmap(
        function,
        axis_name=AXIS,
        in_axes=(None, None, None, 0),
        out_axes=None,
        devices=list(plan.devices) if jax.process_count() == 1 else None,
        donate_argnums=0,
    )


def _split(x: np.ndarray, *, plan: Plan, batch_axis: int) -> np.ndarray:
    """[..., batch, ...] to [devices, ..., share, ...]."""
    count = len(plan.local_devices)
    shape = x.shape[:batch_axis] + (count, -1) + x.shape[batch_axis + 1 :]
    return np.moveaxis(x.reshape(shape), batch_axis, 0)


def _jitted(function: Callable[..., Any], plan: Plan) -> Callable[..., Any]:
    replicated = NamedSharding(plan.mesh, PartitionSpec())
    return jax.jit(function, donate_argnums=0, out_shardings=replicated)


def _by_rows(plan: Plan, batch_axis: int) -> NamedSharding:
    return NamedSharding(plan.mesh, PartitionSpec(*[None] * batch_axis, AXIS))


def _as_global(tree: Any, plan: Plan) -> Any:
    """What `pmap` returns in each process as arrays of all processes, without copying.

    The values are the same everywhere, but `pmap` speaks of this process's devices only, and such
    arrays cannot be saved by all processes together.
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
    processes share the examples, and must all call it; what fits into one batch each does for
    itself, without meeting the others.

    Args:
        function: (variables, batch) to a tree of arrays [batch, ...], jit-compiled by the caller;
            an example's result must not depend on the others.
        variables: any tree on one device or on the host, the same in all processes.
        inputs: a tree of numpy arrays [n, ...], the same in all processes.
        batch_size: examples a call, at most: halved until they fit into memory, and rounded up to
            a multiple of the devices. Several processes take it as it is.
        progress: called by every batch with the number of examples done, in all processes together.

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
        result = function(variables, batch)
        pieces.append(jax.tree.map(lambda x: np.asarray(x)[: len(rows)], result))  # noqa: B023
        if progress:
            progress(min((first + batch_size - start) * processes, count))
    local = jax.tree.map(lambda *parts: np.concatenate(parts), *pieces)
    if processes == 1:
        return local
    gathered = multihost_utils.process_allgather(local)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:count], gathered)


@functools.cache
def enable_compilation_cache(folder: str) -> None:
    """Keeps compiled programs in `folder` ('~' expanded) for the next start; '' does nothing.

    Nothing is kept where it begins with '~' and there is no home.
    """
    if not folder:
        return
    try:
        path = os.path.abspath(path_of(folder))
    except InputError:
        return
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"config.compilation_cache is {folder!r}, a folder that cannot be made ({error}); "
            "give one that can be written, or '' for none."
        ) from error
    jax.config.update("jax_compilation_cache_dir", path)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
