"""Laplacian patches and their sliced Wasserstein distance against scipy, POT and the paper."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage

from gan_jax import metrics
from gan_jax.errors import InputError
from gan_jax.metrics.texture.laplacian import (
    laplacian_distances,
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
    patches = laplacian_patches(images, 0, per_image=200)
    assert patches.shape == (600, 98)
    windows = np.lib.stride_tricks.sliding_window_view(images / 255, (7, 7), axis=(1, 2))
    windows = np.moveaxis(windows, 3, -1).reshape(3, -1, 98)
    found = set()
    for i, patch in enumerate(patches):
        where = np.flatnonzero((windows[i // 200] == patch).all(axis=1))
        assert len(where) == 1
        found.add(int(where[0]))
    assert len(found) > 0.75 * 14 * 18  # of all places; 600 draws find 91 % of 252
    first = laplacian_patches(images[:1], 0, per_image=200)
    np.testing.assert_array_equal(first, patches[:200])


def _ours_and_plain(sliced):
    """Distances by level, and those of `sliced` between plainly standardised patches."""
    real, fake = _textures(0, 12, channels=3), _contrast(_textures(1, 9, channels=3), 0.8)
    ours = laplacian_distances(real, fake, num_projections=32, max_patches=180)
    directions, expected = metrics.random_projections(147, 32), []
    for level in range(len(level_sides(*real.shape[1:3]))):
        a, b = (laplacian_patches(x, level, per_image=180 // len(x)) for x in (real, fake))
        a, b = (x.reshape(-1, 3) for x in (a, b))
        a, b = ((x - a.mean(0)) / a.std(0) for x in (a, b))
        expected.append(
            sliced(a.reshape(-1, 147), b.reshape(-1, 147), projections=directions, p=1.0)
        )
    return ours, expected


def test_distance_is_the_sliced_distance_of_standardised_patches():
    ours, expected = _ours_and_plain(metrics.sliced_wasserstein)
    assert len(ours) == 2 and ours == pytest.approx(expected, rel=1e-10)


def test_distance_equals_that_of_pot_when_it_is_installed():
    ot = pytest.importorskip("ot")
    ours, expected = _ours_and_plain(ot.sliced_wasserstein_distance)
    assert ours == pytest.approx(expected, rel=1e-10)


def test_distance_of_a_set_from_itself_and_from_another():
    real, other = _textures(0, 20, side=64), _textures(1, 20, side=64)
    options = {"num_projections": 64, "max_patches": 640}
    assert laplacian_distances(real, real, **options).tolist() == [0.0, 0.0, 0.0]
    floor = laplacian_distances(real, other, **options)
    blurred = scipy.ndimage.gaussian_filter(other, (0, 1, 1, 0), mode="wrap")
    seen = laplacian_distances(real, blurred, **options)
    assert seen[0] > 5 * floor[0]
    np.testing.assert_array_equal(laplacian_distances(real, blurred, **options), seen)
    assert (laplacian_distances(real, blurred, seed=1, **options) != seen).all()


def test_a_change_of_contrast_is_seen():
    real, other = _textures(0, 40), _textures(1, 40)
    options = {"num_projections": 64, "max_patches": 1280}
    floor = laplacian_distances(real, other, **options)
    assert laplacian_distances(real, _contrast(other, 0.8), **options)[0] > 2.5 * floor[0]


def test_doubled_sets_are_the_same_distribution():
    real = _textures(0, 8)
    a = laplacian_patches(real, 0, per_image=8)
    once = metrics.sliced_wasserstein(a, a[:40], num_projections=16, p=1)
    twice = metrics.sliced_wasserstein(np.tile(a, (2, 1)), a[:40], num_projections=16, p=1)
    assert once == pytest.approx(twice, rel=1e-12)


def test_a_set_gets_one_patch_an_image_at_least():
    real, fake = _textures(0, 20), _textures(1, 5)
    few = laplacian_distances(real, fake, max_patches=3, num_projections=4)
    np.testing.assert_array_equal(
        few, laplacian_distances(real, fake, max_patches=1, num_projections=4)
    )
    assert (few != laplacian_distances(real, fake, max_patches=100, num_projections=4)).all()


def test_constant_images_have_finite_distances():
    flat, waves = np.full((4, 32, 32, 3), 90, np.uint8), _textures(0, 4, channels=3)
    options = {"num_projections": 8, "max_patches": 16}
    assert not laplacian_distances(flat, flat, **options).any()
    for pair in ((flat, waves), (waves, flat)):
        assert np.isfinite(laplacian_distances(*pair, **options)).all()


def test_bad_input_is_refused():
    images = _textures(0, 2)
    with pytest.raises(InputError, match="15x32.*at least 16x16"):
        laplacian_distances(images, images[:, :15])
    with pytest.raises(InputError, match=r"\[32, 32, 1\].*\[32, 30, 1\]"):
        laplacian_distances(images, images[:, :, :30])
    with pytest.raises(InputError, match="float64"):
        laplacian_distances(images, images / 255)
