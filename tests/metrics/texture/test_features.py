"""Patch Fréchet and Gram distances of feature maps: closed forms and what they forget."""

from __future__ import annotations

import numpy as np
import pytest

from gan_jax import metrics
from gan_jax.data.content import in_content_order
from gan_jax.errors import InputError
from gan_jax.metrics.texture import features
from gan_jax.metrics.texture.features import (
    gram_distance,
    patch_frechet_distance,
    patch_frechet_with_floor,
)


def _maps(seed: int, n: int, h: int = 6, w: int = 5, c: int = 4, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(c, c))
    return rng.gamma(2.0, size=(n, h, w, c)) @ mixing + shift


def _standardised(maps: np.ndarray, by: np.ndarray) -> np.ndarray:
    by = by.reshape(-1, by.shape[-1])
    return (maps.reshape(-1, maps.shape[-1]) - by.mean(0)) / by.std(0)


def _permuted(maps: np.ndarray, seed: int) -> np.ndarray:
    """The positions of each image in an order of its own."""
    rng = np.random.default_rng(seed)
    flat = rng.permuted(np.arange(maps[0, ..., 0].size)[None].repeat(len(maps), 0), axis=1)
    rows = maps.reshape(len(maps), -1, maps.shape[-1])
    return np.take_along_axis(rows, flat[..., None], axis=1).reshape(maps.shape)


@pytest.mark.parametrize("shape", [(6, 5), (3, 9), (1, 2)])
def test_patch_distance_is_the_distance_of_all_positions(shape):
    real, fake = _maps(0, 20), _maps(1, 15, *shape, shift=0.5)
    expected = metrics.frechet_distance(_standardised(real, real), _standardised(fake, real))
    assert patch_frechet_distance(real, fake) == pytest.approx(expected, rel=1e-9)
    float32 = patch_frechet_distance(real.astype(np.float32), fake.astype(np.float32))
    assert float32 == pytest.approx(expected, rel=1e-5)


def test_patch_distance_has_a_closed_form_for_independent_channels():
    # Reference channels of variance 1; the others shifted by m and scaled by s: the distance is
    # the sum of m^2 + (s - 1)^2.
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(4000, 3))
    rows -= rows.mean(0)
    rows = np.linalg.qr(rows)[0] * np.sqrt(4000)
    shift, scale = np.array([0.5, 0.0, -1.0]), np.array([1.0, 2.0, 0.25])
    fake = (rows * scale + shift).reshape(40, 10, 10, 3)
    expected = np.sum(shift**2) + np.sum((scale - 1) ** 2)
    real = rows.reshape(40, 10, 10, 3)
    assert patch_frechet_distance(real, fake) == pytest.approx(expected, rel=1e-3)
    # Units and offsets of a channel do not matter, since the reference's are taken out.
    units = np.array([1e3, 1e-4, 7.0])
    moved = patch_frechet_distance(real * units + 5 * units, fake * units + 5 * units)
    assert moved == pytest.approx(patch_frechet_distance(real, fake), rel=1e-9)


def test_where_a_feature_is_does_not_matter():
    real, fake = _maps(0, 12), _maps(1, 6, shift=0.3)  # so few that every draw holds them all
    mixed = _permuted(fake, 5)
    assert not np.array_equal(mixed, fake)
    assert patch_frechet_distance(real, mixed) == pytest.approx(patch_frechet_distance(real, fake))
    assert gram_distance(real, mixed) == pytest.approx(gram_distance(real, fake))
    a = patch_frechet_with_floor(real, mixed, num_splits=2)
    b = patch_frechet_with_floor(real, fake, num_splits=2)
    assert (a.value, a.floor, a.interval) == (
        pytest.approx(b.value),
        pytest.approx(b.floor),
        pytest.approx(b.interval),
    )


def test_one_image_a_side():
    real, fake = _maps(0, 1), _maps(1, 1)
    assert patch_frechet_distance(real, real) == pytest.approx(0.0, abs=1e-9)
    assert patch_frechet_distance(real, fake) > 0
    with pytest.raises(InputError, match="at least 2 positions"):
        patch_frechet_distance(real, fake[:, :1, :1])
    with pytest.raises(InputError, match="the reference has 1 images"):
        patch_frechet_with_floor(real, fake)


def test_floor_and_value_are_means_over_the_draws():
    # With as many splits as needed for every image to be in use, against plain loops.
    real, fake = in_content_order(_maps(0, 9)), in_content_order(_maps(1, 7, shift=0.5))
    result = patch_frechet_with_floor(real, fake, num_splits=3, interval=False, seed=4)
    assert result.n == 4 and result.interval is None
    values, floors = [], []
    for split in range(3):
        order = np.random.default_rng([4, split, 0]).permutation(9)
        drawn = np.random.default_rng([4, split, 1]).permutation(7)[:4]
        a, b = real[order[:4]], real[order[4:8]]
        anchor = _standardised(a, real)
        values.append(metrics.frechet_distance(_standardised(fake[drawn], real), anchor))
        floors.append(metrics.frechet_distance(_standardised(b, real), anchor))
    assert result.value == pytest.approx(np.mean(values), rel=1e-9)
    assert result.floor == pytest.approx(np.mean(floors), rel=1e-9)
    assert result.floor_spread == pytest.approx(np.std(floors, ddof=1), rel=1e-9)
    with_interval = patch_frechet_with_floor(real, fake, num_splits=3, seed=4)
    assert with_interval.value == pytest.approx(result.value, rel=1e-12)
    assert with_interval.floor == pytest.approx(result.floor, rel=1e-12)


def test_the_order_of_the_images_changes_nothing():
    for generated in (14, 9):
        real, fake = _maps(0, 23), _maps(1, generated, shift=0.3)
        result = patch_frechet_with_floor(real, fake)
        for seed in range(5):
            one, other = (np.random.default_rng([seed, n]).permutation(n) for n in (23, generated))
            again = patch_frechet_with_floor(real[one], fake[other])
            assert again == result
            np.testing.assert_array_equal(again.real_influence, result.real_influence[one])


def test_the_interval_of_images_of_one_position_is_that_of_their_vectors():
    real, fake = _maps(0, 200, 1, 1), _maps(1, 100, 1, 1, shift=0.5)
    rows = [_standardised(maps, real) for maps in (real, fake)]
    expected = metrics.frechet_with_floor(*rows, standardised=True)
    result = patch_frechet_with_floor(real, fake)  # other draws: the hashes are of other bytes
    assert result.standard_error == pytest.approx(expected.standard_error, rel=0.25)


def test_the_interval_is_over_images():
    # Every position of an image is the same, so it counts once: the interval must be as wide as
    # that of the images' vectors, many times that of independent positions.
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(200, 1, 1, 3)), rng.normal(size=(100, 1, 1, 3)) + 0.3
    wide = [np.broadcast_to(x, (len(x), 8, 8, 3)) for x in (real, fake)]
    a = patch_frechet_with_floor(real, fake)
    b = patch_frechet_with_floor(*wide)
    assert b.interval[1] - b.interval[0] == pytest.approx(a.interval[1] - a.interval[0], rel=0.05)
    independent = [rng.normal(size=x.shape) + shift for x, shift in zip(wide, (0.0, 0.3))]
    c = patch_frechet_with_floor(*independent)
    assert (b.interval[1] - b.interval[0]) / (c.interval[1] - c.interval[0]) > 4
    assert a.interval[0] <= a.value <= a.interval[1] and 0.0 < a.floor < a.value


@pytest.mark.parametrize("shift", [0.0, 0.4])
def test_interval_covers_the_spread_over_fresh_images(shift):
    draws = [
        patch_frechet_with_floor(
            _maps(2 * i, 80, 4, 4), _maps(2 * i + 1, 40, 4, 4, shift=shift), num_splits=4
        )
        for i in range(100)
    ]
    expected = np.mean([x.value for x in draws])
    spread = np.std([x.value for x in draws], ddof=1)
    error = np.sqrt(np.mean([x.standard_error**2 for x in draws]))
    assert 0.8 < error / spread < 1.35
    assert 0.88 < np.mean([x.interval[0] <= expected <= x.interval[1] for x in draws])


def test_gram_distance_has_closed_forms():
    real = _maps(0, 10)
    assert gram_distance(real, real[::-1]) == pytest.approx(0.0, abs=1e-14)
    assert gram_distance(real, 2 * real) == pytest.approx(3.0)  # products grow fourfold
    assert gram_distance(real, 0 * real) == pytest.approx(1.0)
    other = _maps(1, 4, 3, 3)
    a, b = (np.einsum("nhwi,nhwj->ij", maps, maps) / maps[..., 0].size for maps in (real, other))
    assert gram_distance(real, other) == pytest.approx(np.linalg.norm(a - b) / np.linalg.norm(a))


def test_blocks_of_images_change_nothing(monkeypatch):
    real, fake = _maps(0, 23), _maps(1, 14, shift=0.2)
    whole = (patch_frechet_with_floor(real, fake), gram_distance(real, fake))
    monkeypatch.setattr(features, "ENTRIES_AT_ONCE", 500)
    parts = (patch_frechet_with_floor(real, fake), gram_distance(real, fake))
    assert parts[0].value == pytest.approx(whole[0].value, rel=1e-9)
    assert parts[0].interval == pytest.approx(whole[0].interval, rel=1e-9)
    assert parts[1] == pytest.approx(whole[1], rel=1e-12)


def test_channels_that_do_not_vary_are_finite():
    real, fake = _maps(0, 8), _maps(1, 8)
    for maps in (real, fake):
        maps[..., 1] = 0.1  # 0.1 is not a binary fraction, so its mean has round-off
    assert 0 < patch_frechet_distance(real, fake) < 1
    flat = np.full((4, 3, 3, 2), 0.1)
    assert patch_frechet_distance(flat, flat) == pytest.approx(0.0, abs=1e-12)
    assert patch_frechet_distance(flat, flat + 2) == pytest.approx(8.0)
    assert gram_distance(0 * flat, 0 * flat) == 0.0


def test_bad_maps_are_refused():
    maps = _maps(0, 4)
    with pytest.raises(InputError, match=r"generated feature maps have shape \(4, 120\)"):
        patch_frechet_distance(maps, maps.reshape(4, -1))
    with pytest.raises(InputError, match="4 channels and the other 3"):
        gram_distance(maps, maps[..., :3])
    with pytest.raises(InputError, match="at least one image"):
        gram_distance(maps, maps[:0])
    broken = maps.copy()
    broken[2, 0, 0, 1] = np.inf
    with pytest.raises(InputError, match="row 2 holds inf"):
        patch_frechet_distance(maps, broken)
    with pytest.raises(InputError, match="num_splits is 1; an interval needs 2"):
        patch_frechet_with_floor(maps, maps, num_splits=1)
