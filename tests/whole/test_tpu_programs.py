"""Configs compiled for eight TPU chips that are not here: they fit, and send what they must."""

import functools
import importlib.util

import pytest

from benchmarks.tpu.__main__ import compile_in_process
from benchmarks.tpu.cases import Case

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("libtpu") is None,
        reason="the TPU compiler, the libtpu wheel, is not installed: pip install 'gan_jax[tpu]'",
    ),
]
_CHIP = 16e9  # bytes of a v5e's memory
_METRICS = 1024  # bytes, at most, of a step's scalars
# Statistics of batch normalisation travel in both networks' updates and their backward passes, two
# numbers a channel each time, and once more as they are kept.
_PASSES = 5
_WORKS = ("quickstart", "cifar10_r3gan", "stacked_mnist_seeds")
# A sweep whose members the chips share is one program, whatever the form.
_CASES = [*((work, form) for work in _WORKS for form in ("pmap", "jit")), ("sweep", "pmap")]


@functools.cache
def _compiled(work, form):
    return compile_in_process(Case(work, form, "bfloat16", "v5e:2x4"))


@pytest.mark.parametrize(("work", "form"), _CASES)
def test_a_config_compiles_and_fits_into_a_chip(work, form):
    found = _compiled(work, form)
    assert "failed" not in found, found["failed"]
    assert 0 < found["bytes"] < _CHIP


@pytest.mark.parametrize(("work", "form"), _CASES)
def test_a_config_sends_gradients_and_batch_statistics_only(work, form):
    found = _compiled(work, form)
    assert set(found["collectives"]) <= {"all-reduce"}  # nothing is gathered
    sent = sum(row["bytes"] for row in found["collectives"].values())
    if found["layout"] == "members":  # each chip has a GAN of its own
        assert sent == 0
    else:
        gradients, channels = found["sent"]["gradients"], found["sent"]["channels"]
        # By jit the compiler sums gradients of bfloat16 before they become float32.
        least = gradients if form == "pmap" else gradients // 2
        assert least <= sent <= gradients + 2 * _PASSES * channels + _METRICS
