"""How many examples are worked on at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.data import machine
from gan_jax.runtime import memory, parallel


class Accelerator:
    def __init__(self, limit):
        self.limit = limit

    def memory_stats(self):
        return {"bytes_limit": self.limit}


@jax.jit
def widen(variables, batch):
    """1,024 float32 a row in between: 4,096 bytes, four times which are counted on."""
    return jnp.sum(jnp.tanh(batch @ variables), -1)


VARIABLES, ROWS = np.ones((2, 1024), np.float32), np.ones((100, 2), np.float32)


@pytest.mark.parametrize(
    ("rows", "expected"), [(10_000, 512), (512, 512), (511, 256), (100, 64), (1, 1), (0.1, 1)]
)
def test_batches_are_halved_until_they_fit(rows, expected):
    device = Accelerator(rows * 4 * 4096 / 0.25)
    found = memory.fitting_batch_size(widen, VARIABLES, ROWS, most=512, devices=[device])
    assert found == expected


def test_devices_add_up():
    devices = [Accelerator(100 * 4 * 4096 / 0.25)] * 8
    assert memory.fitting_batch_size(widen, VARIABLES, ROWS, most=800, devices=devices) == 800


def test_arrays_inside_loops_and_nested_programs_count():
    def looped(variables, batch):
        return jax.lax.map(lambda row: jnp.sum(widen(variables, row[None])), batch)

    device = Accelerator(64 * 4 * 4096 / 0.25)
    assert memory.fitting_batch_size(looped, VARIABLES, ROWS, most=128, devices=[device]) == 64


def test_smaller_batches_give_the_same(monkeypatch):
    inputs = np.random.default_rng(0).standard_normal((100, 2)).astype(np.float32)
    whole = parallel.map_batches(widen, VARIABLES, inputs, batch_size=64)
    monkeypatch.setattr(machine, "memory", lambda: 16 * 4 * 4096 / 0.25)
    done = []
    parts = parallel.map_batches(widen, VARIABLES, inputs, batch_size=64, progress=done.append)
    np.testing.assert_allclose(parts, whole, rtol=1e-6)
    assert done[0] == 16
