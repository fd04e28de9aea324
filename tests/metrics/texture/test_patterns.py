"""Local binary patterns against scikit-image and exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import scipy.ndimage

from gan_jax.errors import InputError
from gan_jax.metrics.texture.patterns import binary_patterns


def _noise(n: int, height: int, width: int, levels: int = 256) -> np.ndarray:
    rng = np.random.default_rng(levels)
    return rng.integers(0, levels, (n, height, width, 1)).astype(np.uint8)


def _by_hand(image: np.ndarray) -> list[int]:
    """Counts of one grey image [h, w] by the definition, in exact fractions."""
    counts = [0] * 10
    cosine = Fraction(70711, 100000)
    steps = [(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]
    for r in range(1, image.shape[0] - 1):
        for c in range(1, image.shape[1] - 1):
            bits = []
            for down, right in steps:
                part = cosine if down and right else Fraction(1)
                y, x = part * abs(down), part * abs(right)
                value = (
                    (1 - y) * (1 - x) * int(image[r, c])
                    + (1 - y) * x * int(image[r, c + right])
                    + y * (1 - x) * int(image[r + down, c])
                    + y * x * int(image[r + down, c + right])
                )
                bits.append(value >= int(image[r, c]))
            changes = sum(bits[k] != bits[k - 1] for k in range(8))
            counts[sum(bits) if changes <= 2 else 9] += 1
    return counts


@pytest.mark.parametrize("levels", [2, 3, 256])
def test_counts_of_the_definition(levels):
    images = _noise(2, 12, 15, levels)
    counts = binary_patterns(images).values * (10 * 13)
    np.testing.assert_allclose(counts, [_by_hand(image[..., 0]) for image in images], atol=1e-9)


def test_counts_of_scikit_image():
    feature = pytest.importorskip("skimage.feature")
    images = np.concatenate([_noise(3, 40, 33), _noise(2, 40, 33, 4), np.full((1, 40, 33, 1), 77)])
    images = images.astype(np.uint8)
    images[1, ..., 0] = scipy.ndimage.gaussian_filter(images[1, ..., 0], 2)
    for image, shares in zip(images, binary_patterns(images).values):
        codes = feature.local_binary_pattern(image[..., 0], 8, 1, method="uniform")
        expected = np.bincount(codes[1:-1, 1:-1].astype(int).ravel(), minlength=10)
        np.testing.assert_array_equal(np.rint(shares * expected.sum()), expected)


def test_a_turn_by_a_quarter_and_more_light_change_nothing():
    images = _noise(3, 20, 20, 200)
    expected = binary_patterns(images).values
    np.testing.assert_array_equal(binary_patterns(np.rot90(images, axes=(1, 2))).values, expected)
    np.testing.assert_array_equal(binary_patterns(images + 50).values, expected)


def test_constant_images_and_names():
    statistics = binary_patterns(np.full((2, 5, 9, 3), 13, np.uint8))
    assert statistics.names == (*(f"lbp_{k}" for k in range(9)), "lbp_other")
    np.testing.assert_array_equal(statistics.values, np.tile(np.eye(10)[8], (2, 1)))


def test_a_batch_changes_nothing():
    images = _noise(260, 16, 16)
    together = binary_patterns(images).values
    np.testing.assert_allclose(together.sum(axis=1), 1)
    np.testing.assert_array_equal(binary_patterns(images[250:]).values, together[250:])
    np.testing.assert_array_equal(
        binary_patterns(np.repeat(images[:3], 3, axis=-1)).values, together[:3]
    )


def test_what_is_no_image_is_refused():
    assert binary_patterns(_noise(1, 3, 3)).values.sum() == 1
    with pytest.raises(InputError, match="2x9.*at least 3x3"):
        binary_patterns(_noise(1, 2, 9))
    with pytest.raises(InputError, match="float32"):
        binary_patterns(np.zeros((1, 8, 8, 1), np.float32))
    for shape in ((8, 8), (0, 8, 8, 1), ()):
        with pytest.raises(InputError, match="uint8"):
            binary_patterns(np.zeros(shape, np.uint8))
