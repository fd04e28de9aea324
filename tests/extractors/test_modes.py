"""Modes of stacked images: the recogniser on each channel, and the numbers beside real stacks'."""

import numpy as np
import pytest

from gan_jax import run as training
from gan_jax.data import load
from gan_jax.errors import InputError
from gan_jax.extractors.choice import open_extractor
from gan_jax.extractors.common import Features
from gan_jax.extractors.controls import random_extractor
from gan_jax.extractors.parts import ChannelExtractor, reading_parts
from gan_jax.judging.sides import Sides
from gan_jax.judging.suite import run_suite
from gan_jax.models.cnn import CNN
from gan_jax.runtime.checkpoint import Checkpoints
from tests import runs

_NETWORK = CNN(num_classes=4, widths=(3, 4), dense=5)
_LAYERS = {"semantic": "penultimate", "texture": "block2"}


class _Counting:
    """An extractor that counts what it is asked to read."""

    def __init__(self, extractor):
        self._extractor, self.read = extractor, 0

    def __getattr__(self, name):
        return getattr(self._extractor, name)

    def features(self, images, **options):
        self.read += len(images)
        return self._extractor.features(images, **options)


@pytest.fixture(scope="module")
def one_channel():
    return random_extractor((8, 8, 1), network=_NETWORK, layers=_LAYERS)


def _images(seed, count):
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), np.uint8)


def test_each_channel_is_read_by_itself(one_channel):
    images = _images(0, 6)
    features = ChannelExtractor(one_channel, 3).features(images)
    each = [one_channel.features(images[..., c : c + 1]) for c in range(3)]
    for name in ("semantic", "texture"):
        joined = np.concatenate([getattr(side, name) for side in each], 1)
        np.testing.assert_allclose(getattr(features, name), joined, rtol=1e-5, atol=1e-6)
    a, b, c = (side.probabilities for side in each)
    np.testing.assert_allclose(features.channels, np.stack([a, b, c], 1), rtol=1e-5)
    product = np.einsum("ni,nj,nk->nijk", a, b, c).reshape(6, 64)
    np.testing.assert_allclose(features.probabilities, product, rtol=1e-5)


def test_equal_channels_are_read_once(one_channel):
    digits = _images(1, 4)[..., 0]
    chosen = np.random.default_rng(2).integers(0, 4, (50, 3))
    stacks = np.moveaxis(digits[chosen], 1, 3)
    counting = _Counting(one_channel)
    features = ChannelExtractor(counting, 3).features(stacks)
    assert counting.read == 4
    alone = one_channel.features(digits[..., None])
    np.testing.assert_allclose(features.channels, alone.probabilities[chosen], rtol=1e-5)


def test_its_identity_is_not_that_of_the_pack(one_channel):
    extractor = ChannelExtractor(one_channel, 3)
    assert extractor.digest not in (one_channel.digest, ChannelExtractor(one_channel, 2).digest)
    assert extractor.stamp == f"random-cnn-s0-x3@{extractor.digest[:8]}"
    assert extractor.image_shape == (8, 8, 3)
    assert len(extractor.class_names) == 64
    assert extractor.class_names[1] == "output 0output 0output 1"
    with pytest.raises(InputError, match=r"8x8x1.*8x8x3, each channel"):
        extractor.features(_images(0, 2)[..., :1])


def test_only_stacks_are_read_channel_by_channel(one_channel, tmp_path):
    stacks = load({"name": "stacked_mnist", "image_size": (8, 8), "num_test_stacks": 9}, "test")
    digits = load({"name": "mnist5k", "image_size": (8, 8)}, "test")
    extractor = reading_parts(one_channel, stacks)
    assert extractor == ChannelExtractor(one_channel, 3)
    assert reading_parts(one_channel, digits) is one_channel
    assert reading_parts(one_channel, None) is one_channel
    three = random_extractor((8, 8, 3), network=_NETWORK, layers=_LAYERS)
    assert reading_parts(three, stacks) is three
    control = open_extractor("random:1", stacks, like=extractor)
    assert control.stamp.startswith("random-cnn-s1-x3@")
    many = CNN(num_classes=90, widths=(3, 4), dense=5)
    with pytest.raises(InputError, match="90 classes, and 3 channels have 729,000 combinations"):
        reading_parts(random_extractor((8, 8, 1), network=many, layers=_LAYERS), stacks)


# Numbers


def _sides(real, fake, *, sure=0.9, unsure_every=0, counts=True):
    """Sides of digits [n, 3]; each recognised with probability `sure`, some with less than half."""

    def features(digits, every):
        channels = np.full((*digits.shape, 10), (1 - sure) / 9, np.float32)
        np.put_along_axis(channels, digits[..., None], sure, 2)
        if every:
            channels[::every, 1] = np.float32(0.6 / 9)
            channels[::every, 1][np.arange(len(channels[::every])), digits[::every, 1]] = 0.4
        a, b, c = np.moveaxis(channels, 1, 0)
        probabilities = np.einsum("ni,nj,nk->nijk", a, b, c).reshape(len(digits), -1)
        return Features(np.zeros((len(digits), 1)), None, probabilities, channels)

    reference = features(real, 0)
    return Sides(
        reference=lambda: reference,
        reference_moments=None,
        knows_classes=counts,
        fake=features(fake, unsure_every),
        training=None,
        intervals=False,
        seed=0,
    )


def _kl(p, q):
    return sum(a * np.log(a / b) for a, b in zip(p, q) if a)


def test_modes_and_divergences_are_those_of_plain_counts():
    rng = np.random.default_rng(0)
    real, fake = rng.integers(0, 3, (800, 3)), rng.integers(0, 2, (300, 3))
    found = run_suite(_sides(real, fake, unsure_every=10), ["modes"])[0]
    assert set(found) == {"modes", "modes_kl", "modes_kl_uniform", "unsure_digits"}
    assert (found["modes"]["value"], found["modes"]["real"], found["modes"]["n"]) == (8, 27, 300)
    order = np.random.default_rng([0, 800]).permutation(800)

    def shares(digits):
        return np.bincount(digits @ [100, 10, 1], minlength=1000) / len(digits)

    one, other = shares(real[order[:300]]), shares(real[order[300:600]])
    even = np.full(1000, 1e-3)
    for name, value, floor in (
        ("modes_kl", _kl(shares(fake), one), _kl(other, one)),
        ("modes_kl_uniform", _kl(shares(fake), even), _kl(other, even)),
    ):
        assert found[name]["value"] == pytest.approx(value, rel=1e-9)
        assert found[name]["floor"] == pytest.approx(floor, rel=1e-9)
    assert found["unsure_digits"] == {"value": 30 / 900, "real": 0.0, "count": 30, "n": 900}


def test_a_collapsed_generator_has_one_mode():
    real = np.random.default_rng(0).integers(0, 10, (12_000, 3))
    found = run_suite(_sides(real, np.full((6000, 3), 7)), ["modes"])[0]
    assert found["modes"]["value"] == 1 and found["modes"]["real"] > 990
    assert found["modes_kl_uniform"]["value"] == pytest.approx(np.log(1000))
    assert found["modes_kl"]["value"] == pytest.approx(np.log(1000), abs=1)
    assert found["modes_kl"]["floor"] == pytest.approx(999 / 6000, rel=0.2)  # of finite samples


def test_stacks_as_good_as_real_ones_are_at_the_floor():
    rng = np.random.default_rng(1)
    real, fake = rng.integers(0, 10, (12_000, 3)), rng.integers(0, 10, (6000, 3))
    found = run_suite(_sides(real, fake), ["modes"])[0]
    assert found["modes"]["value"] > 990
    assert found["modes_kl"]["value"] == pytest.approx(found["modes_kl"]["floor"], rel=0.15)


def test_a_short_reference_shortens_both_sides():
    rng = np.random.default_rng(1)
    digits = rng.integers(0, 10, (400, 3))
    found = run_suite(_sides(digits[:100], digits), ["modes"])[0]
    assert found["modes"]["n"] == 50 and found["unsure_digits"]["n"] == 150


def test_without_channels_or_classes_there_are_no_modes_to_count():
    digits = np.zeros((20, 3), int)
    assert run_suite(_sides(digits, digits, counts=False), ["modes"]) == ({}, {})


# A run


@pytest.mark.slow
def test_a_run_on_stacks_reports_its_modes(tiny_run, tmp_path):
    config = runs.tiny_config(
        tiny_run[1],
        **{
            "dataset.name": "stacked_mnist",
            "dataset.num_stacks": 1000,
            "dataset.num_test_stacks": 800,
            "num_steps": 20,
            "evaluation.every": 10,
            "evaluation.num_samples": 100,
            "evaluation.num_final_samples": 300,
        },
    )
    training.run(config, tmp_path)
    content = runs.evaluation(tmp_path)
    assert content["protocol"]["extractor"].startswith("cnn-smoke-x3@")
    assert content["protocol"]["modes_n"] == 300 and content["protocol"]["reference_images"] == 800
    found = content["metrics"]
    assert 1 <= found["modes"]["value"] <= 300 and 100 < found["modes"]["real"] <= 300
    assert 0 < found["modes_kl"]["floor"] < found["modes_kl"]["value"]
    assert 0 <= found["unsure_digits"]["value"] <= 1 and found["unsure_digits"]["n"] == 900
    rows = [row for row in runs.history(tmp_path) if "eval/modes" in row]
    assert [row["step"] for row in rows] == [10, 20]
    assert {"eval/modes_kl", "eval/coverage", "eval/unsure_digits"} <= set(rows[0])
    with Checkpoints(tmp_path / "checkpoints", read_only=True) as checkpoints:
        best = min(rows, key=lambda row: row["eval/fd_semantic"])["step"]
        assert checkpoints.best_step() == best
    assert "modes_kl" in (tmp_path / "report.html").read_text()


def test_a_pack_of_another_size_is_refused_before_training(tiny_run, tmp_path):
    config = runs.tiny_config(
        tiny_run[1], **{"dataset.name": "stacked_mnist", "dataset.image_size": (32, 32)}
    )
    with pytest.raises(InputError, match="32x32x3.*16x16x3, each channel by itself"):
        training.run(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()
