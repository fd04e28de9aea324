"""What a super-resolution network is given, and what interpolation makes of it."""

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.models.resampling import double_nearest
from gan_jax.steps.downscale import Downscale, bicubic, check_divisible


@pytest.mark.parametrize("factor", [2, 4])
def test_downscaling_is_the_area_average(factor):
    images = np.random.default_rng(0).uniform(-1, 1, (3, 8, 12, 2))
    expected = np.zeros((3, 8 // factor, 12 // factor, 2))
    for row, column in np.ndindex(factor, factor):
        expected += images[:, row::factor, column::factor] / factor**2
    found = np.asarray(Downscale(factor)(jnp.asarray(images, jnp.float32)))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    # Averaging undoes repeating: the network begins with an image that is true to what it is given.
    again = Downscale(2)(double_nearest(jnp.asarray(found)))
    np.testing.assert_allclose(again, found, atol=1e-6)


def test_downscaling_does_not_alias():
    """Stripes one pixel wide become grey, and do not turn into others."""
    stripes = np.broadcast_to(np.arange(8) % 2 * 2.0 - 1, (1, 8, 8))[..., None]
    assert np.abs(Downscale(2)(jnp.asarray(stripes))).max() == 0


def test_bicubic_interpolation_stays_in_place():
    """A linear ramp, made small, is a ramp again: no shift by a part of a pixel."""
    ramp = np.broadcast_to(np.linspace(-1, 1, 16), (2, 16, 16))[..., None].repeat(3, 3)
    small = np.asarray(Downscale(4)(jnp.asarray(ramp)))
    found = bicubic(small, 4)
    assert found.shape == (2, 16, 16, 3) and found.dtype == np.float32
    np.testing.assert_allclose(found[:, 6:10, 6:10], ramp[:, 6:10, 6:10], atol=1e-5)


def test_sizes_that_do_not_divide():
    check_divisible((28, 12, 1), 4)
    with pytest.raises(InputError, match=r"are 30x28: both.*such as \(28, 28\)"):
        check_divisible((30, 28, 1), 4)
