"""Crops out of photographs of textures, with train and test parts that share no pixel."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from gan_jax.data.content import content_keys
from gan_jax.data.dataset import Dataset
from gan_jax.data.options import CropOptions, SourceOptions
from gan_jax.data.sources import Source, make_dataset
from gan_jax.errors import InputError

CROP_SIZE = (64, 64)  # where no dataset.image_size is given
TEST_SEED = 2**63  # beyond a user's seeds: the test split never depends on them


class Region(NamedTuple):
    """A rectangle of pixels: rows [top, top + height), columns [left, left + width)."""

    top: int
    left: int
    height: int
    width: int


@dataclasses.dataclass(frozen=True, eq=False)
class Photographs:
    """Photographs of any sizes, decoded one at a time."""

    names: Sequence[str]  # one a photograph, for messages
    sizes: Sequence[tuple[int, int]]  # (height, width) of each in pixels
    channels: int  # of all, 1 or 3
    read: Callable[[int], np.ndarray]  # photograph i as uint8 [h, w, channels], from any thread
    keys: Callable[[], np.ndarray]  # a hash of each, uint64 [m], whatever its name and place
    labels: np.ndarray | None = None  # int32 [m], the class of each
    class_names: tuple[str, ...] | None = None


class Part(NamedTuple):
    """Photographs of a split, 'train' or 'test': that split's region of each, if `divided`."""

    photographs: Photographs
    split: str
    divided: bool


def split_regions(size: tuple[int, int], split: str, held_out: float) -> list[Region]:
    """The parts of a photograph (height, width) that belong to 'train', 'test' or 'all'.

    A band of whole rows in the middle, `held_out` in (0, 1) of the height, is for testing, the rest
    for training. Perspective and light mostly change from top to bottom, so the middle shows the
    average. (Of the built-in brick, a quarter at the right differs from the rest in direction by
    2.2 standard deviations of its crops, a quarter at the bottom in sharpness by 1.1; the middle by
    under 0.1.)
    """
    height, width = size
    if split == "all":
        return [Region(0, 0, height, width)]
    held = round(held_out * height)
    start = (height - held) // 2
    if split == "test":
        return [Region(start, 0, held, width)]
    return [Region(0, 0, start, width), Region(start + held, 0, height - start - held, width)]


def photograph_keys(keys: np.ndarray) -> np.ndarray:
    """Keys uint64 [m], equal ones counted up, so that copies have random numbers of their own."""
    order = np.argsort(keys, kind="stable")
    _, first, number = np.unique(keys[order], return_index=True, return_inverse=True)
    own = keys.copy()
    own[order] += (np.arange(len(keys)) - first[number]).astype(np.uint64)
    return own


def random_windows(
    regions: Sequence[Region], size: tuple[int, int], draws: np.ndarray
) -> np.ndarray:
    """Top and left of random crops, int64 [k, 2]: one in each of k equal parts of all places.

    Places are in row order, so crops cover the regions evenly, and no two are the same; they are
    fewer if there are fewer places. Each crop, of `size` (height, width), lies wholly inside one
    region, and no region is smaller than a crop. `draws` are random uint64 [k].
    """
    shapes = [(part.height - size[0] + 1, part.width - size[1] + 1) for part in regions]
    total = sum(rows * columns for rows, columns in shapes)
    count = min(len(draws), total)
    bounds = np.array([index * total // max(count, 1) for index in range(count + 1)])
    widths = np.diff(bounds).astype(np.uint64)
    places = bounds[:-1] + (draws[:count] % widths).astype(np.int64)
    windows = np.empty((count, 2), np.int64)
    first = 0
    for region, (rows, columns) in zip(regions, shapes):
        inside = (places >= first) & (places < first + rows * columns)
        down, right = np.divmod(places[inside] - first, columns)
        windows[inside] = np.stack([region.top + down, region.left + right], axis=1)
        first += rows * columns
    return windows


def grid_windows(regions: Sequence[Region], size: tuple[int, int], stride: int) -> np.ndarray:
    """All places a multiple of `stride` pixels from the corner of their region: int64 [k, 2]."""
    windows = []
    for region in regions:
        tops = region.top + np.arange(0, region.height - size[0] + 1, stride)
        lefts = region.left + np.arange(0, region.width - size[1] + 1, stride)
        windows.append(np.stack(np.meshgrid(tops, lefts, indexing="ij"), axis=-1).reshape(-1, 2))
    return np.concatenate(windows)


def _crop_source(
    photographs: Photographs, rows: np.ndarray, size: tuple[int, int], memory_limit: int
) -> Source:
    """Crops at `rows`, int64 [n, 4]: photograph, top, left, and quarter turns plus 4 if mirrored.

    At most `memory_limit` bytes of decoded photographs are kept, or a few.
    """
    largest = max(math.prod(shape) for shape in photographs.sizes) * photographs.channels

    @functools.lru_cache(max(Source.threads, memory_limit // largest))
    def decoded(index: int) -> np.ndarray:
        picture = photographs.read(index)
        expected = (*photographs.sizes[index], photographs.channels)
        if picture.shape != expected:  # changed since the headers were read
            raise InputError(
                f"photograph '{photographs.names[index]}' has shape {picture.shape} when "
                f"decoded, and not {expected} as its header said: save it anew."
            )
        return picture

    def read(index: int) -> np.ndarray:
        photograph, top, left, orientation = rows[index].tolist()
        crop = decoded(photograph)[top : top + size[0], left : left + size[1]]
        crop = np.rot90(crop, orientation % 4)
        return crop[:, ::-1] if orientation >= 4 else crop

    def keys() -> np.ndarray:
        places = rows.astype(np.uint64)
        places[:, 0] = photographs.keys()[rows[:, 0]]
        return content_keys(places)

    shape = (*size, photographs.channels)
    return Source(len(rows), shape, read, keys, treatment=f"crops {shape}")


def crop_dataset(
    parts: Sequence[Part], *, name: str, split: str, options: SourceOptions
) -> Dataset:
    """The crops of one or two parts as a dataset, class after class as the photographs come.

    Random crops are divided evenly among the classes and then among their photographs (to within
    one, or fewer from a very small photograph); a grid gives as many as fit. Nothing is resized.
    Test crops share no pixel with training crops, but overlap each other. Random places depend on
    the seed and the photographs, not on their names or order.
    """
    size = options.image_size or CROP_SIZE
    if options.cut.crop_rotations and size[0] != size[1]:
        raise InputError(
            f"dataset.crop_rotations turns crops by 90 degrees, and dataset.image_size {size} is "
            "not square: give a square size, or crop_rotations=False."
        )
    sources, labels = [], []
    for part in parts:
        rows = _rows(part, size, options.cut)
        sources.append(_crop_source(part.photographs, rows, size, options.memory_limit))
        known = part.photographs.labels
        labels.append(None if known is None else known[rows[:, 0]])
    dataset = make_dataset(
        sources,
        labels,
        name=name,
        split=split,
        class_names=parts[0].photographs.class_names,
        options=options,
    )
    return dataclasses.replace(dataset, cropped=True)


def _rows(part: Part, size: tuple[int, int], cut: CropOptions) -> np.ndarray:
    """Which crops there are: int64 [n, 4], as `_crop_source` takes them."""
    photographs, numbers = part.photographs, np.zeros(len(part.photographs.names), np.uint64)
    for name, shape in zip(photographs.names, photographs.sizes):
        _check_size(name, shape, size, cut.held_out if part.divided else None)
    shown = part.split if part.divided else "all"
    grid = cut.crops == "grid"
    total = cut.num_crops if part.split == "train" else cut.num_test_crops
    if not grid or cut.crop_flips or cut.crop_rotations:
        numbers = photograph_keys(photographs.keys())
    counts = [] if grid else _counts(photographs, numbers, total, part.split)
    rows = []
    for index, shape in enumerate(photographs.sizes):
        regions = split_regions(shape, shown, cut.held_out)
        seed = cut.seed if part.split == "train" else TEST_SEED
        stream = np.random.Philox(key=np.array([seed, numbers[index]], np.uint64))
        if grid:
            places = grid_windows(regions, size, cut.crop_stride)
        else:
            draws = np.asarray(stream.random_raw(counts[index]), np.uint64)
            places = random_windows(regions, size, draws)
        bits = np.asarray(stream.random_raw(len(places)), np.uint64)
        turns = bits % 4 if cut.crop_rotations else 0 * bits
        mirrored = bits // 4 % 2 if cut.crop_flips else 0 * bits
        orientation = (turns + 4 * mirrored).astype(np.int64)
        which = np.full(len(places), index)
        rows.append(np.column_stack([which, places, orientation]))
    return np.concatenate(rows).astype(np.int64)


def _counts(photographs: Photographs, numbers: np.ndarray, total: int, split: str) -> list[int]:
    """How many random crops each photograph gives; evenly over classes, then within each."""
    labels = photographs.labels
    if labels is None:
        labels = np.zeros(len(photographs.names), np.int32)
    order = np.argsort(numbers, kind="stable")
    classes = list(dict.fromkeys(labels[order].tolist()))
    if total < len(classes):
        field = "num_crops" if split == "train" else "num_test_crops"
        raise InputError(
            f"dataset.{field} is {total}, and there are {len(classes)} classes: expected at least "
            f"one crop a class; give {len(classes)} or more."
        )
    counts = np.zeros(len(labels), np.int64)
    for number, label in enumerate(classes):
        members = order[labels[order] == label]
        counts[members] = even_shares(even_shares(total, len(classes))[number], len(members))
    return counts.tolist()


def even_shares(total: int, parts: int) -> np.ndarray:
    """`total` in `parts` that differ by at most one, the larger spread evenly: int64 [parts]."""
    return np.diff(np.arange(parts + 1) * total // parts)


def _check_size(
    name: str, shape: tuple[int, int], size: tuple[int, int], held_out: float | None
) -> None:
    needed = size[0] if held_out is None else _least_height(size[0], held_out)
    if shape[0] >= needed and shape[1] >= size[1]:
        return
    if held_out is None:
        raise InputError(
            f"photograph '{name}' is {shape[0]}x{shape[1]} (height x width), too small for crops "
            f"of {size[0]}x{size[1]}: give a smaller dataset.image_size, or a larger photograph, "
            "or remove it."
        )
    train, test = (split_regions(shape, split, held_out) for split in ("train", "test"))
    raise InputError(
        f"photograph '{name}' is {shape[0]}x{shape[1]} (height x width), of which dataset.held_out "
        f"{held_out} leaves the middle {test[0].height} rows for testing and {train[0].height} "
        f"above and {train[1].height} below for training: crops of {size[0]}x{size[1]} in all "
        f"three need a photograph of at least {needed}x{size[1]}; give a smaller "
        "dataset.image_size, another dataset.held_out (1/3 is best), or a larger photograph."
    )


def _least_height(crop: int, held_out: float) -> int:
    """The height from which on each of a photograph's three regions holds a crop's height."""
    height = int(max(crop / held_out, 2 * crop / (1 - held_out))) - 3
    while any(
        region.height < crop
        for split in ("train", "test")
        for region in split_regions((height, 1), split, held_out)
    ):
        height += 1
    return height
