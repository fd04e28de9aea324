"""What is known of images without labels: told from real ones or not, and nothing of how good."""

import numpy as np
import pytest
from scipy import ndimage

from gan_jax.data import Dataset, load
from gan_jax.errors import InputError
from gan_jax.judging.unlabelled import judge_unlabelled
from gan_jax.reports.words import NOT_TOLD, TOLD, TOO_FEW, in_words


@pytest.fixture(scope="module")
def digits():
    data = load({"name": "mnist5k", "image_size": (16, 16)}, "train")
    return data.take(data.draw(1200, seed=0))


def held_out(images):
    return Dataset("digits", "test", images)


def blurred(images, sigma=1.0):
    found = ndimage.gaussian_filter(images.astype(float), (0, sigma, sigma, 0), mode="nearest")
    return np.rint(found).astype(np.uint8)


def noisy(images, strength=0.1):
    noise = np.random.default_rng(0).normal(0, 255 * strength, images.shape)
    return np.clip(images + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("damage", [blurred, noisy])
def test_a_hundred_damaged_images_are_told_from_real_ones(digits, damage):
    found = judge_unlabelled(damage(digits[:100]), held_out(digits[100:200]))
    assert found.headline["verdict"] == TOLD and found.headline["test"]["p"] <= 0.01


def test_real_images_are_not_told_and_nothing_is_said_of_quality(digits):
    found = judge_unlabelled(digits[:600], held_out(digits[600:]))
    assert found.headline["verdict"] == NOT_TOLD
    parts = found.headline["test"]["parts"]
    assert found.headline["test"]["p"] == min(1, 2 * min(parts.values()))  # Bonferroni
    assert found.headline["noticed"]["strength"] <= 1.0
    assert "size" not in found.headline and "distance" not in found.headline
    entries = found.metrics
    assert set(entries) == {"p", "p_pixels", "p_random_features"}
    assert all(set(entry) == {"value", "n", "n_real"} for entry in entries.values())
    assert entries["p"]["n"] == 600 and entries["p"]["n_real"] == 600
    assert [flag["name"] for flag in found.flags] == ["control"]
    assert in_words(found.headline).verdict.startswith("Not told from real images (p = ")


def test_few_images_are_called_too_few(digits):
    found = judge_unlabelled(digits[:6], held_out(digits[6:12]))
    assert found.headline["verdict"] == TOO_FEW
    assert {flag["name"] for flag in found.flags} == {"control", "too few"}


def test_the_order_of_images_changes_nothing(digits):
    images, real = noisy(digits[:40], 0.03), digits[40:90]
    first = judge_unlabelled(images, held_out(real))
    again = judge_unlabelled(images[::-1], held_out(real[::-1]))
    assert first.content() == again.content()
    np.testing.assert_array_equal(first.features.semantic, again.features.semantic[::-1])


@pytest.mark.parametrize("shape", [(3, 5, 1), (40, 12, 2)])
def test_images_of_any_shape(shape):
    """Too small for the network; of a side beyond that of the pixels compared."""
    rng = np.random.default_rng(0)
    bright, dark = (rng.integers(low, high, (30, *shape), np.uint8) for low, high in
                    ((0, 256), (0, 200)))  # fmt: skip
    found = judge_unlabelled(bright, held_out(dark))
    assert found.headline["verdict"] == TOLD
    assert set(found.headline["test"]["parts"]) >= {"pixels"}
    assert (found.protocol["random_network"] is None) == (min(shape[:2]) < 4)


@pytest.mark.parametrize("others", [0, 200])
def test_images_that_are_all_the_same(others):
    """All black on both sides are not told apart; nothing fails either way."""
    black = np.zeros((30, 8, 8, 1), np.uint8)
    found = judge_unlabelled(black + np.uint8(others), held_out(black))
    assert (found.headline["verdict"] == TOLD) == bool(others)
    assert np.isfinite([entry["value"] for entry in found.metrics.values()]).all()


def test_the_protocol_says_what_it_depends_on(digits):
    reference = held_out(digits[50:100])
    train = Dataset("mine", "train", digits[100:130])
    found = judge_unlabelled(digits[:50], reference, training=train, seed=3)
    protocol = found.protocol
    assert protocol["seed"] == 3 and protocol["images"] == 50
    assert protocol["reference_fingerprint"] == reference.fingerprint
    assert protocol["preprocessing"] and protocol["gan_jax"] and protocol["training"] == "mine"


def test_texture_statistics_stand_beside_the_tests(digits):
    def textures(real, fake):
        if len(fake) < 40:
            raise InputError("too few textures")
        flags = [{"name": name, "text": name, "apart": True} for name in ("collapsed", "control")]
        return {"headline": {"verdict": TOLD, "n": len(fake)}, "flags": flags}

    reference = held_out(digits[50:100])
    found = judge_unlabelled(digits[:50], reference, textures=textures)
    assert found.headline["textures"] == {"verdict": TOLD, "n": 50}
    names = [flag["name"] for flag in found.flags]
    assert names[-1] == "collapsed" and names.count("control") == 1
    without = judge_unlabelled(digits[:30], reference, textures=textures)
    assert "textures" not in without.headline
    assert without.protocol["skipped"] == {"textures": "too few textures"}


def test_copies_are_flagged_without_a_recogniser(digits):
    train = Dataset("mine", "train", digits[:200])
    found = judge_unlabelled(digits[:100], held_out(digits[200:]), training=train)
    flag = next(flag for flag in found.flags if flag["apart"])
    assert "100" in flag["text"] and "training images" in flag["text"]
    assert found.headline["verdict"] == NOT_TOLD  # the test alone would praise them


def test_what_cannot_be_compared(digits):
    with pytest.raises(InputError, match="16x16x1 and those of digits 8x8x1"):
        judge_unlabelled(digits[:5], held_out(np.zeros((5, 8, 8, 1), np.uint8)))
    with pytest.raises(InputError, match="images to judge: 1 image"):
        judge_unlabelled(digits[:1], held_out(digits[1:9]))
    with pytest.raises(InputError, match="digits: 1 image"):
        judge_unlabelled(digits[:5], held_out(digits[5:6]))


@pytest.mark.slow
def test_real_images_are_told_apart_in_at_most_a_twentieth(digits):
    rng, found = np.random.default_rng(0), []
    for _ in range(200):
        order = rng.permutation(len(digits))
        sides = digits[order[:40]], digits[order[40:80]]
        found.append(judge_unlabelled(sides[0], held_out(sides[1])).headline["test"]["p"] <= 0.05)
    assert np.mean(found) <= 0.05 + 2 * 0.0154  # two deviations of 200 draws
