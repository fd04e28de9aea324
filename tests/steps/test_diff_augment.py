"""Colour, cutout and the probability of augmentation: closed forms, derivatives, expectations."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.steps.augment import (
    Brightness,
    Contrast,
    Cutout,
    Saturation,
    Sequence,
    Translation,
    diff_augment,
)
from gan_jax.steps.passes import augmented
from gan_jax.steps.penalties import R1

pytestmark = pytest.mark.usefixtures("precise_and_quickly_compiled")

COUNT = 64
KEYS = jax.random.split(jax.random.key(11), COUNT)
FILL = -7.0
SHAPES = [(6, 9, 1), (5, 4, 3), (4, 7, 4)]
PARTS = (Brightness(0.5), Saturation(1.0), Contrast(0.5), Translation(0.3), Cutout(0.5))


def draw(shape, count=COUNT, seed=0):
    return jnp.asarray(np.random.default_rng(seed).uniform(-1, 1, (count, *shape)))


def apply(augmentation, images, keys=KEYS):
    return np.asarray(jax.jit(augmentation)(images, keys[: len(images)]))


@functools.partial(jax.jit, static_argnames="parts")
def traced(images, probability, parts=PARTS):
    """One program for every probability."""
    return Sequence(parts, probability)(images, KEYS)


def spreads_over(values, low, high):
    """Whether 64 values look uniform in [low, high]."""
    share = (values - low) / (high - low)
    return 0 <= share.min() < 0.1 and 0.9 < share.max() <= 1 and abs(share.mean() - 0.5) < 0.12


def slopes(old, new, centre):
    """The one factor of each image by which its distance from `centre` has grown."""
    old, new = (np.asarray(x - centre).reshape(COUNT, -1) for x in (old, new))
    factors = (old * new).sum(1) / (old * old).sum(1)
    np.testing.assert_allclose(new, factors[:, None] * old, atol=1e-12)
    return factors


# Closed forms


@pytest.mark.parametrize("shape", SHAPES)
def test_brightness_adds_one_number_to_an_image(shape):
    images = np.asarray(draw(shape))
    added = (apply(Brightness(0.5), images) - images).reshape(COUNT, -1)
    np.testing.assert_allclose(added, np.broadcast_to(added[:, :1], added.shape), atol=1e-12)
    assert spreads_over(added[:, 0], -0.5, 0.5)


@pytest.mark.parametrize("shape", SHAPES)
def test_contrast_keeps_the_mean_of_an_image(shape):
    images = np.asarray(draw(shape))
    mean = images.mean((1, 2, 3), keepdims=True)
    assert spreads_over(slopes(images, apply(Contrast(0.5), images), mean), 0.5, 1.5)


@pytest.mark.parametrize("shape", SHAPES[1:])
def test_saturation_keeps_the_mean_of_a_pixel(shape):
    images = np.asarray(draw(shape))
    mean = images.mean(-1, keepdims=True)
    assert spreads_over(slopes(images, apply(Saturation(1.0), images), mean), 0.0, 2.0)


def test_saturation_of_grey_images_is_the_identity():
    grey = draw((6, 5, 1))
    np.testing.assert_array_equal(apply(Saturation(1.0), grey), grey)
    same = jnp.repeat(grey, 3, axis=-1)  # grey in three channels
    np.testing.assert_allclose(apply(Saturation(1.0), same), same, atol=1e-12)


@pytest.mark.parametrize(("shape", "box"), [((6, 9, 1), (3, 5)), ((4, 7, 3), (2, 4))])
def test_cutout_covers_a_box_with_its_centre_anywhere(shape, box):
    """Every place of the centre is as likely as the others; the rest of the image is untouched."""
    images, keys = np.asarray(draw(shape, 4000)), jax.random.split(jax.random.key(1), 4000)
    cut = apply(Cutout(0.5, FILL), images, keys)
    covered = (cut == FILL).all(-1)
    np.testing.assert_array_equal(cut[~covered], images[~covered])
    for axis, (size, length) in enumerate(zip(shape[:2], box, strict=True)):
        line = covered.any(2 - axis)
        first, count = line.argmax(1), line.sum(1)
        last = first + count - 1
        np.testing.assert_array_equal(
            covered.sum((1, 2)), covered.any(1).sum(1) * covered.any(2).sum(1)
        )
        # The box as it would be without the border.
        start = np.where(first > 0, first, last + 1 - length)
        places, found = np.unique(start, return_counts=True)
        assert places[0] == -(length // 2) and len(places) == size + 1 - length % 2
        expected = 4000 / len(places)
        assert np.abs(found - expected).max() < 5 * np.sqrt(expected)
        np.testing.assert_array_equal(
            count, np.minimum(start + length, size) - np.maximum(start, 0)
        )


def test_the_strengths_are_those_of_the_paper():
    assert diff_augment(0.3, fill=0.0) == Sequence(
        (
            Brightness(0.5),
            Saturation(1.0),
            Contrast(0.5),
            Translation(0.125, 0.0),
            Cutout(0.5, 0.0),
        ),
        0.3,
    )


# Derivatives


def test_first_and_second_derivatives_are_those_of_differences():
    """Of a cubic function of the augmented images, along a random line."""
    images, line, weights = (draw((6, 4, 4), 5, seed) for seed in range(3))

    def value(t):
        return jnp.sum(weights * Sequence(PARTS, 0.7)(images + t * line, KEYS[:5]) ** 3)

    derivatives = jax.jit(lambda t: jnp.stack([value(t), *jax.jvp(jax.grad(value), (t,), (1.0,))]))
    step = 1e-4
    (below, first_below, _), (_, first, second), (above, first_above, _) = (
        derivatives(t) for t in (-step, 0.0, step)
    )
    np.testing.assert_allclose(first, (above - below) / (2 * step), rtol=1e-5)
    np.testing.assert_allclose(second, (first_above - first_below) / (2 * step), rtol=1e-5)
    assert abs(second) > 0.1


def test_r1_through_augmentation_has_the_derivative_that_differences_have():
    """R1 is of the image before augmentation; the discriminator learns from its derivative."""
    images, weights = draw((5, 4, 3), 6), draw((5, 4, 3), 1, seed=1)[0]
    augmentation = Sequence(PARTS, 0.7)

    def penalty(theta):
        def logits(x, kind):
            return jnp.sum(weights * jnp.sin(theta * augmentation(x, KEYS[:6])), (1, 2, 3))

        return jnp.sum(R1(2.0)(logits, images, images, KEYS[:6]))

    penalty = jax.jit(jax.value_and_grad(penalty))
    slope = (penalty(1.3 + 1e-5)[0] - penalty(1.3 - 1e-5)[0]) / 2e-5
    np.testing.assert_allclose(penalty(1.3)[1], slope, rtol=1e-6)


# Keys and probability


def test_an_image_depends_on_its_own_key_alone():
    images, order = draw((5, 6, 3)), np.random.default_rng(0).permutation(COUNT)
    whole = apply(Sequence(PARTS, 0.5), images)
    np.testing.assert_array_equal(
        apply(Sequence(PARTS, 0.5), images[order], KEYS[order]), whole[order]
    )


def test_probabilities_of_nought_and_one():
    images = draw((6, 6, 3))
    always = apply(Sequence(PARTS), images)
    assert all(not np.array_equal(a, b) for a, b in zip(always, np.asarray(images), strict=True))
    np.testing.assert_array_equal(traced(images, jnp.float32(0)), images)
    np.testing.assert_allclose(traced(images, jnp.float32(1)), always, atol=1e-12)
    fixed = apply(Sequence(PARTS, 0.4), images)
    np.testing.assert_allclose(traced(images, jnp.float32(0.4)), fixed, atol=1e-12)


def test_each_change_is_applied_to_that_share_of_the_images():
    """Independently of the other changes, and of its own strength."""
    count, probability = 4000, 0.3
    images, keys = draw((4, 4, 1), count), jax.random.split(jax.random.key(2), count)
    parts = (lambda x, _: x + 10, Brightness(1.0), lambda x, _: x + 100)
    added = apply(Sequence(parts, probability), images, keys)[:, 0, 0, 0] - images[:, 0, 0, 0]
    last, rest = np.divmod(np.asarray(added) + 5, 100)
    first, rest = np.divmod(rest, 10)
    second = rest - 5
    applied = np.array([first, np.abs(second) > 1e-9, last])
    spread = np.sqrt(probability * (1 - probability) / count)
    assert np.abs(applied.mean(1) - probability).max() < 5 * spread
    assert np.abs(np.corrcoef(applied) - np.eye(3)).max() < 5 / np.sqrt(count)
    strengths = second[np.abs(second) > 1e-9]
    assert abs(strengths.mean()) < 5 / np.sqrt(3 * len(strengths))
    assert strengths.min() < -0.99 and strengths.max() > 0.99


def test_a_higher_probability_changes_the_same_images_and_more():
    images, parts = draw((4, 4, 1)), (Brightness(0.5),)
    few, more = (
        np.asarray(traced(images, jnp.float32(p), parts) != images).any((1, 2, 3))
        for p in (0.2, 0.6)
    )
    assert few.sum() < more.sum() and not (few & ~more).any()


def test_the_expectation_of_colour_is_the_image():
    """Each change of colour is drawn evenly about nothing."""
    count = 4000
    image = draw((3, 3, 3), 1)
    keys = jax.random.split(jax.random.key(5), count)
    colours = Sequence(PARTS[:3], 0.8)
    many = apply(colours, jnp.repeat(image, count, 0), keys)
    error = 5 * many.std(0) / np.sqrt(count)
    assert (np.abs(many.mean(0) - image[0]) < error).all()


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_the_kind_of_numbers_is_kept(dtype):
    images = jax.ShapeDtypeStruct((COUNT, 6, 5, 3), dtype)
    assert jax.eval_shape(Sequence(PARTS, 0.5), images, KEYS).dtype == dtype


# Clips


def test_the_frames_of_a_clip_are_changed_alike_and_do_not_mix():
    clips = jnp.asarray(np.random.default_rng(3).uniform(-1, 1, (6, 4, 8, 8, 3)))
    key, index = jax.random.key(5), jnp.arange(6)
    changed = augmented(diff_augment(), clips, key, index, "real")
    for frame in range(4):
        alone = augmented(diff_augment(), clips[:, frame], key, index, "real")
        np.testing.assert_allclose(changed[:, frame], alone, atol=1e-12)
