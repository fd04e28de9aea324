"""The ladder of damages: distances that do not move with n, and what would have been noticed."""

from __future__ import annotations

import numpy as np
import pytest

from gan_jax.judging.degradations import Pool
from gan_jax.judging.headline import make_headline
from gan_jax.judging.ladder import BLUR, broken_share, is_beyond, measure_ladder, strength_of
from gan_jax.judging.power import SHARES, finds_missing_class, noticed
from gan_jax.judging.view import View
from gan_jax.metrics import kernel_distance
from gan_jax.reports.words import NOT_TOLD, TOLD, TOO_FEW, in_words, round_up


def _strokes(seed: int, count: int, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [n, 16, 16, 1] of a stroke whose place is its class; and the classes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    images = rng.normal(20, 5, (count, 16, 16, 1))
    for image, label, row in zip(images, labels, rng.integers(2, 12, count)):
        image[row : row + 2, 3 * label : 3 * label + 4] += rng.normal(180, 20)
    return np.clip(images, 0, 255).astype(np.uint8), labels


def _look(images: np.ndarray) -> View:
    """Cells as the layout, differences of neighbours as the texture."""
    values = images / 255.0
    cells = values.reshape(len(values), 4, 4, 4, 4).mean((2, 4)).reshape(len(values), 16)
    edges = [np.abs(np.diff(values, axis=axis)).mean((1, 2, 3)) for axis in (1, 2)]
    return View.of(cells, np.stack([*edges, values.std((1, 2, 3))], -1))


@pytest.fixture(scope="module")
def ladder():
    return measure_ladder(_strokes(0, 400)[0], _look)


def test_more_damage_is_farther(ladder):
    distances = np.array(ladder.distances)
    assert (np.diff(distances) > 0).all() and distances[-1] > 100 * max(distances[0], 1e-3) > 0
    assert ladder.broken_distance > 0


@pytest.mark.parametrize("count", [60, 200])
def test_its_distances_do_not_move_with_the_number_of_images(ladder, count):
    parts = [measure_ladder(_strokes(seed, count)[0], _look) for seed in range(1, 13)]
    for rung in (3, 5):
        found = np.array([part.distances[rung] for part in parts])
        error = found.std(ddof=1) / len(found) ** 0.5
        assert abs(found.mean() - ladder.distances[rung]) < 3.5 * error + 0.1 * found.mean()


def test_a_damage_stands_at_its_own_strength(ladder):
    for strength, distance in zip(ladder.strengths, ladder.distances):
        assert strength_of(ladder, distance) == pytest.approx(strength)
    between = (ladder.distances[4] + ladder.distances[5]) / 2
    assert ladder.strengths[4] < strength_of(ladder, between) < ladder.strengths[5]
    assert not is_beyond(ladder, between)
    assert strength_of(ladder, -1.0) == 0.0
    assert is_beyond(ladder, 2 * ladder.distances[-1])
    assert strength_of(ladder, 2 * ladder.distances[-1]) == ladder.strengths[-1]


def test_a_share_of_broken_images_is_found_again(ladder):
    """A mixture of the share e lies e^2 of the whole distance away."""
    real = _look(_strokes(3, 2000)[0])
    for share in (0.2, 0.5, 1.0):
        mixed = ladder.broken.take(np.arange(round(400 * share))).beside(
            _look(_strokes(4, 400)[0]).take(np.arange(400 - round(400 * share)))
        )
        by = ladder.clean
        value = kernel_distance(real.standardised(by=by), mixed.standardised(by=by), gamma=1.0)
        assert broken_share(ladder, value.value) == pytest.approx(share, abs=0.08)


def test_more_images_notice_less_damage(ladder):
    found = [noticed(ladder, count) for count in (2, 20, 200)]
    assert [one.n for one in found] == [2, 20, 200]
    assert found[0].broken is None and not found[0].has_power
    assert found[1].strength >= found[2].strength and found[1].broken >= found[2].broken
    assert found[2].has_power and found[2].broken in SHARES
    assert found[0].needed > found[0].n


def test_a_missing_class_is_noticed_by_enough_images():
    images, labels = _strokes(0, 1200, classes=2)
    assert finds_missing_class(_look(images), labels, 400) is True
    assert finds_missing_class(_look(images[:12]), labels[:12], 6) is False
    assert finds_missing_class(_look(images), np.zeros(1200), 400) is None


def _headline_of(fake, ladder, count=400):
    return make_headline(_look(_strokes(0, 400)[0]), _look(fake[:count]), ladder)


def test_the_three_verdicts(ladder):
    fresh = _strokes(9, 400)[0]
    blurred = BLUR.apply(_pool(fresh), 1.0, None)
    assert _headline_of(blurred, ladder)["verdict"] == TOLD
    assert _headline_of(fresh, ladder)["verdict"] == NOT_TOLD
    few = _headline_of(fresh, ladder, 4)
    assert few["verdict"] == TOO_FEW
    assert in_words(few).numbers == () and "held-out images" in in_words(few).note
    assert "size" not in _headline_of(fresh, None) and _headline_of(fresh, None)["test"]["p"] > 0.05


def test_the_size_of_one_set_of_images_agrees_over_n(ladder):
    fake = BLUR.apply(_pool(_strokes(9, 4000)[0]), 0.8, None)
    sizes = [_headline_of(fake, ladder, count)["size"] for count in (100, 500, 2000, 4000)]
    for one in sizes:
        for other in sizes:
            assert one["low"] <= other["high"] and other["low"] <= one["high"]
    assert sizes[-1]["strength"] == pytest.approx(0.8, abs=0.1)


def _pool(images):
    return Pool(images, np.zeros(len(images), int), images)


def test_what_is_beyond_the_ladder_is_said(ladder):
    noise = np.random.default_rng(0).integers(0, 256, (400, 16, 16, 1)).astype(np.uint8)
    headline = _headline_of(noise, ladder)
    assert headline["size"]["beyond"] and "a blur of more than 4 px" in in_words(headline).verdict
    assert in_words(headline).numbers[1][0] == "> 4 px blur"


def test_a_column_without_spread_does_not_decide():
    """A unit that never fires in the reference levels off, however strongly it fires elsewhere."""
    real, fake = View.of(np.eye(50, 6)), View.of(np.full((50, 6), 1e6))
    assert np.abs(fake.standardised(by=real)).max() <= 3.0


@pytest.mark.parametrize(("count", "rounded"), [(7, 7), (99, 99), (391, 400), (12_340, 13_000)])
def test_a_number_of_images_is_rounded_up(count, rounded):
    assert round_up(count) == rounded


@pytest.mark.parametrize("labels", [[0, 0, 0, 1], [0, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1]])
def test_a_missing_class_is_not_found_among_too_few_images(labels):
    values = np.random.default_rng(0).normal(size=(len(labels), 3))
    with np.errstate(all="raise", under="ignore"):
        assert finds_missing_class(View.of(values), np.array(labels), 100) is False
