"""Means over seeds and their intervals, against scipy; which setting is called the best."""

import itertools

import numpy as np
import pytest
from scipy import stats

from gan_jax.reports.seeds.statistics import choose, crossed_interval, summarise
from gan_jax.reports.seeds.sweep import sweep_table, verdict


@pytest.mark.parametrize("count", [2, 3, 8, 40])
def test_the_summary_is_scipys(count):
    values = np.random.default_rng(count).lognormal(size=count)
    found = summarise(values)
    assert found.mean == pytest.approx(np.mean(values), rel=1e-14)
    assert found.std == pytest.approx(stats.tstd(values), rel=1e-12)
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert found.interval == pytest.approx(tuple(expected), rel=1e-10)
    assert found.n == count


def test_the_interval_covers_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(3.0, 2.0, (4000, 3))
    covered = np.mean([low <= 3.0 <= high for low, high in (summarise(d).interval for d in draws)])
    assert 0.94 < covered < 0.96


def test_one_value_has_no_spread():
    assert (summarise([2.5]).mean, summarise([2.5]).std, summarise([2.5]).interval) == (
        2.5, None, None,
    )  # fmt: skip


# Over seeds and images together


def effects(rng, seeds, images, seed_spread, image_spread):
    """Draws of mean 0: an effect a seed, one an image and a rest of spread 1."""
    of_seeds = seed_spread * rng.standard_normal((seeds, 1))
    of_images = image_spread * rng.standard_normal(images)
    return of_seeds + of_images + rng.standard_normal((seeds, images))


def test_without_image_effects_it_is_students_interval_over_seeds():
    values = np.repeat([[0.3], [0.9], [0.4], [0.6]], 5000, axis=1)
    expected = stats.ttest_1samp(values[:, 0], 0.0).confidence_interval(0.95)
    np.testing.assert_allclose(crossed_interval(values), expected, rtol=1e-6)
    corrected = stats.ttest_1samp(values[:, 0], 0.0).confidence_interval(1 - 0.05 / 7)
    np.testing.assert_allclose(crossed_interval(values, comparisons=7), corrected, rtol=1e-6)


def test_without_seed_effects_it_is_students_interval_over_images():
    """All seeds say the same of every image: as if there was one."""
    row = np.random.default_rng(0).integers(-1, 2, 400)
    values = np.repeat(row[None], 3, axis=0)
    expected = stats.ttest_1samp(row, 0.0).confidence_interval(0.95)
    # Means of so many images go in steps, which counts as a spread of seeds of its own.
    np.testing.assert_allclose(crossed_interval(values), expected, atol=1e-4)


def test_the_mean_squares_are_those_of_two_way_analysis_of_variance():
    """Of many seeds, whose share decides little: V is what a hand-written table gives."""
    seeds, images = 200, 150
    values = effects(np.random.default_rng(1), seeds, images, 0.2, 0.4)
    grand = values.mean()
    of_seeds = images * sum((row.mean() - grand) ** 2 for row in values) / (seeds - 1)
    of_images = seeds * sum((row.mean() - grand) ** 2 for row in values.T) / (images - 1)
    rest = sum(
        (values[s, i] - values[s].mean() - values[:, i].mean() + grand) ** 2
        for s, i in itertools.product(range(seeds), range(images))
    ) / ((seeds - 1) * (images - 1))  # fmt: skip
    half = 1.9736 * np.sqrt((of_seeds + of_images - rest) / (seeds * images))
    np.testing.assert_allclose(crossed_interval(values), (grand - half, grand + half), rtol=0.01)


@pytest.mark.parametrize("seeds", [2, 3, 10])
@pytest.mark.parametrize("image_spread", [0.0, 0.3, 1.0])
def test_it_covers_zero_as_often_as_it_says(seeds, image_spread):
    """5 %, and never much more; with two seeds it is down to 3 % where both parts are alike."""
    rng = np.random.default_rng(0)
    for seed_spread in (0.0, 0.1):
        missed = 0
        for _ in range(1500):
            low, high = crossed_interval(effects(rng, seeds, 100, seed_spread, image_spread))
            missed += not low <= 0 <= high
        assert (0.02 if seeds == 2 else 0.035) < missed / 1500 < 0.066  # 3 standard errors


def test_one_seed_or_one_image_has_no_interval():
    assert crossed_interval(np.ones((1, 50))) is None
    assert crossed_interval(np.ones((5, 1))) is None


# Which setting


def by_seed(*rows):
    return [dict(enumerate(row)) for row in rows]


def test_the_lowest_mean_is_chosen_and_paired_tests_tell_how_surely():
    rows = [10.0, 10.1, 9.9], [5.0, 5.4, 4.9], [7.0, 7.3, 6.9]
    choice = choose(by_seed(*rows), [3, 3, 3])
    assert choice.best == 1 and choice.clear
    assert [rival.index for rival in choice.rivals] == [2, 0]
    p = [stats.ttest_rel(rows[1], rows[other]).pvalue for other in (2, 0)]
    corrected = [max(2 * p[0], p[1]), 2 * p[1]] if p[1] < p[0] else [2 * p[0], max(2 * p[0], p[1])]
    np.testing.assert_allclose([rival.p for rival in choice.rivals], corrected, rtol=1e-9)


def test_intervals_that_do_not_overlap_are_not_a_test():
    """Paired, a difference that all seeds share counts though the intervals overlap widely."""
    rows = [1.0, 5.0, 9.0, 3.0], [1.5, 5.4, 9.5, 3.6]
    first, second = (summarise(row).interval for row in rows)
    assert first[1] > second[0]
    choice = choose(by_seed(*rows), [4, 4])
    assert choice.clear and choice.rivals[0].paired


def test_settings_of_other_seeds_are_compared_by_welchs_test():
    one, two = {0: 1.0, 1: 1.2, 2: 0.9}, {3: 2.0, 4: 2.6, 5: 3.1, 6: 2.2}
    choice = choose([one, two], [3, 4])
    expected = stats.ttest_ind(list(one.values()), list(two.values()), equal_var=False).pvalue
    assert choice.rivals[0].p == pytest.approx(expected, rel=1e-9)
    assert not choice.rivals[0].paired


def test_single_seeds_and_values_without_spread_tell_nothing():
    for rows in ([[1.0], [2.0]], [[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]]):
        choice = choose(by_seed(*rows), [len(rows[0])] * 2)
        assert choice.best == 0 and choice.rivals[0].p is None and not choice.clear


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_of_equal_settings_one_is_called_the_best_at_most_5_percent_of_the_time(seeds):
    rng = np.random.default_rng(seeds)
    draws = rng.lognormal(3.0, 0.2, (2000, 4, seeds)) + rng.normal(0, 3, (2000, 1, seeds))
    assert np.mean([choose(by_seed(*rows), [seeds] * 4).clear for rows in draws]) <= 0.05


def test_a_setting_that_lost_seeds_is_passed_over_while_others_did_not():
    lucky, whole = by_seed([1.0, 1.1], [4.0, 4.1, 4.2])
    choice = choose([lucky, whole, {}], [3, 3, 3])
    assert (choice.best, choice.left_out, choice.complete) == (1, (0, 2), True)
    choice = choose([lucky, {0: 3.0}], [3, 3])
    assert (choice.best, choice.complete, choice.clear) == (0, False, False)
    assert choose([{}, {}], [3, 3]) is None


def content_of(rows, seeds):
    """The settings of an eval.json, as an older version has written it too."""
    settings = []
    for name, row in rows.items():
        there = [value for value in row if value is not None]
        summary = summarise(there)
        entry = {"values": row, "mean": summary.mean, "std": summary.std, "n": summary.n}
        entry["ci"] = summary.interval and list(summary.interval)
        lost = [seed for seed, value in zip(seeds, row, strict=True) if value is None]
        settings.append({
            "name": name, "hyperparameters": {"x": name}, "seeds": seeds, "diverged": lost,
            "collapsed": [], "metrics": {"fd_semantic": entry},
        })  # fmt: skip
    members = [
        {"seed": seed, "hyperparameters": s["hyperparameters"], "collapsed": False,
         "diverged_at": 7 if seed in s["diverged"] else None}
        for s in settings for seed in seeds
    ]  # fmt: skip
    return {"settings": settings, "members": members, "metrics": {}}


def test_the_verdict_says_best_only_where_a_test_does():
    clear = {"a": [10.0, 10.1, 9.9], "b": [5.0, 5.4, 4.9], "c": [7.0, 7.3, 6.8]}
    text = verdict(content_of(clear, [0, 1, 2]))
    assert "b has the lowest mean of 3 settings: fd_semantic 5.10 ± 0.26 over 3 seeds" in text
    assert "It is clearly the best" in text and "2 comparisons (Holm)" in text
    near = content_of({"a": [5.0, 6.0], "b": [5.2, 6.1], "c": [5.5, 6.6]}, [0, 1])
    text = verdict(near)
    assert "Cannot tell whether it is better than b with" in text and "; c with" in text
    assert "the best" not in text
    for part in (text, "over seeds", "the same real images"):
        assert part in sweep_table(near)


def test_the_verdict_of_one_seed_calls_nothing_best_and_names_the_lost():
    text = verdict(content_of({"a": [5.0], "b": [50.0]}, [0]))
    assert "Cannot tell which is best: a single seed each" in text
    lost = {"a": [1.0, None], "b": [5.0, 5.1], "c": [9.0, 9.3]}
    text = verdict(content_of(lost, [0, 1]))
    assert text.startswith("b has the lowest") and "seeds of theirs diverged: a." in text
    assert "1 of 6 members diverged" in text
