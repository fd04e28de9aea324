"""What the compiled steps are fed: resident or streamed, from the start or resumed, the same."""

import itertools
import time

import jax
import numpy as np
import pytest

from gan_jax.data import Dataset, batch_indices
from gan_jax.data.content import content_keys
from gan_jax.runtime import parallel
from gan_jax.runtime.feed import make_feed

_COUNT, _BATCH, _STEPS_PER_CALL = 21, 8, 4


class _Source:
    """Images that stay where they are; counts how often it is asked."""

    image_shape = (2, 3, 1)
    treatment = ""

    def __init__(self, images):
        self._images = images
        self.reads = 0

    def __len__(self):
        return len(self._images)

    def take(self, indices):
        self.reads += 1
        return self._images[np.asarray(indices)]

    def keys(self):
        return content_keys(self._images)


def _dataset(streamed, labelled=True):
    images = np.random.default_rng(0).integers(0, 256, (_COUNT, 2, 3, 1), np.uint8)
    labels = (np.arange(_COUNT) % 5).astype(np.int32) if labelled else None
    if streamed:
        return Dataset("set", "train", source=_Source(images), labels=labels)
    return Dataset("set", "train", images=images, labels=labels)


def _feed(dataset, seed=3):
    plan = parallel.make_plan("pmap", _BATCH, 2)
    return make_feed(dataset, plan, batch_size=_BATCH, steps_per_call=_STEPS_PER_CALL, seed=seed)


def _calls(feed, start, stop):
    """Each call's batches, as lists of dicts of arrays."""
    data = parallel.local_copy(feed.data)
    fetch, calls = jax.jit(feed.fetch), []
    for rows in feed.calls(start, stop):
        count = len(jax.tree.leaves(rows)[0])
        steps = [jax.tree.map(lambda x: x[i], rows) for i in range(count)]  # noqa: B023
        calls.append([jax.tree.map(np.asarray, fetch(data, step)) for step in steps])
    return calls


def _flat(calls):
    return list(itertools.chain(*calls))


def _same(batches, others):
    assert len(batches) == len(others)
    for one, other in zip(batches, others, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize("streamed", [False, True], ids=["resident", "streamed"])
def test_batches_are_the_images_and_labels_of_the_order(streamed):
    batches = _flat(_calls(_feed(_dataset(streamed)), 0, 6))
    images, labels = _dataset(False).images, _dataset(False).labels
    order = batch_indices(_COUNT, _BATCH, seed=3, step=0, num_steps=6)
    assert len(batches) == 6
    for batch, rows in zip(batches, order, strict=True):
        assert batch["images"].dtype == np.float32
        np.testing.assert_allclose(batch["images"], images[rows] / 127.5 - 1, atol=1e-6)
        np.testing.assert_array_equal(batch["labels"], labels[rows])


def test_resident_and_streamed_sets_give_identical_batches():
    for start in (0, 5):
        resident, streamed = (_calls(_feed(_dataset(kind)), start, 18) for kind in (False, True))
        assert [len(call) for call in resident] == [len(call) for call in streamed]
        _same(_flat(resident), _flat(streamed))


@pytest.mark.parametrize("streamed", [False, True], ids=["resident", "streamed"])
@pytest.mark.parametrize("start", [4, 6, 7, 17])
def test_a_resumed_feed_goes_on_with_the_same_calls(streamed, start):
    whole = _calls(_feed(_dataset(streamed)), 0, 18)
    assert [len(call) for call in whole] == [4, 4, 4, 4, 2]
    resumed = _calls(_feed(_dataset(streamed)), start, 18)
    _same(_flat(resumed), _flat(whole)[start:])
    ends = np.cumsum([len(call) for call in resumed]) + start
    assert set(ends[:-1]) <= {4, 8, 12, 16} and ends[-1] == 18


@pytest.mark.parametrize("streamed", [False, True], ids=["resident", "streamed"])
def test_nothing_is_left_to_do(streamed):
    assert _calls(_feed(_dataset(streamed)), 18, 18) == []


def test_sets_without_labels_have_none_in_their_batches():
    for streamed in (False, True):
        (batch,) = _flat(_calls(_feed(_dataset(streamed, labelled=False)), 0, 1))
        assert set(batch) == {"images"}


def test_a_streamed_set_is_read_ahead_of_the_calls():
    """While one call runs, the next one's images are being read."""
    dataset = _dataset(streamed=True)
    calls = _feed(dataset).calls(0, 40)
    next(calls), next(calls)
    deadline = time.monotonic() + 5
    while dataset.source.reads < 3 * _STEPS_PER_CALL and time.monotonic() < deadline:
        time.sleep(0.01)
    assert dataset.source.reads >= 3 * _STEPS_PER_CALL
    calls.close()


def test_another_seed_is_another_order():
    one, other = (_flat(_calls(_feed(_dataset(False), seed), 0, 1))[0] for seed in (3, 4))
    assert not np.array_equal(one["images"], other["images"])
