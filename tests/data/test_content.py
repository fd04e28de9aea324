"""Keys and the order of rows by their content."""

import itertools

import numpy as np
import pytest

from gan_jax.data.content import bytes_key, content_keys, content_order, in_content_order

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(50, 28, 28, 1), (50, 3), (50,), (50, 5, 7, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_keys_go_with_their_rows_and_hang_on_every_byte(shape, dtype):
    rows = RNG.integers(0, 256, shape).astype(dtype)
    order = RNG.permutation(len(rows))
    keys = content_keys(rows)
    assert keys.dtype == np.uint64 and keys.shape == (50,)
    np.testing.assert_array_equal(content_keys(rows[order]), keys[order])
    np.testing.assert_array_equal(content_keys(np.asfortranarray(rows)), keys)
    assert (content_keys(rows, seed=1) != keys).all()
    changed = rows.copy()
    changed.reshape(50, -1)[:, -1] += 1
    assert (content_keys(changed) != keys).all()


def test_keys_of_thousands_of_rows_do_not_hang_on_where_blocks_begin():
    rows = RNG.integers(0, 256, (3000, 9, 11), dtype=np.uint8)
    alone = np.concatenate([content_keys(row[None]) for row in rows])
    np.testing.assert_array_equal(content_keys(rows), alone)


def test_equal_rows_have_equal_keys_and_similar_rows_do_not():
    """Images that are black but for one or two pixels: all that sums and shifts could confuse."""
    places = list(itertools.combinations(range(60), 2))
    values = (1, 128, 255)
    rows = np.zeros((len(places) * len(values), 60), np.uint8)
    for row, ((first, second), value) in zip(rows, itertools.product(places, values)):
        row[[first, second]] = value
    assert len(np.unique(content_keys(rows))) == len(rows)
    assert len(np.unique(content_keys(np.repeat(rows, 2, axis=0)))) == len(rows)


def test_the_order_is_one_for_every_order_and_looks_random():
    rows = np.sort(RNG.normal(size=(4000, 3)), axis=0)
    shuffled = rows[RNG.permutation(4000)]
    np.testing.assert_array_equal(in_content_order(shuffled), in_content_order(rows))
    first_half = content_order(rows)[:2000]
    # Of a random half the mean position is 2000 with a deviation of 18.
    assert abs(first_half.mean() - 1999.5) < 80
    assert abs(np.mean(first_half % 2) - 0.5) < 0.05


def test_bytes_of_any_length_have_a_key():
    contents = [b"", b"a", b"b", b"a" * 1000, b"a" * 1001]
    keys = {bytes_key(content) for content in contents}
    assert len(keys) == len(contents) and all(0 <= key < 2**64 for key in keys)


def test_no_rows_have_no_keys():
    assert content_keys(np.zeros((0, 4, 4), np.uint8)).shape == (0,)
