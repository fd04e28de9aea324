"""The table of what sees which damage to clips."""

import pytest

from benchmarks.clip_damages import clip_sensitivity, table
from gan_jax.data import load
from gan_jax.extractors.controls import random_extractor
from gan_jax.models.cnn import CNN


@pytest.fixture(scope="module")
def rows():
    options = {"clip_labels": "motion", "num_test_clips": 60, "num_frames": 16}
    dataset = load({"name": "moving_digits", "image_size": (24, 24), **options}, "test")
    networks = (CNN(num_classes=n, widths=(2, 2), dense=4) for n in (40, 10))
    shapes = ((16, 24, 24, 1), (24, 24, 1))
    packs = [random_extractor(s, network=n) for s, n in zip(shapes, networks, strict=True)]
    return clip_sensitivity(dataset, *packs, num_seeds=2)


def _seen(rows, damage):
    return {row.metric for row in rows if row.degradation == damage and row.seen[-1]}


def test_motion_tells_damage_in_time_from_damage_of_pixels(rows):
    assert {"speed", "speed_change"} <= _seen(rows, "frames shuffled")
    assert "speed" in _seen(rows, "frozen") and "speed_change" in _seen(rows, "jittered")
    assert not {"speed", "speed_change", "direction"} & _seen(rows, "reversed")


def test_the_table_has_a_row_for_each_damage(rows):
    lines = table(rows).splitlines()
    assert len(lines) == 2 + len({row.degradation for row in rows})
    assert all(line.count("|") == lines[0].count("|") for line in lines)
    assert any(line.startswith("| frozen, 1 | ") and "**" in line for line in lines)
