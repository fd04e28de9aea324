"""Known damage: shapes, strengths, shares, places, and that nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from gan_jax.errors import InputError
from gan_jax.judging.degradations import DEGRADATIONS, Pool

_BY_NAME = {one.name: one for one in DEGRADATIONS}
_NAMES = tuple(_BY_NAME)
_SHAPES = [(28, 28, 1), (28, 28, 3), (13, 9, 3), (6, 17, 1), (4, 4, 1)]


def _smooth(rng: np.random.Generator, count: int, shape: tuple[int, int, int]) -> np.ndarray:
    """Images in which neighbouring pixels are alike, as in pictures of things."""
    noise = rng.normal(size=(count, shape[0] + 4, shape[1] + 4, shape[2]))
    kernel = np.ones((1, 5, 5, 1)) / 5
    return np.clip(128 + 40 * scipy.signal.convolve(noise, kernel, "valid"), 0, 255).astype("u1")


def _pool(shape=(12, 10, 1), count=40, classes=4, seed=0) -> Pool:
    rng = np.random.default_rng(seed)
    return Pool(
        images=_smooth(rng, count, shape),
        labels=np.arange(count) % classes,
        training=_smooth(rng, 2 * count, shape),
    )


def _apply(name: str, pool: Pool, strength: float, seed: int = 0) -> np.ndarray:
    return _BY_NAME[name].apply(pool, strength, np.random.default_rng(seed))


def _replaced(pool: Pool, images: np.ndarray) -> np.ndarray:
    """Which images are no longer what they were, [n]."""
    return np.any(images != pool.images, axis=(1, 2, 3))


def test_there_are_nine_of_five_ascending_strengths():
    assert len(DEGRADATIONS) == len(_NAMES) == 9
    for one in DEGRADATIONS:
        assert len(one.strengths) == 5 and one.unit
        assert all(a < b for a, b in zip(one.strengths, one.strengths[1:]))


@pytest.mark.parametrize("shape", _SHAPES, ids=str)
@pytest.mark.parametrize("name", _NAMES)
def test_images_of_any_shape_stay_what_they_are(name, shape):
    """uint8 of the same shape; the pool itself is left alone; the generator says all."""
    pool = _pool(shape, count=12)
    before = [array.copy() for array in (pool.images, pool.labels, pool.training)]
    for strength in (_BY_NAME[name].strengths[0], _BY_NAME[name].strengths[-1]):
        first, again, other = (_apply(name, pool, strength, seed) for seed in (3, 3, 4))
        assert first.dtype == np.uint8 and first.shape == pool.images.shape
        assert np.array_equal(first, again)
        assert not np.shares_memory(first, pool.images)
        if name not in ("blur", "checkerboard", "contrast"):
            assert not np.array_equal(first, other) or not _replaced(pool, first).any()
    for array, kept in zip((pool.images, pool.labels, pool.training), before):
        assert np.array_equal(array, kept)


@pytest.mark.parametrize("shape", [(28, 28, 1), (13, 9, 3)], ids=str)
@pytest.mark.parametrize("name", _NAMES)
def test_stronger_is_farther(name, shape):
    """In pixels, or in the number of images replaced; each image's changes are drawn anew."""
    pool = _pool(shape, count=60)
    replaces = name in ("dropped class", "one image repeated", "training copies")
    distances = []
    for strength in _BY_NAME[name].strengths:
        images = _apply(name, pool, strength)
        distance = np.abs(images.astype(int) - pool.images).mean()
        distances.append(_replaced(pool, images).sum() if replaces else distance)
    assert distances[0] > 0
    # One step of a shift is a whole pixel, so two strengths may be the same on a short side.
    assert all(a <= b if name == "shift" else a < b for a, b in zip(distances, distances[1:]))
    assert distances[-1] > distances[0]


def test_closed_forms():
    """Of what is not random: contrast, checkerboard; of the noise its standard deviation."""
    pool = _pool((8, 7, 3))
    images = pool.images.astype(np.float64)
    mean = images.mean((1, 2, 3), keepdims=True)
    assert np.abs(_apply("contrast", pool, 0.5) - (images + mean) / 2).max() <= 0.51
    board = np.where(np.indices((8, 7)).sum(0) % 2, -1, 1)[None, :, :, None]
    expected = np.clip(np.rint(images + 127.5 * 0.4 * board), 0, 255)
    assert np.array_equal(_apply("checkerboard", pool, 0.4), expected)
    grey = Pool(np.full((50, 16, 16, 1), 128, np.uint8), np.zeros(50, int), pool.training)
    noise = _apply("noise", grey, 0.1).astype(float) - 128
    assert noise.std() == pytest.approx(25.5, rel=0.03) and abs(noise.mean()) < 1


def test_blur_keeps_the_channels_apart_and_is_a_gaussian():
    dot = np.zeros((1, 21, 21, 2), np.uint8)
    dot[0, 10, 10, 0] = 255
    found = _apply("blur", Pool(dot, np.zeros(1, int), dot), 1.5)
    assert not found[..., 1].any()
    offsets = np.arange(21) - 10
    kernel = np.exp(-(offsets**2) / (2 * 1.5**2))
    kernel /= kernel.sum()
    assert np.abs(found[0, ..., 0] - 255 * np.outer(kernel, kernel)).max() <= 0.51
    flat = np.full((2, 5, 6, 1), 77, np.uint8)
    assert np.array_equal(_apply("blur", Pool(flat, np.zeros(2, int), flat), 1.5), flat)


@pytest.mark.parametrize("shape", [(28, 28, 1), (20, 50, 3), (5, 3, 1)], ids=str)
@pytest.mark.parametrize("strength", [0.04, 0.12, 0.25])
def test_a_shift_moves_by_a_share_of_the_side(shape, strength):
    """Every image by the same number of pixels, and all four directions occur."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, *shape), dtype=np.uint8)
    found = _apply("shift", Pool(images, np.zeros(60, int), images), strength)
    down, right = (max(round(strength * side), 1) for side in shape[:2])
    directions = []
    for image, moved in zip(images, found):
        candidates = {
            "up": (moved[:-down], image[down:]),
            "down": (moved[down:], image[:-down]),
            "left": (moved[:, :-right], image[:, right:]),
            "right": (moved[:, right:], image[:, :-right]),
        }
        fitting = [name for name, (a, b) in candidates.items() if np.array_equal(a, b)]
        assert len(fitting) == 1
        directions += fitting
    assert set(directions) == {"up", "down", "left", "right"}
    assert np.array_equal(found[0], _apply("shift", Pool(images, images, images), strength)[0])


def test_what_a_shift_leaves_free_is_filled_from_the_edge():
    columns = np.broadcast_to(np.arange(10, dtype=np.uint8), (30, 10, 10))[..., None]
    found = _apply("shift", Pool(columns, np.zeros(30, int), columns), 0.2)
    rows = {tuple(row) for row in found[..., 0].reshape(-1, 10)}
    assert rows == {
        tuple(range(10)),  # up or down
        (0, 0, 0, 1, 2, 3, 4, 5, 6, 7),
        (2, 3, 4, 5, 6, 7, 8, 9, 9, 9),
    }


@pytest.mark.parametrize(("strength", "count"), [(0.125, 2), (0.5, 8), (1.0, 16), (0.01, 2)])
@pytest.mark.parametrize("shape", [(16, 8, 1), (18, 11, 3)], ids=str)
def test_patches_change_places(shape, strength, count):
    """That many cells of the grid move, none is lost, and what does not divide stays."""
    height, width = shape[0] // 4, shape[1] // 4
    number = np.zeros(shape[:2], np.uint8)  # a cell's number in all its pixels; 99 outside
    number[:] = 99
    for cell in range(16):
        row, column = cell // 4 * height, cell % 4 * width
        number[row : row + height, column : column + width] = cell
    images = np.repeat(np.broadcast_to(number, (20, *shape[:2]))[..., None], shape[2], -1)
    found = _apply("shuffled patches", Pool(images, np.zeros(20, int), images), strength)
    cells = found[:, : 4 * height : height, : 4 * width : width, 0].reshape(20, 16)
    assert np.all(np.sum(cells != np.arange(16), axis=1) == count)
    assert np.all(np.sort(cells) == np.arange(16))
    rebuilt = np.repeat(np.repeat(cells.reshape(20, 4, 4), height, 1), width, 2)
    assert np.array_equal(found[:, : 4 * height, : 4 * width, 0], rebuilt)
    assert np.all(found[:, 4 * height :] == 99) and np.all(found[:, :, 4 * width :] == 99)
    assert len({tuple(row) for row in cells}) > 1  # not the same in every image


@pytest.mark.parametrize("strength", [0.2, 0.33, 1.0])
def test_exactly_a_share_of_the_images_are_training_copies(strength):
    pool = _pool(count=50)
    found = _apply("training copies", pool, strength)
    changed = _replaced(pool, found)
    assert changed.sum() == round(strength * 50)
    training = {image.tobytes() for image in pool.training}
    copies = [image.tobytes() for image in found[changed]]
    assert set(copies) <= training and len(set(copies)) == len(copies)  # no training image twice


def test_few_training_images_are_taken_more_than_once():
    pool = _pool(count=20)
    few = Pool(pool.images, pool.labels, pool.training[:3])
    copies = [image.tobytes() for image in _apply("training copies", few, 1.0)]
    assert sorted(copies.count(one.tobytes()) for one in few.training) == [6, 7, 7]


@pytest.mark.parametrize("strength", [0.02, 0.1, 0.4])
def test_exactly_a_share_of_the_images_is_one_of_them(strength):
    pool = _pool(count=100)
    found = _apply("one image repeated", pool, strength)
    kept, counts = np.unique(found.reshape(100, -1), axis=0, return_counts=True)
    originals = {image.tobytes() for image in pool.images}
    assert {image.tobytes() for image in kept} <= originals
    # The image itself may be among those replaced by it.
    assert counts.max() - 1 in (round(strength * 100), round(strength * 100) - 1)
    assert np.sum(counts > 1) == 1
    assert _replaced(pool, found).sum() == counts.max() - 1


@pytest.mark.parametrize("strength", [0.2, 0.5, 1.0])
def test_exactly_a_share_of_one_class_is_replaced_by_others(strength):
    pool = _pool(count=40, classes=4)
    found = _apply("dropped class", pool, strength)
    changed = _replaced(pool, found)
    (dropped,) = np.unique(pool.labels[changed])
    assert changed.sum() == round(strength * 10)
    label_of = {image.tobytes(): label for image, label in zip(pool.images, pool.labels)}
    labels = np.array([label_of[image.tobytes()] for image in found])
    assert np.sum(labels == dropped) == 10 - changed.sum()
    assert {
        int(label)
        for seed in range(30)
        for label in np.unique(
            pool.labels[_replaced(pool, _apply("dropped class", pool, 1.0, seed))]
        )
    } == {0, 1, 2, 3}  # any class can be the one


def test_a_class_of_one_image_is_dropped_whole_or_not_at_all():
    pool = _pool(count=10)
    tiny = Pool(pool.images, np.array([7] + [3] * 9), pool.training)
    for seed in range(10):
        assert _replaced(tiny, _apply("dropped class", tiny, 0.4, seed)).sum() in (0, 4)
        assert _replaced(tiny, _apply("dropped class", tiny, 1.0, seed)).sum() in (1, 9)


def test_a_class_that_is_alone_cannot_be_dropped():
    pool = _pool(count=10, classes=1)
    with pytest.raises(InputError, match="all 10 images are of one class.*at least two"):
        _apply("dropped class", pool, 0.5)


@pytest.mark.parametrize("name", _NAMES)
def test_images_of_one_pixel(name):
    images = np.arange(0, 200, 10, dtype=np.uint8).reshape(20, 1, 1, 1)
    pool = Pool(images, np.arange(20) % 2, images + 1)
    for strength in _BY_NAME[name].strengths:
        found = _apply(name, pool, strength)
        assert found.dtype == np.uint8 and found.shape == (20, 1, 1, 1)
        if name in ("blur", "contrast", "shift", "shuffled patches"):  # nothing there to change
            assert np.array_equal(found, images)


@pytest.mark.parametrize("value", [0, 255])
def test_nothing_wraps_around_at_the_ends_of_the_range(value):
    flat = np.full((6, 8, 8, 1), value, np.uint8)
    pool = Pool(flat, np.arange(6) % 2, flat)
    for name in ("noise", "checkerboard"):
        found = _apply(name, pool, _BY_NAME[name].strengths[-1]).astype(int)
        assert np.any(found == value) and np.any(found != value)
        assert np.abs(found - value).max() <= 255 * 0.3 * 5
