"""The Markdown tables of the TPU compiler's estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.table import by_columns
from benchmarks.tpu.cases import BATCH_A_CHIP, CONFIGURED, Case

# Cycles a second, and operations a second in bfloat16 (docs.cloud.google.com/tpu/docs/v4, v5e, v5p,
# v6e). The clocks of v5e and v6e are not printed there: they are assumptions. JAX has a v4 as two
# devices, each with half of its operations.
CHIPS = {
    "v4": (1.05e9, 275e12 / 2),
    "v5e": (1.5e9, 197e12),
    "v5p": (1.75e9, 459e12),
    "v6e": (1.75e9, 918e12),
}
CAPTION = (
    "**Estimates** of the TPU's compiler (libtpu), not measurements: nothing was run. Cycles are "
    "those of its own cost model, of one chip and step, without collectives, for which it writes "
    f"none. The batch is {BATCH_A_CHIP} a chip, but that of the config in all for "
    f"{', '.join(CONFIGURED)}. Time is cycles by the clock ("
    + ", ".join(f"{name} {clock / 1e9:g} GHz" for name, (clock, _) in CHIPS.items())
    + "); the share of the peak is XLA's count of the program's operations, or of plain Flax's if "
    "those are fewer, by that time and the chip's bfloat16 peak, for float32 too. (A third of "
    "cifar10_r3gan's multiply the zeros between groups.) A v4 is two devices to JAX: its rows are "
    "of one of them, with half of the batch and of the peak. 'By plain' is our cycles by those of "
    "plain Flax on the same work: below 1 is better."
)


def markdown(records: Mapping[Case, dict[str, Any]]) -> str:
    """Tables of records: one a topology and dtype, then the largest operations of each program."""
    parts = [CAPTION]
    for topology, dtype in dict.fromkeys((case.topology, case.dtype) for case in records):
        rows = {c: r for c, r in records.items() if (c.topology, c.dtype) == (topology, dtype)}
        parts += [f"{topology}, {dtype} (estimate):", _summary(rows), _largest(rows)]
    return "\n\n".join(part for part in parts if part)


def brief(records: Mapping[Case, dict[str, Any]], topology: str, works: Sequence[str]) -> str:
    """A table of works on one topology, by pmap in bfloat16, where plain Flax was compiled too."""
    chip = topology.split(":")[0]
    columns = [(f"**estimated** for a TPU {chip}", "ms per step", "by plain Flax's")]
    for work in works:
        ours, plain = (
            records.get(Case(work, form, "bfloat16", topology), {}).get("estimated_cycles")
            for form in ("pmap", "plain")
        )
        if ours and plain:
            columns.append(
                (f"`{work}`", f"{ours / CHIPS[chip][0] * 1e3:.3g}", f"{ours / plain:.2f}")
            )
    return by_columns(columns)


def _summary(rows: Mapping[Case, dict[str, Any]]) -> str:
    plain = {c.work: r for c, r in rows.items() if c.form == "plain" and "failed" not in r}
    heads = ["work", "form", "estimated cycles", "by plain", "time, ms", "of peak", "TFLOP"]
    heads += ["MiB a chip: state and batch", "temporary", "collectives: number (MB)"]
    lines = [_line(heads), _line(["---"] * len(heads))]
    for case, record in rows.items():
        if "failed" in record:
            cells = [case.work, case.form, f"does not compile: {_escaped(record['failed'])}"]
            lines.append(_line(cells + [""] * (len(heads) - len(cells))))
            continue
        cycles, (clock, peak) = record["estimated_cycles"], CHIPS[case.topology.split(":")[0]]
        seconds, kinds = cycles / clock, record["bytes_by_kind"]
        base = plain.get(case.work, record)
        flops = min(record["flops"], base["flops"])
        sent = [
            f"{kind}: {found['number']} ({found['bytes'] / 1e6:.1f})"
            for kind, found in record["collectives"].items()
        ]
        lines.append(
            _line([
                case.work,
                f"{case.form} ({record['layout']})" if record["layout"] else case.form,
                f"{cycles / 1e6:.2f} M",
                f"{cycles / base['estimated_cycles']:.2f}" if base is not record else "",
                f"{seconds * 1e3:.2f}",
                f"{flops / seconds / peak:.0%}" if seconds else "",
                f"{record['flops'] / 1e12:.3f}",
                f"{kinds['arguments'] / 2**20:,.0f}",
                f"{kinds['temporary'] / 2**20:,.0f}",
                ", ".join(sent) or "none",
            ])
        )  # fmt: skip
    return "\n".join(lines)


def _largest(rows: Mapping[Case, dict[str, Any]]) -> str:
    heads = ["work", "form", "five largest operations: estimated share of the step, layer"]
    lines = [_line(heads), _line(["---"] * len(heads))]
    for case, record in rows.items():
        if found := record.get("largest"):
            shares = [
                f"{one['cycles'] / record['estimated_cycles']:.0%} {one['layer']} (`{one['name']}`)"
                for one in found
            ]
            lines.append(_line([case.work, case.form, "; ".join(shares)]))
    return "\n".join(lines) if len(lines) > 2 else ""


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
