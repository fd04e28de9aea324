"""The properties of co-occurrence matrices."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.metrics.texture.cooccurrence import (
    ANGLES,
    DISTANCES,
    PROPERTIES,
    cooccurrence_statistics,
)


def _images(n: int, height: int, width: int) -> np.ndarray:
    """Noise, smooth waves, and a constant image where n >= 3."""
    rng = np.random.default_rng(7)
    images = rng.integers(0, 256, (n, height, width, 1)).astype(np.uint8)
    rows, columns = np.mgrid[:height, :width]
    if n >= 3:
        images[1, ..., 0] = 127 + 100 * np.sin(rows / 3) * np.cos(columns / 5)
        images[2] = 99
    return images


def _by_hand(image: np.ndarray, distance: int, angle: int) -> np.ndarray:
    """Counts of one grey image [h, w], pair by pair."""
    down = round(distance * math.sin(math.radians(angle)))
    right = round(distance * math.cos(math.radians(angle)))
    counts = np.zeros((16, 16))
    for r, c in np.ndindex(image.shape):
        if 0 <= r + down < image.shape[0] and 0 <= c + right < image.shape[1]:
            i, j = (int(image[p]) // 16 for p in ((r, c), (r + down, c + right)))
            counts[i, j] += 1
    return counts


def _properties(counts: np.ndarray) -> list[float]:
    """The six of a matrix, by their definitions."""
    p = counts / counts.sum()
    i, j = np.indices(p.shape)
    mean, square = np.sum(p * i), np.sum(p * i * i)
    variance = square - mean**2
    return [
        np.sum(p * (i - j) ** 2),
        np.sum(p * abs(i - j)),
        np.sum(p / (1 + (i - j) ** 2)),
        np.sum(p * p),
        math.sqrt(np.sum(p * p)),
        (np.sum(p * i * j) - mean**2) / variance if variance > 1e-12 else 1.0,
    ]


@pytest.mark.parametrize("height, width", [(9, 9), (33, 40), (64, 31)])
def test_pair_by_pair(height, width):
    images = _images(3, height, width)
    shape = (3, len(PROPERTIES), len(DISTANCES), len(ANGLES))
    found = cooccurrence_statistics(images).values.reshape(shape)
    for k, image in enumerate(images[..., 0]):
        for d, distance in enumerate(DISTANCES):
            for a, angle in enumerate(ANGLES):
                one_way = _by_hand(image, distance, angle)
                expected = _properties(one_way + one_way.T)
                np.testing.assert_allclose(found[k, :, d, a], expected, rtol=1e-9, atol=1e-12)


def test_properties_of_scikit_image():
    feature = pytest.importorskip("skimage.feature")
    images = _images(4, 40, 33)
    statistics = cooccurrence_statistics(images)
    values = statistics.values.reshape(4, len(PROPERTIES), len(DISTANCES), len(ANGLES))
    options = dict(distances=DISTANCES, angles=np.radians(ANGLES), levels=16, symmetric=True)
    for k, image in enumerate(images[..., 0] // 16):
        shares = feature.graycomatrix(image, normed=True, **options)
        for p, name in enumerate(PROPERTIES):
            expected = feature.graycoprops(shares, name)
            np.testing.assert_allclose(values[k, p], expected, rtol=1e-10, atol=1e-12)


def test_constant_images_are_wholly_correlated():
    for value in (0, 99, 255):
        statistics = cooccurrence_statistics(np.full((2, 16, 9, 3), value, np.uint8))
        for name, column in zip(statistics.names, statistics.values.T):
            expected = 0 if name.startswith(("contrast", "dissimilarity")) else 1
            np.testing.assert_array_equal(column, expected)


def test_a_quarter_turn_exchanges_directions():
    images = _images(3, 32, 32)
    before, after = (cooccurrence_statistics(x) for x in (images, np.rot90(images, axes=(1, 2))))
    assert len(before.names) == len(set(before.names)) == before.values.shape[1] == 96
    for column, name in enumerate(before.names):
        stem, angle = name.rsplit("_", 1)
        turned = after.names.index(f"{stem}_{(int(angle) + 90) % 180}")
        np.testing.assert_allclose(before.values[:, column], after.values[:, turned], rtol=1e-12)
    stripes = np.tile(np.uint8([0, 255]), (16, 8))[None, ..., None]
    found = cooccurrence_statistics(stripes)
    assert found.values[0, found.names.index("contrast_d1_0")] == 15**2
    assert found.values[0, found.names.index("contrast_d1_90")] == 0


def test_a_batch_and_channels_change_nothing():
    images = _images(37, 24, 24)
    together = cooccurrence_statistics(images).values
    for part in (slice(0, 1), slice(10, 31), slice(36, 37)):
        np.testing.assert_array_equal(cooccurrence_statistics(images[part]).values, together[part])
    for channels in (2, 3, 4):
        same = cooccurrence_statistics(np.repeat(images[:3], channels, axis=-1)).values
        np.testing.assert_array_equal(same, together[:3])


def test_bad_input_is_named():
    images = _images(2, 12, 12)
    with pytest.raises(InputError, match="8x20.*at least 9x9"):
        cooccurrence_statistics(_images(1, 8, 20))
    with pytest.raises(InputError, match="float32"):
        cooccurrence_statistics(images.astype(np.float32))
    for shape in ((12, 12, 1), (0, 12, 12, 1), (2, 12, 0, 1)):
        with pytest.raises(InputError, match="uint8"):
            cooccurrence_statistics(np.zeros(shape, np.uint8))
