"""TFDS image sets through `data_source`, which needs no TensorFlow once a set is prepared.

TensorFlow Datasets is imported only when a set is asked for.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

from gan_jax.data.content import bytes_key
from gan_jax.data.crops import Part, Photographs, crop_dataset
from gan_jax.data.dataset import Dataset, Indices
from gan_jax.data.decode import open_picture
from gan_jax.data.disk import path_of
from gan_jax.data.options import SourceOptions
from gan_jax.data.preprocess import Preprocess, convert_channels
from gan_jax.data.sources import Source, make_dataset, map_blocks
from gan_jax.data.split import split_indices
from gan_jax.errors import InputError

_BLOCK = 512  # records read together; larger ones hardly gain
_UNLABELLED = -1  # what TFDS gives where the labels were never published


@dataclasses.dataclass(frozen=True, eq=False)
class _Chosen:
    """The records of one split: those at `indices`, with their labels int32 [k] or None.

    `keys` gives a hash of the stored image of each, uint64 [k]; `image_shape` has None where it
    varies; `title` is for messages.
    """

    records: Any
    indices: np.ndarray
    labels: np.ndarray | None
    class_names: tuple[str, ...] | None
    image_shape: tuple[int | None, int | None, int | None]
    split: str
    own_parts: bool
    tfds_split: str
    title: str
    keys: Callable[[], np.ndarray]


def _source(chosen: _Chosen, preprocess: Preprocess) -> Source:
    height, width, channels = preprocess.output_shape(chosen.image_shape)
    if height is None or width is None or channels is None:
        raise InputError(
            f"the images of {chosen.title} vary in size or channels {chosen.image_shape}: give "
            "dataset.image_size=(height, width) and dataset.channels to bring them to one shape."
        )

    def read_many(indices: Indices) -> np.ndarray:
        # Many records in one call: one by one, ArrayRecord's own overhead takes most of the time.
        rows = chosen.indices[np.asarray(indices)].tolist()
        examples = chosen.records.__getitems__(rows)
        return np.stack([preprocess(example["image"]) for example in examples])

    return Source(
        count=len(chosen.indices),
        image_shape=(height, width, channels),
        read=lambda index: read_many([index])[0],
        keys=chosen.keys,
        treatment=f"records, {preprocess}",
        block=_BLOCK,
        read_many=read_many,
    )


def load_tfds(options: SourceOptions, split: str) -> Dataset:
    """A TFDS set with an 'image' and, if it is classified, a 'label'.

    The test split is 'test', or 'validation' where there is no 'test', or else
    `options.test_fraction` of each class of 'train', see `split_indices`. `options.path` is TFDS's
    data folder. With `options.cut.crops` each image is a photograph that crops are cut from, see
    `tfds_parts`.
    """
    name = f"tfds:{options.tfds_name}"
    if options.cut.crops:
        return crop_dataset(tfds_parts(options, split), name=name, split=split, options=options)
    chosen = _choose(_image_builder(options), options, split)
    return make_dataset(
        [_source(chosen, options.preprocess)],
        [chosen.labels],
        name=name,
        split=chosen.split,
        class_names=chosen.class_names,
        options=options,
        own_parts=chosen.own_parts,
    )


def tfds_parts(options: SourceOptions, split: str) -> list[Part]:
    """A TFDS set of photographs of textures, such as 'dtd', as the parts of a split.

    Whole photographs are for training or for testing, divided as in `load_tfds`.
    """
    builder = _image_builder(options)
    options = dataclasses.replace(options, divide=True)
    splits = ("train", "test") if split == "all" else (split,)
    return [
        Part(_photographs(builder, _choose(builder, options, part), options), part, divided=False)
        for part in splits
    ]


def _image_builder(options: SourceOptions) -> Any:
    name = options.tfds_name
    if not name:
        raise InputError("dataset.tfds_name is empty: give a TFDS name, such as 'mnist'.")
    builder = _prepared_builder(name, options)
    info = builder.info
    image = info.features["image"] if "image" in info.features else None
    if image is None or len(image.shape) != 3 or image.np_dtype != np.uint8:
        raise InputError(
            f"TFDS set '{name}' has no feature 'image' of type uint8 [h, w, c]; it has "
            f"{info.features}."
        )
    if "train" not in info.splits:
        raise InputError(f"TFDS set '{name}' has no split 'train', only {', '.join(info.splits)}.")
    return builder


def _choose(builder: Any, options: SourceOptions, split: str) -> _Chosen:
    info = builder.info
    held_out = next((part for part in ("test", "validation") if part in info.splits), None)
    if not (held_out or options.divide):
        split = "all"
    whole = f"train+{held_out}" if held_out else "train"
    tfds_split = {"train": "train", "test": held_out or "train", "all": whole}[split]
    scan = functools.cache(functools.partial(_scan, builder, tfds_split))
    labels, class_names = _labels(builder, scan)
    records = builder.as_data_source(tfds_split)
    indices = split_indices(
        lambda: scan().keys,
        len(records),
        labels,
        split="all" if held_out else split,
        test_fraction=options.test_fraction,
    )
    return _Chosen(
        records=records,
        indices=indices,
        labels=None if labels is None else labels[indices],
        class_names=class_names,
        image_shape=info.features["image"].shape,
        split=split,
        own_parts=held_out is not None,
        tfds_split=tfds_split,
        title=f"tfds {info.full_name} {tfds_split}",
        keys=lambda: scan().keys[indices],
    )


def _photographs(builder: Any, chosen: _Chosen, options: SourceOptions) -> Photographs:
    channels = options.channels or chosen.image_shape[2]
    if not channels:
        raise InputError(
            f"the images of {chosen.title} vary in channels: give dataset.channels, 1 or 3, to "
            "bring them to one number."
        )
    Preprocess(channels=channels).output_shape(chosen.image_shape)  # refuses others than 1 or 3
    indices = chosen.indices.tolist()
    return Photographs(
        names=[f"{chosen.title}/{index}" for index in indices],
        sizes=_sizes(builder, chosen),
        channels=channels,
        read=lambda i: convert_channels(chosen.records[indices[i]]["image"], channels),
        keys=chosen.keys,
        labels=chosen.labels,
        class_names=chosen.class_names,
    )


def _sizes(builder: Any, chosen: _Chosen) -> list[tuple[int, int]]:
    height, width, _ = chosen.image_shape
    if height and width:
        return [(height, width)] * len(chosen.indices)
    records = _encoded(builder, chosen.tfds_split)
    sizes = [(0, 0)] * len(chosen.indices)

    def fill(start: int, stop: int) -> None:
        examples = records.__getitems__(chosen.indices[start:stop].tolist())
        for row, example in enumerate(examples, start):
            with open_picture(example["image"]) as picture:
                width, height = picture.size
                sizes[row] = height, width  # TFDS does not look at EXIF orientation

    map_blocks(fill, len(sizes), "reading image headers", block=_BLOCK)
    return sizes


def _prepared_builder(name: str, options: SourceOptions) -> Any:
    import tensorflow_datasets as tfds

    data_dir = str(path_of(options.path)) if options.path else None
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.registered.DatasetNotFoundError as error:
        known = tfds.list_builders(with_community_datasets=False)
        close = difflib.get_close_matches(name, known, n=3)
        raise InputError(
            f"dataset.tfds_name '{name}' is unknown to TFDS {tfds.__version__} and not prepared "
            f"in {data_dir or 'its data folder'}"
            f"{': did you mean ' + ' or '.join(close) if close else ''}?"
        ) from error
    if not builder.is_prepared():
        if importlib.util.find_spec("tensorflow") is None:
            raise InputError(
                f"TFDS set '{name}' is not prepared in {builder.data_dir}, and preparing needs "
                f"TensorFlow, which is not installed: {_how_to_prepare(name, data_dir)}"
            )
        builder = tfds.builder(name, data_dir=data_dir, file_format="array_record")
        try:
            builder.download_and_prepare()
        except Exception as error:  # from the network, the disk or the set's own script
            raise InputError(
                f"TFDS could not prepare '{name}' in {builder.data_dir} "
                f"({type(error).__name__}: {error}): mend that and run again."
            ) from error
    random_access = set(tfds.core.file_adapters.FileFormat.with_random_access())
    if not builder.info.available_file_formats() & random_access:
        root = str(path_of(data_dir or "~/tensorflow_datasets"))
        raise InputError(
            f"TFDS set '{name}' is prepared in {builder.data_dir} as "
            f"{builder.info.file_format.value}, which has no random access. Give another folder as "
            f"dataset.path, and {_how_to_prepare(name, f'{root}_array_record')}"
        )
    return builder


def _how_to_prepare(name: str, data_dir: str | None) -> str:
    """The command that prepares a set; not TFDS's own `tfds build`, which also needs Beam."""
    place = f"data_dir={data_dir!r}, " if data_dir else ""
    return (
        "run once, here or on a machine whose folder you copy: "
        "pip install tensorflow importlib_resources && "
        'python -c "import tensorflow_datasets as tfds; '
        f"tfds.builder({name!r}, {place}file_format='array_record').download_and_prepare()\""
    )


def _label_feature(builder: Any) -> Any:
    """The feature 'label' if it is one of classes, or None."""
    import tensorflow_datasets as tfds

    features = builder.info.features
    label = features["label"] if "label" in features else None
    return label if isinstance(label, tfds.features.ClassLabel) else None


@dataclasses.dataclass(frozen=True, eq=False)
class _Scan:
    """Of each record, a hash of its stored image, uint64 [n], and its label, int32 [n] or None."""

    keys: np.ndarray
    labels: np.ndarray | None


def _encoded(builder: Any, tfds_split: str) -> Any:
    """The records with their images as they are stored."""
    import tensorflow_datasets as tfds

    return builder.as_data_source(tfds_split, decoders={"image": tfds.decode.SkipDecoding()})


def _scan(builder: Any, tfds_split: str) -> _Scan:
    records = _encoded(builder, tfds_split)
    keys = np.empty(len(records), np.uint64)
    labels = np.empty(len(records), np.int32) if _label_feature(builder) is not None else None

    def fill(start: int, stop: int) -> None:
        examples = records.__getitems__(list(range(start, stop)))
        keys[start:stop] = [bytes_key(example["image"]) for example in examples]
        if labels is not None:
            labels[start:stop] = [example["label"] for example in examples]

    map_blocks(fill, len(records), "reading labels", block=_BLOCK)
    return _Scan(keys, labels)


def _labels(
    builder: Any, scan: Callable[[], _Scan]
) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    feature = _label_feature(builder)
    labels = None if feature is None else scan().labels
    if feature is None or labels is None or (labels == _UNLABELLED).all():
        return None, None
    return labels, tuple(feature.names) or None
