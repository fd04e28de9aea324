"""Textures judged without a network: the headline, its floor, and what they notice."""

import json

import numpy as np
import pytest

from gan_jax import metrics
from gan_jax.data.procedural import procedural_textures
from gan_jax.errors import InputError
from gan_jax.extractors.controls import random_extractor
from gan_jax.judging.textures.families import portilla_simoncelli_scales
from gan_jax.judging.textures.suite import judge_textures
from gan_jax.metrics.texture.headline import HEADLINE, Standardiser, headline_features
from gan_jax.metrics.texture.portilla_simoncelli import portilla_simoncelli
from gan_jax.metrics.texture.statistics import TextureStatistics
from gan_jax.models.cnn import CNN

_PARTS = ["spectrum_fd", "cooccurrence_fd", "portilla_simoncelli_fd"]


def _statistics(values, prefix="s"):
    values = np.asarray(values, np.float64)
    return TextureStatistics(tuple(f"{prefix}{i}" for i in range(values.shape[1])), values)


def _textures(count, seed=0, **more):
    return procedural_textures("quasi_periodic", count, size=(32, 32), seed=seed, **more)


@pytest.fixture(scope="module")
def judged():
    reference = _textures(60)
    images = _textures(40, seed=1)
    images[7] = 255 - images[7] // 4
    return reference, images, judge_textures(reference, images, complete=True)


# The headline


def test_standardised_references_have_variance_1_whatever_the_units():
    rng = np.random.default_rng(0)
    parts = {
        name: _statistics(rng.normal(size=(50, d)) * 10.0 ** np.arange(d) + 5)
        for name, d in zip(HEADLINE, (3, 7, 12))
    }
    standardisers = {name: Standardiser.of(part) for name, part in parts.items()}
    features = headline_features(parts, standardisers)
    assert features.mean(axis=0) == pytest.approx(np.zeros(22), abs=1e-12)
    assert features.var(axis=0).sum() == pytest.approx(1)
    # Every family has the same say.
    for columns in np.split(features, [3, 10], axis=1):
        assert columns.var(axis=0).sum() == pytest.approx(1 / 3)


def test_a_shift_by_one_deviation_everywhere_is_a_distance_of_1():
    rng = np.random.default_rng(0)
    parts = {name: _statistics(rng.normal(size=(40, 5)) * 3) for name in HEADLINE}
    shifted = {n: _statistics(part.values + part.values.std(axis=0)) for n, part in parts.items()}
    standardisers = {name: Standardiser.of(part) for name, part in parts.items()}
    real, fake = (headline_features(side, standardisers) for side in (parts, shifted))
    assert metrics.frechet_distance(real, fake) == pytest.approx(1)


def test_constant_statistics_are_left_out_by_name():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(20, 4))
    values[:, 1] = 3.0
    values[:, 2] = 1e6 + 1e-5 * values[:, 2]  # round-off
    standardiser = Standardiser.of(_statistics(values))
    assert standardiser.left_out == ("s1", "s2") and standardiser.names == ("s0", "s3")
    values[:, 1:3] = 1e9
    found = standardiser(_statistics(values))
    assert found.shape == (20, 2) and found.var(axis=0) == pytest.approx([0.5, 0.5])


def test_statistics_that_do_not_belong_together_are_refused():
    standardiser = Standardiser.of(_statistics(np.random.default_rng(0).normal(size=(9, 4))))
    with pytest.raises(InputError, match="there are 3 statistics and the reference has 4"):
        standardiser(_statistics(np.zeros((5, 3))))
    with pytest.raises(InputError, match="none of the 2 statistics .s0"):
        Standardiser.of(_statistics(np.ones((5, 2))))
    with pytest.raises(InputError, match="missing: cooccurrence, portilla_simoncelli"):
        headline_features({"spectrum": _statistics(np.zeros((5, 4)))}, {"spectrum": standardiser})


# The judgement


def test_entries_are_those_of_eval_json(judged):
    reference, images, judgement = judged
    names = ["texture_fd", *_PARTS, "patterns_fd", "laplacian_swd"]
    assert list(judgement.metrics) == names
    for name, entry in judgement.metrics.items():
        assert entry["n"] == 30
        if name != "laplacian_swd":
            assert set(entry) == {"value", "floor", "floor_spread", "ci", "n"}
            low, high = entry["ci"]
            assert low <= entry["value"] <= high
    assert json.loads(json.dumps(judgement.protocol)) == judgement.protocol
    assert judgement.protocol["n"] == 30
    assert judgement.protocol["portilla_simoncelli_scales"] == 2
    assert judgement.protocol["headline"] == list(HEADLINE)
    assert len(judgement.reference_statistics["spectrum"].values) == len(reference)
    assert len(judgement.statistics["patterns"].values) == len(images)


def test_the_odd_image_lies_farthest_and_copies_lie_nowhere(judged):
    reference, images, judgement = judged
    others = np.delete(judgement.distances, 7)
    assert judgement.distances.shape == (40,) and judgement.distances.argmax() == 7
    # Drawn as the reference was, so as far from it as it is from itself.
    assert 0.8 < np.median(others) < 1.25 and judgement.distances[7] > 3
    copied = judge_textures(reference, reference[:9], families=HEADLINE)
    assert copied.distances == pytest.approx(np.zeros(9), abs=1e-9)


def test_more_of_the_same_lies_on_the_floor_and_damage_far_above():
    reference, fresh = _textures(80), _textures(40, seed=1)
    same = judge_textures(reference, fresh, families=HEADLINE).metrics
    noisy = fresh + np.random.default_rng(0).integers(-8, 9, fresh.shape)
    worse = judge_textures(reference, noisy.clip(0, 255).astype(np.uint8), families=HEADLINE)
    for name in ("texture_fd", *_PARTS):
        assert same[name]["value"] / same[name]["floor"] == pytest.approx(1, abs=0.3), name
        assert worse.metrics[name]["value"] > 5 * same[name]["value"], name


def test_numbers_depend_on_the_seed_alone_and_not_on_colour():
    reference, images = _textures(24), _textures(12, seed=1)
    first = judge_textures(reference, images, families=HEADLINE, seed=3)
    again = judge_textures(reference, images, families=HEADLINE, seed=3)
    assert first.metrics == again.metrics
    coloured = [np.repeat(side, 3, axis=-1) for side in (reference, images)]
    colour = judge_textures(*coloured, families=HEADLINE, seed=3)
    assert colour.distances == pytest.approx(first.distances, rel=1e-3)
    assert judge_textures(reference, images, families=HEADLINE, seed=4).metrics != first.metrics


def test_pure_waves_have_constants_and_finite_numbers():
    """Upright stripes: many statistics do not vary at all."""
    reference = procedural_textures("stripes", 16, size=(32, 32))
    images = procedural_textures("checks", 8, size=(32, 32))
    judgement = judge_textures(reference, images, families=HEADLINE)
    assert all(np.isfinite(entry["value"]) for entry in judgement.metrics.values())
    assert np.isfinite(judgement.distances).all()
    assert judgement.metrics["texture_fd"]["value"] > 10 * judgement.metrics["texture_fd"]["floor"]
    for name, left_out in judgement.protocol.get("left_out", {}).items():
        assert set(left_out) <= set(judgement.statistics[name].names)


def test_small_images_lack_the_headline_and_it_is_said():
    rng = np.random.default_rng(0)
    reference, images = (rng.integers(0, 256, (n, 12, 12, 1), dtype=np.uint8) for n in (12, 6))
    judgement = judge_textures(reference, images)
    assert "texture_fd" not in judgement.metrics and "spectrum_fd" in judgement.metrics
    skipped = judgement.protocol["skipped"]
    assert "12x12" in skipped["portilla_simoncelli"]
    assert "missing: portilla_simoncelli" in skipped["texture_fd"]
    assert np.isfinite(judgement.distances).all()
    with pytest.raises(InputError, match="12x12"):
        judge_textures(reference, images, families=["portilla_simoncelli"])


def test_scales_follow_the_size():
    assert [portilla_simoncelli_scales(s, 90) for s in (14, 27, 28, 55, 56, 64)] == [
        1, 1, 2, 2, 3, 3,
    ]  # fmt: skip
    images = np.random.default_rng(0).integers(0, 256, (1, 28, 28, 1), dtype=np.uint8)
    with pytest.raises(InputError):
        portilla_simoncelli(images, num_scales=portilla_simoncelli_scales(28, 28) + 1)


def test_progress_counts_every_image_once_a_family():
    counts = []
    judge_textures(
        _textures(8), _textures(5), families=["spectrum", "patterns"], progress=counts.append
    )
    assert counts == [8, 5, 8, 5]


def test_a_network_adds_patch_and_gram_distances():
    reference, images = _textures(24), _textures(12, seed=1)
    extractor = random_extractor((32, 32, 1))
    judgement = judge_textures(reference, images, extractor=extractor, families=["cnn"])
    entries = judgement.metrics
    assert set(entries) == {"patch_fd", "gram_distance"}
    assert all(entry["n"] == 12 and entry["floor"] > 0 for entry in entries.values())
    assert judgement.protocol["extractor"] == extractor.stamp
    dark = judge_textures(reference, images // 2, extractor=extractor, families=["cnn"]).metrics
    for name, entry in entries.items():
        assert dark[name]["value"] > 3 * entry["value"], name
    with pytest.raises(InputError, match="trained on 32x32x1"):
        judge_textures(reference[:, :16], images[:, :16], extractor=extractor)
    with pytest.raises(InputError, match="needs an extractor"):
        judge_textures(reference, images, families=["cnn"])


def test_what_cannot_work_is_said_first():
    images = _textures(8)
    with pytest.raises(InputError, match="'spectra' is not known: did you mean 'spectrum'"):
        judge_textures(images, images, families=["spectra"])
    with pytest.raises(InputError, match="32x16x1.*32x32x1"):
        judge_textures(images, images[:, :, :16])
    with pytest.raises(InputError, match="3 real and 8 generated"):
        judge_textures(images[:3], images)
    with pytest.raises(InputError, match="uint8"):
        judge_textures(images / 255.0, images)


def test_the_order_of_neither_side_changes_anything():
    """All families, the headline, and what is said of each image."""
    reference, images = _textures(24, jitter=0.2), _textures(16, seed=1, jitter=0.3)
    extractor = random_extractor((32, 32, 1), network=CNN(2, widths=(4, 8), dense=4))
    whole = judge_textures(reference, images, extractor=extractor, complete=True)
    first = judge_textures(reference, images, extractor=extractor)
    assert whole.headline and whole.metrics.keys() >= {"laplacian_swd", "patch_fd"}
    for seed in range(5):
        rng = np.random.default_rng(seed)
        real, fake = rng.permutation(len(reference)), rng.permutation(len(images))
        complete = seed == 0
        other = judge_textures(
            reference[real], images[fake], extractor=extractor, complete=complete
        )
        assert other.content() == (whole if complete else first).content()
        np.testing.assert_array_equal(other.distances, first.distances[fake])
        for name, statistics in first.statistics.items():
            np.testing.assert_array_equal(other.statistics[name].values, statistics.values[fake])
            np.testing.assert_array_equal(
                other.reference_statistics[name].values,
                first.reference_statistics[name].values[real],
            )
