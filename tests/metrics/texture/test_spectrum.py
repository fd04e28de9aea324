"""Power spectra of images against closed forms and the sum over every frequency."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.metrics.texture.spectrum import FLOOR, polar_spectrum, radial_spectrum


def _noise(n: int, height: int, width: int, channels: int = 1) -> np.ndarray:
    rng = np.random.default_rng(height * width)
    return rng.integers(0, 256, (n, height, width, channels)).astype(np.uint8)


def _wave(down: float, right: float, height: int = 64, width: int = 64) -> np.ndarray:
    """One image of a pure frequency, in cycles a pixel."""
    rows, columns = np.mgrid[:height, :width]
    wave = 127.5 + 120 * np.cos(2 * np.pi * (down * rows + right * columns) + 0.3)
    return np.rint(wave).astype(np.uint8)[None, ..., None]


def _bin_sizes(height: int, width: int) -> dict[str, float]:
    """Frequencies in each bin, one by one from the definition; the corner is half in each."""
    sizes: dict[str, float] = {}
    for down in np.fft.fftfreq(height):
        for right in np.fft.fftfreq(width):
            if down or right:
                ring = min(int(math.hypot(down, right) * 16 + 1e-9), 7)
                sector = round(math.degrees(math.atan2(down, right)) / 22.5) % 8
                name = f"f{ring}_{sector * 45 // 2}"
                names = ("f7_45", "f7_135") if down == right == -0.5 else (name,)
                for name in names:
                    sizes[name] = sizes.get(name, 0) + 1 / len(names)
    return sizes


def _powers(statistics, height: int, width: int) -> np.ndarray:
    """Summed power [n, bins]."""
    sizes = _bin_sizes(height, width)
    assert sorted(statistics.names) == sorted(sizes)
    return (np.exp(statistics.values) - FLOOR) * [sizes[name] for name in statistics.names]


@pytest.mark.parametrize(
    "down, right, name",
    [
        (0, 10 / 64, "f2_0"),
        (22 / 64, 0, "f5_90"),
        (10 / 64, 10 / 64, "f3_45"),
        (-10 / 64, 10 / 64, "f3_135"),
        (8 / 64, 20 / 64, "f5_22"),
    ],
)
def test_a_pure_frequency_is_in_one_bin(down, right, name):
    statistics = polar_spectrum(_wave(down, right))
    powers = _powers(statistics, 64, 64)[0]
    assert powers[statistics.names.index(name)] > (1 - 1e-4) * powers.sum()


def test_a_checkerboard_is_in_the_corner_both_ways():
    statistics = polar_spectrum(_wave(0.5, 0.5))
    powers = _powers(statistics, 64, 64)[0]
    ways = [statistics.names.index("f7_45"), statistics.names.index("f7_135")]
    np.testing.assert_allclose(powers[ways] / powers.sum(), 0.5, atol=1e-4)


def test_orientation_is_true_in_oblong_images():
    statistics = polar_spectrum(_wave(23 / 96, 39 / 160, 96, 160))
    powers = _powers(statistics, 96, 160)[0]
    assert powers[statistics.names.index("f5_45")] > 0.999 * powers.sum()


@pytest.mark.parametrize("height, width", [(64, 64), (33, 48), (8, 9), (21, 21)])
def test_all_power_is_in_the_bins(height, width):
    """Parseval: the powers sum to the variance under the window, times the pixels."""
    images = _noise(3, height, width)
    window = np.outer(*(np.sin(np.pi * (np.arange(s) + 0.5) / s) ** 2 for s in (height, width)))
    grey = images[..., 0] / 255
    centred = grey - np.sum(window * grey, axis=(1, 2), keepdims=True) / window.sum()
    expected = height * width * np.sum((window * centred) ** 2, axis=(1, 2)) / np.sum(window**2)
    powers = _powers(polar_spectrum(images), height, width)
    np.testing.assert_allclose(powers.sum(axis=1), expected, rtol=1e-10)


@pytest.mark.parametrize("side", [16, 33, 64])
def test_a_quarter_turn_exchanges_orientations(side):
    images = _noise(3, side, side)
    before = polar_spectrum(images)
    after = polar_spectrum(np.rot90(images, axes=(1, 2)))
    for column, name in enumerate(before.names):
        ring, degrees = name.split("_")
        sector = (round(int(degrees) / 22.5) + 4) % 8
        turned = after.names.index(f"{ring}_{sector * 45 // 2}")
        np.testing.assert_allclose(before.values[:, column], after.values[:, turned], atol=1e-9)


def test_white_noise_has_its_variance_at_every_frequency():
    images = _noise(200, 64, 64)
    variance = (256**2 - 1) / 12 / 255**2
    powers = np.exp(polar_spectrum(images).values).mean(axis=0)
    np.testing.assert_allclose(powers[8:], variance, rtol=0.1)  # f0 lost some with the mean
    curve = np.exp(radial_spectrum(images).log_power).mean(axis=0)
    np.testing.assert_allclose(curve[2:], variance, rtol=0.1)


def test_the_radial_curve_peaks_at_the_frequency():
    curve = radial_spectrum(np.concatenate([_wave(0, 8 / 64), _wave(16 / 64, 0), _wave(0, 1 / 64)]))
    np.testing.assert_allclose(curve.frequencies, np.arange(1, 33) / 64)
    np.testing.assert_array_equal(
        curve.frequencies[curve.log_power.argmax(axis=1)], [8 / 64, 16 / 64, 1 / 64]
    )


def test_the_radial_curve_of_odd_oblong_images():
    curve = radial_spectrum(_noise(2, 15, 33))
    np.testing.assert_allclose(curve.frequencies, np.arange(1, 17) / 33)
    assert curve.log_power.shape == (2, 16)


def test_contrast_moves_all_bins_alike():
    images = _noise(4, 32, 32) // 2 * 2
    shift = polar_spectrum(images).values - polar_spectrum(images // 2).values
    np.testing.assert_allclose(shift, math.log(4), atol=1e-4)


@pytest.mark.parametrize("value", [0, 77, 255])
def test_constant_images_are_at_the_floor(value):
    images = np.full((2, 64, 64, 3), value, np.uint8)
    np.testing.assert_allclose(polar_spectrum(images).values, math.log(FLOOR), atol=1e-9)
    np.testing.assert_allclose(radial_spectrum(images).log_power, math.log(FLOOR), atol=1e-9)


def test_small_images_leave_bins_out_by_name():
    assert len(polar_spectrum(_noise(1, 64, 64)).names) == 64
    small = polar_spectrum(_noise(2, 8, 8))
    assert 0 < len(small.names) < 64 and small.values.shape == (2, len(small.names))
    assert np.all(np.isfinite(small.values))


def test_channels_are_weighed_to_grey():
    grey = _noise(2, 16, 16)
    expected = polar_spectrum(grey).values
    for channels in (2, 3, 4):
        same = polar_spectrum(np.repeat(grey, channels, axis=-1)).values
        np.testing.assert_allclose(same, expected, atol=1e-9)


def test_a_batch_changes_nothing():
    images = _noise(300, 64, 64)  # more than are transformed at a time
    together, curve = polar_spectrum(images).values, radial_spectrum(images).log_power
    for i in (0, 255, 256, 299):
        np.testing.assert_allclose(polar_spectrum(images[i : i + 1]).values[0], together[i])
        np.testing.assert_allclose(radial_spectrum(images[i : i + 1]).log_power[0], curve[i])


@pytest.mark.parametrize("compute", [polar_spectrum, radial_spectrum])
def test_what_is_no_image_is_refused(compute):
    with pytest.raises(InputError, match="7x64.*at least 8x8"):
        compute(_noise(1, 7, 64))
    with pytest.raises(InputError, match="float64 .2000, 32, 32, 1.; expected uint8"):
        compute(np.zeros((2000, 32, 32, 1)))
    for shape in ((64, 64, 1), (0, 64, 64, 1), (), (2, 0, 64, 1)):
        with pytest.raises(InputError, match="uint8"):
            compute(np.zeros(shape, np.uint8))
