"""Damage to textures does what its name says, and nothing else."""

import numpy as np
import pytest

from benchmarks.textures.degradations import TEXTURE_DEGRADATIONS, texture_pool
from gan_jax.data.procedural import procedural_textures

_KINDS = {degradation.name: degradation for degradation in TEXTURE_DEGRADATIONS}


def _damaged(name, images, strength, seed=0):
    apply = _KINDS[name].apply
    return apply(texture_pool(images), strength, np.random.default_rng(seed))


def _waves(images):
    """Where the spectrum of each image [n, h, w, 1] peaks: frequencies (down, right)."""
    window = np.hanning(images.shape[1])[:, None] * np.hanning(images.shape[2])
    grey = images[..., 0] - images[..., 0].mean((1, 2), keepdims=True)
    power = np.abs(np.fft.rfft2(grey * window, s=(512, 512)))
    rows, columns = np.unravel_index(power.reshape(len(power), -1).argmax(1), power.shape[1:])
    return np.stack([np.fft.fftfreq(512)[rows], columns / 512], axis=1)


@pytest.mark.parametrize("kind", TEXTURE_DEGRADATIONS, ids=lambda kind: kind.name)
def test_shape_and_type_stay_and_five_strengths_do_more_and_more(kind):
    images = np.random.default_rng(0).integers(40, 216, (6, 24, 32, 3)).astype(np.uint8)
    before = images.copy()
    results = [_damaged(kind.name, images, strength) for strength in kind.strengths]
    assert len(kind.strengths) == 5 and sorted(kind.strengths) == list(kind.strengths)
    assert all(r.dtype == np.uint8 and r.shape == images.shape for r in results)
    assert not np.array_equal(results[-1], images)
    assert np.array_equal(images, before)
    for first, second in zip(results, (_damaged(kind.name, images, s) for s in kind.strengths)):
        assert np.array_equal(first, second)


@pytest.mark.parametrize("degrees", [5.0, 16.0])
def test_a_turned_wave_is_the_wave_of_another_angle(degrees):
    images = procedural_textures("stripes", 3, angle=20)
    turned = _waves(_damaged("rotated", images, degrees))
    found = np.rad2deg(np.arctan2(turned[:, 0], turned[:, 1]))
    assert found == pytest.approx(np.full(3, 20 - degrees), abs=1.5)
    # Its length stays: 1 / 8 cycles a pixel.
    assert np.hypot(*turned.T) == pytest.approx(np.full(3, 1 / 8), abs=0.005)


@pytest.mark.parametrize("share", [0.125, 0.35])
def test_an_enlarged_wave_has_a_longer_period(share):
    images = procedural_textures("stripes", 3, angle=20)
    enlarged = _waves(_damaged("enlarged", images, share))
    assert 1 / np.hypot(*enlarged.T) == pytest.approx(np.full(3, 8 * (1 + share)), rel=0.03)
    assert np.rad2deg(np.arctan2(*enlarged.T)) == pytest.approx(np.full(3, 20), abs=2)


@pytest.mark.parametrize("name", ["enlarged", "rotated"])
def test_no_turn_and_no_enlargement_change_nothing(name):
    images = np.random.default_rng(0).integers(0, 256, (3, 17, 24, 2)).astype(np.uint8)
    assert np.array_equal(_damaged(name, images, 0.0), images)


def test_turning_does_not_blur():
    """A spline would take a third of white noise away."""
    noise = np.random.default_rng(0).normal(128, 20, (20, 64, 64, 1)).clip(0, 255).astype(np.uint8)
    turned = _damaged("rotated", noise, 8.0).astype(float)
    for axis in (1, 2):
        before, after = (np.diff(images, axis=axis).std() for images in (noise / 1.0, turned))
        assert after == pytest.approx(before, rel=0.04)


def test_random_phases_keep_the_amplitudes():
    rng = np.random.default_rng(0)
    images = rng.normal(128, 20, (5, 31, 40, 1)).clip(1, 254).astype(np.uint8)

    def correlations(strength):
        changed = _damaged("phases randomised", images, strength)
        old, new = (np.fft.rfft2(x.astype(float), axes=(1, 2)) for x in (images, changed))
        assert np.abs(new[:, 0, 0]) == pytest.approx(np.abs(old[:, 0, 0]), rel=1e-3)
        sizes = np.corrcoef(np.abs(old[:, 1:, 1:]).ravel(), np.abs(new[:, 1:, 1:]).ravel())[0, 1]
        turn = np.mean(np.exp(1j * (np.angle(new) - np.angle(old))).real)
        return sizes, turn

    found = [correlations(strength) for strength in (0.0, 0.3, 0.6, 1.0)]
    assert all(size > 0.99 for size, _ in found)
    turns = [turn for _, turn in found]
    assert turns[0] > 0.999 and turns == sorted(turns, reverse=True) and abs(turns[-1]) < 0.05


def test_colours_stay_together_when_phases_go():
    grey = np.random.default_rng(0).integers(60, 190, (3, 32, 32, 1)).astype(np.uint8)
    changed = _damaged("phases randomised", np.repeat(grey, 3, axis=-1), 1.0)
    assert np.array_equal(changed[..., 0], changed[..., 1])
    assert np.array_equal(changed[..., 0], changed[..., 2])
