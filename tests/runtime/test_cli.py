"""What ends a command line: one line on standard error, and the status."""

import errno
import re

import numpy as np
import pytest

from gan_jax.__main__ import train
from gan_jax.errors import InputError, Interrupted, ModeCollapse, TrainingDiverged
from gan_jax.reports.metric_table import metric_table
from gan_jax.runtime.cli import run_main, size_of


def ends_with(error):
    def main():
        raise error

    return run_main(main, smaller="--batch_size")


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (InputError("--x is 3; expected 4."), 2, "Error: --x is 3; expected 4."),
        (TrainingDiverged("the loss is NaN"), 3, "Error: the loss is NaN"),
        (ModeCollapse("one thing"), 3, "Error: one thing"),
        (Interrupted("SIGTERM: stopped", 15), 143, "SIGTERM: stopped"),
        (KeyboardInterrupt(), 130, "Interrupted."),
        (
            OSError(errno.ENOSPC, "No space left on device", "runs/a/eval.json"),
            2,
            "Error: No space left on device (runs/a/eval.json).",
        ),
        (
            MemoryError("Unable to allocate 3 TiB"),
            2,
            "Error: out of memory (Unable to allocate 3 TiB): lower --batch_size.",
        ),
        (
            RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 17592186044416 bytes.\nx"),
            2,
            "Error: out of memory (RESOURCE_EXHAUSTED: Out of memory allocating 17592186044416 "
            "bytes.): lower --batch_size.",
        ),
    ],
)
def test_an_error_is_one_line_and_a_status(error, status, line, capsys):
    assert ends_with(error) == status
    assert capsys.readouterr().err == f"{line}\n"


def test_a_fault_of_the_program_keeps_its_trace():
    with pytest.raises(RuntimeError, match="never"):
        ends_with(RuntimeError("this can never be"))


def test_an_accelerator_that_is_not_there(monkeypatch, capsys):
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    error = RuntimeError("Unable to initialize backend 'cuda': no device (set JAX_PLATFORMS='')")
    assert ends_with(error) == 2
    found = capsys.readouterr().err
    assert found.startswith("Error: JAX_PLATFORMS is 'cuda', and there is no such device")
    assert "unset it" in found and found.count("\n") == 1


def test_names_that_a_terminal_does_not_take(capsys):
    def main():
        print(b"caf\xe9".decode(errors="surrogateescape"))

    assert run_main(main, smaller="") == 0
    assert capsys.readouterr().out == "caf\\udce9\n"


def test_a_result_without_numbers_has_no_empty_table():
    text = metric_table({"metrics": {}, "protocol": {"images": 3}})
    assert "metric" not in text
    entry = {"value": 1.0, "n": 3}
    assert "metric" in metric_table({"metrics": {"a": entry}, "protocol": {}})


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (
            "lr=3",
            r"--config.lr is not a field.*_optimizer.learning_rate.*gan_jax/config/defaults.py",
        ),
        ("model.widht=3", r"--config.model.widht is not.*Did you mean config.model.width"),
        ("generator_optimizer.lr=3", "Did you mean .*generator_optimizer.learning_rate"),
        ("batch_size=abc", "--config.batch_size=abc: invalid literal.*see --help"),
    ],
)
def test_an_override_that_is_no_field(override, expected, capsys):
    arguments = ["--config", "configs/smoke.py", f"--config.{override}"]
    assert train(arguments) == 2
    found = capsys.readouterr().err
    assert found.count("\n") == 1
    assert re.search(expected, found)


def test_a_size_is_height_by_width():
    assert size_of("512x768", "--draw") == (512, 768)
    assert size_of("64", "--draw") == (64, 64)
    for text in ("", "0x20", "12x", "-3", "a", "1x2x3", "1e3"):
        with pytest.raises(InputError, match="--draw is '.*'; expected HEIGHTxWIDTH"):
            size_of(text, "--draw")


def test_memory_that_numpy_cannot_have(capsys):
    def main():
        np.empty(1 << 62, np.uint8)

    assert run_main(main, smaller="--batch_size") == 2
    assert "out of memory (Unable to allocate" in capsys.readouterr().err
