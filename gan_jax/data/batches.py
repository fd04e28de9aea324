"""The order of training examples: a function of (seed, step) and nothing else."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator

import numpy as np

from gan_jax.data.dataset import Dataset
from gan_jax.errors import InputError

_READ_THREADS = min(8, os.cpu_count() or 1)
_PREFETCH_BYTES = 2**28


@functools.lru_cache(maxsize=4)
def _epoch_order(num_examples: int, seed: int, epoch: int) -> np.ndarray:
    # NumPy keeps raw Philox numbers the same in all versions, but not `Generator.permutation`.
    keys = np.random.Philox(key=[seed, epoch]).random_raw(num_examples)
    order = np.argsort(keys, kind="stable").astype(np.int32)
    order.flags.writeable = False
    return order


def batch_indices(
    num_examples: int, batch_size: int, *, seed: int, step: int, num_steps: int = 1
) -> np.ndarray:
    """Which examples the steps from `step` on see.

    The order is an endless sequence of epochs, each a permutation of all examples drawn from
    (seed, epoch); step t takes positions t * batch_size and following. So each epoch visits every
    example once, a batch may reach over the end of an epoch, and any step can be computed directly.

    Returns:
        int32 [num_steps, batch_size], each in [0, num_examples).

    Raises:
        InputError: a size below 1 or a negative seed or step.
    """
    sizes = {"num_examples": num_examples, "batch_size": batch_size, "num_steps": num_steps}
    for name, value in (*sizes.items(), ("seed", seed), ("step", step)):
        least = 1 if name in sizes else 0
        if value < least:
            raise InputError(f"{name} is {value}: it must be at least {least}.")
    start, stop = step * batch_size, (step + num_steps) * batch_size
    epochs = range(start // num_examples, (stop - 1) // num_examples + 1)
    order = np.concatenate([_epoch_order(num_examples, seed, epoch) for epoch in epochs])
    first = start - epochs[0] * num_examples
    return order[first : first + stop - start].reshape(num_steps, batch_size)


def stream_batches(
    dataset: Dataset,
    *,
    batch_size: int,
    seed: int,
    start_step: int,
    num_steps: int,
    steps_per_call: int = 1,
    shard_index: int = 0,
    shard_count: int = 1,
) -> Iterator[dict[str, np.ndarray]]:
    """Batches in the order of `batch_indices`, read ahead by Grain's threads.

    Nothing needs saving to resume: begin again at `start_step`.

    Args:
        dataset: streamed or in memory.
        batch_size: examples per step over all shards.
        seed: of the order.
        start_step, num_steps: the first step to yield, and how many in all.
        steps_per_call: S, the steps in one item; the last item may have fewer.
        shard_index, shard_count: which of how many contiguous parts of each batch is wanted.

    Yields:
        {'images': uint8 [S, batch_size / shard_count, h, w, c], 'labels': int32 [S, ...] if any}.

    Raises:
        InputError: sizes that do not divide, before the first item; later what the source raises.
    """
    if num_steps < 0 or steps_per_call < 1 or not 0 <= shard_index < shard_count:
        raise InputError(
            f"num_steps {num_steps}, steps_per_call {steps_per_call}, shard_index {shard_index}, "
            f"shard_count {shard_count}: expected no fewer than 0 steps, 1 step a call, and "
            "0 <= index < count."
        )
    if batch_size % shard_count:
        raise InputError(
            f"batch_size {batch_size} does not divide into {shard_count} shards: give a multiple "
            f"of {shard_count}."
        )
    batch_indices(len(dataset), batch_size, seed=seed, step=start_step)  # checks the rest
    rows = batch_size // shard_count
    local = slice(shard_index * rows, (shard_index + 1) * rows)

    def read_step(step: int) -> dict[str, np.ndarray]:
        indices = batch_indices(len(dataset), batch_size, seed=seed, step=int(step))[0, local]
        batch = {"images": dataset.take(indices)}
        if dataset.labels is not None:
            batch["labels"] = dataset.labels[indices]
        return batch

    ahead = _PREFETCH_BYTES // (rows * int(np.prod(dataset.image_shape)))
    ahead = max(steps_per_call, min(ahead, steps_per_call + 2 * _READ_THREADS))
    return _stacked(read_step, range(start_step, start_step + num_steps), steps_per_call, ahead)


def _stacked(read_step, steps: range, steps_per_call: int, ahead: int) -> Iterator[dict]:
    import grain

    reader = iter(
        grain.MapDataset.range(steps.start, steps.stop)
        .map(read_step)
        .to_iter_dataset(grain.ReadOptions(_READ_THREADS, ahead))
    )
    try:
        for start in range(0, len(steps), steps_per_call):
            count = min(steps_per_call, len(steps) - start)
            batches = [next(reader) for _ in range(count)]
            yield {key: np.stack([batch[key] for batch in batches]) for key in batches[0]}
    finally:
        reader.close()
