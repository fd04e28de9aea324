"""What a study says of its numbers: intervals, pairing, verdict, page."""

import html
import re

import numpy as np
import pytest
from scipy import stats

from gan_jax.config import study_config
from gan_jax.config.study_plan import Added, Arm, Question, arms_of, pairs_of
from gan_jax.reports.page import About
from gan_jax.reports.pages.study import write_study_report
from gan_jax.reports.result import make_protocol
from gan_jax.reports.seeds.study import (
    CellResults,
    Outcome,
    best_arms,
    difference,
    differences,
    study_result,
    verdict,
)

IMAGES = 400


def bits(accuracy, seed=0, images=IMAGES):
    """Which of the images are right, the same ones for the same seed as far as can be."""
    order = np.random.default_rng(seed).permutation(images)
    correct = np.zeros(images, bool)
    correct[order[: round(accuracy * images)]] = True
    return correct


def cell(arm, seed, accuracy, size=100, generated=None):
    correct = bits(accuracy, seed=0)
    count = round(arm.ratio * size)
    return {
        "size": size, "seed": seed, "arm": arm.name, "accuracy": float(correct.mean()),
        "recall": [float(correct[:200].mean()), float(correct[200:].mean())],
        "correct": np.packbits(correct).tobytes().hex(), "real_images": size,
        "generated_images": count if generated is None else generated, "wanted_images": count,
        "steps": 20, "subset": "f", "seconds": 1.0, "elapsed": 2.0,
    }  # fmt: skip


def content_of(accuracy, *, seeds=(0, 1, 2), sizes=(100,), **fields):
    """study.json of cells whose accuracy is `accuracy(arm, seed)`."""
    config = study_config()
    arms = arms_of(config)
    rows = [
        cell(arm, seed, accuracy(arm, seed), size, **fields)
        for size in sizes
        for arm in arms
        for seed in seeds
    ]
    content = as_content(rows, sizes, arms, pairs_of(config), len(rows), seeds)
    return {"verdict": verdict(content)} | content


def as_content(rows, sizes, arms, pairs, num_cells, seeds):
    protocol = make_protocol(
        {"sizes": list(sizes)}, seed=seeds, images=IMAGES, preprocessing="", reference=None
    )
    found = study_result(
        rows, sizes=sizes, arms=arms, pairs=pairs, num_cells=num_cells, protocol=protocol
    )
    return found.content()


def all_differences(content):
    return [row for question in Question for row in differences(content, question)]


def test_a_difference_is_that_of_paired_seeds():
    """Seeds differ by far more than the arms do: paired, the difference is clear."""
    ours = np.stack([bits(a, seed=s) for s, a in enumerate((0.55, 0.72, 0.86))])
    theirs = np.stack([bits(a, seed=s) for s, a in enumerate((0.50, 0.66, 0.81))])
    found = difference(ours, theirs)
    gains = np.array([0.05, 0.06, 0.05])
    np.testing.assert_allclose(found.values, gains, atol=1e-12)
    apart = stats.ttest_ind(ours.mean(1), theirs.mean(1)).confidence_interval(0.95)
    assert found.interval[1] - found.interval[0] < 0.2 * (apart.high - apart.low)
    assert found.outcome is Outcome.BETTER
    opposite = difference(theirs, ours)
    assert opposite.outcome is Outcome.WORSE and opposite.mean == -found.mean
    np.testing.assert_allclose(opposite.interval, [-bound for bound in found.interval[::-1]])


def test_one_interval_covers_seeds_and_test_images():
    """Seeds and images that each leave zero out by a hair do not do so together."""
    rng = np.random.default_rng(0)
    skew = rng.choice(IMAGES, 26, replace=False)
    ours, theirs = np.zeros((2, 10, IMAGES), bool)
    ours[:, skew[:18]] = theirs[:, skew[18:]] = True  # images: +10 of 26, the same for all seeds
    for seed, extra in enumerate(rng.integers(-14, 15, 10)):  # seeds: some images more or less
        (ours if extra > 0 else theirs)[seed, rng.choice(IMAGES, abs(extra), replace=False)] = True
    gain = ours.astype(float) - theirs
    parts = [stats.ttest_1samp(gain.mean(axis), 0.0).confidence_interval(0.95) for axis in (0, 1)]
    widths = [part.high - part.low for part in parts]
    found = difference(ours, theirs)
    assert found.interval[1] - found.interval[0] > 1.02 * max(widths)


def test_a_few_test_images_decide_nothing_however_much_seeds_agree():
    """Every seed gains the same one or two images of 400: sure over seeds, not over images."""
    theirs = np.stack([bits(0.5)] * 3)
    ours = theirs.copy()
    wrong = np.flatnonzero(~theirs[0])
    ours[:, wrong[0]] = True
    ours[0, wrong[1]] = True
    found = difference(ours, theirs)
    assert found.interval[0] < 0 < found.mean < 0.005
    assert found.outcome is Outcome.CANNOT_TELL


def test_one_seed_cannot_tell_and_equal_seeds_are_no_surer_than_their_images():
    theirs = bits(0.5)
    ours = theirs.copy()
    ours[np.flatnonzero(~theirs)[:40]] = True
    alone = difference(ours[None], theirs[None])
    assert alone.interval is None and alone.outcome is Outcome.CANNOT_TELL
    low, high = difference(np.stack([ours] * 3), np.stack([theirs] * 3)).interval
    gain = ours.astype(float) - theirs
    images = stats.ttest_1samp(gain, 0.0).confidence_interval(0.95)
    assert low <= images.low + 1e-9 and high >= images.high - 1e-9
    nothing = difference(np.stack([theirs] * 3), np.stack([theirs] * 3))
    assert nothing.outcome is Outcome.CANNOT_TELL


def test_picking_the_best_of_several_widens_its_interval():
    rng = np.random.default_rng(1)
    ours, theirs = rng.random((3, IMAGES)) < 0.8, rng.random((3, IMAGES)) < 0.6
    one, five = difference(ours, theirs), difference(ours, theirs, comparisons=5)
    widths = [found.interval[1] - found.interval[0] for found in (one, five)]
    assert 1.3 < widths[1] / widths[0] < 1.01 * stats.t.isf(0.005, 2) / stats.t.isf(0.025, 2)
    assert one.mean == five.mean


def chance(rng, accuracy, seeds, images, seed_spread, image_spread):
    """Right answers of two arms that are equally good: images differ in how hard they are, arms in
    which they find hard, seeds in how well they turned out.
    """
    mean = stats.norm.ppf(accuracy) * np.sqrt(2 + image_spread**2 + seed_spread**2)
    shape, normal = (seeds, images), rng.standard_normal
    hard, shared = normal(images), np.sqrt(0.5) * normal(shape)
    arms = []
    for _ in range(2):
        margin = mean + hard + image_spread * normal(images) + seed_spread * normal((seeds, 1))
        arms.append(margin + shared + np.sqrt(0.5) * normal(shape) > 0)
    return arms


def false_clears(accuracy, seeds, images, spreads, count):
    rng = np.random.default_rng(seeds)
    found = (difference(*chance(rng, accuracy, seeds, images, *spreads)) for _ in range(count))
    return np.mean([one.outcome is not Outcome.CANNOT_TELL for one in found])


@pytest.mark.parametrize("seeds", [3, 20])
def test_equal_arms_seem_clear_as_often_as_the_page_says(seeds):
    assert 0.03 < false_clears(0.9, seeds, 200, (0.1, 0.5), 1000) < 0.07


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5, 10, 20])
@pytest.mark.parametrize("accuracy", [0.9, 0.98])
@pytest.mark.parametrize("spreads", [(0.0, 0.0), (0.1, 0.5), (0.5, 0.5), (0.0, 1.5)])
def test_equal_arms_never_seem_clear_more_often(seeds, accuracy, spreads):
    """The old rule, two intervals that each leave zero out: 1.5 to 10 %."""
    rate = false_clears(accuracy, seeds, 1000, spreads, 2000)
    assert 0.02 < rate < 0.06 + 0.006  # of 2,000 draws


def test_only_seeds_of_both_arms_are_compared():
    rows = [cell(Arm(), seed, 0.5) for seed in (0, 1, 2)]
    rows += [cell(Arm(classical=True), seed, 0.6) for seed in (2, 0)]
    cells = CellResults(rows, IMAGES)
    found = cells.difference(100, Arm(classical=True), Arm())
    np.testing.assert_allclose(found.values, [0.1, 0.1])
    assert cells.difference(300, Arm(classical=True), Arm()) is None


def _noisy(accuracy):
    """Adds what a seed, and a seed and an arm, make of an accuracy."""
    places = {arm: place for place, arm in enumerate(arms_of(study_config()))}
    return lambda arm, seed: accuracy(arm) + 0.02 * seed + _lot(places[arm], seed)


def _lot(place, seed):
    return 0.02 * np.random.default_rng((place, seed)).random()


def _says(content, start):
    return next(text for text in content["verdict"] if text.startswith(start))


def test_generated_images_that_help_are_said_to():
    content = content_of(_noisy(lambda arm: 0.8 if arm.added is not Added.NONE else 0.5))
    first = content["verdict"][0]
    assert first.startswith("Generated images, with 100 real ones and classical augmentation")
    assert "the best of 3 ways" in first and first.endswith("they help.")
    assert "over 3 seeds and the test images" in first and "on 400 real test images" in first
    assert "corrected for the picking" in first
    adding = _says(content, "Generated images against the same")
    assert "8 comparisons, 8 better, 0 worse, 0 cannot tell" in adding
    assert "By chance alone up to about 0.4" in adding


def test_generated_images_that_harm_are_said_to():
    content = content_of(_noisy(lambda arm: 0.4 if arm.added is not Added.NONE else 0.6))
    assert content["verdict"][0].endswith("they harm.")
    assert "8 comparisons, 0 better, 8 worse" in _says(content, "Generated images against the same")


def test_what_covers_zero_cannot_be_told():
    content = content_of(_noisy(lambda arm: 0.6))
    assert content["verdict"][0].endswith("the study cannot tell whether they help.")
    assert not any("they help." in t and "cannot" not in t for t in content["verdict"])
    for row in all_differences(content):
        assert row["ci"][0] <= 0 <= row["ci"][1]
        assert row["outcome"] == "cannot tell"


def test_a_single_seed_is_said_to_show_nothing():
    content = content_of(
        _noisy(lambda arm: 0.9 if arm.added is not Added.NONE else 0.5), seeds=(0,)
    )
    assert content["verdict"][0].startswith("With a single seed there is no telling")
    assert all(row["outcome"] == "cannot tell" for row in all_differences(content))
    assert content["verdict"][1].endswith("of one seed: the study cannot tell whether they help.")


def test_an_unfinished_study_says_so_and_picks_no_best():
    config = study_config()
    rows = [cell(Arm(), seed, 0.5) for seed in (0, 1)]
    content = as_content(rows, (100,), arms_of(config), pairs_of(config), 24, (0, 1))
    assert verdict(content)[0] == "Not finished: 2 of 24 cells are done."
    assert best_arms(content) == all_differences(content) == []


def test_a_filter_that_lets_nothing_pass_is_named():
    content = content_of(_noisy(lambda arm: 0.6), generated=0)
    assert "(none passed the filter)" in content["verdict"][0]


def test_nothing_in_the_result_depends_on_the_clock():
    rows = content_of(_noisy(lambda arm: 0.6))["cells"]
    assert rows and not any({"seconds", "elapsed"} & row.keys() for row in rows)


def test_the_page_names_images_seeds_and_intervals(tmp_path):
    content = content_of(_noisy(lambda arm: 0.7 if arm.classical else 0.6), sizes=(100, 300))
    path = tmp_path / "report.html"
    write_study_report(
        path,
        About("Do generated images help? <toy>", config={"seed": 0}, environment={"jax": "0"}),
        content,
        class_names=("a", "b & c"),
        pictures={"100 real images: gan": np.zeros((8, 12, 1), np.uint8)},
        times={"all cells": "0:01:00"},
    )
    page = path.read_text()
    text = html.unescape(re.sub(r"<[^>]*>", " ", page))
    for wanted in (
        "400", "real test images", "3 seeds", "95 % over seeds and test images",
        "cannot tell", "b & c", "classical+rejection_1 against classical_longer",
        "Recall of each class", "Do generated images help? <toy>",
    ):  # fmt: skip
        assert wanted in text or wanted in html.unescape(page), wanted
    assert page.count("<svg") == 2 + 2 * 2  # curves; differences of two questions at two sizes
    for row in all_differences(content):  # so every question has its place
        assert f"{row['size']:,}: {row['arm']} against {row['against']}" in text
    assert {row["question"] for row in all_differences(content)} == set(Question)
    first = all_differences(content)[0]
    low, high = (f"{100 * bound:+.1f}" for bound in first["ci"])
    assert f"{low} to {high}" in text
    assert not re.search(r"(src|href)=\"http", page)
