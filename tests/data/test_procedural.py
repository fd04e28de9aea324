"""Drawn textures against what their parameters promise."""

import numpy as np
import pytest
import scipy.ndimage

from gan_jax import data
from gan_jax.data.procedural import KINDS, Drawing, procedural_textures
from gan_jax.errors import InputError

PADDED = 512  # the spectrum is read off this many frequencies a side


def power(images):
    """Mean power spectrum of images [n, h, w, 1], frequency 0 in the middle: [512, 512]."""
    pixels = images[..., 0] - 127.5
    window = np.outer(*(np.hanning(side + 2)[1:-1] for side in pixels.shape[1:]))
    return np.fft.fftshift(
        sum(np.abs(np.fft.fft2(image * window, (PADDED, PADDED))) ** 2 for image in pixels)
    )


def frequencies():
    """Radius in cycles a pixel, and angle in degrees from columns towards rows."""
    across = np.fft.fftshift(np.fft.fftfreq(PADDED))
    y, x = np.meshgrid(across, across, indexing="ij")
    return np.hypot(x, y), np.degrees(np.arctan2(y, x))


def peak(images):
    """(frequency in cycles a pixel, angle in degrees) of the strongest wave."""
    place = power(images).argmax()
    return tuple(values.flat[place] for values in frequencies())


def apart(angle, expected, turn):
    """The angle between two directions, where `turn` degrees make no difference."""
    return abs((angle - expected + turn / 2) % turn - turn / 2)


# kind: its strongest frequency times the period; its angle; the turn that changes nothing.
PEAKS = {
    "stripes": (1, 0, 180),
    "checks": (2**0.5, 45, 90),
    "blobs": (1, 0, 90),
    "oriented_noise": (1, 0, 180),
    "quasi_periodic": (1, 0, 36),
}


@pytest.mark.parametrize("kind", PEAKS)
@pytest.mark.parametrize("period, angle", [(8, 0), (7.3, 30), (11.9, 137), (5.1, -75)])
def test_the_spectrum_peaks_at_the_period_and_the_angle(kind, period, angle):
    images = procedural_textures(kind, 60, size=(96, 80), period=period, angle=angle)
    frequency, direction = peak(images)
    factor, offset, turn = PEAKS[kind]
    loose = kind in ("blobs", "oriented_noise")  # their peaks are broad
    assert frequency * period == pytest.approx(factor, rel=0.06 if loose else 0.02)
    assert apart(direction, angle + offset, turn) < (5 if loose else 1.5)


def test_noise_has_its_period_in_every_direction():
    spectrum = power(procedural_textures("noise", 200, period=6.5, angle=20))
    radius, angle = frequencies()
    rings = [spectrum[(radius >= low) & (radius < low + 0.01)].mean() for low in RADII]
    assert (RADII[np.argmax(rings)] + 0.005) * 6.5 == pytest.approx(1, abs=0.07)
    ring = np.abs(radius * 6.5 - 1) < 0.2
    sectors = [spectrum[ring & (apart(angle, a, 180) < 15)].mean() for a in range(0, 180, 30)]
    assert max(sectors) < 1.25 * min(sectors)


RADII = np.arange(0.05, 0.45, 0.01)


def test_oriented_noise_has_one_direction():
    spectrum = power(procedural_textures("oriented_noise", 100, angle=60, period=6))
    _, angle = frequencies()
    along, across = (spectrum[apart(angle, a, 180) < 20].sum() for a in (60, 150))
    assert along > 100 * across


@pytest.mark.parametrize("period", [16.0, 23.7])
def test_voronoi_has_one_cell_to_a_squared_period(period):
    images = procedural_textures("voronoi", 4, size=(400, 300), period=period, angle=10)
    counts = []
    for image in images[..., 0]:
        cells, count = scipy.ndimage.label(image > 127.5)
        cut = set(cells[0]) | set(cells[-1]) | set(cells[:, 0]) | set(cells[:, -1])
        counts.append(count - len(cut - {0}) / 2)  # a cell at the margin counts half
    assert np.mean(counts) == pytest.approx(400 * 300 / period**2, rel=0.1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("contrast", [0.05, 0.25])
def test_contrast_is_the_standard_deviation_over_the_mean(kind, contrast):
    images = procedural_textures(kind, 10, contrast=contrast).reshape(10, -1)
    np.testing.assert_allclose(images.mean(axis=1), 127.5, atol=0.3)
    np.testing.assert_allclose(
        images.std(axis=1) / 127.5, contrast, atol=0.004
    )  # half a grey level


def test_full_contrast_of_stripes_is_black_and_white():
    image = procedural_textures("stripes", 1, size=(64, 64), period=32, contrast=1.0)
    assert np.mean((image == 0) | (image == 255)) > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_depends_on_its_index_and_the_seed_alone(kind):
    options = {"size": (20, 33), "period": 5.5, "jitter": 0.3}
    five = procedural_textures(kind, 5, seed=3, **options)
    assert five.shape == (5, 20, 33, 1) and five.dtype == np.uint8
    np.testing.assert_array_equal(
        procedural_textures(kind, 2, seed=3, first=3, **options), five[3:]
    )
    assert len(np.unique(five.reshape(5, -1), axis=0)) == 5
    other = procedural_textures(kind, 5, seed=4, **options)
    assert not any(np.array_equal(a, b) for a in five for b in other)


def test_phases_are_those_returned_and_spread_evenly():
    options = {"size": (64, 64), "period": 9.7, "angle": 25.0}
    phase = Drawing("stripes", **options).parameters(200).phase[:, 0]
    images = procedural_textures("stripes", 200, **options)[..., 0] - 127.5
    y, x = np.mgrid[:64, :64]
    along = (x * np.cos(np.deg2rad(25)) + y * np.sin(np.deg2rad(25))) / 9.7
    window = np.outer(np.hanning(64), np.hanning(64))
    wave = (images * (window * np.exp(-2j * np.pi * along))).sum(axis=(1, 2))
    measured = np.angle(-wave) / (2 * np.pi)  # the middle of a light band is at half a period
    assert np.max(apart(measured, phase, 1)) < 0.01
    assert np.histogram(phase, 4, (0, 1))[0].min() > 30


def test_each_image_shows_its_own_jittered_period_and_angle():
    options = {"size": (96, 96), "period": 8.0, "angle": 10.0, "jitter": 0.5}
    drawn = Drawing("quasi_periodic", **options).parameters(12)
    images = procedural_textures("quasi_periodic", 12, **options)
    for image, period, angle in zip(images, drawn.period, drawn.angle):
        frequency, direction = peak(image[None])
        assert frequency * period == pytest.approx(1, rel=0.03)
        assert apart(direction, angle, 36) < 2
    assert drawn.period.min() < 7 and drawn.period.max() > 9
    assert 8 / 2**0.5 <= drawn.period.min() and drawn.period.max() <= 8 * 2**0.5
    assert np.ptp(drawn.angle) > 30 and np.abs(drawn.angle - 10).max() <= 45


def test_fine_stripes_do_not_alias():
    """The third harmonic, at 1.2 cycles a pixel, is a third of the first when sampled at points."""
    spectrum = power(procedural_textures("stripes", 50, size=(100, 100), period=2.5))
    row, frequency = spectrum[PADDED // 2], np.fft.fftshift(np.fft.fftfreq(PADDED))
    first, alias = (row[np.abs(frequency - f) < 0.01].max() for f in (0.4, 0.2))
    assert np.sqrt(alias / first) < 0.12


# As a dataset


def test_a_class_a_kind():
    config = {"name": "procedural", "num_crops": 23, "num_test_crops": 7, "image_size": (32, 24)}
    train, test = data.load(config, "train"), data.load(config, "test")
    assert train.images.shape == (23, 32, 24, 1) and train.class_names == KINDS
    assert np.bincount(train.labels).tolist() == [4, 4, 3, 3, 3, 3, 3]
    voronoi = KINDS.index("voronoi")
    expected = procedural_textures("voronoi", 3, size=(32, 24))
    np.testing.assert_array_equal(train.images[train.labels == voronoi], expected)
    both = np.concatenate([train.images, test.images])
    assert len(np.unique(both.reshape(30, -1), axis=0)) == 30
    np.testing.assert_array_equal(data.load(config, "all").images, both)


def test_options_of_the_dataset_reach_the_drawing():
    config = {"name": "procedural", "num_crops": 4, "num_test_crops": 4, "image_size": (64, 64)}
    config |= {"kinds": "noise,stripes", "period": 12.5, "angle": 70.0, "contrast": 0.4, "seed": 5}
    train, test = data.load(config, "train"), data.load(config, "test")
    assert train.class_names == ("noise", "stripes") and train.labels.tolist() == [0, 1, 0, 1]
    expected = procedural_textures("stripes", 2, period=12.5, angle=70.0, contrast=0.4, seed=5)
    np.testing.assert_array_equal(train.images[1::2], expected)
    assert data.load({**config, "seed": 6}, "test").fingerprint == test.fingerprint
    streamed = data.load({**config, "memory_limit_mb": 1e-6, "channels": 3}, "train")
    assert streamed.images is None and streamed.image_shape == (64, 64, 3)
    np.testing.assert_array_equal(streamed.take([1, 3])[..., :1], expected)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"kinds": "stripe"}, "kinds: 'stripe' is unknown: did you mean 'stripes'"),
        ({"num_crops": 3}, "num_crops is 3, and there are 7 kinds.*give 7 or more"),
        ({"num_crops": 0}, "num_crops is 0"),
        ({"period": 1.9}, "period is 1.9: for images of 64x64 and jitter 0.0, expected 2 to 32"),
        ({"period": 17.0, "jitter": 1.0}, "period is 17.0.*expected 4 to 16 pixels.*less jitter"),
        ({"period": float("nan")}, "period is nan"),
        ({"angle": float("inf")}, "angle is inf"),
        ({"contrast": 0.0}, "contrast is 0.0: expected a standard deviation"),
        ({"jitter": -0.1}, r"jitter is -0.1: expected 0 \(none\) to 1"),
        ({"image_size": (3, 64)}, r"size is \(3, 64\)"),
    ],
)
def test_what_cannot_work_is_named(options, message):
    with pytest.raises(InputError, match=message):
        data.load({"name": "procedural", **options}, "train")


def test_unknown_kinds_and_counts_of_the_function():
    with pytest.raises(InputError, match="kind 'blob' of texture is unknown: did you mean 'blobs'"):
        procedural_textures("blob", 1)
    with pytest.raises(InputError, match="count is 0: expected 1 or more"):
        procedural_textures("blobs", 0)
    with pytest.raises(InputError, match="seed -1"):
        procedural_textures("blobs", 1, seed=-1)
