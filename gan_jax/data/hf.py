"""Sets of Hugging Face's `datasets` as they lie on a disk, and parquet files of images.

The library is imported only when such a set is asked for. Nothing is downloaded or cached.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import numpy as np

from gan_jax.data.dataset import Dataset
from gan_jax.data.folder import listing_dataset
from gan_jax.data.labels import class_labels
from gan_jax.data.listing import Listing, part_of
from gan_jax.data.options import SourceOptions
from gan_jax.errors import InputError, printable

_SAVED = ("dataset_dict.json", "dataset_info.json")  # by `save_to_disk`
_LABELS = ("label", "labels", "class", "fine_label")
_WHAT = "a folder that datasets.save_to_disk wrote, or of parquet files, or such a file"


def is_hf(path: pathlib.Path) -> bool:
    """Whether a file or folder is of the kinds that `load_hf` reads."""
    if path.is_dir():
        return _is_saved(path) or any(path.glob("*.parquet"))
    return path.suffix == ".parquet"


def load_hf(options: SourceOptions, split: str) -> Dataset:
    """A set that `datasets` saved, or parquet files, with a column of images.

    Its splits 'train' and 'test' (or 'validation') are the parts; parquet files of several splits
    begin with their names. A single split is divided as a folder is, see `load_folder`. Classes are
    those of a column of `ClassLabel`, or of one called label, labels or class; each image is
    decoded as a file of a folder is.

    Raises:
        InputError: `datasets` is not installed, no such set, or a column that is missing.
    """
    path = options.existing_path(_WHAT)
    rows = _Rows.of(path)
    name = f"hf:{printable(path.resolve().name)}"
    return listing_dataset(rows, rows.listing(), options, split, name)


@dataclasses.dataclass(frozen=True, eq=False)
class _Row:
    """An image as it is stored."""

    part: Any
    column: str
    index: int
    title: str

    def read_bytes(self) -> bytes:
        stored = self.part[self.index][self.column]
        if stored["bytes"] is not None:
            return stored["bytes"]
        return pathlib.Path(stored["path"]).read_bytes()

    def __str__(self) -> str:
        return self.title


@dataclasses.dataclass(frozen=True, eq=False)
class _Rows:
    """The root of a listing: `rows / 'train/5'` is an image of one of its parts."""

    path: pathlib.Path
    parts: dict[str, Any]
    column: str

    @classmethod
    def of(cls, path: pathlib.Path) -> _Rows:
        library = _library()
        parts = _parts(library, path)
        first = next(iter(parts.values()))
        images = [name for name, kind in first.features.items() if isinstance(kind, library.Image)]
        if len(images) != 1:
            raise InputError(
                f"'{path}' has {len(images) or 'no'} columns of images: its columns are "
                f"{', '.join(first.column_names)}. Cast the one to use to datasets.Image and save "
                "the set without other images."
            )
        raw = library.Image(decode=False)
        return cls(path, {k: v.cast_column(images[0], raw) for k, v in parts.items()}, images[0])

    def __truediv__(self, file: str) -> _Row:
        part, _, index = file.partition("/")
        return _Row(self.parts[part], self.column, int(index), f"{self.path}, {part} {index}")

    def __str__(self) -> str:
        return str(self.path)

    def listing(self) -> Listing:
        """All images, their classes and parts."""
        files = [f"{part}/{i}" for part, rows in self.parts.items() for i in range(len(rows))]
        train = self.parts.get("train")
        is_test = None if train is None else np.arange(len(files)) >= len(train)
        labels, names = self._labels()
        return Listing(files, labels, names, is_test)

    def _labels(self) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
        library, first = _library(), next(iter(self.parts.values()))
        kinds = {n: k for n, k in first.features.items() if isinstance(k, library.ClassLabel)}
        chosen = next((name for name in (*_LABELS, *kinds) if name in first.column_names), None)
        if chosen is None:
            return None, None
        stored = {part: np.asarray(rows[chosen]) for part, rows in self.parts.items()}
        if chosen not in kinds:
            where = {part: f"the column '{chosen}' of '{self.path}', {part}," for part in stored}
            numbered, class_names = class_labels(stored, where)
            return np.concatenate(list(numbered.values())), class_names
        values = np.concatenate(list(stored.values()))
        if (values < 0).any():  # as of test images whose classes were not published
            return None, None
        return values.astype(np.int32), tuple(map(str, kinds[chosen].names))


def _library() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise InputError(
            "sets of Hugging Face's datasets and parquet files need that library: "
            "pip install 'gan_jax[hf]'."
        ) from error
    return datasets


def _parts(library: Any, path: pathlib.Path) -> dict[str, Any]:
    """The training and the test part, or the only one, as 'all'."""
    found = _saved(library, path) if _is_saved(path) else _parquet(library, path)
    by_kind: dict[str, str] = {}
    for name in found:
        by_kind.setdefault(part_of(name) or name, name)
    held_out = by_kind.get("test") or by_kind.get("validation")
    if "training" in by_kind and held_out:
        return {"train": found[by_kind["training"]], "test": found[held_out]}
    if len(found) == 1:
        return {"all": next(iter(found.values()))}
    raise InputError(
        f"'{path}' has the splits {', '.join(found)}: expected 'train' and 'test' or 'validation', "
        "or one alone."
    )


def _is_saved(path: pathlib.Path) -> bool:
    return any((path / name).is_file() for name in _SAVED)


def _saved(library: Any, path: pathlib.Path) -> dict[str, Any]:
    try:
        found = library.load_from_disk(str(path))
    except Exception as error:  # from Arrow, the disk, or a newer version of the library
        raise InputError(
            f"'{path}' cannot be read by datasets {library.__version__} "
            f"({type(error).__name__}: {error}): save it anew with save_to_disk."
        ) from error
    return dict(found) if isinstance(found, library.DatasetDict) else {"all": found}


def _parquet(library: Any, path: pathlib.Path) -> dict[str, Any]:
    """Splits by name: the text before the first '-' or the number of a file's name."""
    from pyarrow import ArrowException, parquet

    files = [path] if path.is_file() else sorted(path.glob("*.parquet"))
    found: dict[str, list[Any]] = {}
    for file in files:
        try:
            rows = library.Dataset(parquet.read_table(file))
        except (ArrowException, OSError, ValueError) as error:
            raise InputError(f"'{file}' cannot be read as parquet ({error}).") from error
        found.setdefault(file.stem.split("-")[0], []).append(rows)
    return {name: library.concatenate_datasets(parts) for name, parts in found.items()}
