"""The order of examples and the stream that follows it."""

import numpy as np
import pytest

from gan_jax.data import Dataset, batch_indices, stream_batches
from gan_jax.errors import InputError


def test_every_epoch_visits_each_example_once_across_batch_borders():
    order = batch_indices(10, 4, seed=3, step=0, num_steps=15).ravel()  # six epochs
    for epoch in order.reshape(6, 10):
        assert sorted(epoch.tolist()) == list(range(10))
    assert len({tuple(epoch) for epoch in order.reshape(6, 10)}) == 6


def test_any_step_can_be_had_directly():
    whole = batch_indices(7, 5, seed=1, step=0, num_steps=40)
    assert whole.dtype == np.int32 and whole.shape == (40, 5)
    for step in range(40):
        np.testing.assert_array_equal(batch_indices(7, 5, seed=1, step=step)[0], whole[step])


def test_batches_may_be_larger_than_the_set():
    order = batch_indices(3, 8, seed=0, step=3, num_steps=3).ravel()
    assert np.bincount(order).tolist() == [8, 8, 8]


def test_the_order_is_a_promise():
    """Resuming a run under another NumPy must go on in the same order: these never change."""
    assert batch_indices(8, 4, seed=0, step=0, num_steps=3).tolist() == [
        [0, 2, 1, 5],
        [4, 3, 6, 7],
        [5, 3, 7, 2],
    ]
    other = batch_indices(8, 4, seed=1, step=0, num_steps=3)
    assert (other != batch_indices(8, 4, seed=0, step=0, num_steps=3)).any()


def test_positions_are_uniform():
    firsts = [batch_indices(5, 5, seed=seed, step=0)[0, 0] for seed in range(2000)]
    assert np.abs(np.bincount(firsts) - 400).max() < 80  # 4.5 standard deviations


@pytest.mark.parametrize(
    "change", [{"num_examples": 0}, {"batch_size": 0}, {"seed": -1}, {"step": -1}]
)
def test_bad_sizes_are_named(change):
    arguments = {"num_examples": 5, "batch_size": 2, "seed": 0, "step": 0} | change
    with pytest.raises(InputError, match=f"{next(iter(change))} is {next(iter(change.values()))}"):
        batch_indices(**arguments)


class Slow:
    """A source of 23 images that count their index."""

    image_shape = (2, 3, 1)
    treatment = ""

    def __init__(self, broken=None):
        self._broken = broken

    def __len__(self):
        return 23

    def take(self, indices):
        if self._broken in indices:
            raise InputError(f"image {self._broken} cannot be read")
        rows = np.asarray(indices, np.uint8)
        return np.broadcast_to(rows[:, None, None, None], (len(rows), 2, 3, 1)).copy()

    def keys(self):
        return np.arange(23, dtype=np.uint64)


def datasets():
    labels = np.arange(23, dtype=np.int32)
    streamed = Dataset("counted", "train", source=Slow(), labels=labels)
    return streamed, Dataset("counted", "train", streamed.take(np.arange(23)), labels=labels)


@pytest.mark.parametrize("dataset", datasets(), ids=["streamed", "in memory"])
@pytest.mark.parametrize("start", [0, 5])
def test_the_stream_follows_the_order_from_any_step(dataset, start):
    items = list(
        stream_batches(
            dataset, batch_size=6, seed=2, start_step=start, num_steps=11, steps_per_call=4
        )
    )
    assert [item["images"].shape for item in items] == [
        (4, 6, 2, 3, 1),
        (4, 6, 2, 3, 1),
        (3, 6, 2, 3, 1),
    ]
    expected = batch_indices(23, 6, seed=2, step=start, num_steps=11)
    np.testing.assert_array_equal(
        np.concatenate([item["images"][..., 0, 0, 0] for item in items]), expected
    )
    labels = np.concatenate([item["labels"] for item in items])
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, expected)


def test_shards_are_contiguous_parts_of_each_batch():
    dataset = datasets()[0]
    arguments = {"batch_size": 6, "seed": 0, "start_step": 3, "num_steps": 8, "steps_per_call": 2}
    whole = list(stream_batches(dataset, **arguments))
    shards = [
        list(stream_batches(dataset, shard_index=index, shard_count=3, **arguments))
        for index in range(3)
    ]
    for item, *parts in zip(whole, *shards):
        for key in ("images", "labels"):
            joined = np.concatenate([part[key] for part in parts], axis=1)
            np.testing.assert_array_equal(joined, item[key])


def test_no_steps_are_no_items():
    assert not list(stream_batches(datasets()[0], batch_size=6, seed=0, start_step=9, num_steps=0))


def test_streams_without_labels_give_images_only():
    dataset = Dataset("counted", "train", source=Slow())
    item = next(stream_batches(dataset, batch_size=2, seed=0, start_step=0, num_steps=5))
    assert set(item) == {"images"} and item["images"].shape == (1, 2, 2, 3, 1)


def test_errors_while_reading_reach_the_caller():
    dataset = Dataset("counted", "train", source=Slow(broken=20))
    with pytest.raises(InputError, match="image 20 cannot be read"):
        list(stream_batches(dataset, batch_size=4, seed=0, start_step=0, num_steps=6))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"shard_count": 4}, "batch_size 6 does not divide into 4 shards"),
        ({"shard_count": 2, "shard_index": 2}, "shard_index 2"),
        ({"steps_per_call": 0}, "steps_per_call 0"),
        ({"start_step": -1}, "step is -1"),
        ({"num_steps": -1}, "num_steps -1"),
    ],
)
def test_bad_streams_are_refused_before_reading(change, message):
    arguments = {"batch_size": 6, "seed": 0, "start_step": 0, "num_steps": 1} | change
    with pytest.raises(InputError, match=message):
        stream_batches(datasets()[0], **arguments)
