"""Co-occurrence matrices, their properties and Haralick's features."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.metrics.texture.cooccurrence import (
    ANGLES,
    DISTANCES,
    HARALICK_FEATURES,
    PROPERTIES,
    cooccurrence_matrices,
    cooccurrence_properties,
    cooccurrence_statistics,
    haralick_features,
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


def _by_hand(image: np.ndarray, distance: int, angle: int, levels: int = 16) -> np.ndarray:
    """Counts of one grey image [h, w], pair by pair."""
    down = round(distance * math.sin(math.radians(angle)))
    right = round(distance * math.cos(math.radians(angle)))
    counts = np.zeros((levels, levels))
    for r, c in np.ndindex(image.shape):
        if 0 <= r + down < image.shape[0] and 0 <= c + right < image.shape[1]:
            i, j = (int(image[p]) * levels // 256 for p in ((r, c), (r + down, c + right)))
            counts[i, j] += 1
    return counts


@pytest.mark.parametrize("height, width", [(9, 9), (33, 40), (64, 31)])
def test_counts_pair_by_pair(height, width):
    images = _images(3, height, width)
    matrices = cooccurrence_matrices(images, symmetric=False, normalised=False)
    assert matrices.shape == (3, 4, 4, 16, 16)
    for k, image in enumerate(images[..., 0]):
        for d, distance in enumerate(DISTANCES):
            for a, angle in enumerate(ANGLES):
                expected = _by_hand(image, distance, angle)
                np.testing.assert_array_equal(matrices[k, d, a], expected)


def test_distances_beyond_a_word_and_other_numbers_of_levels():
    images = _images(1, 70, 70)
    options = dict(distances=(3, 32, 40), symmetric=False, normalised=False)
    for levels in (2, 5, 40):
        matrices = cooccurrence_matrices(images, levels=levels, **options)
        for d, distance in enumerate((3, 32, 40)):
            expected = _by_hand(images[0, ..., 0], distance, 135, levels)
            np.testing.assert_array_equal(matrices[0, d, 3], expected)
    matrices = cooccurrence_matrices(images, levels=256, distances=(1,), normalised=False)
    assert matrices.sum() == 2 * (2 * 70 * 69 + 2 * 69 * 69)


def test_symmetric_and_normalised():
    images = _images(3, 20, 20)
    one_way = cooccurrence_matrices(images, symmetric=False, normalised=False)
    both = cooccurrence_matrices(images)
    np.testing.assert_allclose(both.sum(axis=(-1, -2)), 1)
    expected = one_way + one_way.swapaxes(-1, -2)
    expected /= expected.sum(axis=(-1, -2), keepdims=True)
    np.testing.assert_allclose(both, expected, rtol=1e-12)


@pytest.mark.parametrize("levels", [3, 100])
def test_levels_that_are_no_power_of_two_from_both_ends(levels):
    images = _images(2, 37, 11)
    options = dict(distances=(3,), levels=levels, normalised=False)
    both = cooccurrence_matrices(images, **options)
    for a, angle in enumerate(ANGLES):
        one_way = _by_hand(images[1, ..., 0], 3, angle, levels)
        np.testing.assert_array_equal(both[1, 0, a], one_way + one_way.T)


def test_matrices_and_properties_of_scikit_image():
    feature = pytest.importorskip("skimage.feature")
    images = _images(4, 40, 33)
    matrices = cooccurrence_matrices(images, normalised=False)
    statistics = cooccurrence_statistics(images)
    values = statistics.values.reshape(4, len(PROPERTIES), len(DISTANCES), len(ANGLES))
    for k, image in enumerate(images[..., 0] // 16):
        options = dict(distances=DISTANCES, angles=np.radians(ANGLES), levels=16, symmetric=True)
        counts = feature.graycomatrix(image, **options)
        np.testing.assert_array_equal(matrices[k], counts.transpose(2, 3, 0, 1))
        shares = feature.graycomatrix(image, normed=True, **options)
        for p, name in enumerate(PROPERTIES):
            expected = feature.graycoprops(shares, name)
            np.testing.assert_allclose(values[k, p], expected, rtol=1e-10, atol=1e-12)


def test_properties_of_a_small_matrix():
    # By hand: p = [[.5, .125, 0], [.125, 0, 0], [0, 0, .25]].
    matrix = np.array([[4, 1, 0], [1, 0, 0], [0, 0, 2]])
    found = dict(zip(PROPERTIES, cooccurrence_properties(matrix)))
    second_moment = (16 + 1 + 1 + 4) / 64
    mean, variance = 5 / 8, 9 / 8 - (5 / 8) ** 2
    assert found == pytest.approx(
        {
            "contrast": 0.25,
            "dissimilarity": 0.25,
            "homogeneity": 0.75 + 0.25 / 2,
            "ASM": second_moment,
            "energy": math.sqrt(second_moment),
            "correlation": (1 - mean**2) / variance,
        },
        rel=1e-14,
    )
    np.testing.assert_allclose(cooccurrence_properties(matrix / 8), list(found.values()))


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


def test_haralick_features_of_mahotas():
    texture = pytest.importorskip("mahotas.features.texture")
    images = _images(3, 33, 40)
    features = haralick_features(cooccurrence_matrices(images, distances=(1,)))[:, 0]
    for image, found in zip(images[..., 0] // 16, features):
        expected = texture.haralick(image, use_x_minus_y_variance=True)
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


def test_haralick_features_of_small_matrices():
    names = list(HARALICK_FEATURES)
    # Two levels, equally frequent, that never meet: one bit, and all of it shared.
    apart = dict(zip(names, haralick_features(np.eye(2))))
    assert apart == pytest.approx(
        {
            "angular_second_moment": 0.5,
            "contrast": 0,
            "correlation": 1,
            "variance": 0.25,
            "inverse_difference_moment": 1,
            "sum_average": 1,
            "sum_variance": 1,
            "sum_entropy": 1,
            "entropy": 1,
            "difference_variance": 0,
            "difference_entropy": 0,
            "information_1": -1,
            "information_2": math.sqrt(1 - math.exp(-2)),
        },
        abs=1e-14,
    )
    # Independent levels share nothing.
    independent = dict(zip(names, haralick_features(np.ones((5, 4, 4)))[3]))
    assert independent["information_1"] == pytest.approx(0, abs=1e-14)
    assert independent["information_2"] == pytest.approx(0, abs=1e-7)
    assert independent["correlation"] == pytest.approx(0, abs=1e-14)
    assert independent["entropy"] == pytest.approx(4)
    constant = dict(zip(names, haralick_features(np.diag([0, 3, 0]))))
    assert constant["correlation"] == 1 and constant["entropy"] == 0
    assert constant["information_1"] == constant["information_2"] == 0


def test_bad_input_is_named():
    images = _images(2, 12, 12)
    with pytest.raises(InputError, match="8x20.*at least 9x9"):
        cooccurrence_statistics(_images(1, 8, 20))
    with pytest.raises(InputError, match="at least 13x13"):
        cooccurrence_matrices(images, distances=(1, 12))
    for distances in ((), (0,), (1.5,), (-1, 2)):
        with pytest.raises(InputError, match="distances"):
            cooccurrence_matrices(images, distances=distances)
    for levels in (1, 257, 8.0):
        with pytest.raises(InputError, match="levels"):
            cooccurrence_matrices(images, levels=levels)
    with pytest.raises(InputError, match="float32"):
        cooccurrence_statistics(images.astype(np.float32))
    for shape in ((12, 12, 1), (0, 12, 12, 1), (2, 12, 0, 1)):
        with pytest.raises(InputError, match="uint8"):
            cooccurrence_statistics(np.zeros(shape, np.uint8))
    for compute in (cooccurrence_properties, haralick_features):
        with pytest.raises(InputError, match="shape"):
            compute(np.ones((4, 3)))
        for matrix in (np.zeros((3, 3)), -np.eye(3), np.full((2, 2), np.nan)):
            with pytest.raises(InputError, match="NaN"):
                compute(matrix)
