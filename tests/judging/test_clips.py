"""Clips judged: motion and classes over the frames, damage to them, pictures that move."""

import io

import numpy as np
import pytest
from PIL import Image

from gan_jax.data import load
from gan_jax.errors import InputError
from gan_jax.extractors.choice import open_extractor
from gan_jax.extractors.controls import random_extractor
from gan_jax.extractors.parts import reading_parts
from gan_jax.judging.clips import CLIP_DAMAGES
from gan_jax.judging.degradations import DEGRADATIONS, Pool
from gan_jax.judging.judge import make_judge
from gan_jax.judging.unlabelled import judge_unlabelled
from gan_jax.metrics import motion
from gan_jax.models.cnn import CNN
from gan_jax.runtime.images import image_grid, png_bytes

_SET = {"name": "moving_digits", "num_clips": 120, "num_test_clips": 120, "num_frames": 16}


@pytest.fixture(scope="module")
def real():
    return load(_SET, "test")


@pytest.fixture(scope="module")
def judge(real):
    network = CNN(num_classes=10, widths=(4, 8), dense=16)
    extractor = random_extractor((32, 32, 1), seed=0, network=network)
    return make_judge(reading_parts(extractor, real), real)


def test_a_pack_of_images_reads_clips_frame_by_frame(judge, real):
    clips = real.take(np.arange(6))
    found = judge.extractor.features(clips)
    frames = judge.extractor.extractor.features(clips.reshape(-1, 32, 32, 1))
    assert found.frames.shape == (6, 16, 10) and len(found) == 6
    np.testing.assert_allclose(found.frames.reshape(96, 10), frames.probabilities, atol=1e-6)
    np.testing.assert_allclose(found.semantic, frames.semantic[[0, 17, 34, 51, 68, 85]], atol=1e-5)
    assert judge.extractor.stamp != judge.extractor.extractor.stamp


def test_motion_stands_beside_that_of_real_clips(judge, real):
    clips = load(_SET, "train").take(np.arange(100))
    entries = judge.judge(clips, families=["frechet", "motion", "frames"]).metrics
    moved = motion.displacements(clips)
    assert entries["speed"]["value"] == pytest.approx(motion.speeds(moved).mean())
    assert entries["speed"]["n"] == 100
    assert abs(entries["speed"]["value"] - entries["speed"]["real"]) < 0.15
    low, high = entries["speed"]["ci"]
    assert low < entries["speed"]["value"] < high
    frozen = judge.judge(clips[:, :1].repeat(16, 1), families=["motion", "frames"]).metrics
    assert frozen["speed"]["value"] == frozen["speed_change"]["value"] == 0
    assert frozen["same_class"]["value"] == 1
    assert frozen["direction_kl"]["value"] > 1 > entries["direction_kl"]["value"]


def test_the_same_clips_are_measured_once_for_all_judges(judge, real, monkeypatch):
    measured, displacements = [], motion.displacements
    monkeypatch.setattr(motion, "displacements", lambda c: measured.append(c) or displacements(c))
    few = real.subset(np.arange(20))
    clips = load(_SET, "train").take(np.arange(10))
    found = [
        make_judge(judge.extractor, few).judge(clips, families=["motion"]).metrics for _ in range(2)
    ]
    assert [len(one) for one in measured] == [10, 20] and found[0] == found[1]


def test_controls_of_clips_and_no_judge_at_all(judge, real):
    control = open_extractor("random", real, like=judge.extractor)
    assert control.features(real.take(np.arange(4))).frames.shape == (4, 16, 10)
    whole = open_extractor("random", real)
    assert whole.image_shape == (16, 32, 32, 1)
    frozen = real.take(np.arange(60))[:, :1].repeat(16, 1)
    judgement = judge_unlabelled(frozen, real)
    assert judgement.headline["test"]["p"] < 0.05
    with pytest.raises(InputError, match="clips: frames x height"):
        whole.check_shape((32, 32, 1))


def test_a_still_image_has_no_motion(real):
    images = load({**_SET, "num_frames": 1}, "test")
    network = CNN(num_classes=10, widths=(4, 8), dense=16)
    judge = make_judge(random_extractor((32, 32, 1), seed=0, network=network), images)
    metrics = judge.judge(images.take(np.arange(50)), families=None).metrics
    assert not {"speed", "same_class"} & metrics.keys()


@pytest.mark.parametrize("damage", [*CLIP_DAMAGES, *DEGRADATIONS], ids=lambda one: one.name)
def test_damage_leaves_the_pool_and_the_shape(damage, real):
    clips = real.take(np.arange(40))
    before = clips.copy()
    for strength in damage.strengths:
        pool = Pool(clips, real.labels[:40], clips[:5])
        changed = damage.apply(pool, strength, np.random.default_rng(0))
        assert changed.shape == clips.shape and changed.dtype == np.uint8
    assert (changed != clips).any()
    np.testing.assert_array_equal(clips, before)


def _damage(name):
    return next(one for one in CLIP_DAMAGES if one.name == name)


@pytest.mark.parametrize(
    ("name", "number", "rises"),
    [
        ("frames shuffled", motion.speed_changes, True),
        ("frozen", motion.speeds, False),
        ("jittered", motion.speed_changes, True),
        ("frames repeated", motion.speeds, False),
        ("another clip from the middle on", motion.speed_changes, True),
    ],
)
def test_each_damage_shows_in_a_number_and_more_of_it_more(name, number, rises, real):
    clips, damage = real.take(np.arange(120)), _damage(name)
    values = [number(motion.displacements(clips)).mean()]
    for strength in damage.strengths:
        pool = Pool(clips, real.labels, clips)
        changed = damage.apply(pool, strength, np.random.default_rng(0))
        values.append(number(motion.displacements(changed)).mean())
    steps = np.diff(values)
    assert (steps > 0).all() if rises else (steps < 0).all()


def test_a_grid_of_clips_moves(real):
    clips = real.take(np.arange(6))
    grid = image_grid(clips, columns=3)
    assert grid.shape == (16, 2 * 33 - 1, 3 * 33 - 1, 1)
    np.testing.assert_array_equal(grid[5], image_grid(clips[:, 5], columns=3))
    with Image.open(io.BytesIO(png_bytes(grid))) as picture:
        assert picture.format == "PNG" and picture.n_frames > 1
