"""What texture metrics see of known damage, and an extractor's feature maps beside them."""

import numpy as np
import pytest

from benchmarks.texture_sensitivity import read_set, sensitivity_table, texture_sensitivity
from benchmarks.textures.degradations import TEXTURE_DEGRADATIONS, texture_pool
from gan_jax.data.content import in_content_order
from gan_jax.data.procedural import procedural_textures
from gan_jax.errors import InputError
from gan_jax.extractors.controls import random_extractor
from gan_jax.judging.sensitivity import random_halves
from gan_jax.metrics.texture.features import gram_distance, patch_frechet_distance
from gan_jax.metrics.texture.headline import HEADLINE
from gan_jax.models.cnn import CNN

_CONTRAST = [kind for kind in TEXTURE_DEGRADATIONS if kind.name == "contrast"]


def _textures(count):
    return procedural_textures("quasi_periodic", count, size=(32, 32))


@pytest.fixture(scope="module")
def textures():
    return in_content_order(procedural_textures("quasi_periodic", 24, size=(16, 16), period=5.0))


@pytest.fixture(scope="module")
def extractor():
    return random_extractor((16, 16, 1), network=CNN(2, widths=(4, 8), dense=4))


def test_an_extractors_maps_are_measured_like_the_rest(textures, extractor):
    rows = texture_sensitivity(
        textures, families=["cnn"], extractor=extractor, degradations=_CONTRAST, num_seeds=2
    )
    assert [row.metric for row in rows] == ["patch_fd", "gram_distance"]
    clean = extractor.feature_maps(textures)
    strengths = _CONTRAST[0].strengths
    for row, distance in zip(rows, (patch_frechet_distance, gram_distance)):
        floors, values = [], []
        for seed in range(2):
            kept, damaged = random_halves(24, seed)
            floors.append(distance(clean[kept], clean[damaged]))
            rng = np.random.default_rng([seed, 4])
            changed = _CONTRAST[0].apply(texture_pool(textures[damaged]), strengths[4], rng)
            values.append(distance(clean[kept], extractor.feature_maps(changed)))
        assert row.ratios[4] == pytest.approx(np.mean(values) / np.mean(floors), rel=1e-9)
        assert row.monotone and row.ratios[4] > 3


def test_an_extractor_comes_beside_the_families(textures, extractor):
    options = dict(degradations=_CONTRAST, num_seeds=2)
    rows = texture_sensitivity(textures, families=["patterns"], extractor=extractor, **options)
    assert [row.metric for row in rows] == ["patterns_fd", "patch_fd", "gram_distance"]


def test_an_extractor_that_is_missing_or_does_not_fit_is_refused(textures, extractor):
    with pytest.raises(InputError, match="'cnn' needs an extractor"):
        texture_sensitivity(textures, families=["cnn"])
    with pytest.raises(InputError, match="16x12x1.*trained on 16x16x1"):
        texture_sensitivity(textures[:, :, :12], families=["cnn"], extractor=extractor)


def test_the_order_of_damaged_textures_changes_nothing():
    textures, kinds = _textures(16), TEXTURE_DEGRADATIONS[1:4:2]
    options = dict(families=HEADLINE, degradations=kinds, num_seeds=2)
    assert texture_sensitivity(textures[::-1], **options) == texture_sensitivity(
        textures, **options
    )


# What it sees


def _check(rows, *, seen_from):
    for row in rows:
        if row.metric == "texture_fd":
            assert row.monotone, row
            assert all(row.seen[seen_from:]), row


def test_the_headline_sees_every_damage_and_more_as_more():
    rows = texture_sensitivity(
        _textures(48),
        families=HEADLINE,
        degradations=[kind.at(*kind.strengths[2::2]) for kind in TEXTURE_DEGRADATIONS],
        num_seeds=3,
    )
    assert len(rows) == 8 * 4
    _check(rows, seen_from=1)
    table = sensitivity_table(rows)
    assert table.count("\n") == 8 * 4 + 1 and "| blur | texture_fd |" in table


@pytest.mark.slow
@pytest.mark.parametrize("name", ["quasi_periodic", "textures"])
def test_the_headline_sees_every_damage_at_five_strengths_over_five_seeds(name):
    if name == "textures":
        pytest.importorskip("skimage")
    rows = texture_sensitivity(read_set(name, 240), families=HEADLINE)
    _check(rows, seen_from=2)


def test_too_little_to_measure_with_is_refused():
    with pytest.raises(InputError, match="7 images and 5 seed"):
        texture_sensitivity(_textures(7))
    with pytest.raises(InputError, match="8 images and 1 seed"):
        texture_sensitivity(_textures(8), num_seeds=1)
    with pytest.raises(InputError, match="'spectra' is not known"):
        texture_sensitivity(_textures(8), families=["spectra"])
