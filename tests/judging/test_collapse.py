"""The mode-collapse meter: what it reads, and when its readings tell of a collapse."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest

from gan_jax.config import gan_config
from gan_jax.data import load
from gan_jax.errors import InputError
from gan_jax.judging.collapse_meter import CollapseRule, Reading, make_meter
from gan_jax.training.collapse_guard import CollapseGuard, collapse_meter_of

CLASSES, PER_CLASS = 5, 200


def digits(counts, seed):
    """Features [n, 16] around one point a class, in random order, and their probabilities."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(CLASSES), counts))
    centres = 4 * np.eye(CLASSES, 16)
    features = centres[labels] + 0.5 * rng.standard_normal((len(labels), 16))
    return features.astype(np.float32), np.eye(CLASSES, dtype=np.float32)[labels]


@pytest.fixture(scope="module")
def meter():
    real, _ = digits([PER_CLASS] * CLASSES, seed=0)
    return make_meter(real, [PER_CLASS] * CLASSES, num_images=400)


def healthy(meter, step=0):
    return meter.read(step, *digits([100] * CLASSES, seed=1))


def find(*readings, num_steps=10**6, **limits):
    numbered = [dataclasses.replace(r, step=100 * (i + 1)) for i, r in enumerate(readings)]
    return CollapseRule(**limits).find(numbered, num_steps=num_steps)


def test_real_against_real_reads_as_real(meter):
    reading = healthy(meter, step=7)
    assert (reading.step, reading.n) == (7, 400)
    assert reading.coverage_share == pytest.approx(1.0, abs=0.03)
    assert reading.variety == pytest.approx(1.0, abs=0.05)
    assert reading.class_kl == 0.0
    assert reading.classes_missing == 0.0
    assert find(*[reading] * 6, num_steps=600) is None


def test_equal_images_read_as_one(meter):
    features, probabilities = digits([100] * CLASSES, seed=1)
    one = features[:1].repeat(500, axis=0), probabilities[:1].repeat(500, axis=0)
    reading = meter.read(1, *one)
    assert reading.vendi == pytest.approx(1.0, abs=1e-9)
    assert reading.coverage < 0.05
    assert reading.class_kl == pytest.approx(np.log(CLASSES))
    assert reading.classes_missing == pytest.approx(1 - 1 / CLASSES)
    found = find(healthy(meter), reading, reading)
    assert (found.step, found.since) == (300, 200)
    text = "; ".join(found.findings)
    for name in ("coverage", "Vendi score 1.00", "class KL 1.61 nats (80% of the classes"):
        assert name in text


def test_one_class_alone_is_a_collapse_however_varied_it_is(meter):
    counts = [0, 0, 500, 0, 0]
    reading = meter.read(1, *digits(counts, seed=2))
    assert reading.coverage_share == pytest.approx(1 / CLASSES, abs=0.05)
    assert reading.class_kl == pytest.approx(reading.class_kl_max)
    assert find(healthy(meter), reading, reading) is not None


def test_one_lost_class_is_not_a_collapse(meter):
    reading = meter.read(1, *digits([125, 125, 125, 125, 0], seed=2))
    assert reading.classes_missing == pytest.approx(1 / CLASSES)
    assert find(healthy(meter), *[reading] * 5) is None


def test_the_same_seed_gives_the_same_reading(meter):
    real, _ = digits([PER_CLASS] * CLASSES, seed=0)
    again = make_meter(real, [PER_CLASS] * CLASSES, num_images=400)
    assert healthy(again) == healthy(meter)


def test_the_order_of_either_side_changes_nothing():
    """Sorted by class, a prefix would be a class or two: coverage 0.4 and a collapse."""
    real, _ = digits([PER_CLASS] * CLASSES, seed=0)
    fake, probabilities = digits([300] * CLASSES, seed=1)
    by_class = np.argsort(probabilities.argmax(1), kind="stable")
    counts = [PER_CLASS] * CLASSES
    readings = []
    for rows in (np.arange(1000), np.arange(1000)[::-1], np.argsort(real[:, 0])):
        meter = make_meter(real[rows], counts, num_images=400)
        for order in (np.arange(1500), by_class, by_class[::-1]):
            readings.append(meter.read(3, fake[order], probabilities[order]))
    assert all(reading == readings[0] for reading in readings)
    assert readings[0].coverage_share > 0.95


def test_a_reading_comes_back_from_the_log(meter):
    reading = healthy(meter, step=30)
    row = json.loads(json.dumps(reading.scalars()))
    assert meter.from_scalars(30, row) == reading
    assert meter.from_scalars(30, {"loss/generator": 1.0}) is None


def test_a_reading_takes_part_in_no_more_than_500_images():
    real, _ = digits([500] * CLASSES, seed=0)
    assert healthy(make_meter(real, [500] * CLASSES, num_images=500)).n == 500
    assert len(make_meter(real, [500] * CLASSES, num_images=10**6).real) == 500


def test_too_few_images_are_refused(meter):
    with pytest.raises(InputError, match="3 real"):
        make_meter(np.zeros((3, 2)), [1, 2], num_images=10)
    with pytest.raises(InputError, match="399 generated images for a meter of 400"):
        meter.read(1, *(part[:399] for part in digits([100] * CLASSES, seed=1)))


def reading(coverage=0.4, vendi=10.0, class_kl=0.1, n=500):
    return Reading(0, n, coverage, 0.96, vendi, 12.0, class_kl, np.log(10), 0.0)


GOOD, BAD = reading(), reading(coverage=0.0, vendi=1.1, class_kl=2.3)


def test_nothing_learned_yet_is_no_collapse():
    assert find(BAD, BAD, BAD, GOOD, GOOD) is None
    assert find(*[BAD] * 6) is None


def test_nothing_learned_in_half_of_the_run_is_one():
    assert find(*[BAD] * 5, num_steps=1001) is None
    assert find(*[BAD] * 5, num_steps=1000).since == 100
    assert find(*[BAD] * 3, num_steps=300) is None, "three readings are too few to tell"


def test_a_slow_run_that_gets_better_is_no_collapse():
    rising = [reading(coverage=0.005 * i, vendi=1 + 0.1 * i, class_kl=2.3) for i in range(8)]
    assert find(*rising, num_steps=800) is None
    assert find(*rising[::-1], num_steps=800) is not None


def test_one_bad_reading_is_forgiven():
    assert find(GOOD, BAD, GOOD, BAD, GOOD) is None
    assert find(GOOD, BAD) is None
    assert find(GOOD, BAD, BAD).findings
    assert find(GOOD, BAD, patience=1).findings


def test_a_collapse_is_over_when_a_reading_is_good_again():
    assert find(GOOD, BAD, BAD, GOOD) is None


def test_a_fall_to_less_than_a_third_of_the_best_is_one():
    low = reading(coverage=0.12)
    assert find(reading(coverage=0.3), low, low) is None
    found = find(reading(coverage=0.5), reading(coverage=0.4), low, low)
    assert found.findings == ("coverage fell from 0.5 at step 100 to 0.12",)
    less = reading(vendi=3.9)
    assert find(GOOD, less, less).findings == ("Vendi score fell from 10 at step 100 to 3.9",)


def test_few_images_are_said_to_be_too_few_once(caplog):
    real, _ = digits([10] * CLASSES, seed=0)
    judge = SimpleNamespace(features=SimpleNamespace(semantic=real), reference_counts=[10] * 5)
    settings = {"action": "stop", "rollbacks": 1}
    features, probabilities = digits([20] * CLASSES, seed=1)
    one = SimpleNamespace(semantic=features[:1].repeat(100, 0), probabilities=probabilities)
    config = gan_config()
    config.collapse.action, config.evaluation.num_samples = "stop", 100
    meter = collapse_meter_of(config, judge)
    for _ in range(3):
        guard = CollapseGuard(
            settings, meter, lambda step, state: state, num_steps=100, workdir=None
        )
        for step in (25, 50, 75):
            numbers = guard(step, one).numbers
            assert "eval/vendi" in numbers and "eval/collapsed" not in numbers
    (record,) = caplog.records
    assert "cannot judge: it compares 25 images a side" in record.getMessage()
    assert "below 50" in record.getMessage()


@pytest.mark.slow
@pytest.mark.parametrize("images", [50, 100, 500])
def test_real_images_are_never_called_collapsed(images):
    """200 times: digits against other digits, by the principal components of their pixels."""
    digits = load({"name": "mnist5k", "image_size": (28, 28)}, "all")
    pixels = np.float64(digits.images).reshape(len(digits), -1)
    pixels -= pixels.mean(0)
    features = pixels @ np.linalg.eigh(pixels.T @ pixels)[1][:, -64:]
    rng = np.random.default_rng(images)
    for _ in range(200):
        rows = rng.permutation(len(features))[: 7 * images]
        real, *parts = np.split(rows, np.arange(2, 7) * images)
        meter = make_meter(
            features[real], np.bincount(digits.labels[real], minlength=10), num_images=images
        )
        readings = [
            meter.read(20 * (step + 1), features[part], np.eye(10)[digits.labels[part]])
            for step, part in enumerate(parts)
        ]
        assert CollapseRule().find(readings, num_steps=100) is None


def test_few_images_are_no_ground_for_a_verdict():
    few = [dataclasses.replace(r, n=49) for r in (GOOD, BAD, BAD, BAD)]
    assert find(*few) is None
