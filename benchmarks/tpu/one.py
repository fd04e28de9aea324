"""Compiles one case in a process of its own, and prints what is read off it as a line of JSON.

python -m benchmarks.tpu.one "dcgan64 pmap bfloat16 v5e:2x4" [--text FILE]
"""

from __future__ import annotations

import argparse
import json
import pathlib
import time
from typing import Any

from benchmarks.tpu.cases import Case
from benchmarks.tpu.compilation import prepare, set_environment

_MEMORY = {
    "arguments": "argument_size_in_bytes",
    "outputs": "output_size_in_bytes",
    "given up to outputs": "alias_size_in_bytes",
    "temporary": "temp_size_in_bytes",
    "program": "generated_code_size_in_bytes",
}


def read(compiled: Any) -> dict[str, Any]:
    """What a compiled program says of itself, on one chip; cycles are the compiler's estimate."""
    from benchmarks.tpu.reading import collectives, estimated_cycles, executed, largest

    memory = compiled.memory_analysis()
    found = {kind: getattr(memory, field) for kind, field in _MEMORY.items()}
    operations = executed(compiled.as_text())
    return {
        # Outputs that take the place of arguments are counted once.
        "bytes": sum(found.values()) - 2 * found["given up to outputs"],
        "bytes_by_kind": found,
        "flops": float(compiled.cost_analysis()["flops"]),
        "estimated_cycles": estimated_cycles(operations),
        "collectives": collectives(operations),
        "largest": largest(operations),
    }


def compile_case(case: Case, text: pathlib.Path | None = None) -> dict[str, Any]:
    """What is known of a case: its program, or under 'failed' why there is none."""
    import importlib.metadata

    begun = time.perf_counter()
    record: dict[str, Any] = {
        "versions": {n: importlib.metadata.version(n) for n in ("jax", "jaxlib", "libtpu", "flax")}
    }
    try:
        prepared = prepare(case)
        record |= {
            "batch": prepared.batch,
            "layout": prepared.layout,
            "sent": prepared.sent._asdict(),
        }
        compiled = prepared.compile()
    except Exception as error:  # whatever the compiler says is the result
        lines = str(error).strip().splitlines() or [""]
        return record | {"failed": f"{type(error).__name__}: {lines[0][:300]}"}
    record |= read(compiled)
    if text:
        text.write_text(compiled.as_text())
    return record | {"compile_seconds": round(time.perf_counter() - begun, 1)}


def main() -> None:
    """Prints one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case")
    parser.add_argument("--text", type=pathlib.Path, help="keep the program's text here")
    options = parser.parse_args()
    set_environment()
    print(json.dumps(compile_case(Case.named(options.case), options.text)))


if __name__ == "__main__":
    main()
