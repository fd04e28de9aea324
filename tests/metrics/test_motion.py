"""Motion from pixels: known displacements, and clips that have none."""

import numpy as np
import pytest

from gan_jax.data import load
from gan_jax.errors import InputError
from gan_jax.metrics import motion


def _moved(steps, size=24, seed=0):
    """A random picture on black that is moved by whole pixels."""
    rng = np.random.default_rng(seed)
    picture = rng.integers(1, 256, (8, 8, 1), dtype=np.uint8)
    at = np.array([8, 8])
    frames = []
    for step in [(0, 0), *steps]:
        at = at + step
        frame = np.zeros((size, size, 1), np.uint8)
        frame[at[0] : at[0] + 8, at[1] : at[1] + 8] = picture
        frames.append(frame)
    return np.stack(frames)[None]


@pytest.mark.parametrize("steps", [[(0, 3)] * 2, [(-2, 1), (5, -4)], [(0, 0), (-1, -1)]])
def test_known_displacements_come_back(steps):
    found = motion.displacements(_moved(steps))
    np.testing.assert_array_equal(found, np.array(steps)[None])
    lengths = np.hypot(*np.array(steps).T)
    np.testing.assert_allclose(motion.speeds(found), [lengths.mean()])
    change = np.diff(np.array(steps), axis=0)
    np.testing.assert_allclose(motion.speed_changes(found), [np.hypot(*change.T).mean()])


def test_moving_digits_move_as_they_were_drawn():
    dataset = load({"name": "moving_digits", "num_test_clips": 100}, "test")
    found = motion.displacements(dataset.take(np.arange(100)))
    drawn = np.diff(dataset.source.parts["places"][:, :, 0].astype(int), axis=1)
    np.testing.assert_array_equal(found, drawn)


def test_brightness_contrast_and_noise_do_not_count():
    clip = _moved([(2, 1)] * 4)
    noise = np.random.default_rng(1).integers(0, 9, clip.shape)
    changed = np.uint8(clip * 0.5 + 60 + noise)
    np.testing.assert_array_equal(motion.displacements(changed), motion.displacements(clip))


@pytest.mark.parametrize("value", [0, 255])
def test_frames_of_one_colour_do_not_move(value):
    clips = np.full((2, 5, 8, 8, 3), value, np.uint8)
    assert (motion.displacements(clips) == 0).all()
    assert (motion.directions(motion.displacements(clips)) == motion.NUM_DIRECTIONS - 1).all()


def test_directions_are_eight_sectors():
    steps = [(0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1)]
    moved = np.repeat(np.array(steps)[:, None], 4, axis=1)
    np.testing.assert_array_equal(motion.directions(moved), np.arange(8))


def test_two_frames_have_a_speed_and_no_change():
    found = motion.displacements(_moved([(1, 0)]))
    assert motion.speeds(found) == [1.0] and motion.speed_changes(found) == [0.0]


@pytest.mark.parametrize("shape", [(2, 1, 8, 8, 1), (2, 8, 8, 1), (0, 4, 8, 8, 1)])
def test_what_is_no_clip_is_refused(shape):
    with pytest.raises(InputError, match="expected \\[n, t, h, w, c\\]"):
        motion.displacements(np.zeros(shape, np.uint8))
