"""Extractors that have learnt nothing: identity, features against numpy, bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gan_jax import metrics
from gan_jax.data import Dataset
from gan_jax.errors import InputError
from gan_jax.extractors.common import digest_of
from gan_jax.extractors.controls import pca_extractor, pixel_extractor, random_extractor
from gan_jax.judging.judge import make_judge
from gan_jax.models.cnn import CNN

_SHAPE = (9, 7, 2)


def _images(seed: int, count: int, shape=_SHAPE) -> np.ndarray:
    """A few smooth patterns and noise, so that some axes matter more than others."""
    rng = np.random.default_rng(seed)
    patterns = (
        np.random.default_rng(99).normal(size=(6, *shape))
        * np.arange(6, 0, -1)[:, None, None, None]
    )
    x = 128 + 6 * np.tensordot(rng.normal(size=(count, 6)), patterns, 1)
    return np.clip(x + rng.normal(size=x.shape) * 4, 0, 255).astype(np.uint8)


# The random CNN


def test_the_random_cnn_is_its_seed():
    one, again, other = (random_extractor((12, 12, 1), seed=seed) for seed in (0, 0, 1))
    assert one.digest == again.digest != other.digest
    assert one.stamp == f"random-cnn-s0@{one.digest[:8]}"
    # Frozen: it must be the same on every machine, or numbers of two machines never compare.
    assert one.digest[:16] == "bb666ea714bd6d2c"
    assert random_extractor((12, 14, 1)).digest != one.digest
    assert random_extractor((12, 12, 1), network=CNN(num_classes=10, widths=(8,)),
                            layers={"semantic": "penultimate", "texture": "block1"}
                            ).digest != one.digest  # fmt: skip


def test_the_random_cnn_sees_and_keeps_the_scale():
    extractor = random_extractor((16, 16, 3), seed=3)
    noise = np.random.default_rng(0).integers(0, 256, (64, 16, 16, 3)).astype(np.uint8)
    features = extractor.features(noise)
    assert features.semantic.shape == (64, 128) and features.texture.shape == (64, 128)
    for value in (features.semantic, features.texture):
        assert 0.05 < value.std() < 20
        assert metrics.effective_rank(np.cov(value.T)) > 2
    brighter = np.clip(noise.astype(int) + 60, 0, 255).astype(np.uint8)
    shifted = extractor.features(brighter).semantic
    floor = metrics.frechet_distance(features.semantic[:32], features.semantic[32:])
    assert metrics.frechet_distance(features.semantic, shifted) > 2 * floor


def test_the_random_cnn_serves_as_a_judge():
    extractor = random_extractor(_SHAPE, network=CNN(num_classes=3, widths=(8, 8), dense=12))
    judge = make_judge(extractor, Dataset("made", "test", _images(0, 60)))
    judgement = judge.judge(_images(1, 30))
    assert judgement.metrics["fd_semantic"]["n"] == 30
    assert judgement.protocol["extractor"] == extractor.stamp
    assert json.loads(json.dumps(judgement.protocol))["extractor_accuracy"] is None


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(image_shape=(12, 12)), r"image_shape is \(12, 12\); expected"),
        (dict(image_shape=(12, 12, 0)), "each >= 1"),
        (dict(image_shape=(3, 12, 1)), "at least 4x4"),
        (dict(image_shape=(12, 12, 1), seed=-1), "seed .* -1; expected at least 0"),
        (
            dict(image_shape=(8, 8, 1), layers={"semantic": "dense", "texture": "block1"}),
            r"layers\['semantic'\] is 'dense'; expected one of logits, penultimate",
        ),
        (
            dict(image_shape=(8, 8, 1), layers={"semantic": "logits"}),
            r"layers\['texture'\] is None; expected one of block1",
        ),
    ],
)
def test_random_cnns_that_cannot_be(arguments, message):
    with pytest.raises(InputError, match=message):
        random_extractor(**arguments)


# Pixels


def test_pixels_are_pixels():
    images, told = _images(0, 10), []
    features = pixel_extractor(_SHAPE).features(images, batch_size=4, progress=told.append)
    np.testing.assert_array_equal(features.semantic, (images / 255.0).reshape(10, -1).astype("f4"))
    assert features.semantic.dtype == np.float32 and told == [4, 8, 10]
    assert features.texture is None and features.probabilities is None


def test_the_shape_is_part_of_the_identity():
    assert pixel_extractor((4, 9, 1)).digest == pixel_extractor([4, 9, 1]).digest
    assert pixel_extractor((4, 9, 1)).digest != pixel_extractor((6, 6, 1)).digest
    assert pixel_extractor((4, 9, 1)).image_shape == (4, 9, 1)


# Principal components


@pytest.mark.parametrize("count", [40, 300], ids=["fewer images than pixels", "more"])
def test_pca_against_the_singular_values(count):
    reference, fresh = _images(0, count), _images(1, 20)
    extractor = pca_extractor(reference, 5)
    pixels = reference.reshape(count, -1) / 255.0
    centred = pixels - pixels.mean(0)
    _, values, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:5] * np.sign(axes[np.arange(5), np.argmax(np.abs(axes[:5]), 1)])[:, None]
    expected = (fresh.reshape(20, -1) / 255.0 - pixels.mean(0)) @ axes.T
    features = extractor.features(fresh, batch_size=7)
    np.testing.assert_allclose(features.semantic, expected, atol=1e-6)
    explained = np.sum(values[:5] ** 2) / np.sum(values**2)
    assert extractor.record["explained"] == pytest.approx(explained, rel=1e-9)
    assert extractor.record["explained"] > 0.5


def test_all_axes_keep_the_distance():
    """A rotation: the Frechet distance of pixels and of all their components is one number."""
    reference, other = _images(0, 300), _images(1, 250)
    extractor, pixels = pca_extractor(reference, 126), pixel_extractor(_SHAPE)
    found = metrics.frechet_distance(
        extractor.features(reference).semantic, extractor.features(other).semantic
    )
    expected = metrics.frechet_distance(
        pixels.features(reference).semantic, pixels.features(other).semantic
    )
    assert found == pytest.approx(expected, rel=1e-5)


def test_pca_is_its_reference_and_its_number_of_axes():
    one = pca_extractor(_images(0, 30), 4)
    assert one.digest == pca_extractor(_images(0, 30), 4).digest
    assert one.stamp == f"pca4@{one.digest[:8]}"
    others = (pca_extractor(_images(0, 30), 3), pca_extractor(_images(1, 30), 4))
    assert len({one.digest, *(other.digest for other in others)}) == 3


def test_axes_that_are_not_there():
    with pytest.raises(InputError, match="num_components is 30; .* from 1 to 29"):
        pca_extractor(_images(0, 30), 30)
    with pytest.raises(InputError, match="num_components is 0"):
        pca_extractor(_images(0, 30), 0)
    same = np.repeat(_images(0, 1), 30, axis=0)
    with pytest.raises(InputError, match="vary along 0 axes only"):
        pca_extractor(same, 2)
    same[0] = 255
    for reference in (same, np.repeat(same, 10, axis=0)):
        assert pca_extractor(reference, 1).features(same).semantic.shape == (30, 1)
        with pytest.raises(InputError, match="vary along 1 axes only"):
            pca_extractor(reference, 2)
    with pytest.raises(InputError, match=r"at least 2 reference images to vary, and there is 1"):
        pca_extractor(_images(0, 1), 1)


# Bad input


@pytest.mark.parametrize(
    "extractor", [pixel_extractor(_SHAPE), pca_extractor(_images(0, 30), 3)], ids=["pixels", "pca"]
)
def test_images_that_do_not_fit(extractor):
    images = _images(2, 3)
    with pytest.raises(InputError, match="are float64; an extractor takes uint8.*255 . x"):
        extractor.features(images / 255)
    with pytest.raises(InputError, match="7x9x2 and the extractor .* made for 9x7x2"):
        extractor.features(images.transpose(0, 2, 1, 3))
    with pytest.raises(InputError, match="expected .n, height, width, channels."):
        extractor.features(images[0])
    with pytest.raises(InputError, match="none of them 0"):
        extractor.features(images[:0])
    with pytest.raises(InputError, match="n = 1"):
        metrics.Moments.of(extractor.features(images[:1]).semantic).covariance()


def test_images_that_are_too_large():
    with pytest.raises(InputError, match="64x64x3 have 12288 numbers.*PCA"):
        pixel_extractor((64, 64, 3))
    with pytest.raises(InputError, match="at most 4096 reference images"):
        pca_extractor(np.zeros((5000, 70, 70, 1), np.uint8), 2)


def test_the_digest_sees_values_names_types_and_shapes():
    x = np.arange(6.0)
    digests = {
        digest_of({}, {"a": x}),
        digest_of({"b": 1}, {"a": x}),
        digest_of({}, {"b": x}),
        digest_of({}, {"a": x.astype(np.float32)}),
        digest_of({}, {"a": x.reshape(2, 3)}),
        digest_of({}, {"a": x[::-1]}),
    }
    assert len(digests) == 6
    assert digest_of({}, {"a": x, "b": x}) == digest_of({}, {"b": x, "a": x[::-1][::-1]})
