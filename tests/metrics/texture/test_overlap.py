"""Crops that show the same piece of a picture are found by their pixels alone."""

import numpy as np
import pytest

from gan_jax.data.content import in_content_order
from gan_jax.metrics.overlap import independent_rows, shows_piece_of

_RNG = np.random.default_rng(0)
_PICTURE = _RNG.integers(0, 256, (96, 128, 3), dtype=np.uint8)


def _crops(picture, places, side=32):
    return np.stack([picture[top : top + side, left : left + side] for top, left in places])


def _grid(picture, side=32):
    height, width = picture.shape[:2]
    return [(y, x) for y in range(0, height, side) for x in range(0, width, side)]


@pytest.mark.parametrize("channels", [1, 3])
def test_crops_side_by_side_are_all_kept_and_overlapping_ones_thinned(channels):
    picture = _PICTURE[..., :channels]
    grid = _crops(picture, _grid(picture))
    assert independent_rows(grid).tolist() == list(range(12))
    places = _RNG.integers(0, (65, 97), (200, 2))
    crops = _crops(picture, places)
    rows = independent_rows(crops)
    assert 6 <= len(rows) <= 12  # 12 fit side by side
    kept = places[rows]
    apart = np.abs(kept[:, None] - kept[None]).max(axis=-1)
    np.fill_diagonal(apart, 32)
    assert apart.min() >= 24  # a strip narrower than a sixth may go unseen


def test_crops_of_other_pictures_are_no_overlap():
    others = _RNG.integers(0, 256, (40, 32, 32, 1), dtype=np.uint8)
    assert len(independent_rows(others)) == 40


def test_what_is_flat_or_of_two_tones_is_no_piece():
    """Black corners and vertical strokes are alike in drawings that were never copied."""
    drawings = np.zeros((30, 32, 32, 1), np.uint8)
    for index, drawing in enumerate(drawings):
        drawing[:, index % 10 : index % 10 + 3] = 255
        drawing[index, ::2] = 255
    assert len(independent_rows(drawings)) == 30
    assert not shows_piece_of(drawings[:15], drawings[15:]).any()


def test_flat_crops_are_thinned_like_the_others():
    """Or a picture that is half sky would be nearly all sky."""
    places = _RNG.integers(0, (65, 97), (100, 2))
    crops = in_content_order(
        np.concatenate([_crops(_PICTURE, places), np.full((100, 32, 32, 3), 200, np.uint8)])
    )
    kept = crops[independent_rows(crops)]
    flat = (kept == 200).all(axis=(1, 2, 3))
    assert flat.sum() == (~flat).sum()


def test_a_piece_of_another_set_is_found():
    images = _RNG.integers(0, 256, (10, 32, 32, 3), dtype=np.uint8)
    images[3, :16, :20] = _PICTURE[40:56, 7:27]
    images[6] = _PICTURE[10:42, 11:43]
    others = _crops(_PICTURE, _grid(_PICTURE))
    assert np.flatnonzero(shows_piece_of(images, others)).tolist() == [3, 6]


@pytest.mark.parametrize("shape", [(3, 3), (5, 40), (6, 6), (7, 9)])
def test_small_images_are_no_error(shape):
    images = _RNG.integers(0, 256, (8, *shape, 1), dtype=np.uint8)
    assert len(independent_rows(images)) == 8
    assert not shows_piece_of(images[:4], images[4:]).any()


@pytest.mark.parametrize("side", [7, 16, 28, 64])
def test_images_of_one_tone_are_no_error(side):
    images = np.arange(8, dtype=np.uint8)[:, None, None, None] + np.zeros(
        (1, side, side, 1), np.uint8
    )
    assert len(independent_rows(images)) == 8
    assert not shows_piece_of(images[:4], images[4:]).any()
