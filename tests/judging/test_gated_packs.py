"""A gate's findings in a pack: kept, read, damaged, and where they show."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil

import numpy as np
import pytest

from gan_jax.data import load
from gan_jax.errors import InputError
from gan_jax.extractors.pack import load_pack
from gan_jax.judging import gate
from gan_jax.judging.gate import Gate, save_gate
from gan_jax.judging.judge import make_judge
from gan_jax.judging.sensitivity import Row
from gan_jax.reports.metric_table import metric_table
from gan_jax.training.evaluate_gan import write_results
from tests.command import eval_py


@pytest.fixture
def pack(tiny_run, tmp_path):
    """A copy of the tiny run's pack, to write into, without what its training found."""
    ignored = shutil.ignore_patterns("gate.json")
    return shutil.copytree(tiny_run[1], tmp_path / "pack", ignore=ignored)


def _found(extractor, *, seen: bool) -> Gate:
    """A verdict about an extractor, without the work."""
    protocol = {
        "extractor": extractor.stamp,
        "extractor_sha256": extractor.digest,
        "reference": "made",
        "reference_split": "test",
        "n": 100,
        "seeds": 5,
    }
    row = Row("blur", "semantic", (1.0,) * 5, (2.0,) * 5, (0.1,) * 5, 1.5 if seen else 2.5)
    return Gate((row,), protocol)


@pytest.mark.parametrize(
    ("seen", "verdict"), [(True, "passed"), (False, "failed: blur is not seen")]
)
def test_a_pack_keeps_the_verdict_and_its_hash(pack, seen, verdict):
    before = load_pack(pack)
    assert before.gate == "not run"
    save_gate(pack, _found(before, seen=seen))
    after = load_pack(pack)
    assert after.gate == verdict
    assert after.digest == before.digest and after.record == before.record
    content = json.loads((pack / "gate.json").read_text())
    assert content["verdict"] == verdict
    assert content["rows"][0]["degradation"] == "blur" and content["rows"][0]["seen"] is seen
    assert not list(pack.glob("*.new"))


def test_a_verdict_of_another_network_does_not_count(pack):
    extractor = load_pack(pack)
    save_gate(pack, _found(dataclasses.replace(extractor, digest="0" * 64), seen=True))
    assert load_pack(pack).gate == "not run"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"verdict": "passed"}', '{"protocol": 3}'])
def test_a_damaged_record_is_said_and_stops_nothing(pack, text):
    (pack / "gate.json").write_text(text)
    assert load_pack(pack).gate == "not known: gate.json is damaged, run the gate again"


def test_a_pack_that_cannot_be_written(pack):
    (pack / "gate.json").mkdir()
    with pytest.raises(InputError, match="cannot be written into the pack '.*pack'"):
        save_gate(pack, _found(load_pack(pack), seen=True))


def test_a_pack_that_is_read_only_is_told_before_the_work(pack, monkeypatch):
    monkeypatch.setattr(gate, "run_gate", None)
    monkeypatch.setattr(gate.os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match="into the pack '.*pack' .it is read-only.*copy the pack"):
        gate.gate_pack(pack, "mnist5k")


def test_a_failed_gate_marks_every_number(pack, tmp_path):
    """In the protocol, so in eval.json; in the table of the terminal; on the page."""
    save_gate(pack, _found(load_pack(pack), seen=False))
    digits = load({"name": "mnist5k", "image_size": (16, 16)}, "test")
    judge = make_judge(load_pack(pack), dataclasses.replace(
        digits, images=digits.images[:80], labels=digits.labels[:80]))  # fmt: skip
    images = digits.images[100:140]
    judgement = judge.judge(images, families=["frechet"], complete=True)
    assert judgement.protocol["gate"] == "failed: blur is not seen"
    write_results(
        tmp_path,
        images=images,
        judge=judge,
        judgements=[judgement, judgement],
        protocol={},
        title="made",
        train=None,
        config={},
        history=[],
    )
    content = json.loads((tmp_path / "eval.json").read_text())
    assert content["protocol"]["gate"] == "failed: blur is not seen"
    assert content["judges"][0]["protocol"]["gate"] == "failed: blur is not seen"
    assert metric_table(content).count("(gate failed: blur is not seen)") == 2
    # On the page: in its header, beside the judges, and among the facts of how it was measured.
    assert (tmp_path / "report.html").read_text().count("failed: blur is not seen") == 4


def test_the_command_line(pack, tmp_path):
    digits = load({"name": "mnist5k", "image_size": (16, 16)}, "test")
    np.savez(tmp_path / "digits.npz", images=digits.images[:300], labels=digits.labels[:300])
    done = eval_py(tmp_path, "--gate", pack, "--reference", "digits.npz", "--reference_split=all")
    assert done.returncode == 0, done.stderr
    verdict = re.search(r"^Gate (passed|failed: .*)\.$", done.stdout, re.MULTILINE)[1]
    assert load_pack(pack).gate == verdict
    assert done.stdout.count("\n| ") == 1 + 18
    assert "n = 150 a side" in done.stdout

    refused = eval_py(tmp_path, "--gate", "nowhere", "--reference", "digits.npz")
    assert refused.returncode == 2 and "no extractor pack in 'nowhere'" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_images_of_another_size_are_refused_before_the_work(pack, monkeypatch):
    monkeypatch.setattr(gate, "run_gate", None)
    with pytest.raises(InputError, match="28x28x1 .* trained on 16x16x1"):
        gate.gate_pack(pack, "mnist5k")
    assert not (pack / "gate.json").exists()
