"""Portilla-Simoncelli statistics against plenoptic, closed forms and invariances."""

from __future__ import annotations

import concurrent.futures
import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.metrics.texture.portilla_simoncelli import portilla_simoncelli

# Seeded uint8 images (noise of three channels, oblique waves in noise), options [scales,
# orientations, width], and what PortillaSimoncelli of plenoptic 2.1.1 gives for them in [0, 1] and
# in grey (ITU-R BT.601) with `.double()`, after the two places where it rounds to float32 and
# complex64 on the way (the masks' buffers, the sum over levels) were made float64 and complex128.
_FROZEN = pathlib.Path(__file__).with_name("portilla_simoncelli.npz")
_CASES = ("colour", "texture", "wide", "two_scales", "one_scale")


@functools.cache
def _frozen() -> dict[str, np.ndarray]:
    with np.load(_FROZEN) as arrays:
        return dict(arrays)


def _options(case: str) -> dict[str, int]:
    names = ("num_scales", "num_orientations", "width")
    return dict(zip(names, _frozen()[f"{case}_options"].tolist()))


def _named(statistics, name: str) -> np.ndarray:
    return statistics.values[:, statistics.names.index(name)]


@pytest.mark.parametrize("case", _CASES)
def test_statistics_equal_those_of_plenoptic(case):
    ours = portilla_simoncelli(_frozen()[case], **_options(case))
    assert len(set(ours.names)) == len(ours.names) == ours.values.shape[1]
    np.testing.assert_allclose(ours.values, _frozen()[f"{case}_statistics"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", _CASES)
def test_statistics_equal_plenoptic_when_it_is_installed(case):
    torch = pytest.importorskip("torch")
    plenoptic = pytest.importorskip("plenoptic")
    images, options = _frozen()[case], _options(case)
    weights = np.array([0.299, 0.587, 0.114]) if images.shape[-1] == 3 else np.ones(1)
    grey = torch.tensor(images @ weights / 255)[:, None]
    model = plenoptic.models.PortillaSimoncelli(tuple(grey.shape[-2:]), *options.values()).double()
    expected = model(grey)[:, 0].numpy()
    # Its masks are float32, which moves correlations near 0 by up to 2e-7.
    ours = portilla_simoncelli(images, **options).values
    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=3e-7)


def test_there_are_529_statistics_whatever_the_channels_and_the_number_of_images():
    one = portilla_simoncelli(_frozen()["colour"])
    assert one.values.shape == (1, 529) and one.values.dtype == np.float64
    images = np.random.default_rng(0).integers(0, 256, size=(18, 64, 64, 1), dtype=np.uint8)
    many = portilla_simoncelli(images)
    assert many.values.shape == (18, 529)  # more than one block
    for rows in (slice(0, 1), slice(15, 18)):
        np.testing.assert_allclose(
            portilla_simoncelli(images[rows]).values, many.values[rows], rtol=1e-12
        )


def test_pixel_moments():
    image = _frozen()["texture"]
    x = image.astype(np.float64).ravel() / 255
    statistics = portilla_simoncelli(image)
    z = (x - x.mean()) / x.std(ddof=1)
    expected = (x.mean(), x.var(ddof=1), np.mean(z**3), np.mean(z**4), x.min(), x.max())
    np.testing.assert_allclose(statistics.values[0, :6], expected, rtol=1e-12)


def test_a_wave_has_the_statistics_of_a_wave():
    wave = 127.5 + 120 * np.cos(2 * np.pi * np.arange(64) / 16)
    image = np.broadcast_to(np.rint(wave).astype(np.uint8)[:, None, None], (1, 64, 64, 1))
    statistics = portilla_simoncelli(image)
    for y, x in ((-3, -3), (-1, -1), (0, -2), (1, -2), (2, 0), (3, 1)):
        value = _named(statistics, f"lowpass_autocorrelation_y{y:+d}_x{x:+d}_s0")[0]
        assert value == pytest.approx(np.cos(2 * np.pi * y / 16), abs=1e-3)
    assert _named(statistics, "lowpass_kurtosis_s0")[0] == pytest.approx(1.5, abs=1e-2)
    assert _named(statistics, "lowpass_skewness_s0")[0] == pytest.approx(0.0, abs=1e-2)
    deviation = image.std() / 255
    assert deviation == pytest.approx(120 / 255 / np.sqrt(2), rel=0.01)
    assert _named(statistics, "lowpass_deviation_s0")[0] == pytest.approx(deviation, rel=1e-3)
    assert _named(statistics, "highpass_variance")[0] < 1e-5  # grey levels are rounded


def test_phases_are_seen_where_the_spectrum_is_the_same():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:64, :64]
    edges = np.where((x + rng.integers(8) + 3 * (y > 30)) % 16 < 5, 1.0, 0.0)
    edges[20:40, 10:30] = 1.0
    spectrum = np.fft.fft2(edges - edges.mean())
    noise = np.fft.fft2(rng.normal(size=edges.shape))
    scrambled = np.fft.ifft2(np.abs(spectrum) * noise / np.abs(noise)).real
    both = np.stack([edges - edges.mean(), scrambled])[..., None]
    images = np.rint(128 + 120 * both / np.abs(both).max()).astype(np.uint8)
    statistics = portilla_simoncelli(images)
    gap = np.abs(np.diff(statistics.values, axis=0)[0])
    kinds = ("lowpass_autocorrelation", "magnitude_correlation", "phase_correlation")
    spectral, energies, phases = (
        gap[[name.startswith(kind) for name in statistics.names]] for kind in kinds
    )
    assert spectral.max() < 0.01  # round-off to grey levels
    assert energies.max() > 0.2 and phases.max() > 0.2
    assert np.ptp(_named(statistics, "lowpass_kurtosis_s0")) > 0.5


def test_contrast_scales_deviations_and_leaves_correlations():
    low = (_frozen()["texture"] // 2).astype(np.uint8)
    full = (2 * low.astype(np.int32)).astype(np.uint8)
    a, b = portilla_simoncelli(low), portilla_simoncelli(full)
    for name, x, y in zip(a.names, a.values[0], b.values[0]):
        if "variance" in name:
            factor = 4.0
        elif name in ("pixel_mean", "pixel_minimum", "pixel_maximum") or "deviation" in name:
            factor = 2.0
        else:
            factor = 1.0
        assert y == pytest.approx(factor * x, rel=1e-9, abs=1e-12), name


@pytest.mark.parametrize(("side", "scales"), [(64, 3), (34, 1)])  # an even and an odd residual
def test_a_circular_shift_by_the_coarsest_pixel_changes_nothing(side, scales):
    image = np.random.default_rng(1).integers(0, 256, size=(1, side, side, 1), dtype=np.uint8)
    moved = np.roll(image, (2**scales, 3 * 2**scales), axis=(1, 2))
    a, b = (portilla_simoncelli(x, num_scales=scales).values for x in (image, moved))
    np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_sides_are_cropped_at_the_centre():
    image = np.random.default_rng(2).integers(0, 256, size=(1, 67, 71, 1), dtype=np.uint8)
    cropped = portilla_simoncelli(image[:, 1:65, 3:67])
    np.testing.assert_array_equal(portilla_simoncelli(image).values, cropped.values)


def test_constant_images_and_stripes_are_finite():
    y, x = np.mgrid[:64, :64]
    flat = np.stack([np.full((64, 64), level) for level in (0, 1, 77, 255)])
    stripes = np.stack([255 * (x % 2), 255 * (y // 4 % 2), 255 * ((x + y) % 2)])
    statistics = portilla_simoncelli(np.concatenate([flat, stripes]).astype(np.uint8)[..., None])
    assert np.isfinite(statistics.values).all()
    constant = statistics.values[:4]
    levels = np.array([0, 1, 77, 255]) / 255
    for i, name in enumerate(statistics.names):
        if name in ("pixel_mean", "pixel_minimum", "pixel_maximum"):
            expected = levels
        else:
            expected = 3.0 if "kurtosis" in name else 0.0
        np.testing.assert_allclose(constant[:, i], expected, rtol=0, atol=1e-12, err_msg=name)
    correlations = [i for i, name in enumerate(statistics.names) if "correlation" in name]
    assert np.abs(statistics.values[:, correlations]).max() < 1 + 1e-9


def test_float64_stays_inside_and_threads_agree():
    image = _frozen()["texture"]
    expected = portilla_simoncelli(image).values

    def in_a_thread(_):
        before = jnp.zeros(1).dtype
        values = portilla_simoncelli(image).values
        return before, jnp.zeros(1).dtype, values

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for before, after, values in pool.map(in_a_thread, range(3)):
            assert before == after == jnp.float32
            np.testing.assert_array_equal(values, expected)
    assert not jax.config.jax_enable_x64 and jnp.zeros(1).dtype == jnp.float32


def test_bad_input_is_refused():
    image = np.zeros((1, 55, 64, 3), np.uint8)
    with pytest.raises(InputError, match="55x64.*at least 56x56"):
        portilla_simoncelli(image)
    with pytest.raises(InputError, match="at least 28x28"):
        portilla_simoncelli(image[:, :27], num_scales=2)
    with pytest.raises(InputError, match="float64"):
        portilla_simoncelli(np.zeros((1, 64, 64, 1)))
    with pytest.raises(InputError, match="at least one image"):
        portilla_simoncelli(image[:0])
    for options in ({"num_scales": 0}, {"num_orientations": 1}, {"width": 4}, {"width": -1}):
        with pytest.raises(
            InputError, match=f"{next(iter(options))}.* {next(iter(options.values()))}"
        ):
            portilla_simoncelli(image, **options)
