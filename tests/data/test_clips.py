"""Clips: moving digits of known motion, folders of videos, arrays; and what cannot be a clip."""

import jax
import numpy as np
import pytest
from PIL import Image

from gan_jax.data import load, read_images
from gan_jax.errors import InputError
from gan_jax.runtime import parallel
from gan_jax.runtime.feed import make_feed

_DIGITS = {"name": "moving_digits", "num_clips": 300, "num_test_clips": 200}


def _clips(dataset):
    return dataset.take(np.arange(len(dataset)))


def _centres(clips):
    """The centre of mass of each frame, [n, t, 2]."""
    grey = clips[..., 0].astype(np.float64)
    total = grey.sum((2, 3))
    rows = (grey.sum(3) * np.arange(grey.shape[2])).sum(2) / total
    columns = (grey.sum(2) * np.arange(grey.shape[3])).sum(2) / total
    return np.stack([rows, columns], axis=-1)


@pytest.mark.parametrize("size", [(32, 32), (64, 64), (40, 56)])
def test_a_digit_keeps_its_shape_its_speed_and_the_direction_of_its_label(size):
    dataset = load(_DIGITS | {"image_size": size, "clip_labels": "motion"}, "train")
    clips = _clips(dataset)
    assert clips.shape == (300, 16, *size, 1) and dataset.num_classes == 40
    ink = clips.sum((2, 3, 4), dtype=np.int64)
    assert (ink == ink[:, :1]).all() and (ink > 0).all()  # nothing is cut off at the borders
    first = _centres(clips)[:, :5]
    moved = first[:, -1] - first[:, 0]
    for (down, right), label in zip(moved, dataset.labels):
        name = dataset.class_names[label]
        assert ("down" in name) == (down > 0) and ("right" in name) == (right > 0)
    length = np.hypot(*moved.T) / 4 / np.hypot(*np.array(size) / 32) * np.sqrt(2)
    assert 0.3 < length.min() and length.max() < 1.8 and abs(length.mean() - 1.0) < 0.1


def test_labels_are_the_digits_and_pairs_of_digits():
    digits = load({"name": "mnist5k"}, "train")
    one = load(_DIGITS, "train")
    assert one.class_names == digits.class_names and set(one.labels) == set(range(10))
    two = load(_DIGITS | {"digits_per_clip": 2, "image_size": (64, 64)}, "train")
    assert two.num_classes == 55 and two.class_names[0] == "00" and two.class_names[-1] == "99"
    assert _clips(two).max() == 255


def test_training_clips_belong_to_the_seed_and_test_clips_to_none():
    def fingerprint(split, **changes):
        return load(_DIGITS | changes, split).fingerprint

    assert fingerprint("train") == fingerprint("train") != fingerprint("train", seed=1)
    assert fingerprint("test") == fingerprint("test", seed=1)
    both, parts = load(_DIGITS, "all"), [load(_DIGITS, split) for split in ("train", "test")]
    np.testing.assert_array_equal(_clips(both), np.concatenate([_clips(p) for p in parts]))


def test_the_devices_put_the_same_clips_together():
    dataset, plan = load(_DIGITS, "train"), parallel.make_plan("jit", 8, 1)
    feed = make_feed(dataset, plan, batch_size=8, steps_per_call=1, seed=0)
    rows = next(feed.calls(0, 1))[0]
    batch = jax.jit(feed.fetch)(feed.data, rows)
    wanted = dataset.take(np.asarray(rows)) / np.float32(127.5) - 1
    np.testing.assert_allclose(batch["images"], wanted, atol=1e-6)
    np.testing.assert_array_equal(batch["labels"], dataset.labels[np.asarray(rows)])


def test_a_clip_of_one_frame_is_an_image():
    images = load(_DIGITS | {"num_frames": 1}, "test")
    assert images.image_shape == (32, 32, 1) and _clips(images).shape == (200, 32, 32, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": (20, 32)}, "at least 24 x 24"),
        ({"channels": 3}, "moving digits are grey"),
        ({"digits_per_clip": 3}, "digits_per_clip is 3: give 1 or 2"),
        ({"digits_per_clip": 2, "clip_labels": "motion"}, "two directions"),
        ({"clip_labels": "speed"}, "clip_labels 'speed' is unknown"),
        ({"num_frames": 0}, "num_frames is 0"),
    ],
)
def test_moving_digits_that_cannot_be(changes, message):
    with pytest.raises(InputError, match=message):
        load(_DIGITS | changes, "train")


def _video(path, clip, kind="GIF"):
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = [Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame) for frame in clip]
    frames[0].save(path, kind, save_all=True, append_images=frames[1:], duration=100, loop=0)


@pytest.fixture(scope="module")
def clips():
    return _clips(load(_DIGITS, "test"))[:12]


def test_gifs_in_class_folders_come_back_exactly(tmp_path, clips):
    for number, clip in enumerate(clips):
        _video(tmp_path / "ab"[number % 2] / f"{number:02d}.gif", clip)
    found = read_images(tmp_path)
    assert found.class_names == ("a", "b") and found.image_shape == (16, 32, 32, 1)
    np.testing.assert_array_equal(_clips(found), np.concatenate([clips[::2], clips[1::2]]))
    config = {"name": "videos", "path": str(tmp_path), "test_fraction": 0.34}
    train, test = load(config, "train"), load(config, "test")
    assert (len(train), len(test)) == (8, 4) and set(test.labels) == {0, 1}


def test_frames_in_folders_are_videos_in_the_order_of_their_numbers(tmp_path, clips):
    for number, clip in enumerate(clips[:3]):
        for frame, image in enumerate(clip):
            place = tmp_path / f"video{number}" / f"frame{frame}.png"  # 10 stands before 2 by name
            place.parent.mkdir(exist_ok=True)
            Image.fromarray(image[..., 0]).save(place)
    found = load({"name": "videos", "path": str(tmp_path)}, "all")
    assert found.labels is None
    np.testing.assert_array_equal(_clips(found), clips[:3])


def test_a_long_video_is_cut_into_clips_that_lie_on_one_side(tmp_path, clips):
    for number in range(4):
        _video(tmp_path / f"{number}.gif", np.concatenate(clips[number * 3 : number * 3 + 3]))
    config = {"name": "videos", "path": str(tmp_path), "num_frames": 15, "test_fraction": 0.25}
    train, test = load(config, "train"), load(config, "test")
    assert (len(train), len(test)) == (9, 3)  # the last three frames of 48 are not used
    whole = [
        np.concatenate(clips[n * 3 : n * 3 + 3])[:45].reshape(3, 15, 32, 32, 1) for n in range(4)
    ]
    assert any(np.array_equal(_clips(test), one) for one in whole)
    streamed = load(config | {"memory_limit_mb": 0.1}, "train")
    assert streamed.images is None
    np.testing.assert_array_equal(_clips(streamed), _clips(train))


def test_videos_are_brought_to_one_size_and_colour(tmp_path, clips):
    _video(tmp_path / "grey.gif", clips[0])
    _video(
        tmp_path / "large.webp",
        np.repeat(np.pad(clips[1], [(0, 0), (4, 4), (4, 4), (0, 0)]), 3, 3),
        "WEBP",
    )
    config = {"name": "videos", "path": str(tmp_path)}
    with pytest.raises(InputError, match="40x40.*set dataset.image_size"):
        load(config, "all")
    found = load(config | {"image_size": (16, 16), "channels": 1}, "all")
    assert found.image_shape == (16, 16, 16, 1)


def test_mp4_is_read(tmp_path, clips):
    pytest.importorskip("imageio_ffmpeg")
    from gan_jax.sampling.animation import save_animation

    save_animation(tmp_path / "one.mp4", clips[0].repeat(2, 1).repeat(2, 2), 8)
    found = _clips(load({"name": "videos", "path": str(tmp_path), "channels": 1}, "all"))
    assert found.shape == (1, 16, 64, 64, 1)
    assert np.abs(found[0].astype(int) - clips[0].repeat(2, 1).repeat(2, 2)).mean() < 8


def test_arrays_of_clips(tmp_path, clips):
    np.savez(tmp_path / "clips.npz", images=clips, labels=np.arange(12) % 2)
    found = read_images(tmp_path / "clips.npz")
    np.testing.assert_array_equal(_clips(found), clips)
    np.testing.assert_array_equal(_clips(read_images(clips / np.float32(255))), clips)
    with pytest.raises(InputError, match="channels first"):
        read_images(clips.transpose(0, 1, 4, 2, 3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p, c: _video(p / "short.gif", c[0][:9]), "has 9 frames, and a clip has 16"),
        (lambda p, c: Image.fromarray(c[0, 0, ..., 0]).save(p / "one.gif"), "do not move"),
        (lambda p, c: (p / "notes.txt").write_text("no video"), "holds no videos"),
        (lambda p, c: (p / "cut.mp4").write_bytes(b"\0" * 999), "cut.mp4'"),
    ],
)
def test_folders_that_hold_no_clips(tmp_path, clips, make, message):
    make(tmp_path, clips)
    with pytest.raises(InputError, match=message):
        load({"name": "videos", "path": str(tmp_path)}, "train")


def test_a_damaged_video_is_named(tmp_path, clips):
    for number in range(2):
        _video(tmp_path / f"{number}.gif", clips[number])
    whole = (tmp_path / "1.gif").read_bytes()
    (tmp_path / "1.gif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="video '.*1.gif'"):
        _clips(load({"name": "videos", "path": str(tmp_path)}, "all"))


def test_a_video_too_long_for_memory_is_refused_before_it_is_read(tmp_path, clips, monkeypatch):
    from gan_jax.data import machine

    _video(tmp_path / "long.gif", np.concatenate(clips))
    monkeypatch.setattr(machine, "default_limit", lambda: 2**16)
    with pytest.raises(InputError, match="192 frames of 32x32 pixels, which take"):
        load({"name": "videos", "path": str(tmp_path), "memory_limit_mb": 0.05}, "all")
