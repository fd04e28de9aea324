"""Laplacian patches and their sliced Wasserstein distance against scipy, POT and the paper."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage

from gan_jax import metrics
from gan_jax.errors import InputError
from gan_jax.metrics.texture.laplacian import (
    laplacian_distance,
    laplacian_patches,
    laplacian_pyramid,
    level_sides,
)


def _textures(seed: int, n: int, side: int = 32, channels: int = 1) -> np.ndarray:
    """Waves of random phase in noise, uint8 [n, side, side, channels]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    phase = rng.uniform(0, 2 * np.pi, size=(n, 1, 1, channels))
    wave = np.sin(2 * np.pi * (2 * x + y)[..., None] / 12 + phase)
    return (
        np.rint(128 + 60 * wave + rng.normal(0, 12, size=wave.shape)).clip(0, 255).astype(np.uint8)
    )


def _contrast(images: np.ndarray, factor: float) -> np.ndarray:
    return np.rint(128 + factor * (images - 128.0)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(64, 64), (33, 50), (31, 32), (20, 90)])
def test_pyramid_equals_mirrored_convolutions_of_scipy(shape):
    images = np.random.default_rng(0).uniform(size=(2, *shape, 3))
    tap = np.array([1, 4, 6, 4, 1]) / 16
    kernel = np.outer(tap, tap)[None, :, :, None]
    levels = laplacian_pyramid(images)
    assert [level.shape[1:3] for level in levels] == level_sides(*shape)
    assert min(levels[-1].shape[1:3]) >= 16
    for level in levels[:-1]:
        smaller = scipy.ndimage.convolve(images, kernel, mode="mirror")[:, ::2, ::2]
        spread = np.zeros_like(images)
        spread[:, ::2, ::2] = smaller
        enlarged = scipy.ndimage.convolve(spread, 4 * kernel, mode="mirror")
        np.testing.assert_allclose(level, images - enlarged, atol=1e-14)
        images = smaller
    np.testing.assert_allclose(levels[-1], images, atol=1e-14)


def test_levels_end_at_16_pixels():
    assert level_sides(64, 64) == [(64, 64), (32, 32), (16, 16)]
    assert level_sides(31, 100) == [(31, 100), (16, 50)]
    assert level_sides(30, 30) == [(30, 30)]


def test_only_the_last_level_sees_the_mean():
    levels = laplacian_pyramid(np.full((1, 64, 64, 1), 0.4))
    for level in levels[:-1]:
        np.testing.assert_allclose(level, 0.0, atol=1e-14)
    np.testing.assert_allclose(levels[-1], 0.4, atol=1e-14)


def test_patches_are_pieces_of_the_level_anywhere_in_it():
    images = np.random.default_rng(0).integers(0, 256, size=(3, 20, 24, 2), dtype=np.uint8)
    patches = laplacian_patches(images, 0, side=7, per_image=200)
    assert patches.shape == (600, 98)
    windows = np.lib.stride_tricks.sliding_window_view(images / 255, (7, 7), axis=(1, 2))
    windows = np.moveaxis(windows, 3, -1).reshape(3, -1, 98)
    found = set()
    for i, patch in enumerate(patches):
        where = np.flatnonzero((windows[i // 200] == patch).all(axis=1))
        assert len(where) == 1
        found.add(int(where[0]))
    assert len(found) > 0.75 * 14 * 18  # of all places; 600 draws find 91 % of 252
    first = laplacian_patches(images[:1], 0, side=7, per_image=200)
    np.testing.assert_array_equal(first, patches[:200])


def _standardised_levels(real, fake, standardise: str, per_image: int):
    """Patches of each level as the distance compares them, by plain means and deviations."""
    for level in range(len(level_sides(*real.shape[1:3]))):
        a, b = (laplacian_patches(x, level, per_image=per_image) for x in (real, fake))
        a, b = (x.reshape(-1, 3) for x in (a, b))
        by = b if standardise == "karras" else a
        b = ((b - by.mean(0)) / by.std(0)).reshape(-1, 147)
        yield ((a - a.mean(0)) / a.std(0)).reshape(-1, 147), b


def _ours_and_plain(standardise: str, p: float, sliced):
    """Distances by level, and those of `sliced` between plainly standardised patches."""
    real, fake = _textures(0, 12, channels=3), _contrast(_textures(1, 9, channels=3), 0.8)
    options = {"standardise": standardise, "p": p, "num_projections": 32, "patches_per_image": 16}
    ours = laplacian_distance(real, fake, **options).distances
    directions = metrics.random_projections(147, 32)
    pairs = _standardised_levels(real, fake, standardise, 16)
    return ours, [sliced(a, b, projections=directions, p=p) for a, b in pairs]


@pytest.mark.parametrize("standardise", ["reference", "karras"])
@pytest.mark.parametrize("p", [1.0, 2.0])
def test_distance_is_the_sliced_distance_of_standardised_patches(standardise, p):
    ours, expected = _ours_and_plain(standardise, p, metrics.sliced_wasserstein)
    assert len(ours) == 2 and ours == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("standardise", ["reference", "karras"])
@pytest.mark.parametrize("p", [1.0, 2.0])
def test_distance_equals_that_of_pot_when_it_is_installed(standardise, p):
    ot = pytest.importorskip("ot")
    ours, expected = _ours_and_plain(standardise, p, ot.sliced_wasserstein_distance)
    assert ours == pytest.approx(expected, rel=1e-10)


def test_distance_of_a_set_from_itself_and_from_another():
    real, other = _textures(0, 20, side=64), _textures(1, 20, side=64)
    options = {"num_projections": 64, "patches_per_image": 32}
    same = laplacian_distance(real, real, **options)
    assert same.sides == (64, 32, 16) and same.distances == (0.0, 0.0, 0.0) and same.mean == 0.0
    floor = laplacian_distance(real, other, **options)
    blurred = scipy.ndimage.gaussian_filter(other, (0, 1, 1, 0), mode="wrap")
    seen = laplacian_distance(real, blurred, **options)
    assert seen.distances[0] > 5 * floor.distances[0]
    assert seen.mean == np.mean(seen.distances)
    assert laplacian_distance(real, blurred, **options) == seen
    assert laplacian_distance(real, blurred, seed=1, **options) != seen


def test_the_published_form_cannot_see_contrast():
    real, other = _textures(0, 40), _textures(1, 40)
    options = {"num_projections": 64, "patches_per_image": 32}
    for mode, least, most in (("reference", 2.5, np.inf), ("karras", 0.0, 1.1)):
        floor = laplacian_distance(real, other, standardise=mode, **options)
        seen = laplacian_distance(real, _contrast(other, 0.8), standardise=mode, **options)
        assert least < seen.distances[0] / floor.distances[0] < most


def test_doubled_sets_are_the_same_distribution():
    real, other = _textures(0, 8), _textures(1, 6)
    options = {"num_projections": 16, "patches_per_image": 8}
    a = laplacian_patches(real, 0, per_image=8)
    once = metrics.sliced_wasserstein(a, a[:40], num_projections=16, p=1)
    twice = metrics.sliced_wasserstein(np.tile(a, (2, 1)), a[:40], num_projections=16, p=1)
    assert once == pytest.approx(twice, rel=1e-12)
    assert laplacian_distance(real, other, **options).mean > 0  # unequal n


def test_a_large_set_gets_fewer_patches_an_image():
    real, fake = _textures(0, 20), _textures(1, 5)
    bounded = laplacian_distance(real, fake, max_patches=100, num_projections=4)
    assert bounded.patches_per_image == (5, 20)
    assert laplacian_distance(real, fake, max_patches=3, num_projections=4).patches_per_image == (
        1,
        1,
    )
    free = laplacian_distance(real[:2], fake[:2], max_patches=None, num_projections=4)
    assert free.patches_per_image == (128, 128)


def test_constant_images_have_finite_distances():
    flat = np.full((4, 32, 32, 3), 90, np.uint8)
    for mode in ("reference", "karras"):
        options = {"standardise": mode, "num_projections": 8, "patches_per_image": 4}
        assert laplacian_distance(flat, flat, **options).mean == 0.0
        for pair in ((flat, _textures(0, 4, channels=3)), (_textures(0, 4, channels=3), flat)):
            assert np.isfinite(laplacian_distance(*pair, **options).distances).all()


def test_bad_input_is_refused():
    images = _textures(0, 2)
    with pytest.raises(InputError, match="15x32.*at least 16x16"):
        laplacian_distance(images, images[:, :15])
    with pytest.raises(InputError, match=r"\[32, 32, 1\].*\[32, 30, 1\]"):
        laplacian_distance(images, images[:, :, :30])
    with pytest.raises(InputError, match="float64"):
        laplacian_distance(images, images / 255)
    with pytest.raises(InputError, match="'own'.*'reference' or 'karras'"):
        laplacian_distance(images, images, standardise="own")
    with pytest.raises(InputError, match="patch_side is 17"):
        laplacian_distance(images, images, patch_side=17)
    with pytest.raises(InputError, match="patches_per_image is 0"):
        laplacian_distance(images, images, patches_per_image=0)
    with pytest.raises(InputError, match="p is 0"):
        laplacian_distance(images, images, p=0, patches_per_image=1, num_projections=1)
