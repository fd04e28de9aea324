"""Options of the XLA compiler, which go with a program and are chosen by measurement.

XLA has fast kernels for a CPU (YNN). In convolutions of few channels they keep one core busy, and
are slower than Eigen's; without AVX-512 they were slower in all networks. Their sums, as in batch
normalisation, take a quarter of the time of XLA's own, so these stay. The table of what was
measured on which processor is in benchmarks/README.md. The choice depends on shapes and processor
alone, so a run that goes on computes the same.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable
from typing import Any

import jax

from gan_jax.runtime.environment import cpu_info

_NARROW = 96  # channels
_YNN = "xla_cpu_experimental_ynn_fusion_type"
_EIGEN_CONVOLUTIONS = {_YNN: "LIBRARY_FUSION_TYPE_DOT,LIBRARY_FUSION_TYPE_REDUCE"}


def eigen_convolutions() -> dict[str, Any]:
    """For programs whose convolutions are faster by Eigen: YNN has products and sums alone.

    Empty on a GPU or TPU, and where this version of XLA does not know the option.
    """
    return dict(_EIGEN_CONVOLUTIONS) if jax.default_backend() == "cpu" and _knows_ynn() else {}


def options_of(variables: Any) -> dict[str, Any]:
    """For a program of networks with these variables, arrays or shapes in any tree."""
    shapes = [leaf.shape for leaf in jax.tree.leaves(variables) if hasattr(leaf, "shape")]
    widest = max((shape[3] for shape in shapes if len(shape) == 4), default=0)
    most = _NARROW if _has_avx512() else math.inf
    return eigen_convolutions() if 0 < widest <= most else {}


@functools.lru_cache(maxsize=64)
def with_options(program: Callable[..., Any]) -> Callable[..., Any]:
    """A jitted or pmapped program of (variables, ...), compiled with the options of these.

    `jax.pmap` takes no options itself. A function that is neither is returned as it is.
    """
    if not hasattr(program, "lower"):
        return program
    compiled: list[Callable[..., Any]] = []

    def call(variables: Any, *others: Any) -> Any:
        # With several processes, a pmapped program that is compiled ahead takes no local shares.
        if jax.default_backend() != "cpu" or jax.process_count() > 1:
            return program(variables, *others)
        for found in compiled:
            # It refuses arrays of other kinds before it runs; to ask for each array what it is
            # would take a third of a millisecond in every call.
            with contextlib.suppress(TypeError, ValueError):
                return found(variables, *others)
        lowered = program.lower(variables, *others)
        compiled.append(lowered.compile(compiler_options=options_of(variables)))
        return compiled[-1](variables, *others)

    return call


def _has_avx512() -> bool:
    """Whether the processor has them, or does not say."""
    flags = cpu_info("flags").split()
    return not flags or "avx512f" in flags


@functools.cache
def _knows_ynn() -> bool:
    try:
        jax.jit(lambda: 0, compiler_options=_EIGEN_CONVOLUTIONS).lower().compile()
    except jax.errors.JaxRuntimeError:
        return False
    return True
