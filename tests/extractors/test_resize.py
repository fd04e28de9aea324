"""The two bilinear resizings, by their definition and against the programs they are named after."""

from __future__ import annotations

import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.extractors.resize import resize_bilinear
from tests.extractors.test_inception import random_images


def _interpolated(image: np.ndarray, size: tuple[int, int], half_pixel: bool) -> np.ndarray:
    """One pixel after the other, float64."""
    height, width, channels = image.shape
    result = np.zeros((*size, channels))
    for row in range(size[0]):
        for column in range(size[1]):
            y, x = row * height / size[0], column * width / size[1]
            if half_pixel:
                y = max((row + 0.5) * height / size[0] - 0.5, 0)
                x = max((column + 0.5) * width / size[1] - 0.5, 0)
            top, left = int(y), int(x)
            for i, weight_y in ((top, 1 - y + top), (min(top + 1, height - 1), y - top)):
                for j, weight_x in ((left, 1 - x + left), (min(left + 1, width - 1), x - left)):
                    result[row, column] += weight_y * weight_x * image[i, j]
    return result


@pytest.mark.parametrize("half_pixel", [False, True])
@pytest.mark.parametrize(
    "shape, size",
    [((5, 7, 3), (23, 19)), ((31, 40, 1), (11, 13)), ((1, 3, 2), (4, 4)), ((6, 6, 1), (18, 3))],
)
def test_resizing_is_the_definition(shape, size, half_pixel):
    image = random_images(*shape)
    result = np.asarray(resize_bilinear(image[None], size, half_pixel=half_pixel))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result[0], _interpolated(image, size, half_pixel), atol=1e-3, rtol=0)


@pytest.mark.parametrize("half_pixel", [False, True])
def test_resizing_to_the_same_size_changes_nothing(half_pixel):
    images = random_images(2, 299, 299, 1)
    result = np.asarray(resize_bilinear(images, (299, 299), half_pixel=half_pixel))
    np.testing.assert_array_equal(result, images)


def test_resizing_nothing():
    for shape, size in (((1, 0, 4, 1), (5, 5)), ((4, 4, 1), (5, 5)), ((1, 4, 4, 1), (0, 5))):
        with pytest.raises(InputError, match="cannot be resized"):
            resize_bilinear(np.zeros(shape, np.uint8), size)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(32, 32), (299, 299), (400, 301)])
def test_both_resizings_are_those_of_the_programs(size):
    torch = pytest.importorskip("torch")
    tensorflow_like = pytest.importorskip("torch_fidelity.interpolate_compat_tensorflow")
    images = random_images(2, *size, 3)
    tensor = torch.from_numpy(np.moveaxis(images, -1, 1).copy()).float()
    wanted = tensorflow_like.interpolate_bilinear_2d_like_tensorflow1x(
        tensor, size=(299, 299), align_corners=False
    )
    found = np.moveaxis(np.asarray(resize_bilinear(images, (299, 299))), -1, 1)
    np.testing.assert_array_equal(found, wanted.numpy())
    wanted = torch.nn.functional.interpolate(tensor, (299, 299), mode="bilinear")
    found = np.asarray(resize_bilinear(images, (299, 299), half_pixel=True))
    np.testing.assert_allclose(np.moveaxis(found, -1, 1), wanted.numpy(), atol=1e-4, rtol=0)
