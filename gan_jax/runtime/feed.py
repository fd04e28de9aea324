"""From a dataset to what compiled steps take: on the device once, or streamed to it."""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from gan_jax.data import ComposedSource, Dataset, batch_indices, stream_batches
from gan_jax.errors import InputError
from gan_jax.runtime import parallel
from gan_jax.runtime.pixels import to_float


@dataclasses.dataclass(frozen=True)
class Feed:
    """The training images, in an order that is a function of (seed, step) alone.

    Attributes:
        data: replicated arrays that `fetch` reads, or None when streamed.
        fetch: (data, rows) to the batch of one step, see `parallel.compile_steps`.
        calls: (start_step, stop_step) to an iterator over the rows of each call.
    """

    data: Any
    fetch: Callable[[Any, Any], dict[str, Array]]
    calls: Callable[[int, int], Iterator[Any]]


def make_feed(
    dataset: Dataset, plan: parallel.Plan, *, batch_size: int, steps_per_call: int, seed: int
) -> Feed:
    """Keeps a set that is in memory on the devices as uint8, and streams any other.

    What is composed is put together on the devices, which keep the parts. Calls end at multiples
    of `steps_per_call`, wherever they start, so that a resumed run makes the same calls.
    """
    order = _Order(len(dataset), batch_size, steps_per_call, parallel.shard_rows(batch_size, plan))
    images: Any = dataset.images
    at: Callable[[Any, Any], Any] = operator.getitem
    if isinstance(dataset.source, ComposedSource):
        images, at = dataset.source.parts, dataset.source.compose
    elif images is None:
        return Feed(None, batch_of_rows, functools.partial(_stream, dataset, order, seed))
    arrays = {"images": images}
    if dataset.labels is not None:
        arrays["labels"] = dataset.labels

    def fetch(data: Any, rows: Array) -> dict[str, Array]:
        batch = {"images": at(data["images"], rows)}
        if "labels" in data:
            batch["labels"] = data["labels"][rows]
        return batch_of_rows(None, batch)

    return Feed(parallel.replicate(arrays, plan), fetch, functools.partial(order.calls, seed))


def make_host_feed(
    dataset: Dataset, plan: parallel.Plan, *, batch_size: int, steps_per_call: int, seed: int
) -> Feed:
    """The order of `make_feed` for a set in memory that stays on the host.

    A compiled step is given arrays of the batch's size, so one program serves sets of any size.
    """
    order = _Order(len(dataset), batch_size, steps_per_call, parallel.shard_rows(batch_size, plan))
    images = dataset.all_images()

    def calls(start: int, stop: int) -> Iterator[dict[str, np.ndarray]]:
        for rows in order.calls(seed, start, stop):
            batch = {"images": images[rows]}
            yield batch if dataset.labels is None else batch | {"labels": dataset.labels[rows]}

    return Feed(None, batch_of_rows, calls)


def make_members_feed(
    dataset: Dataset,
    plan: parallel.Plan,
    *,
    batch_size: int,
    steps_per_call: int,
    seeds: Sequence[int],
    batch_shared: bool,
) -> Feed:
    """The images of many GANs, each in the order of its own seed; they lie on the devices once.

    Rows are [steps, batch, members], and `fetch` takes one member's, [batch]. With `batch_shared`
    this process has a share of each batch, else whole ones. Raises InputError for a streamed set.
    """
    feed = make_feed(
        dataset, plan, batch_size=batch_size, steps_per_call=steps_per_call, seed=seeds[0]
    )
    if feed.data is None:
        raise InputError(
            f"{dataset.name} is larger than dataset.memory_limit_mb and would be streamed; "
            "several seeds or a sweep need it in memory: raise that limit, or train one at a time "
            "(num_seeds=1 and no sweep)."
        )
    own = parallel.shard_rows(batch_size, plan) if batch_shared else slice(None)
    order = _Order(len(dataset), batch_size, steps_per_call, own)

    def calls(start: int, stop: int) -> Iterator[np.ndarray]:
        for first, last in _call_bounds(start, stop, steps_per_call):
            rows = {seed: order.rows(seed, first, last) for seed in dict.fromkeys(seeds)}
            yield np.stack([rows[seed] for seed in seeds], axis=2)

    return dataclasses.replace(feed, calls=calls)


def batch_of_rows(data: None, rows: dict[str, Array]) -> dict[str, Array]:
    """The batch of a step, from uint8 images that come with each call and their labels if any."""
    batch = {"images": to_float(rows["images"])}
    if "labels" in rows:
        batch["labels"] = jnp.asarray(rows["labels"])
    return batch


@dataclasses.dataclass(frozen=True)
class _Order:
    """Which of `count` images each step takes; `own` is this process's share of a batch."""

    count: int
    batch_size: int
    steps_per_call: int
    own: slice

    def rows(self, seed: int, first: int, last: int) -> np.ndarray:
        """Numbers of images [steps, share]."""
        return batch_indices(
            self.count, self.batch_size, seed=seed, step=first, num_steps=last - first
        )[:, self.own]

    def calls(self, seed: int, start: int, stop: int) -> Iterator[np.ndarray]:
        for first, last in _call_bounds(start, stop, self.steps_per_call):
            yield self.rows(seed, first, last)


def _stream(dataset: Dataset, order: _Order, seed: int, start: int, stop: int) -> Iterator[Any]:
    # One stream up to the first border of calls, if need be, and one for all the rest, so that
    # reading ahead does not end with each call.
    share = order.own.stop - order.own.start
    first = next(_call_bounds(start, stop, order.steps_per_call), (stop, stop))[1]
    for begin, end in ((start, first), (first, stop)):
        if begin < end:
            yield from stream_batches(
                dataset,
                batch_size=order.batch_size,
                seed=seed,
                start_step=begin,
                num_steps=end - begin,
                steps_per_call=order.steps_per_call,
                shard_index=order.own.start // share,
                shard_count=order.batch_size // share,
            )


def _call_bounds(start: int, stop: int, steps_per_call: int) -> Iterator[tuple[int, int]]:
    while start < stop:
        end = min(stop, (start // steps_per_call + 1) * steps_per_call)
        yield start, end
        start = end
