"""Random access to images, and the choice between memory and streaming."""

from __future__ import annotations

import bisect
import concurrent.futures
import dataclasses
import functools
import itertools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gan_jax.data.arrays import AS_STORED, SYMMETRIC, UNIT, find_scale, row_keys
from gan_jax.data.dataset import Dataset, Indices, Shape
from gan_jax.data.notices import notice
from gan_jax.data.options import SourceOptions
from gan_jax.data.progress import progress_bar
from gan_jax.errors import InputError

_MOST_THREADS = 8  # beyond it, threads wait for Python's lock more than they decode
_SMALL_IMAGE = 128 * 128  # pixels; work on smaller arrays is mostly Python, which threads slow down
_BRIGHT = 64  # of 255: no set of photographs or digits stays below
_LOOKED_AT = 16  # images of a streamed set


@dataclasses.dataclass(eq=False)
class Source:
    """Random access to preprocessed images of one shape; see `ImageSource`."""

    count: int  # n
    image_shape: Shape  # (h, w, c), of clips (t, h, w, c)
    read: Callable[[int], np.ndarray]  # image i as uint8, of this shape; called from any thread
    keys: Callable[[], np.ndarray]  # a hash of each as it is stored, uint64 [n]
    treatment: str = ""  # how images are made of what is stored; '' if they are that
    threads: int = min(_MOST_THREADS, os.cpu_count() or 1)  # that read a whole set fastest
    block: int = 64  # images that each takes at a time
    read_many: Callable[[Indices], np.ndarray] | None = None  # as `take`, if that is faster
    read_whole: Callable[[str], np.ndarray] | None = None  # as `read_all`, likewise

    def __len__(self) -> int:
        return self.count

    def take(self, indices: Indices) -> np.ndarray:
        """The images at `indices` as uint8 [k, h, w, c]."""
        if self.read_many is not None:
            return self.read_many(indices)
        images = np.empty((len(indices), *self.image_shape), np.uint8)
        for row, index in enumerate(indices):
            images[row] = self.read(int(index))
        return images

    def read_all(self, description: str) -> np.ndarray:
        """Every image, decoded by a pool of threads: uint8 [n, h, w, c]."""
        if self.read_whole is not None:
            return self.read_whole(description)
        images = np.empty((len(self), *self.image_shape), np.uint8)

        def fill(start: int, stop: int) -> None:
            images[start:stop] = self.take(range(start, stop))

        map_blocks(fill, len(self), description, threads=self.threads, block=self.block)
        return images


class ComposedSource(Source):
    """Images that are put together of few parts: on the host, or in training on the devices.

    `parts` are arrays by name, all that `compose` needs.
    """

    def __init__(
        self, parts: Mapping[str, np.ndarray], *, count: int, image_shape: Shape, treatment: str
    ) -> None:
        self.parts = parts
        super().__init__(
            count=count,
            image_shape=image_shape,
            read=lambda index: self.take([index])[0],
            keys=self.keys,
            treatment=treatment,
            threads=1,
            block=max(2**24 // math.prod(image_shape), 1),
        )

    def take(self, indices: Indices) -> np.ndarray:
        return np.ascontiguousarray(self.compose(self.parts, np.asarray(indices, np.intp)))

    def keys(self) -> np.ndarray:
        """A hash of each image by the parts that it is made of, uint64 [n]."""
        raise NotImplementedError

    @staticmethod
    def compose(parts: Mapping[str, Any], rows: Any) -> Any:
        """The images at `rows`, integers [k], as uint8; of numpy or of JAX arrays."""
        raise NotImplementedError


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


def array_source(
    array: np.ndarray,
    where: str,
    *,
    indices: np.ndarray,
    options: SourceOptions,
    keys: Callable[[], np.ndarray] | None = None,
) -> Source:
    """The rows `indices`, int [k], of an array [n, h, w, c], in memory or memory-mapped.

    Values are scaled as `find_scale` says. `where` names the array in messages; `keys` gives its
    `row_keys`, if they are at hand.
    """
    preprocess, scale = options.preprocess, find_scale(array, where, white=options.white)
    keys = keys or functools.partial(row_keys, array)

    def chosen_rows(description: str) -> np.ndarray:
        if len(indices) == len(array):
            return np.array(array) if isinstance(array, np.memmap) else np.ascontiguousarray(array)
        return array[indices]

    source = Source(
        count=len(indices),
        image_shape=preprocess.output_shape(array.shape[1:]),
        read=lambda index: preprocess(scale.to_uint8(array[indices[index]])),
        keys=lambda: keys()[indices],
    )
    if scale == AS_STORED and array.dtype == np.uint8 and source.image_shape == array.shape[1:]:
        source.read_whole = chosen_rows
    else:
        source.treatment = f"{array.dtype} {array.shape[1:]}, {preprocess}"
        if scale not in (AS_STORED, UNIT, SYMMETRIC):  # these follow from the values
            source.treatment += f", {scale}"
    if array.shape[1] * array.shape[2] < _SMALL_IMAGE:
        source.threads = 1
    return source


def _joined(parts: Sequence[Source]) -> Source:
    """Several sources of one image shape, one after the other."""
    ends = list(itertools.accumulate(map(len, parts)))

    def read(index: int) -> np.ndarray:
        part = bisect.bisect_right(ends, index)
        return parts[part].read(index - (ends[part] - len(parts[part])))

    return Source(
        count=ends[-1],
        image_shape=parts[0].image_shape,
        read=read,
        keys=lambda: np.concatenate([part.keys() for part in parts]),
        treatment=parts[0].treatment,
        read_whole=lambda words: np.concatenate([part.read_all(words) for part in parts]),
    )


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
    source = sources[0] if len(sources) == 1 else _joined(sources)
    known = [part for part in labels if part is not None]
    made = functools.partial(
        Dataset,
        name,
        split,
        labels=np.concatenate(known) if len(known) == len(labels) else None,
        class_names=class_names,
        own_parts=own_parts,
    )
    if len(source) * math.prod(source.image_shape) > options.memory_limit:
        dataset = made(source=source)
        if options.cut.crops:  # of which each would decode a whole photograph
            return dataset
        rows = np.unique(np.linspace(0, len(source) - 1, _LOOKED_AT).astype(int))
        images = source.take(rows.tolist())
    else:
        images = source.read_all(f"reading {name} ({split})")
        dataset = made(images=images)
    brightest = int(images.max())
    if brightest < _BRIGHT:
        notice(
            f"{name}: the brightest pixel of {len(images):,} images is {brightest} of 255, "
            "so they are nearly black. If their white is stored as another value, such as 1 in "
            "masks or 4095 for 12 bits in 16-bit files, give dataset.white=VALUE."
        )
    return dataset
