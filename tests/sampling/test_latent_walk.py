"""Closed walks through latent space, and animations."""

import importlib.util
import warnings

import numpy as np
import pytest
from PIL import Image

from gan_jax.errors import InputError
from gan_jax.sampling.animation import save_animation
from gan_jax.sampling.drawing import Source
from gan_jax.sampling.generate import generate_images, sample_latents
from gan_jax.sampling.trained import read_gan
from gan_jax.sampling.walk import closed_walk, write_walk


def _angles(walk):
    """Between each row and the next one, the last and the first among them."""
    directions = walk / np.linalg.norm(walk, axis=1, keepdims=True)
    cosines = np.sum(directions * np.roll(directions, -1, 0), 1)
    return np.arccos(np.clip(cosines, -1, 1))


def test_a_loop_turns_at_constant_speed_and_closes():
    corners = np.diag([1.0, 2.0, 3.0, 4.0])  # a right angle from each to the next
    walk = closed_walk(corners, 40)
    assert walk.shape == (40, 4) and walk.dtype == np.float32
    np.testing.assert_allclose(walk[::10], corners, atol=1e-6)
    np.testing.assert_allclose(_angles(np.float64(walk)), np.pi / 20, atol=1e-6)
    lengths = np.linalg.norm(walk, axis=1)
    np.testing.assert_allclose(lengths[:11], np.linspace(1, 2, 11), rtol=1e-6)
    np.testing.assert_allclose(lengths[30:], np.linspace(4, 1, 11)[:-1], rtol=1e-6)


def test_longer_ways_take_more_frames():
    end = np.pi - 0.1
    corners = np.array([[1.0, 0.0], [0.0, 1.0], [np.cos(end), np.sin(end)]])
    path = 2 * end  # there, and back the same way, which is the shorter one
    steps = _angles(np.float64(closed_walk(corners, 1000)))
    assert np.median(steps) == pytest.approx(path / 1000, rel=1e-3)
    assert steps.max() < 1.001 * path / 1000


def test_equal_points_stand_still():
    np.testing.assert_allclose(closed_walk(np.ones((3, 2)), 5), np.ones((5, 2)), atol=1e-6)


@pytest.mark.parametrize(
    ("points", "frames", "message"),
    [
        (np.ones((1, 4)), 5, "2 or more points"),
        (np.ones((3, 1)), 5, "2 or more numbers"),
        (np.ones((3, 4)), 0, "--frames is 0"),
        (np.zeros((3, 4)), 5, "is 0"),
    ],
)
def test_walks_that_cannot_be(points, frames, message):
    with pytest.raises(InputError, match=message):
        closed_walk(points, frames)


def _frames(count, channels=1):
    return np.random.default_rng(0).integers(0, 256, (count, 6, 8, channels), np.uint8)


def _read_gif(path):
    with Image.open(path) as picture:
        assert picture.info["loop"] == 0  # for ever
        found, delays = [], []
        for number in range(picture.n_frames):
            picture.seek(number)
            found.append(np.asarray(picture.convert("L")))
            delays.append(picture.info["duration"])
    return np.stack(found), delays


def test_a_gif_holds_grey_frames_exactly_and_keeps_its_pace(tmp_path):
    frames = _frames(30)
    save_animation(tmp_path / "walk.gif", frames, 30)
    found, delays = _read_gif(tmp_path / "walk.gif")
    np.testing.assert_array_equal(found, frames[..., 0])
    assert sum(delays) == 1000 and set(delays) <= {30, 40}
    assert [path.name for path in tmp_path.iterdir()] == ["walk.gif"]


@pytest.mark.parametrize(
    ("name", "fps", "message"),
    [
        ("walk.png", 30, "give a name in .gif or .mp4"),
        ("walk.gif", 0, "--fps is 0"),
        ("walk.gif", 60, "50 frames a second at most"),
    ],
)
def test_animations_that_cannot_be(tmp_path, name, fps, message):
    with pytest.raises(InputError, match=message):
        save_animation(tmp_path / name, _frames(2), fps)
    assert not list(tmp_path.iterdir())


def test_an_animation_needs_frames(tmp_path):
    with pytest.raises(InputError, match="at least one frame"):
        save_animation(tmp_path / "walk.gif", [], 30)


def test_an_mp4_without_ffmpeg_says_what_to_install(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if "ffmpeg" in name else find(name)
    )
    with pytest.raises(InputError, match=r"pip install imageio-ffmpeg.*\.gif"):
        save_animation(tmp_path / "walk.mp4", _frames(2), 30)


@pytest.mark.skipif(importlib.util.find_spec("imageio_ffmpeg") is None, reason="needs ffmpeg")
def test_an_mp4_has_its_frames(tmp_path):
    import imageio.v2

    frames = np.repeat(np.linspace(0, 255, 20, dtype=np.uint8), 63 * 64).reshape(20, 63, 64, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a fork beside JAX's threads
        save_animation(tmp_path / "walk.mp4", frames, 25)
    assert [path.name for path in tmp_path.iterdir()] == ["walk.mp4"]
    found = np.stack(list(imageio.v2.get_reader(tmp_path / "walk.mp4").iter_data()))
    assert found.shape == (20, 64, 64, 3)
    assert np.abs(found[:, :60].astype(int) - frames[:, :60]).mean() < 4


def test_a_runs_walks(tiny_run, tmp_path):
    source = Source(tiny_run[0], seed=5)
    write_walk(source, tmp_path / "walk.gif", frames=12, fps=10, walks=2, points=3)
    found, delays = _read_gif(tmp_path / "walk.gif")
    assert len(found) == 12 and set(delays) == {100}
    trained = read_gan(tiny_run[0])
    latents = sample_latents(5, 6, trained.gan.latent_dim)
    first = generate_images(trained.gan.generator, trained.ema, latents[[0, 3]])
    scale = found.shape[2] // 16  # two walks stand one above the other
    assert found.shape[2] % 16 == 0 and found.shape[1] == (16 * 2 + 1) * scale
    np.testing.assert_array_equal(found[0, : 16 * scale : scale, ::scale], first[0, ..., 0])
    np.testing.assert_array_equal(found[0, 17 * scale :: scale, ::scale], first[1, ..., 0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 1}, "--frames is 1.*2 or more"),
        ({"walks": 0}, "--walks is 0"),
        ({"points": 1}, "--points is 1"),
    ],
)
def test_numbers_of_a_walk(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        write_walk(Source(tmp_path), tmp_path / "walk.gif", **options)
