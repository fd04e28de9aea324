"""What a study says of its numbers: intervals, pairing, verdict, page."""

import html
import math
import re

import numpy as np
import pytest
from scipy import stats

from gan_jax.config import study_config
from gan_jax.study.plan import Added, Arm, Question, arms_of, pairs_of
from gan_jax.study.report import Picture, StudyReport, write_study_report
from gan_jax.study.results import CellResults, Outcome, difference, study_content
from gan_jax.study.verdict import verdict

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
    protocol = {"test_images": IMAGES, "sizes": list(sizes), "seeds": list(seeds)}
    content = study_content(
        rows,
        sizes=sizes,
        arms=arms,
        pairs=pairs_of(config),
        num_cells=len(rows),
        protocol=protocol,
    )
    return {"verdict": verdict(content)} | content


def test_a_difference_is_that_of_paired_seeds():
    """Seeds differ by far more than the arms do: paired, the difference is clear."""
    ours = np.stack([bits(a, seed=s) for s, a in enumerate((0.55, 0.72, 0.86))])
    theirs = np.stack([bits(a, seed=s) for s, a in enumerate((0.50, 0.66, 0.81))])
    found = difference(ours, theirs)
    gains = np.array([0.05, 0.06, 0.05])
    np.testing.assert_allclose(found.values, gains, atol=1e-12)
    reference = stats.ttest_rel(ours.mean(1), theirs.mean(1)).confidence_interval(0.95)
    np.testing.assert_allclose(found.interval, reference, rtol=1e-9)
    assert found.outcome is Outcome.BETTER
    opposite = difference(theirs, ours)
    assert opposite.outcome is Outcome.WORSE and opposite.mean == -found.mean


def test_the_interval_over_test_images_is_that_of_their_mean_gain():
    rng = np.random.default_rng(0)
    ours, theirs = rng.random((2, 3, IMAGES)) < 0.7
    found = difference(ours, theirs)
    gain = (ours.astype(float) - theirs).mean(0)
    half = 1.959964 * gain.std(ddof=1) / math.sqrt(IMAGES)
    np.testing.assert_allclose(found.image_interval, (gain.mean() - half, gain.mean() + half))


def test_a_few_test_images_decide_nothing_however_much_seeds_agree():
    """Every seed gains the same one or two images of 400: sure over seeds, not over images."""
    theirs = np.stack([bits(0.5)] * 3)
    ours = theirs.copy()
    wrong = np.flatnonzero(~theirs[0])
    ours[:, wrong[0]] = True
    ours[0, wrong[1]] = True
    found = difference(ours, theirs)
    assert found.image_interval[0] < 0 < found.mean < 0.005
    assert found.outcome is Outcome.CANNOT_TELL


@pytest.mark.parametrize("gain", [0, 40])
def test_one_seed_and_equal_differences_cannot_tell(gain):
    theirs = bits(0.5)
    ours = theirs.copy()
    ours[np.flatnonzero(~theirs)[:gain]] = True
    for seeds in (1, 3):
        found = difference(np.stack([ours] * seeds), np.stack([theirs] * seeds))
        assert found.outcome is Outcome.CANNOT_TELL
    assert difference(ours[None], theirs[None]).interval is None


def test_picking_the_best_of_several_widens_its_intervals():
    rng = np.random.default_rng(1)
    ours, theirs = rng.random((3, IMAGES)) < 0.8, rng.random((3, IMAGES)) < 0.6
    one, five = difference(ours, theirs), difference(ours, theirs, comparisons=5)
    widths = [found.interval[1] - found.interval[0] for found in (one, five)]
    assert widths[1] / widths[0] == pytest.approx(stats.t.isf(0.005, 2) / stats.t.isf(0.025, 2))
    assert one.mean == five.mean


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
    assert "3 seeds" in first and "on 400 real test images" in first
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
    for row in content["comparisons"]:
        assert row["ci"][0] <= 0 <= row["ci"][1] or row["ci_images"][0] <= 0 <= row["ci_images"][1]
        assert row["outcome"] == "cannot tell"


def test_a_single_seed_is_said_to_show_nothing():
    content = content_of(
        _noisy(lambda arm: 0.9 if arm.added is not Added.NONE else 0.5), seeds=(0,)
    )
    assert content["verdict"][0].startswith("With a single seed there is no telling")
    assert all(row["outcome"] == "cannot tell" for row in content["comparisons"])
    assert content["verdict"][1].endswith("of one seed: the study cannot tell whether they help.")


def test_an_unfinished_study_says_so_and_picks_no_best():
    config = study_config()
    rows = [cell(Arm(), seed, 0.5) for seed in (0, 1)]
    content = study_content(
        rows,
        sizes=(100,),
        arms=arms_of(config),
        pairs=pairs_of(config),
        num_cells=24,
        protocol={"test_images": IMAGES, "sizes": [100], "seeds": [0, 1]},
    )
    assert verdict(content)[0] == "Not finished: 2 of 24 cells are done."
    assert content["best"] == [] and content["comparisons"] == []


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
        StudyReport(
            title="Do generated images help? <toy>",
            content=content,
            class_names=("a", "b & c"),
            pictures=[Picture("100 real images: gan", np.zeros((8, 12, 1), np.uint8))],
            times={"all cells": "0:01:00"},
            config={"seed": 0},
            environment={"jax": "0"},
        ),
    )
    page = path.read_text()
    text = html.unescape(re.sub(r"<[^>]*>", " ", page))
    for wanted in (
        "400", "real test images", "3 seeds", "95 % over seeds", "95 % over test images",
        "cannot tell", "b & c", "classical+rejection_1 against classical_longer",
        "Recall of each class", "Do generated images help? <toy>",
    ):  # fmt: skip
        assert wanted in text or wanted in html.unescape(page), wanted
    assert page.count("<svg") == 2 + 2 * 2  # curves; differences of two questions at two sizes
    first = content["comparisons"][0]
    low, high = (f"{100 * bound:+.1f}" for bound in first["ci"])
    assert f"{low} to {high}" in text
    assert not re.search(r"(src|href)=\"http", page)


def test_every_question_has_its_place_on_the_page():
    from gan_jax.study.report import _HEADINGS

    assert list(_HEADINGS) == list(Question)
