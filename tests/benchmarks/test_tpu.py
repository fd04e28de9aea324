"""Estimates of TPU programs: what is read off a program's text, tables, and going on."""

import json

import pytest

from benchmarks.tpu import __main__ as command
from benchmarks.tpu.cases import NAMES, PEERED, Case, cases
from benchmarks.tpu.compilation import prepare
from benchmarks.tpu.reading import collectives, estimated_cycles, executed, largest
from benchmarks.tpu.table import brief, markdown

PROGRAM = """HloModule jit_step, is_scheduled=true

%fused_computation.1 (param_0: f32[8,128]) -> f32[8,128] {
  %param_0 = f32[8,128]{1,0:T(8,128)} parameter(0)
  ROOT %inner = f32[8,128]{1,0:T(8,128)} add(%param_0, %param_0), backend_config={"estimated_cycles":"7"}
}

%body (p: (s32[], f32[8])) -> (s32[], f32[8]) {
  %p = (s32[]{:T(128)}, f32[8]{0:T(256)}) parameter(0)
  ROOT %looped = (s32[], f32[8]{0:T(256)}) fusion(%p), kind=kLoop, calls=%fused_computation.1, backend_config={"estimated_cycles":"10"}
}

%condition (q: (s32[], f32[8])) -> pred[] {
  ROOT %less = pred[]{:T(512)} compare(%q, %q), direction=LT
}

ENTRY %main.5 (x: f32[8,128]) -> f32[8,128] {
  %x = f32[8,128]{1,0:T(8,128)} parameter(0)
  %all-reduce.3 = (f32[64]{0:T(256)}, bf16[3,4]{1,0:T(8,128)(2,1)}) all-reduce(%x, %x), channel_id=1, to_apply=%sum, backend_config={"estimated_cycles":"50"}
  %ag = f32[16,128]{1,0:T(8,128)} all-gather-start(%x), dimensions={0}
  %loop = (s32[], f32[8]{0:T(256)}) while(%x), condition=%condition, body=%body, backend_config={"known_trip_count":{"n":"3"}}
  ROOT %fusion.2 = f32[8,128]{1,0:T(8,128)S(1)} fusion(%x), kind=kOutput, calls=%fused_computation.1, metadata={op_name="jit(step)/transpose(jvp(DCGANDiscriminator))/Conv_1/conv"}, backend_config={"estimated_cycles":"400"}
}
"""  # noqa: E501


def test_cycles_are_those_of_executed_operations():
    operations = executed(PROGRAM)
    # Inside of a fusion nothing is counted again, and the loop's body three times.
    assert estimated_cycles(operations) == 50 + 3 * 10 + 400
    assert largest(operations, 1) == [
        {
            "name": "fusion.2",
            "shape": "f32[8,128]",
            "cycles": 400,
            "layer": "discriminator Conv_1 backward",
            "op_name": "jit(step)/transpose(jvp(DCGANDiscriminator))/Conv_1/conv",
        }
    ]


def test_collectives_are_counted_in_bytes_through_tiled_layouts():
    assert collectives(executed(PROGRAM)) == {
        "all-reduce": {"number": 1, "bytes": 4 * 64 + 2 * 12},
        "all-gather": {"number": 1, "bytes": 4 * 16 * 128},
    }


def test_a_cases_name_is_read_back():
    case = Case("dcgan64", "pmap", "bfloat16", "v5e:16x16")
    assert Case.named(case.name) == case
    assert case.chips == 256


def test_plain_flax_stands_beside_the_works_that_it_has():
    found = cases(list(NAMES), ["pmap", "plain"], ["bfloat16"], ["v5e:2x4"])
    assert {case.work for case in found if case.form == "pmap"} == set(NAMES)
    assert {case.work for case in found if case.form == "plain"} == set(PEERED)


def test_what_chips_cannot_share_is_refused_before_it_is_compiled(monkeypatch):
    monkeypatch.setattr("benchmarks.tpu.compilation.chips_of", lambda topology: tuple(range(256)))
    with pytest.raises(ValueError, match="256 chips cannot share the config's batch of 64"):
        prepare(Case("quickstart", "pmap", "bfloat16", "v5e:16x16"))


def _record(cycles):
    return {
        "batch": 1024,
        "layout": "",
        "flops": 1.0e12,
        "estimated_cycles": cycles,
        "bytes_by_kind": {"arguments": 2**20, "temporary": 2**21},
        "collectives": {"all-reduce": {"number": 2, "bytes": 3_000_000}},
        "largest": [{"name": "fusion.2", "cycles": cycles // 4, "layer": "generator Dense_0"}],
    }


def test_the_table_says_estimate_and_what_does_not_compile():
    ours, plain, failed = (
        Case("dcgan64", form, "bfloat16", "v5e:2x4") for form in ("pmap", "plain", "jit")
    )
    text = markdown({
        ours: _record(15_000_000),
        plain: _record(30_000_000),
        failed: {"failed": "ValueError: a | b"},
    })  # fmt: skip
    rows = [line for line in text.splitlines() if line.startswith("| dcgan64")]
    assert "Estimates" in text and "not measurements" in text and "(estimate)" in text
    # 15 M cycles at 1.5 GHz are 10 ms; 1 TFLOP in these is half of 197 TFLOP/s.
    assert rows[0] == (
        "| dcgan64 | pmap | 15.00 M | 0.50 | 10.00 | 51% | 1.000 | 1 | 2 | all-reduce: 2 (3.0) |"
    )
    assert "does not compile: ValueError: a \\| b" in rows[2]
    assert "25% generator Dense_0 (`fusion.2`)" in text


def test_the_short_table_has_what_plain_flax_has_too():
    ours, plain, alone = (
        Case(work, form, "bfloat16", "v5e:2x4")
        for work, form in (("resnet", "pmap"), ("resnet", "plain"), ("article", "pmap"))
    )
    text = brief(
        {ours: _record(15_000_000), plain: _record(30_000_000), alone: _record(1)},
        "v5e:2x4",
        ("article", "resnet", "r3gan"),
    )
    assert text.splitlines() == [
        "| **estimated** for a TPU v5e | `resnet` |",
        "|---|---|",
        "| ms per step | 10 |",
        "| by plain Flax's | 0.50 |",
    ]


def test_what_is_compiled_is_kept_and_not_compiled_again(tmp_path, monkeypatch, capsys):
    compiled = []

    def fake(case, text, limit):
        compiled.append(case.form)
        if len(compiled) == 2:
            raise KeyboardInterrupt
        return _record(1_000_000)

    monkeypatch.setattr(command, "compile_in_process", fake)
    results = tmp_path / "found.json"
    arguments = ["--work", "article", "--dtype", "bfloat16", "--results", str(results)]
    with pytest.raises(KeyboardInterrupt):
        command.main(arguments)
    assert list(json.loads(results.read_text())["estimates"]) == ["article pmap bfloat16 v5e:2x4"]
    command.main(arguments)
    assert compiled == ["pmap", "jit", "jit", "plain"]
    assert "| article | plain |" in capsys.readouterr().out
