"""Random access to images, and the choice between memory and streaming."""

from __future__ import annotations

import abc
import bisect
import concurrent.futures
import functools
import itertools
import math
import os
from collections.abc import Callable, Sequence

import numpy as np

from gan_jax.data.arrays import AS_STORED, SYMMETRIC, UNIT, find_scale, row_keys
from gan_jax.data.dataset import Dataset
from gan_jax.data.notices import notice
from gan_jax.data.options import SourceOptions
from gan_jax.data.progress import progress_bar
from gan_jax.errors import InputError

_MOST_THREADS = 8  # beyond it, threads wait for Python's lock more than they decode
_SMALL_IMAGE = 128 * 128  # pixels; work on smaller arrays is mostly Python, which threads slow down
_BRIGHT = 64  # of 255: no set of photographs or digits stays below
_LOOKED_AT = 16  # images of a streamed set


class Source(abc.ABC):
    """Random access to preprocessed images of one shape.

    `threads` read a whole set fastest, each `block` images at a time; for the others see
    `ImageSource`.
    """

    image_shape: tuple[int, int, int]
    treatment: str = ""
    threads: int = min(_MOST_THREADS, os.cpu_count() or 1)
    block: int = 64

    @abc.abstractmethod
    def __len__(self) -> int:
        """The number of images."""

    @abc.abstractmethod
    def __getitem__(self, index: int) -> np.ndarray:
        """Image `index` as uint8 [h, w, c]; safe to call from several threads."""

    @abc.abstractmethod
    def keys(self) -> np.ndarray:
        """A hash of each image as it is stored, uint64 [n]; equal ones have equal keys."""

    def take(self, indices: Sequence[int]) -> np.ndarray:
        """The images at `indices` as uint8 [k, h, w, c]."""
        images = np.empty((len(indices), *self.image_shape), np.uint8)
        for row, index in enumerate(indices):
            images[row] = self[int(index)]
        return images

    def read_all(self, description: str) -> np.ndarray:
        """Every image, decoded by a pool of threads: uint8 [n, h, w, c]."""
        images = np.empty((len(self), *self.image_shape), np.uint8)

        def fill(start: int, stop: int) -> None:
            images[start:stop] = self.take(range(start, stop))

        map_blocks(fill, len(self), description, threads=self.threads, block=self.block)
        return images


def map_blocks(
    fill: Callable[[int, int], None],
    num_examples: int,
    description: str,
    *,
    threads: int = Source.threads,
    block: int = Source.block,
) -> None:
    """Calls `fill(start, stop)` in threads for each block of examples, until the first error."""
    starts = range(0, num_examples, block)
    stops = [min(start + block, num_examples) for start in starts]
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        tasks = [pool.submit(fill, *bounds) for bounds in zip(starts, stops)]
        try:
            with progress_bar(description, num_examples, "image") as bar:
                for task, start, stop in zip(tasks, starts, stops):
                    task.result()
                    bar.update(stop - start)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


class ArraySource(Source):
    """Rows of an array, in memory or memory-mapped.

    Args:
        array: [n, h, w, c], numbers, scaled as `find_scale` says.
        where: names it in messages.
        indices: the rows of this split, int [k], increasing.
        options: how images are brought to one shape, and what is white.
        keys: gives the `row_keys` of the array, if they are at hand.
    """

    def __init__(
        self,
        array: np.ndarray,
        where: str,
        *,
        indices: np.ndarray,
        options: SourceOptions,
        keys: Callable[[], np.ndarray] | None = None,
    ) -> None:
        preprocess, scale = options.preprocess, find_scale(array, where, white=options.white)
        self.image_shape = preprocess.output_shape(array.shape[1:])
        self._array, self._scale, self._indices = array, scale, indices
        self._preprocess = preprocess
        self._row_keys = keys or functools.partial(row_keys, array)
        as_numbers = scale == AS_STORED and array.dtype == np.uint8
        self._as_stored = as_numbers and self.image_shape == array.shape[1:]
        if not self._as_stored:
            self.treatment = f"{array.dtype} {array.shape[1:]}, {preprocess}"
            if scale not in (AS_STORED, UNIT, SYMMETRIC):  # these follow from the values
                self.treatment += f", {scale}"
        if array.shape[1] * array.shape[2] < _SMALL_IMAGE:
            self.threads = 1

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> np.ndarray:
        row = self._array[self._indices[index]]
        return self._preprocess(self._scale.to_uint8(row))

    def keys(self) -> np.ndarray:
        return self._row_keys()[self._indices]

    def read_all(self, description: str) -> np.ndarray:
        if not self._as_stored:
            return super().read_all(description)
        if len(self._indices) == len(self._array):
            mapped = isinstance(self._array, np.memmap)
            return np.array(self._array) if mapped else np.ascontiguousarray(self._array)
        return self._array[self._indices]


class JoinedSource(Source):
    """Several sources of one image shape, one after the other."""

    def __init__(self, parts: Sequence[Source]) -> None:
        self.image_shape, self.treatment = parts[0].image_shape, parts[0].treatment
        self._parts = parts
        self._ends = list(itertools.accumulate(len(part) for part in parts))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> np.ndarray:
        part = bisect.bisect_right(self._ends, index)
        return self._parts[part][index - (self._ends[part] - len(self._parts[part]))]

    def keys(self) -> np.ndarray:
        return np.concatenate([part.keys() for part in self._parts])

    def read_all(self, description: str) -> np.ndarray:
        return np.concatenate([part.read_all(description) for part in self._parts])


def make_dataset(
    sources: Sequence[Source],
    labels: Sequence[np.ndarray | None],
    *,
    name: str,
    split: str,
    class_names: tuple[str, ...] | None,
    options: SourceOptions,
    own_parts: bool = True,
) -> Dataset:
    """One dataset of one or more sources, in memory if it fits under the limit, else streamed.

    Labels are those of each source, int32; the set has none if one of them has none. For other
    arguments see `Dataset`.

    Raises:
        InputError: sources of different image shapes.
    """
    shapes = [source.image_shape for source in sources]
    if len(set(shapes)) > 1:
        raise InputError(
            f"training and test images of '{options.path}' differ in size: "
            f"{' and '.join(map(str, shapes))}; give dataset.image_size."
        )
    source = sources[0] if len(sources) == 1 else JoinedSource(sources)
    content = {
        "name": name,
        "split": split,
        "labels": None if any(part is None for part in labels) else np.concatenate(labels),
        "class_names": class_names,
        "own_parts": own_parts,
    }
    if len(source) * math.prod(source.image_shape) > options.memory_limit:
        dataset = Dataset(source=source, **content)
        if not options.cut.crops:  # of which each would decode a whole photograph
            rows = np.unique(np.linspace(0, len(source) - 1, _LOOKED_AT).astype(int))
            _notice_darkness(name, source.take(rows.tolist()))
    else:
        dataset = Dataset(images=source.read_all(f"reading {name} ({split})"), **content)
        _notice_darkness(name, dataset.images)
    return dataset


def _notice_darkness(name: str, images: np.ndarray) -> None:
    brightest = int(images.max(initial=0))
    if len(images) and brightest < _BRIGHT:
        notice(
            f"{name}: the brightest pixel of {len(images):,} images is {brightest} of 255, "
            "so they are nearly black. If their white is stored as another value, such as 1 in "
            "masks or 4095 for 12 bits in 16-bit files, give config.dataset.white=VALUE."
        )
