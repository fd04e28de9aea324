"""Augmentation: what each transformation does to images whose pixels know where they are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from gan_jax.steps.augment import Affine, Sequence, Translation

_NOWHERE = -100.0
_KEYS = jax.random.split(jax.random.key(7), 64)


def _images(count=3, height=6, width=9, channels=2, seed=0):
    values = np.random.default_rng(seed).uniform(-1, 1, (count, height, width, channels))
    return jnp.float32(values)


def _apply(affine, images, keys):
    return np.asarray(jax.jit(affine)(images, keys))


def _maps(affine, height=16, width=12, keys=_KEYS):
    """The map of each key, as (matrix [n, 2, 2], offset [n, 2]) of output to input pixels (y, x).

    Bilinear resampling is exact on an image of coordinates, so where it does not meet the border
    it shows which input pixel each output pixel was taken from. A channel of ones shows the border.
    """
    grid = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), -1)
    image = np.concatenate([grid, np.ones((height, width, 1))], -1)
    images = jnp.broadcast_to(jnp.float32(image), (len(keys), *image.shape))
    matrices, offsets = [], []
    for source in _apply(affine, images, keys).astype(np.float64):
        inside = source[..., 2] > 1 - 1e-4
        assert inside.sum() > 20
        source = source[..., :2]
        centre = np.array([(height - 1) / 2, (width - 1) / 2])
        unknowns = np.concatenate([grid[inside] - centre, np.ones((inside.sum(), 1))], 1)
        solution, *_ = np.linalg.lstsq(unknowns, source[inside] - centre, rcond=None)
        np.testing.assert_allclose(unknowns @ solution, source[inside] - centre, atol=1e-3)
        matrices.append(solution[:2].T)
        offsets.append(solution[2])
    return np.array(matrices), np.array(offsets)


def _spreads_over(values, limit):
    """Whether 64 values look uniform in [-limit, limit]."""
    low, high = values.min() / limit, values.max() / limit
    return -1.001 < low < -0.85 and 0.85 < high < 1.001 and abs(values.mean() / limit) < 0.2


@pytest.mark.parametrize("shape", [(8, 8, 1), (5, 8, 3), (7, 4, 4)])
def test_nothing_to_do_changes_nothing(shape):
    images = _images(4, *shape)
    np.testing.assert_array_equal(_apply(Affine(), images, _KEYS[:4]), images)


def test_shift():
    matrices, offsets = _maps(Affine(shift=0.25, fill=_NOWHERE))
    np.testing.assert_allclose(matrices, np.broadcast_to(np.eye(2), matrices.shape), atol=1e-4)
    assert _spreads_over(offsets[:, 0], 0.25 * 16)  # a fraction of each side
    assert _spreads_over(offsets[:, 1], 0.25 * 12)


def test_rotation():
    matrices, offsets = _maps(Affine(rotation=30.0, fill=_NOWHERE))
    np.testing.assert_allclose(offsets, 0.0, atol=1e-4)  # about the centre
    angles = np.arctan2(matrices[:, 0, 1], matrices[:, 0, 0])
    cosine, sine = np.cos(angles), np.sin(angles)
    expected = np.array([[cosine, sine], [-sine, cosine]]).transpose(2, 0, 1)
    np.testing.assert_allclose(matrices, expected, atol=1e-4)
    assert _spreads_over(np.rad2deg(angles), 30.0)


def test_scale():
    matrices, offsets = _maps(Affine(scale=0.4, fill=_NOWHERE))
    np.testing.assert_allclose(offsets, 0.0, atol=1e-4)
    factors = 1 / matrices[:, 0, 0]
    expected = np.eye(2) / factors[:, None, None]
    np.testing.assert_allclose(matrices, expected, atol=1e-4)
    assert _spreads_over(factors - 1, 0.4)


def test_shear():
    matrices, offsets = _maps(Affine(shear=20.0, fill=_NOWHERE))
    np.testing.assert_allclose(offsets, 0.0, atol=1e-4)
    np.testing.assert_allclose(matrices[:, 0], np.broadcast_to([1.0, 0.0], (64, 2)), atol=1e-4)
    np.testing.assert_allclose(matrices[:, 1, 1], 1.0, atol=1e-4)
    assert _spreads_over(np.rad2deg(np.arctan(matrices[:, 1, 0])), 20.0)


def test_flip_mirrors_half_of_the_images_left_to_right():
    images = _images(64)
    changed = _apply(Affine(flip=True), images, _KEYS)
    mirrored = [np.array_equal(new, old[:, ::-1]) for new, old in zip(changed, images)]
    kept = [np.array_equal(new, old) for new, old in zip(changed, images)]
    assert all(a != b for a, b in zip(mirrored, kept))
    assert 20 <= sum(mirrored) <= 44


def test_a_quarter_turn_is_rot90():
    """The same key draws the same angle as a share of the largest one."""
    (matrix,), _ = _maps(Affine(rotation=40.0, fill=_NOWHERE), keys=_KEYS[:1])
    share = np.rad2deg(np.arctan2(matrix[0, 1], matrix[0, 0])) / 40.0
    images = _images(1, 8, 8, 3)
    turned = _apply(Affine(rotation=90.0 / share), images, _KEYS[:1])
    # Output (y, x) comes from input (x, h - 1 - y).
    np.testing.assert_allclose(turned[0], np.rot90(images[0]), atol=2e-3)


def test_agrees_with_scipy_at_the_border_too():
    affine = Affine(shift=0.2, rotation=25.0, scale=0.2, shear=15.0, flip=True, fill=-0.7)
    height, width = 16, 12
    images = _images(8, height, width, 3)
    keys, centre = _KEYS[:8], np.array([(height - 1) / 2, (width - 1) / 2])
    wide = Affine(0.2, 25.0, 0.2, 15.0, True, _NOWHERE)
    matrices, offsets = _maps(wide, height, width, keys)
    for image, new, matrix, offset in zip(
        images, _apply(affine, images, keys), matrices, offsets, strict=True
    ):
        for channel in range(3):
            expected = scipy.ndimage.affine_transform(
                np.asarray(image[..., channel], np.float64),
                matrix,
                centre + offset - matrix @ centre,
                order=1,
                mode="grid-constant",
                cval=-0.7,
            )
            np.testing.assert_allclose(new[..., channel], expected, atol=1e-3)


_EVERYTHING = Affine(shift=0.3, rotation=180.0, scale=0.3, shear=30.0, flip=True)


def test_range_is_kept():
    images = jnp.sign(_images(64))  # the extremes, -1 and 1
    changed = _apply(_EVERYTHING, images, _KEYS)
    assert changed.dtype == np.float32 and changed.shape == images.shape
    np.testing.assert_allclose([changed.min(), changed.max()], [-1.0, 1.0], atol=1e-6)


def test_an_example_depends_on_its_own_key_alone():
    images = _images(4)
    whole = _apply(_EVERYTHING, images, _KEYS[:4])
    order = np.array([2, 0, 3, 1])
    np.testing.assert_array_equal(_apply(_EVERYTHING, images[order], _KEYS[order]), whole[order])
    same = _apply(_EVERYTHING, jnp.repeat(images[:1], 4, 0), _KEYS[:4])
    assert len({row.tobytes() for row in same}) == 4  # another key, another change
    np.testing.assert_array_equal(same[0], whole[0])


def test_differentiable_in_the_images():
    """Resampling is affine in the pixels, so a difference of any size is the derivative."""
    images, direction = _images(2), _images(2, seed=1)
    weights = _images(2, seed=2)

    def loss(x):
        return jnp.sum(weights * _EVERYTHING(x, _KEYS[:2]))

    slope = jnp.sum(jax.grad(loss)(images) * direction)
    np.testing.assert_allclose(loss(images + direction) - loss(images), slope, rtol=1e-4)
    assert abs(slope) > 0.1


# Translation


def test_translation_moves_whole_pixels_by_at_most_its_fraction():
    height, width = 8, 12
    images = _images(64, height, width, 2)
    moved = _apply(Translation(0.25, fill=_NOWHERE), images, _KEYS)
    shifts = []
    for image, result in zip(np.asarray(images), moved, strict=True):
        padded = np.pad(image, ((2, 2), (3, 3), (0, 0)), constant_values=_NOWHERE)
        fits = [
            (y - 2, x - 3)
            for y in range(5)
            for x in range(7)
            if np.array_equal(padded[y : y + height, x : x + width], result)
        ]
        assert len(fits) == 1  # to the last bit
        shifts += fits
    rows, columns = np.array(shifts).T
    assert set(rows) == set(range(-2, 3)) and set(columns) == set(range(-3, 4))
    assert abs(np.corrcoef(rows, columns)[0, 1]) < 0.3  # drawn independently


@pytest.mark.usefixtures("quickly_compiled")
def test_translation_reaches_as_far_as_that_of_diffaugment():
    """int(side * ratio + 0.5) pixels (Zhao et al. 2020, their code): halves go up."""
    keys = jax.random.split(jax.random.key(3), 128)
    for height, width in ((8, 64), (20, 52), (36, 44), (12, 28)):  # halves at 12, 20, ... 52
        centre = height // 2, width // 2
        image = jnp.zeros((height, width, 1)).at[centre].set(1.0)
        images = jnp.broadcast_to(image, (128, *image.shape))
        moved = _apply(Translation(0.125), images, keys).reshape(128, -1).argmax(1)
        found = [np.abs(p - c).max() for p, c in zip(divmod(moved, width), centre)]
        assert found == [int(side * 0.125 + 0.5) for side in (height, width)]


def test_translation_by_nothing_changes_nothing():
    images = _images(4)
    np.testing.assert_array_equal(_apply(Translation(0.01), images, _KEYS[:4]), images)


def test_translation_is_differentiable_twice():
    images = jnp.float32(np.random.default_rng(0).uniform(-1, 1, (3, 6, 5, 1)))

    def loss(x):
        return jnp.sum(Translation(0.3)(x, _KEYS[:3]) ** 2)

    # Moving pixels is orthogonal but for what falls outside: the Hessian is 2 where a pixel stays.
    hessian = np.asarray(jax.hessian(loss)(images)).reshape(90, 90)
    kept = np.asarray(jax.grad(lambda x: jnp.sum(Translation(0.3, 0.0)(x, _KEYS[:3])))(images))
    assert set(np.unique(kept)) == {0.0, 1.0}
    np.testing.assert_allclose(hessian, np.diag(2 * kept.ravel()), atol=1e-6)


def test_a_sequence_gives_each_part_keys_of_its_own():
    images, keys = _images(16, 8, 8, 1), _KEYS[:16]
    twice = _apply(Sequence((Translation(0.25), Translation(0.25))), images, keys)
    first, second = (jax.vmap(lambda k, i=i: jax.random.fold_in(k, i))(keys) for i in (0, 1))
    expected = _apply(Translation(0.25), _apply(Translation(0.25), images, first), second)
    np.testing.assert_array_equal(twice, expected)
    same = _apply(Translation(0.25), _apply(Translation(0.25), images, first), first)
    assert not np.array_equal(expected, same)
