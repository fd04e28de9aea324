"""Options of the XLA compiler for one kind of program, each chosen by measurement.

Options go with a program, never to the process: what speeds one up slows another down.
benchmarks/README.md has the table of what was measured on which processor.
"""

from __future__ import annotations

import functools
from typing import Any

import jax

# The fast kernels that XLA takes for fused operations on a CPU do small convolutions on one core.
_WITHOUT_YNN = {"xla_cpu_experimental_ynn_fusion_type": ""}


def recogniser_options() -> dict[str, Any]:
    """For the programs of a recogniser, in training and at work: convolutions of few channels.

    Empty on a GPU or TPU, and where this version of XLA does not know the option.
    """
    if jax.default_backend() != "cpu" or not _knows_ynn():
        return {}
    return dict(_WITHOUT_YNN)


@functools.cache
def _knows_ynn() -> bool:
    try:
        jax.jit(lambda: 0, compiler_options=_WITHOUT_YNN).lower().compile()
    except jax.errors.JaxRuntimeError:
        return False
    return True
