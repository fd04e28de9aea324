"""Arrays of images as one picture, and a picture as a file."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gan_jax.errors import InputError
from gan_jax.runtime.images import displayable, image_grid, save_png
from tests.reports.reading import random_images as _images


def test_grid_places_images_in_reading_order():
    images = _images(5, 3, 4, 3)
    grid = image_grid(images, columns=2, padding=1)
    assert grid.shape == (3 * 3 + 2, 2 * 4 + 1, 3) and grid.dtype == np.uint8
    for i in range(5):
        row, column = divmod(i, 2)
        cell = grid[row * 4 : row * 4 + 3, column * 5 : column * 5 + 4]
        np.testing.assert_array_equal(cell, images[i])
    assert (grid[3] == 255).all() and (grid[:, 4] == 255).all() and (grid[8:, 5:] == 255).all()
    np.testing.assert_array_equal(
        image_grid(images, columns=2, scale=3), grid.repeat(3, axis=0).repeat(3, axis=1)
    )
    np.testing.assert_array_equal(image_grid(images[:1], padding=4), images[0])


@pytest.mark.parametrize(("height", "width"), [(8, 8), (4, 16), (32, 8)])
def test_grid_is_about_square_by_default(height, width):
    grid = image_grid(_images(64, height, width), padding=0)
    assert 0.45 < grid.shape[0] / grid.shape[1] < 2.2


def test_every_channel_count_can_be_shown():
    for channels, shown in ((1, 1), (2, 3), (3, 3), (4, 3), (5, 3)):
        assert image_grid(_images(4, channels=channels)).shape[-1] == shown
    clear = np.array([10, 20, 30, 0], np.uint8).reshape(1, 1, 4)
    opaque = np.array([10, 20, 30, 255], np.uint8).reshape(1, 1, 4)
    assert displayable(clear).ravel().tolist() == [255, 255, 255]
    assert displayable(opaque).ravel().tolist() == [10, 20, 30]


def test_pictures_refuse_what_is_not_images():
    with pytest.raises(InputError, match=r"float32 \(2, 8, 6, 1\); expected uint8"):
        image_grid(_images(2).astype(np.float32))
    with pytest.raises(InputError, match="at least one image"):
        image_grid(_images(0))
    with pytest.raises(InputError, match="columns=0"):
        image_grid(_images(2), columns=0)


@pytest.mark.parametrize("channels", [1, 3])
def test_saved_png_holds_the_same_pixels(tmp_path, channels):
    image = _images(1, 7, 9, channels)[0]
    save_png(tmp_path / "new" / "a.png", image)
    read = np.asarray(Image.open(tmp_path / "new" / "a.png")).reshape(7, 9, channels)
    np.testing.assert_array_equal(read, image)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.png"]
