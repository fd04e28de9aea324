"""How many examples fit into memory at once, from the program that will work on them."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax

from gan_jax.data import machine
from gan_jax.errors import InputError

# Of a machine's or accelerator's memory; the rest is for weights, other programs, fragmentation.
_SHARE = 0.25
# XLA keeps an operation's inputs beside its output, and convolutions need room to rearrange.
_COPIES = 4


def fitting_batch_size(
    function: Callable[[Any, Any], Any],
    variables: Any,
    inputs: Any,
    *,
    most: int,
    devices: Sequence[Any],
) -> int:
    """The largest of `most`, `most` / 2, `most` / 4, ... examples whose work fits into memory.

    An example is taken to need four times the largest array that the program makes of it. A quarter
    of all memory counts, free or not, so the answer is the same each time on one machine.

    Args:
        function: (variables, batch) to a tree of arrays [batch, ...].
        variables: any tree.
        inputs: a tree of arrays [n, ...].
        most: examples per call on all devices together.
        devices: that share a call's examples.
    """
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), variables)
    one = jax.tree.map(lambda x: jax.ShapeDtypeStruct((1, *x.shape[1:]), x.dtype), inputs)
    leaves, structure = jax.tree.flatten((shapes, one))
    example = _largest_array(function, structure, tuple(leaves))
    fits = _memory(devices) * _SHARE / (_COPIES * max(example, 1))
    halvings = max(0, math.ceil(math.log2(max(most / max(fits, 1), 1))))
    return max(1, most >> halvings)


def check_memory(needed: float, devices: Sequence[Any], what: str, advice: str) -> None:
    """Raises InputError if `needed` bytes are more than all the devices have together.

    `what` needs them, such as '8 GANs'; `advice` says what to do. A CPU's devices share the
    machine's memory.
    """
    there = _memory(devices)
    if needed > there:
        raise InputError(
            f"{what} need at least {needed / 2**30:.1f} GiB, and the memory is {there / 2**30:.1f} "
            f"GiB: {advice}."
        )


@functools.lru_cache(maxsize=64)
def _largest_array(function: Callable[..., Any], structure: Any, leaves: tuple[Any, ...]) -> int:
    """Bytes of the largest array that the function makes of arguments of these shapes."""
    program = jax.make_jaxpr(function)(*jax.tree.unflatten(structure, leaves))
    return _largest_output(program.jaxpr)


def _largest_output(program: Any) -> int:
    largest = 0
    for equation in program.eqns:
        for value in equation.outvars:
            largest = max(largest, math.prod(value.aval.shape) * value.aval.dtype.itemsize)
        for part in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda x: hasattr(x, "jaxpr")
        ):
            inner = getattr(part, "jaxpr", part)
            if hasattr(inner, "eqns"):
                largest = max(largest, _largest_output(inner))
    return largest


def _memory(devices: Sequence[Any]) -> float:
    """Bytes of all the devices; those of a CPU share the machine's."""
    limits = [(device.memory_stats() or {}).get("bytes_limit", 0) for device in devices]
    if all(limits):
        return sum(limits)
    return machine.memory()


def peak_memory(arrays: Sequence[Any]) -> int:
    """The most bytes in use so far: of the arrays' accelerators, or else of this process."""
    devices = set().union(*(array.devices() for array in arrays))
    used = [(device.memory_stats() or {}).get("peak_bytes_in_use", 0) for device in devices]
    return sum(used) if all(used) else machine.peak()
