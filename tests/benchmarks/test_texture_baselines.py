"""Textures out of one photograph without training keep what they say they keep."""

import numpy as np
import pytest
from scipy import ndimage

from benchmarks import texture_baselines
from benchmarks.textures.baselines import (
    BASELINES,
    gaussian_field,
    phase_randomised,
    random_patches,
)
from gan_jax import data
from gan_jax.errors import InputError


@pytest.fixture(scope="module")
def photograph():
    """Correlated along rows, with a sheen from left to right, far from 0 and 255."""
    noise = np.random.default_rng(0).normal(size=(128, 192, 3))
    smooth = ndimage.gaussian_filter(noise, (1, 3, 0), mode="wrap")
    pixels = 120 + 15 * smooth / smooth.std() + np.linspace(-20, 20, 192)[:, None]
    return pixels.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("make", BASELINES.values(), ids=BASELINES)
def test_crops_are_as_many_and_as_large_as_asked_and_depend_on_the_seed(make, photograph):
    crops = make(photograph, 9, size=(40, 56), seed=3)
    assert crops.shape == (9, 40, 56, 3) and crops.dtype == np.uint8
    assert np.array_equal(crops, make(photograph, 9, size=(40, 56), seed=3))
    assert not np.array_equal(crops, make(photograph, 9, size=(40, 56), seed=4))
    assert len({crop.tobytes() for crop in crops}) == 9
    assert make(photograph[..., :1], 2, size=(128, 192)).shape == (2, 128, 192, 1)


def _correlation(images, down, right):
    """Of grey levels, less the mean of all, at an offset."""
    grey = images[..., 0].astype(float) - images[..., 0].mean()
    height, width = grey.shape[-2:]
    one = grey[..., : height - down, : width - right]
    return np.mean(one * grey[..., down:, right:]) / np.mean(grey**2)


@pytest.mark.parametrize("make", [phase_randomised, gaussian_field])
def test_fields_have_the_mean_deviation_and_correlations_of_the_photograph(make):
    noise = np.random.default_rng(1).normal(size=(256, 256, 1))
    smooth = ndimage.gaussian_filter(noise, (1, 3, 0), mode="wrap")
    photograph = (120 + 15 * smooth / smooth.std()).astype(np.uint8)
    crops = make(photograph, 64, size=(64, 64), seed=0)
    assert crops.mean() == pytest.approx(photograph.mean(), abs=1)
    assert crops.std() == pytest.approx(photograph.std(), rel=0.06)
    for down, right in ((1, 0), (0, 1), (0, 4), (3, 0), (2, 2)):
        expected = _correlation(photograph, down, right)
        assert _correlation(crops, down, right) == pytest.approx(expected, abs=0.05)


def test_random_phases_keep_every_amplitude_and_a_gaussian_field_does_not(photograph):
    """One crop as large as the photograph; a periodic one, whose amplitudes are all its own."""
    noise = np.random.default_rng(1).normal(size=(64, 64, 1))
    smooth = ndimage.gaussian_filter(noise, (2, 2, 0), mode="wrap")
    periodic = np.rint(128 + 20 * smooth / smooth.std()).clip(0, 255).astype(np.uint8)

    def amplitudes(images):
        return np.abs(np.fft.rfft2(images[..., 0].astype(float)))[1:6, 1:6].ravel()

    before = amplitudes(periodic)
    kept = amplitudes(phase_randomised(periodic, 1)[0])
    varied = amplitudes(gaussian_field(periodic, 1)[0])
    assert np.abs(np.log(kept / before)).mean() < 0.15
    assert np.abs(np.log(varied / before)).mean() > 0.3


def test_a_sheen_draws_no_cross(photograph):
    """Only the jump of a ramp from edge to edge is in its spectrum, and it is taken out."""
    ramp = np.repeat(np.linspace(40, 200, 64)[None, :, None], 64, axis=0).astype(np.uint8)
    crops = phase_randomised(ramp, 4, size=(64, 64)).astype(float)
    assert np.abs(crops - ramp.mean()).max() < 8


def test_channels_of_a_grey_photograph_stay_equal(photograph):
    grey = np.repeat(photograph[..., :1], 3, axis=-1)
    for make in BASELINES.values():
        crops = make(grey, 2)
        assert np.array_equal(crops[..., 0], crops[..., 1])


def test_patches_are_pieces_of_the_photograph():
    photograph = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50, 1)
    photograph = np.concatenate([photograph % 251, photograph // 251], -1).astype(np.uint8)
    image = random_patches(photograph, 1, size=(24, 20), patch=8, seed=1)[0]
    assert image.shape == (24, 20, 2)
    number = image[..., 1].astype(int) * 251 + image[..., 0]
    for top in (0, 8, 16):
        for left in (0, 8, 16):
            piece = number[top : top + 8, left : left + 8]
            height, width = piece.shape
            start = divmod(piece[0, 0], 50)
            expected = (start[0] + np.arange(height))[:, None] * 50 + start[1] + np.arange(width)
            assert np.array_equal(piece, expected)


def test_what_cannot_work_is_said(photograph):
    for make in BASELINES.values():
        with pytest.raises(InputError, match="uint8"):
            make(photograph / 255.0, 4)
        with pytest.raises(InputError, match=r"one image, uint8 \[h, w, c\]"):
            make(photograph[None], 4)
        with pytest.raises(InputError, match="128x192.*200x64"):
            make(photograph, 4, size=(200, 64))
        with pytest.raises(InputError, match="at least one crop"):
            make(photograph, 0)
    with pytest.raises(InputError, match="patch is 129"):
        random_patches(photograph, 1, patch=129)


# The table of benchmarks/texture_baselines.py


def _places(piece, pixels):
    """How often a piece occurs in pixels, both [h, w, 1]."""
    windows = np.lib.stride_tricks.sliding_window_view(pixels[..., 0], piece.shape[:2])
    return int((windows == piece[..., 0]).all((2, 3)).sum())


def test_what_takes_no_training_is_made_of_every_band_of_the_training_part():
    bands = data.load_photographs({"name": "textures", "photographs": "grass"}, "train")["grass"]
    made = dict(texture_baselines.contenders("grass", 5, []))
    assert set(made) == set(BASELINES) and {len(images) for images in made.values()} == {5}
    found = [
        [_places(image[16:32, :16], band) > 0 for band in bands] for image in made["random patches"]
    ]
    assert found == [[True, False]] * 3 + [[False, True]] * 2


def test_regions_that_are_compared_share_no_pixel():
    config = {"name": "textures", "photographs": "grass"}
    bands = data.load_photographs(config, "train")["grass"]
    (held_out,) = data.load_photographs(config, "test")["grass"]
    crops = texture_baselines.one_band("grass", 4)
    assert [[_places(crop, band) for band in bands] for crop in crops] == [[1, 0]] * 4
    half = held_out.shape[1] // 2
    for side, crops in enumerate(texture_baselines.held_out_halves("grass", 4)):
        own, other = (held_out[:, :half], held_out[:, half:])[:: 1 - 2 * side]
        assert [(_places(crop, own), _places(crop, other)) for crop in crops] == [(1, 0)] * 4
