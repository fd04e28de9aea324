"""Which programs get options of the compiler: by shapes and processor."""

import jax
import numpy as np
import pytest

from gan_jax.runtime import compiler


@pytest.mark.parametrize(
    ("flags", "channels", "by_eigen"),
    [
        ("fma avx2 avx512f", 64, True),
        ("fma avx2 avx512f", 128, False),
        ("fma avx2", 64, True),
        ("fma avx2", 128, True),
        ("", 128, False),  # the processor does not say
    ],
)
def test_the_choice_is_by_shapes_and_processor(flags, channels, by_eigen, monkeypatch):
    monkeypatch.setattr(compiler, "cpu_info", lambda field: flags)
    kernel = np.zeros((3, 3, 8, channels), np.float32)
    options = compiler.options_of({"kernel": kernel, "bias": np.zeros(channels)})
    assert options == (compiler.eigen_convolutions() if by_eigen else {})


def test_networks_without_convolutions_get_none(monkeypatch):
    monkeypatch.setattr(compiler, "cpu_info", lambda field: "avx2")
    assert compiler.options_of({"kernel": np.zeros((8, 8))}) == {}


def test_a_program_with_options_gives_the_same_numbers(monkeypatch):
    monkeypatch.setattr(compiler, "cpu_info", lambda field: "avx2")
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(3, 3, 4, 8)).astype(np.float32)
    images = rng.normal(size=(2, 8, 8, 4)).astype(np.float32)

    def convolve(variables, images):
        return jax.lax.conv_general_dilated(
            images, variables["kernel"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    program = jax.jit(convolve)
    found = compiler.with_options(program)({"kernel": kernel}, images)
    np.testing.assert_allclose(found, program({"kernel": kernel}, images), atol=1e-5)


def test_each_kind_of_arrays_has_its_own_program(monkeypatch):
    monkeypatch.setattr(compiler, "cpu_info", lambda field: "avx512f")
    asked = []
    own = compiler.options_of
    monkeypatch.setattr(compiler, "options_of", lambda v: asked.append(len(v)) or own(v))
    program = compiler.with_options(jax.jit(lambda variables, x: variables["k"].sum() * x))
    for wide in (8, 8, 200, 200, 8):
        kernel = np.ones((3, 3, 8, wide), np.float32)
        for x in (np.float32(2), np.ones(5, np.float32)):
            np.testing.assert_allclose(program({"k": kernel}, x), 9 * 8 * wide * x)
    assert len(asked) == 4  # two widths by two shapes of x, each compiled once


def test_an_error_of_the_program_is_raised_as_it_is():
    program = compiler.with_options(jax.jit(lambda variables, x: variables["k"] @ x))
    k = np.ones((2, 2), np.float32)
    program({"k": k}, k)
    with pytest.raises(TypeError, match="dot_general"):
        program({"k": k}, np.ones((3, 3), np.float32))
