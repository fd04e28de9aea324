"""What a judgement of textures opens with: a test, a size that n doesn't move, flags, refusals."""

import json

import numpy as np
import pytest

from benchmarks.textures.baselines import gaussian_field
from gan_jax.data.content import in_content_order
from gan_jax.data.procedural import procedural_textures
from gan_jax.errors import InputError
from gan_jax.judging.degradations import Pool
from gan_jax.judging.ladder import BLUR
from gan_jax.judging.textures.headline import headline_statistics, texture_headline
from gan_jax.judging.textures.suite import judge_textures
from gan_jax.judging.view import View
from gan_jax.metrics.overlap import independent_rows
from gan_jax.metrics.texture.headline import HEADLINE, Standardiser
from gan_jax.metrics.two_sample import permutation_test
from gan_jax.reports.words import NOT_TOLD, TOLD, TOO_FEW

pytestmark = pytest.mark.usefixtures("quickly_compiled")


def _textures(count, seed=0, kind="blobs"):
    return procedural_textures(kind, count, size=(16, 16), seed=seed, period=5.0)


def _blurred(images, strength):
    pool = Pool(images, np.zeros(len(images), np.int32), images)
    return BLUR.apply(pool, strength, np.random.default_rng(0))


def _flags(part):
    return {flag["name"] for flag in part["flags"]}


def test_a_known_damage_is_told_and_its_size_is_its_strength_at_every_n():
    for n in (12, 50, 200):
        part = texture_headline(_textures(n), _blurred(_textures(n, seed=1), 0.7))
        headline = part["headline"]
        assert json.loads(json.dumps(part)) == part
        assert headline["verdict"] == TOLD and headline["test"]["p"] < 0.02
        size = headline["size"]
        assert size["damage"] == "blur" and size["low"] <= 0.7 <= size["high"], (n, size)
        assert not _flags(part)


def test_more_of_the_same_is_not_told():
    part = texture_headline(_textures(200), _textures(200, seed=1))
    assert part["headline"]["verdict"] == NOT_TOLD and part["headline"]["test"]["p"] > 0.05
    assert part["headline"]["noticed"]["strength"] <= 0.5


def test_order_changes_nothing():
    reference, images = _textures(20), _textures(14, seed=1)
    expected = texture_headline(reference, images)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        assert texture_headline(rng.permutation(reference), rng.permutation(images)) == expected


def test_few_images_are_called_so():
    part = texture_headline(_textures(4), _textures(4, seed=1))
    assert part["headline"]["verdict"] == TOO_FEW and _flags(part) == {"too few"}


def test_what_is_repeated_or_copied_is_flagged_and_set_apart():
    reference, images = _textures(40), _textures(40, seed=1)
    part = texture_headline(reference, np.concatenate([reference[:9], images[:31]]))
    assert _flags(part) >= {"copied"}
    copied = next(flag for flag in part["flags"] if flag["name"] == "copied")
    assert copied["apart"] and copied["text"].startswith("9 of the 40 images")
    part = texture_headline(reference, np.repeat(images[:4], 10, axis=0))
    assert _flags(part) == {"collapsed"} and part["flags"][0]["apart"]
    assert part["headline"]["verdict"] == TOLD  # repeated images are all tested
    assert "few different" in _flags(texture_headline(np.repeat(reference[:10], 4, axis=0), images))


def _crops(picture, count, seed, side=16):
    rng = np.random.default_rng(seed)
    height, width = picture.shape[:2]
    places = zip(
        rng.integers(height - side + 1, size=count), rng.integers(width - side + 1, size=count)
    )
    return np.stack([picture[top : top + side, left : left + side] for top, left in places])


def test_crops_that_overlap_count_as_the_few_that_do_not():
    """Two pictures of one texture are not told apart by a hundred crops of each."""
    pictures = [procedural_textures("noise", 1, size=(48, 64), seed=s)[0] for s in (0, 1)]
    real, fake = (_crops(picture, 100, seed) for seed, picture in enumerate(pictures))
    headline = judge_textures(real, fake, complete=True, crops=True).headline
    assert headline["test"]["n_real"] <= 14 and headline["test"]["n_fake"] <= 14  # 12 fit
    part = texture_headline(real, _textures(30))
    assert "overlapping" in _flags(part) and part["headline"]["test"]["n_fake"] == 30


def test_crops_that_all_overlap_are_one_image():
    picture = procedural_textures("noise", 1, size=(20, 20), seed=0)[0]
    part = texture_headline(_crops(picture, 12, seed=0), _textures(30))
    assert part["headline"] == {} and _flags(part) >= {"too few", "overlapping"}


# References that nothing can be known from


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (np.zeros((40, 16, 16, 1), np.uint8), "the 40 real images are all the same"),
        (np.repeat(_textures(1), 9, axis=0), "the 9 real images are all the same"),
        (np.repeat(_textures(2), 9, axis=0), "of the 18 real images only 2 are different"),
        (np.full((9, 16, 16, 1), 1, np.uint8) * np.arange(9, dtype=np.uint8)[:, None, None, None],
         "9 of the 9 real images are flat"),
        (np.random.default_rng(0).integers(0, 2, (20, 16, 16, 1), dtype=np.uint8),
         "20 of the 20 real images are flat"),
    ],
)  # fmt: skip
def test_a_reference_without_variety_is_refused(reference, message):
    for judge in (texture_headline, judge_textures):
        with pytest.raises(InputError, match=message):
            judge(reference, _textures(20))


def test_black_samples_are_far_and_few_different():
    part = texture_headline(_textures(40), np.zeros((20, 16, 16, 1), np.uint8))
    assert part["headline"]["verdict"] == TOLD and part["headline"]["size"]["beyond"]
    assert "collapsed" in _flags(part)


def test_too_small_images_are_refused():
    with pytest.raises(InputError, match="12x12.*at least 14x14"):
        texture_headline(_textures(9)[:, :12, :12], _textures(9)[:, :12, :12])


# What overlapping crops would do to the test


@pytest.mark.slow
def test_how_often_one_texture_is_told_from_itself():
    """Crops of a band of a random field against crops of other fields of the same spectrum.

    By 200 overlapping crops nearly every band is told from them (119 of 120), by the crops that
    share nothing about as many as are meant to be (7 of 120; at 5 %, 6).
    """
    data = pytest.importorskip("skimage.data")
    told = {"all": 0, "independent": 0}
    bands, crops = 60, 200
    for photograph in (data.grass(), data.gravel()):
        rng = np.random.default_rng(0)
        fields = gaussian_field(photograph[..., None], 2 * bands, size=(512, 512), seed=1)
        alone = np.concatenate(
            [_crops(field, 9, seed, side=32) for seed, field in enumerate(fields[bands:])]
        )
        alone = headline_statistics(alone)
        for seed, field in enumerate(fields[:bands]):
            band = in_content_order(_crops(field[:96], crops, seed, side=32))
            others = rng.permutation(9 * bands)[:crops]
            of_others = {name: found.take(others) for name, found in alone.items()}
            rows = {"all": np.arange(crops), "independent": independent_rows(band)}
            statistics = headline_statistics(band)
            for which, chosen in rows.items():
                real = {name: found.take(chosen) for name, found in statistics.items()}
                told[which] += _p(real, of_others) <= 0.05
    assert told["all"] > 0.9 * 2 * bands, told
    assert told["independent"] < 0.2 * 2 * bands, told


def _p(real, fake):
    standardisers = {name: Standardiser.of(found) for name, found in real.items()}
    views = [
        View.of(*(standardisers[name](side[name]) for name in HEADLINE)) for side in (real, fake)
    ]
    pool, count = views[0].pooled(views[1]), len(views[0].values)
    return permutation_test(pool[:count], pool[count:], gamma=1.0, num_permutations=199).p
