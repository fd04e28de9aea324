"""AuthPct and C_T against brute force, and on generators that copy and that do not."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats

from gan_jax import metrics
from gan_jax.data.built_in import load_mnist5k
from gan_jax.data.options import SourceOptions
from gan_jax.errors import InputError
from gan_jax.metrics import memorisation
from tests.features import mixed_normal


def _auth_pct(train, fake) -> float:
    return metrics.training_distances(train, fake).auth_pct().value


def _normal(seed: int, n: int, d: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def _lengths(a, b) -> np.ndarray:
    return np.sqrt(np.array([[np.sum((x - y) ** 2) for y in b] for x in a]))


def test_auth_pct_by_brute_force():
    train, fake = mixed_normal(1, 120, 6), mixed_normal(2, 90, 6)
    fake[:20] = train[:20] + 0.01
    train[50] = train[51]  # a duplicate: its own nearest is at 0
    within = _lengths(train, train)
    np.fill_diagonal(within, np.inf)
    across = _lengths(fake, train)
    nearest = across.argmin(axis=1)
    authentic = across.min(axis=1) > within[nearest].min(axis=1)
    assert _auth_pct(train, fake) == 100.0 * authentic.mean()
    assert _auth_pct(train.astype(np.float32), fake.astype(np.float32)) == pytest.approx(
        100.0 * authentic.mean()
    )


def test_a_copier_is_flagged_by_both():
    train, test = _normal(0, 600), _normal(1, 400)
    copies = train[np.random.default_rng(2).integers(0, 600, 500)]
    assert _auth_pct(train, copies) == 0.0
    assert metrics.data_copying(train, test, copies) < -10
    nearly = copies + 0.05 * _normal(3, 500)
    assert _auth_pct(train, nearly) < 1.0
    assert metrics.data_copying(train, test, nearly) < -10


def test_fresh_images_and_a_poor_fit_are_not_flagged():
    train, test = _normal(0, 600), _normal(1, 400)
    scores = [metrics.data_copying(train, test, _normal(10 + i, 500)) for i in range(20)]
    assert abs(np.mean(scores)) < 1.0 and np.std(scores) < 1.5
    assert 35 < _auth_pct(train, _normal(4, 500)) < 75
    assert metrics.data_copying(train, test, 1.5 * _normal(5, 500)) > 5


def test_mann_whitney_equals_scipy_with_and_without_ties():
    rng = np.random.default_rng(0)
    for a, b in (
        (rng.normal(size=40), rng.normal(size=30) + 0.3),
        (rng.integers(0, 5, 40).astype(float), rng.integers(1, 6, 30).astype(float)),
    ):
        theirs = scipy.stats.mannwhitneyu(
            a, b, alternative="less", method="asymptotic", use_continuity=False
        )
        assert scipy.stats.norm.cdf(memorisation.mann_whitney(a, b)) == pytest.approx(
            theirs.pvalue, rel=1e-9
        )
    assert memorisation.mann_whitney(np.zeros(5), np.zeros(4)) == 0.0


@pytest.mark.parametrize("width", [5, 80])
def test_data_copying_is_the_weighted_mean_over_cells(width):
    rng = np.random.default_rng(0)
    centres = 40 * rng.normal(size=(3, width))  # far apart, so the cells are known
    kinds = [rng.integers(0, 3, n) for n in (150, 120, 140)]
    train, test, fake = (centres[kind] + rng.normal(size=(len(kind), width)) for kind in kinds)
    result = metrics.data_copying(train, test, fake, num_components=64)
    if width > 64:
        mean = train.mean(axis=0)
        axes = np.linalg.svd(train - mean, full_matrices=False)[2][:64].T
        train, test, fake = ((x - mean) @ axes for x in (train, test, fake))
    scores, weights = [], []
    for cell in range(3):
        members = [x[kind == cell] for x, kind in zip((train, test, fake), kinds)]
        to_test, to_fake = (_lengths(x, members[0]).min(axis=1) for x in members[1:])
        m, n = len(to_fake), len(to_test)
        u = np.sum(to_fake[:, None] > to_test[None])
        scores.append((u - m * n / 2) / np.sqrt(m * n * (m + n + 1) / 12))
        weights.append(n)
    assert result == pytest.approx(np.average(scores, weights=weights), rel=1e-9)


def test_a_cell_without_fakes_is_left_out():
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0], [50, 0], [0, 50]])
    train, test = (centres[rng.integers(0, 3, n)] + rng.normal(size=(n, 2)) for n in (90, 80))
    fake = centres[rng.integers(0, 2, 60)] + rng.normal(size=(60, 2))
    left = [x[x[:, 1] < 25] for x in (train, test)]
    expected = metrics.data_copying(*left, fake, num_cells=2)
    assert metrics.data_copying(train, test, fake) == pytest.approx(expected, rel=1e-9)


def test_copies_of_any_training_image_are_found():
    train = _normal(0, 12_000, 8).astype(np.float32)
    distances = metrics.training_distances(train, train[10_500:11_500])
    assert _auth_pct(train, train[10_500:11_500]) == 0.0
    assert (distances.authentic, distances.close) == (0, 1000)
    fresh = metrics.training_distances(train, _normal(1, 1000, 8).astype(np.float32))
    estimate = fresh.auth_pct()
    assert estimate.value == pytest.approx(fresh.authentic / 10)
    low, high = metrics.wilson_interval(fresh.authentic, 1000)
    assert estimate.interval == (100 * low, 100 * high)
    assert fresh.close < 20


@pytest.mark.parametrize("quantised", [False, True])
def test_no_order_of_the_rows_changes_anything(quantised):
    rng = np.random.default_rng(0)
    train, test, fake = (
        np.sort(_normal(i, n, 70), axis=0) for i, n in ((0, 300), (1, 200), (2, 250))
    )
    if quantised:  # many training images are equally near, and have other neighbours
        train, test, fake = (np.round(2 * side[:, :3]) for side in (train, test, fake))
    found = metrics.data_copying(train, test, fake)
    share = _auth_pct(train, fake)
    for _ in range(5):
        shuffled = [rng.permutation(side) for side in (train, test, fake)]
        assert metrics.data_copying(*shuffled) == found
        assert _auth_pct(shuffled[0], shuffled[2]) == share


def test_identical_images_give_a_number():
    same = np.full((30, 4), 0.3)
    assert _auth_pct(same, same) == 0.0
    assert metrics.data_copying(same, same, same) == 0.0
    assert metrics.data_copying(_normal(0, 60, 4), _normal(1, 60, 4), same) == pytest.approx(
        0, abs=100
    )


def test_results_repeat():
    train, test, fake = _normal(0, 200), _normal(1, 150), _normal(2, 150)
    first = metrics.data_copying(train, test, fake, seed=3)
    assert metrics.data_copying(train, test, fake, seed=3) == first


# Copies to the last pixel, moved ones, and near ones


def _images(seed: int, n: int, size: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), np.uint8)


def test_equal_images_are_counted_wherever_they_are():
    train, reference, images = _images(0, 50), _images(1, 20), _images(2, 30)
    train[:3] = train[3]  # four equal ones
    reference[0] = train[7]
    images[:5] = train[[3, 3, 3, 20, 49]]
    images[10] = reference[5]
    images[11, 0, 0, 0] = 255 - images[11, 0, 0, 0]
    images[12:14] = images[11]
    found = metrics.find_copies(train, images, reference)
    assert (found.n, found.exact, found.moved, found.repeated, found.leaked) == (30, 5, 5, 6, 1)
    assert (found.training_n, found.training_repeated) == (50, 4)
    assert (found.reference_n, found.reference_exact, found.reference_moved) == (20, 1, 1)
    keys = metrics.image_keys(train[i : i + 7] for i in range(0, 50, 7))
    rng = np.random.default_rng(0)
    again = metrics.find_copies(keys, rng.permutation(images), rng.permutation(reference))
    assert again == found
    alone = metrics.find_copies(None, images)
    assert (alone.exact, alone.repeated, alone.leaked, alone.reference_n) == (0, 6, 0, 0)


def test_moved_and_mirrored_copies_are_found():
    train = _images(0, 40)
    moved = np.stack(
        [
            np.roll(train[0], (1, -1), (0, 1)),
            np.roll(train[1], -1, 0),
            train[2, :, ::-1],
            np.roll(train[3, :, ::-1], 1, 1),
            np.roll(train[4], 2, 0),  # too far
            train[5] ^ 1,
        ]
    )
    found = metrics.find_copies(train, moved, _images(1, 4))
    assert (found.exact, found.moved, found.reference_moved) == (0, 4, 0)
    small = _images(2, 9, size=6)
    assert metrics.find_copies(small, np.roll(small, 1, 1)).moved == 0


def _digits():
    options = SourceOptions()
    images = np.concatenate([load_mnist5k(options, part).images for part in ("train", "test")])
    pixels = images.reshape(len(images), -1) / 255.0
    mean = pixels[:4000].mean(axis=0)
    axes = np.linalg.eigh(np.cov(pixels[:4000].T))[1][:, -64:]
    return images, lambda x: (x.reshape(len(x), -1) / 255.0 - mean) @ axes


def _changed(kind: str, images: np.ndarray) -> np.ndarray:
    images = images.copy()
    if kind == "one pixel":
        images[:, 14, 14] ^= 255
    if kind == "noise":
        noise = np.random.default_rng(0).normal(scale=13, size=images.shape)
        images = np.clip(images + noise, 0, 255).astype(np.uint8)
    if kind == "shifted":
        images = np.roll(images, (1, 1), (1, 2))
    return images


def test_near_copies_of_digits_are_caught_and_new_digits_are_not():
    images, features = _digits()
    train, held_out, new = images[:2000], images[4000:4500], images[4500:]
    points, real = features(train), features(held_out)
    keys, usual = metrics.image_keys(train), metrics.training_distances(points, real)

    def signs(judged):
        near = metrics.training_distances(points, features(judged))
        return metrics.signs_of_copying(metrics.find_copies(keys, judged, held_out), near, usual)

    for kind, word in (
        ("exact", "equal to a training image"),
        ("shifted", "mirrored or shifted"),
        ("one pixel", "half as far"),
        ("noise", "half as far"),
    ):
        judged = new.copy()
        judged[:100] = _changed(kind, train[:100])  # a fifth of them
        found = signs(judged)
        assert any(word in sign for sign in found), kind
        assert "20.0%" in found[0] or kind in ("one pixel", "noise")
        if kind != "shifted":  # by pixels that is as far from its origin as from others
            all_copies = features(_changed(kind, train[:500]))
            assert _auth_pct(points, all_copies) < 5
            assert metrics.data_copying(points, real, all_copies) < -5
    blurred = scipy.ndimage.gaussian_filter(new.astype(np.float32), (0, 0.5, 0.5, 0))
    for judged in (new, blurred.astype(np.uint8), new[:1].repeat(300, 0), np.zeros_like(new)):
        assert metrics.signs_of_copying(metrics.find_copies(keys, judged, held_out)) == ()
        assert signs(judged) == ()


@pytest.mark.slow
def test_new_digits_are_never_called_copies():
    images, features = _digits()
    points = features(images)
    for seed in range(100):
        order = np.random.default_rng(seed).permutation(5000)
        train, held_out, new = order[:4000], order[4000:4500], order[4500:]
        near = [metrics.training_distances(points[train], points[x]) for x in (new, held_out)]
        copies = metrics.find_copies(images[train], images[new], images[held_out])
        assert not metrics.signs_of_copying(copies, *near)


def test_a_few_equal_images_are_usual_where_real_ones_are_equal_too():
    train, held_out, judged = _images(0, 400), _images(1, 100), _images(2, 100)
    for side in (train, held_out, judged):
        side[::10] = 0  # a black frame now and then
    found = metrics.find_copies(train, judged, held_out)
    assert found.exact == 10 and not metrics.signs_of_copying(found)
    judged[:30] = train[1:31]
    signs = metrics.signs_of_copying(metrics.find_copies(train, judged, held_out))
    assert "37.0% of the images are equal" in signs[0]
    assert not metrics.signs_of_copying()


def test_bad_images_are_one_clear_error():
    x = _images(0, 4)
    with pytest.raises(InputError, match="expected uint8"):
        metrics.find_copies(x, x / 255)
    with pytest.raises(InputError, match="images of one size"):
        metrics.find_copies(x, x, x[:, :6])
    with pytest.raises(InputError, match="all of one size"):
        metrics.image_keys([x, x[:, :6]])
    near = metrics.training_distances(_normal(0, 9), _normal(1, 5))
    with pytest.raises(InputError, match="of one side only"):
        metrics.signs_of_copying(None, near)


def test_bad_input_is_one_clear_error():
    x = _normal(0, 20, 3)
    with pytest.raises(InputError, match="n >= 2 training images"):
        _auth_pct(x[:1], x)
    with pytest.raises(InputError, match="2 numbers an image and references 3"):
        _auth_pct(x, x[:, :2])
    with pytest.raises(InputError, match=r"columns|have \[3, 3, 2\]"):
        metrics.data_copying(x, x, x[:, :2])
    with pytest.raises(InputError, match="num_cells is 21"):
        metrics.data_copying(x, x, x, num_cells=21)
    with pytest.raises(InputError, match="num_components is 0"):
        metrics.data_copying(x, x, x, num_components=0)
    with pytest.raises(InputError, match="none of 1 cells|at least one image"):
        metrics.data_copying(x, x[:0], x)
    x[1, 1] = np.nan
    with pytest.raises(InputError, match="held-out features: row 1"):
        metrics.data_copying(_normal(0, 20, 3), x, x)
