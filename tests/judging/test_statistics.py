"""Statistics in files: exchange with pytorch-fid, checks of origin, and a cache that never lies."""

from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pytest

from gan_jax import metrics
from gan_jax.errors import InputError
from gan_jax.judging.statistics import (
    Origin,
    cache_path,
    cached_moments,
    load_statistics,
    save_statistics,
)
from gan_jax.metrics import Moments

_ORIGIN = Origin("a" * 64, "pool3", "TensorFlow 1 bilinear", "f" * 64)


def _features(seed: int, count: int = 200, size: int = 12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, size)) @ rng.normal(size=(size, size)) + 3


def _moments(seed: int = 0, **options) -> Moments:
    return Moments.of(_features(seed, **options))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "reference.npz"
    save_statistics(path, _moments(), _ORIGIN, seed=5)
    return path


def _arrays(path):
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


# Exchange


def test_what_is_saved_is_loaded(path):
    found = load_statistics(path, expected=_ORIGIN)
    assert (found.n, found.seed, found.origin) == (200, 5, _ORIGIN)
    np.testing.assert_array_equal(found.moments.mean, _moments().mean)
    np.testing.assert_allclose(found.moments.scatter, _moments().scatter, rtol=1e-14)


def test_others_read_mu_and_sigma(path):
    """As pytorch-fid does: two keys, ddof 1, no pickle."""
    arrays, x = _arrays(path), _features(0)
    np.testing.assert_allclose(arrays["mu"], x.mean(0), rtol=1e-12)
    np.testing.assert_allclose(arrays["sigma"], np.cov(x, rowvar=False), rtol=1e-10)
    assert all(value.dtype != object for value in arrays.values())


def test_files_of_others_are_read(tmp_path, caplog):
    """Only two keys, also in float32: a distance as from features, and a warning."""
    x, y = _features(0), _features(1)
    expected = metrics.frechet_distance(x, y)
    for dtype, tolerance in ((np.float64, 1e-10), (np.float32, 1e-4)):
        path = tmp_path / "theirs.npz"
        mu, sigma = x.mean(0).astype(dtype), np.cov(x, rowvar=False).astype(dtype)
        np.savez_compressed(path, mu=mu, sigma=sigma)
        caplog.clear()
        found = load_statistics(path, expected=_ORIGIN)
        assert "does not tell its extractor, layer, preprocessing, reference" in caplog.text
        assert found.n is None and found.seed is None and found.origin == Origin("", "", "", "")
        distance = metrics.frechet_distance_from_moments(found.moments, Moments.of(y))
        assert distance == pytest.approx(expected, rel=tolerance)


def test_nothing_is_warned_of_when_all_is_told_or_nothing_asked(path, tmp_path, caplog):
    load_statistics(path, expected=_ORIGIN)
    load_statistics(path, expected=dataclasses.replace(_ORIGIN, reference=""))
    np.savez(tmp_path / "plain.npz", mu=np.zeros(2), sigma=np.eye(2))
    load_statistics(tmp_path / "plain.npz")
    assert not caplog.text


@pytest.mark.parametrize("name", ["extractor", "layer", "preprocessing", "reference"])
def test_another_origin_is_refused_by_name(path, name):
    expected = dataclasses.replace(_ORIGIN, **{name: "something else"})
    with pytest.raises(InputError, match=f"of another {name}: '.*', and 'something else' is"):
        load_statistics(path, expected=expected)


# Bad files


def _wrong(**changes):
    return dict(mu=np.zeros(3), sigma=np.eye(3)) | changes


@pytest.mark.parametrize(
    "arrays, message",
    [
        (dict(arr_0=np.zeros((2, 4, 4, 1), np.uint8)), "holds arr_0; .* given as samples"),
        (dict(mu=np.zeros(3)), "holds mu; a file of statistics has 'mu' and 'sigma'"),
        (_wrong(mu=np.zeros(4)), r"mu of shape \[4\] and sigma of shape \[3, 3\]; expected"),
        (_wrong(sigma=np.zeros(3)), r"sigma of shape \[3\]; expected \[d\] and \[d, d\]"),
        (_wrong(mu=np.array([0, np.nan, 0])), "mu is float64 or not finite"),
        (_wrong(sigma=np.eye(3) * 1j), "sigma is complex128"),
        (_wrong(mu=np.array(["a", "b", "c"])), "mu is <U1"),
        (_wrong(sigma=-np.eye(3)), "sigma is no covariance"),
        (_wrong(sigma=np.triu(np.ones((3, 3)))), "sigma is no covariance: it is not symmetric"),
        (_wrong(n=np.int64(1)), "n = 1 images; a covariance needs n >= 2"),
        (_wrong(n=np.float64(3.5)), "expected a whole number"),
    ],
)
def test_files_that_are_no_statistics(tmp_path, arrays, message):
    np.savez(tmp_path / "wrong.npz", **arrays)
    with pytest.raises(InputError, match=message):
        load_statistics(tmp_path / "wrong.npz")


def test_a_missing_file_and_a_wrong_name(tmp_path):
    with pytest.raises(InputError, match="there is no statistics file"):
        load_statistics(tmp_path / "none.npz")
    with pytest.raises(InputError, match="expected a name ending in .npz"):
        save_statistics(tmp_path / "stats.txt", _moments(), _ORIGIN)


def test_damaged_files(path):
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    for damaged in (content[: len(content) // 2], b"", b"no zip file at all", bytes(flipped)):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="reference.npz.*(damaged|is cut short)"):
            load_statistics(path)


def test_nothing_is_unpickled(tmp_path):
    np.savez(tmp_path / "objects.npz", mu=np.array([{}], object), sigma=np.eye(1))
    with pytest.raises(InputError, match="objects.npz.*plain array of numbers, not pickled"):
        load_statistics(tmp_path / "objects.npz")
    np.save(tmp_path / "single.npy", np.eye(2))
    with pytest.raises(InputError, match="holds images; a file of statistics has"):
        load_statistics(tmp_path / "single.npy")


@pytest.mark.parametrize("key", ["mu", "sigma", "n", "seed", "layer", "extractor", "reference"])
def test_a_changed_file(path, key):
    arrays = _arrays(path)
    if arrays[key].dtype.kind == "U":
        arrays[key] = np.str_("another")
    else:
        arrays[key] = arrays[key] + 1
    np.savez(path, **arrays)
    with pytest.raises(InputError, match="was changed after it was written"):
        load_statistics(path)


def test_one_image(tmp_path):
    with pytest.raises(InputError, match="n = 1"):
        save_statistics(tmp_path / "one.npz", _moments(count=1), _ORIGIN)
    with pytest.raises(InputError, match="n = 1"):
        cached_moments(tmp_path, _ORIGIN, lambda: _moments(count=1), n=1)
    assert list(tmp_path.iterdir()) == []


# The cache


class _Counted:
    """Computes, and counts how often."""

    def __init__(self, **options):
        self.calls, self.options = 0, options

    def __call__(self) -> Moments:
        self.calls += 1
        return _moments(**self.options)


def test_the_cache_computes_once(tmp_path):
    compute = _Counted()
    first = cached_moments(tmp_path / "new" / "cache", _ORIGIN, compute, n=200)
    second = cached_moments(tmp_path / "new" / "cache", _ORIGIN, compute, n=200)
    assert compute.calls == 1
    np.testing.assert_array_equal(first.scatter, second.scatter)
    np.testing.assert_array_equal(first.mean, second.mean)
    other = _moments(1)
    expected = metrics.frechet_distance_from_moments(_moments(), other)
    assert metrics.frechet_distance_from_moments(second, other) == pytest.approx(expected, 1e-12)
    assert [f.suffix for f in (tmp_path / "new" / "cache").iterdir()] == [".npz"]


@pytest.mark.parametrize("name", ["extractor", "layer", "preprocessing", "reference", "n", "seed"])
def test_whatever_differs_has_its_own_place(tmp_path, name):
    cached_moments(tmp_path, _ORIGIN, _moments, n=200)
    origin, n, seed = _ORIGIN, 200, 0
    if name == "n":
        n = 150
    elif name == "seed":
        seed = 1
    else:
        origin = dataclasses.replace(_ORIGIN, **{name: "other"})
    compute = _Counted(seed=1, count=n)
    found = cached_moments(tmp_path, origin, compute, n=n, seed=seed)
    assert compute.calls == 1 and found.count == n
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "other", "plain"])
def test_a_damaged_entry_is_computed_again_and_mended(tmp_path, caplog, damage):
    cached_moments(tmp_path, _ORIGIN, _moments, n=200)
    entry = cache_path(tmp_path, _ORIGIN, n=200)
    content = entry.read_bytes()
    if damage == "cut":
        entry.write_bytes(content[:-200])
    elif damage == "empty":
        entry.write_bytes(b"")
    elif damage == "flipped":
        entry.write_bytes(content[:700] + bytes([content[700] ^ 4]) + content[701:])
    elif damage == "other":  # sound, but not what its name says
        save_statistics(entry, _moments(1), dataclasses.replace(_ORIGIN, layer="Mixed_6e"))
    else:  # without its origin: nobody knows what it is of
        np.savez(entry, mu=np.zeros(12), sigma=np.eye(12))
    compute = _Counted()
    found = cached_moments(tmp_path, _ORIGIN, compute, n=200)
    assert compute.calls == 1
    assert "not used, but computed again" in caplog.text
    np.testing.assert_allclose(found.scatter, _moments().scatter, rtol=1e-14)
    caplog.clear()
    cached_moments(tmp_path, _ORIGIN, compute, n=200)
    assert compute.calls == 1 and not caplog.text


def test_a_folder_that_cannot_be_written(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    found = cached_moments(tmp_path / "file", _ORIGIN, _moments, n=200)
    assert found.count == 200 and logging.WARNING in {r.levelno for r in caplog.records}
    assert "cannot be cached" in caplog.text


def test_what_cannot_be_named_is_not_cached(tmp_path):
    origin = dataclasses.replace(_ORIGIN, reference="")
    with pytest.raises(InputError, match="unknown reference cannot be cached"):
        cached_moments(tmp_path, origin, _moments, n=200)
    with pytest.raises(InputError, match="moments of 200 images were computed where n = 100"):
        cached_moments(tmp_path, _ORIGIN, _moments, n=100)
    assert list(tmp_path.iterdir()) == []
