"""The steerable pyramid: what it lets through, where, and that nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest

from gan_jax.metrics.texture.pyramid import cut_spectrum, steerable_filters

_TABLES = 2e-5  # what linear interpolation in the tables of the gains costs


def _bands(image: np.ndarray, **options) -> list[np.ndarray]:
    filters = steerable_filters(*image.shape, **options)
    spectrum = np.fft.fft2(image)
    return [np.fft.ifft2(cut_spectrum(spectrum, *f.shape[1:]) * f) for f in filters.bands]


def _wave(height: int, width: int, period: float, angle: float) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.cos(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period)


@pytest.mark.parametrize(
    ("height", "width", "scales", "orientations"), [(64, 64, 3, 4), (72, 48, 2, 6)]
)
def test_all_frequencies_but_zero_come_back(height, width, scales, orientations):
    filters = steerable_filters(height, width, num_scales=scales, num_orientations=orientations)
    total = filters.highpass**2 + filters.lowpass[0]
    assert total[0, 0] < 1e-20
    total[0, 0] = 1.0
    np.testing.assert_allclose(total, 1.0, rtol=0, atol=_TABLES)


def test_an_image_is_the_sum_of_what_its_bands_give_back():
    image = np.random.default_rng(0).normal(size=(64, 80))
    filters = steerable_filters(64, 80, num_scales=3, num_orientations=4)
    spectrum = np.fft.fft2(image)
    rebuilt = np.fft.ifft2(spectrum * (filters.highpass**2 + filters.lowpass[0]))
    assert np.abs(rebuilt.imag).max() < 1e-12
    np.testing.assert_allclose(rebuilt.real, image - image.mean(), atol=1e-4)


@pytest.mark.parametrize("orientations", [2, 3, 4, 6])
def test_a_wave_is_found_in_the_band_of_its_orientation_and_scale(orientations):
    for k in range(orientations):
        for scale, period in ((0, 3.0), (1, 6.0), (2, 12.0)):
            wave = _wave(96, 96, period, np.pi * k / orientations)
            bands = _bands(wave, num_scales=3, num_orientations=orientations)
            energy = np.array(
                [np.mean(np.abs(b) ** 2, axis=(1, 2)) / 16.0**s for s, b in enumerate(bands)]
            )
            assert np.unravel_index(energy.argmax(), energy.shape) == (scale, k)


def test_the_modulus_of_a_wave_is_flat_and_its_phase_turns_with_it():
    wave = _wave(64, 64, 4.0, 0.0)
    for shift in (1, 2):
        band, moved = (
            _bands(x, num_scales=2, num_orientations=4)[0][0]
            for x in (wave, np.roll(wave, shift, 1))
        )
        np.testing.assert_allclose(np.abs(band), np.abs(band).mean(), rtol=1e-12)
        np.testing.assert_allclose(moved / band, np.exp(-2j * np.pi * shift / 4), atol=1e-12)


def test_a_coarser_band_is_the_next_scale_with_pixels_between():
    image = np.random.default_rng(1).normal(size=(64, 64))
    filters = steerable_filters(64, 64, num_scales=3, num_orientations=4)
    spectrum = np.fft.fft2(image)
    bands = _bands(image, num_scales=3, num_orientations=4)
    for scale, gain in enumerate(filters.coarser):
        fine = np.fft.ifft2(cut_spectrum(spectrum, *gain.shape[1:]) * gain)
        np.testing.assert_allclose(4 * fine[:, ::2, ::2], bands[scale + 1], atol=1e-12)


def test_cutting_a_spectrum_keeps_the_lowest_frequencies():
    for full, cut in ((16, 8), (14, 7), (12, 12), (9, 5)):
        frequencies = np.rint(np.fft.fftfreq(full) * full)
        expected = np.rint(np.fft.fftfreq(cut) * cut)
        kept = cut_spectrum(np.add.outer(100 * frequencies, frequencies), cut, cut)
        np.testing.assert_array_equal(kept, np.add.outer(100 * expected, expected))
