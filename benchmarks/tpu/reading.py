"""What the text of a compiled TPU program says: estimated cycles, collectives, largest operations.

The TPU compiler writes `estimated_cycles` beside most operations: its own cost model, an estimate.
"""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Iterator

from benchmarks.profile import layer_of
from benchmarks.scaling import bytes_of

COLLECTIVES = ("all-reduce", "all-gather", "all-to-all", "collective-permute", "reduce-scatter")
_HEAD = re.compile(r"^(ENTRY )?%?([\w.\-]+) (?:\(.*)?\{\s*$")
_OPERATION = re.compile(r"^\s+(?:ROOT )?%?([\w.\-]+) = (.*)$")
_KIND = re.compile(r"(?:^|\s)([a-z][\w\-]*)\(")
_LAYOUT = re.compile(r"\{[^{}]*\}")
_CYCLES = re.compile(r'"estimated_cycles":"?(\d+)')
_TRIPS = re.compile(r'"known_trip_count":\{"n":"?(\d+)')
_CALLED = re.compile(r"(?:body|to_apply|calls|branch_computations)=\{?([^}\s]+?)\}?(?:,|\s|$)")
_OP_NAME = re.compile(r'op_name="([^"]*)"')


@dataclasses.dataclass(frozen=True)
class Operation:
    """One operation of a program.

    Attributes:
        name, kind: such as 'fusion.12' and 'fusion'.
        shape: of the result, without its layout.
        cycles: the compiler's estimate of one execution; 0 where it gives none.
        trips: how often it is executed in a step.
        op_name: the path of calls that it comes from.
        called: the computations that it runs.
    """

    name: str
    kind: str
    shape: str
    cycles: int
    trips: int
    op_name: str
    called: tuple[str, ...]

    @property
    def total(self) -> int:
        """Estimated cycles a step."""
        return self.cycles * self.trips


def executed(program: str) -> list[Operation]:
    """The operations that a step executes: those inside of fusions belong to the fusion."""
    entry, computations = _computations(program)
    return list(_walk(entry, computations, 1))


def _computations(program: str) -> tuple[str, dict[str, list[Operation]]]:
    entry, current, found = "", None, collections.defaultdict(list)
    for line in program.splitlines():
        head = _HEAD.match(line)
        if head:
            current = head.group(2)
            entry = current if head.group(1) else entry
        elif current and (match := _OPERATION.match(line)):
            found[current].append(_operation(*match.groups()))
    return entry, found


def _operation(name: str, text: str) -> Operation:
    bare = _LAYOUT.sub("", text.partition(", metadata=")[0].partition(", backend_config=")[0])
    kind = _KIND.search(bare)
    cycles, trips, op_name = (found.search(text) for found in (_CYCLES, _TRIPS, _OP_NAME))
    called = [
        one.strip().lstrip("%") for group in _CALLED.findall(text) for one in group.split(",")
    ]
    return Operation(
        name,
        kind.group(1) if kind else "",
        bare[: kind.start()].strip() if kind else bare,
        int(cycles.group(1)) if cycles else 0,
        int(trips.group(1)) if trips else 1,
        op_name.group(1) if op_name else "",
        tuple(called),
    )


def _walk(name: str, computations: dict[str, list[Operation]], trips: int) -> Iterator[Operation]:
    for operation in computations.get(name, []):
        times = trips * operation.trips
        yield dataclasses.replace(operation, trips=times)
        if operation.kind in ("while", "call", "async-start"):
            for one in operation.called:
                yield from _walk(one, computations, times)
        elif operation.kind == "conditional":
            branches = [list(_walk(one, computations, times)) for one in operation.called]
            yield from max(branches, key=lambda b: sum(o.total for o in b), default=[])


def estimated_cycles(operations: list[Operation]) -> int:
    """Of a step, on one chip: the sum over its operations."""
    return sum(operation.total for operation in operations)


def collectives(operations: list[Operation]) -> dict[str, dict[str, int]]:
    """Number and bytes a step of each kind of collective, the bytes those of its result."""
    found: dict[str, dict[str, int]] = {}
    for operation in operations:
        kind = operation.kind.removesuffix("-start")
        if kind in COLLECTIVES:
            row = found.setdefault(kind, {"number": 0, "bytes": 0})
            row["number"] += operation.trips
            row["bytes"] += operation.trips * bytes_of(operation.shape)
    return found


def largest(operations: list[Operation], count: int = 5) -> list[dict[str, object]]:
    """The operations that the compiler gives most cycles, each with its layer."""
    order = sorted(operations, key=lambda operation: -operation.total)[:count]
    return [
        {
            "name": one.name,
            "shape": one.shape,
            "cycles": one.total,
            "layer": layer_of(one.op_name),
            "op_name": one.op_name,
        }
        for one in order
        if one.total
    ]
