"""Texture matching against numpy, and on several devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal

from configs import texture_brick
from gan_jax.config.build import build_gan
from gan_jax.errors import InputError
from gan_jax.steps.texture_matching import TextureMatching

_SMALL = TextureMatching(scales=2, filters=5, size=3, seed=4)


def _images(seed, count=4, side=12, channels=1):
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.uniform(-1, 1, (count, side, side, channels)), jnp.float32)


def _reference(fake, real, matching):
    """The same by scipy's correlation in float64."""
    fake, real = (np.asarray(images, np.float64) for images in (fake, real))
    rng = np.random.default_rng(matching.seed)
    total = 0.0
    for _ in range(matching.scales):
        size = (matching.size, matching.size, real.shape[-1], matching.filters)
        filters = rng.standard_normal(size)
        filters -= filters.mean((0, 1))
        filters /= np.sqrt((filters**2).sum((0, 1, 2)))
        grams = []
        for images in (fake, real):
            maps = [
                [
                    sum(
                        signal.correlate2d(image[..., c], filters[..., c, k], "valid")
                        for c in range(image.shape[-1])
                    )
                    for k in range(matching.filters)
                ]
                for image in images
            ]
            features = np.maximum(np.array(maps), 0.0).transpose(1, 0, 2, 3)
            features = features.reshape(matching.filters, -1)
            features = np.concatenate([features, np.ones((1, features.shape[1]))])
            grams.append(features @ features.T / features.shape[1])
        total += ((grams[0] - grams[1]) ** 2).sum() / (grams[1] ** 2).sum()
        n, h, w, c = fake.shape
        fake, real = (x.reshape(n, h // 2, 2, w // 2, 2, c).mean((2, 4)) for x in (fake, real))
    return total / matching.scales


@pytest.mark.parametrize("channels", [1, 3])
def test_it_is_what_numpy_makes_of_it(channels):
    fake, real = _images(0, channels=channels), 0.5 * _images(1, channels=channels)
    np.testing.assert_allclose(_SMALL(fake, real), _reference(fake, real, _SMALL), rtol=1e-4)


def test_the_same_textures_in_another_order_match():
    real = _images(2)
    assert float(_SMALL(real[::-1], real)) < 1e-10
    assert float(_SMALL(_images(3), real)) > 1e-6


def test_it_sees_what_the_power_spectrum_does_not():
    """Blobs and the same with random phases: equal spectra, other Gram matrices."""
    rng = np.random.default_rng(0)
    dots = (rng.uniform(size=(8, 32, 32)) > 0.97).astype(float)
    dots -= dots.mean((1, 2), keepdims=True)
    spectrum = np.fft.rfft2(dots)
    noise = np.fft.rfft2(rng.standard_normal(dots.shape))
    scrambled = np.fft.irfft2(spectrum * noise / np.abs(noise), s=dots.shape[1:])
    first, second = (jnp.asarray(x[..., None], jnp.float32) for x in (dots, scrambled))
    matching = TextureMatching(scales=1, filters=16, size=5)
    assert float(matching(second, first)) > 10 * float(matching(first[:4], first[4:]))


def test_eight_devices_are_one():
    fake, real = _images(5, count=16), _images(6, count=16)
    whole, gradient = jax.value_and_grad(lambda scale: _SMALL(scale * fake, real))(1.0)

    def share(scale, fake, real):
        value, slope = jax.value_and_grad(lambda s: _SMALL(s * fake, real, "data"))(scale)
        return value, jax.lax.pmean(slope, "data")

    parts = [x.reshape(8, 2, *x.shape[1:]) for x in (fake, real)]
    values, slopes = jax.pmap(share, axis_name="data", in_axes=(None, 0, 0))(1.0, *parts)
    np.testing.assert_allclose(values, whole, rtol=1e-5)
    np.testing.assert_allclose(slopes, gradient, rtol=1e-4)


@pytest.mark.parametrize("field", ["scales", "filters", "size"])
def test_none_of_anything_is_refused(field):
    with pytest.raises(InputError, match=f"{field}=0"):
        TextureMatching(**{field: 0})


def test_a_config_that_asks_for_it():
    config = texture_brick.get_config()
    config.texture_matching.weight = 100.0
    gan = build_gan(config, (64, 64, 1), 10)
    assert gan.generator_losses == (TextureMatching(weight=100.0),)
    with pytest.raises(InputError, match="64x48 are too small.*needs 56"):
        build_gan(config, (64, 48, 1), 10)
    config.texture_matching.weight = -1.0
    with pytest.raises(InputError, match="texture_matching.weight is -1.0"):
        build_gan(config, (64, 64, 1), 10)
