"""WebDataset's shards: tar files of images with their classes beside them, read where they lie.

The images `000.png` and `000.cls` are one example. Only where each file lies in its shard is kept
in memory, so sets of any size are streamed. The format is that of the library `webdataset`, which
is not needed.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import tarfile

import numpy as np

from gan_jax.data.dataset import Dataset
from gan_jax.data.decode import EXTENSIONS
from gan_jax.data.disk import open_regular
from gan_jax.data.folder import listing_dataset
from gan_jax.data.labels import class_labels
from gan_jax.data.listing import Listing, part_of
from gan_jax.data.options import SourceOptions
from gan_jax.errors import InputError, first_line, printable

_LABELS = (".cls", ".json")
_JSON_LABELS = ("label", "class", "cls")
_PARTS = {"training": "train", "test": "test", "validation": "test", None: "all"}
_MOST_LABEL = 1 << 20  # bytes of a file that names a class


def is_shards(path: pathlib.Path) -> bool:
    """Whether a file is a tar, or a folder holds any."""
    return path.suffix == ".tar" or (path.is_dir() and any(path.glob("*.tar")))


def load_shards(options: SourceOptions, split: str) -> Dataset:
    """The images of a shard, or of a folder of them, as a dataset.

    Shards whose names begin with 'train' and 'test' (or 'val') are the parts; else each class is
    divided as in `load_folder`. A class is the text or number in KEY.cls, or 'label', 'class' or
    'cls' in KEY.json; either every image has one, or none.

    Raises:
        InputError: no shard, a damaged or packed one, an example of several images, or images with
            and without a class.
    """
    path = options.existing_path("a .tar file, or a folder of them")
    shards = [path] if path.is_file() else sorted(path.glob("*.tar"))
    if not shards:
        raise InputError(f"folder '{path}' holds no shards: expected files ending in .tar.")
    root = _Root(path, {})
    by_part: dict[str, list[str]] = {}
    labels: dict[str, str] = {}
    for shard in shards:
        part = _PARTS[part_of(shard.stem.split("-")[0].rstrip("0123456789_"))]
        for name, place, label in _examples(shard):
            root.places[name] = place
            by_part.setdefault(part, []).append(name)
            if label is not None:
                labels[name] = label
    if set(by_part) not in ({"all"}, {"train", "test"}):
        raise InputError(
            f"'{path}' has shards for {', '.join(sorted(by_part))}: expected train and test (or "
            "val), or names that say neither."
        )
    by_part = dict(sorted(by_part.items(), reverse=True))  # train before test
    files = [name for names in by_part.values() for name in names]
    train = by_part.get("train")
    is_test = None if train is None else np.arange(len(files)) >= len(train)
    numbers, class_names = _numbered(path, by_part, labels)
    listing = Listing(files, numbers, class_names, is_test)
    return listing_dataset(
        root, listing, options, split, f"webdataset:{printable(path.resolve().stem)}"
    )


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where a file lies in a shard."""

    shard: pathlib.Path
    name: str
    offset: int
    size: int

    def read_bytes(self) -> bytes:
        with open_regular(self.shard) as file:
            file.seek(self.offset)
            return file.read(self.size)

    def __str__(self) -> str:
        return f"{self.shard}, {printable(self.name)}"


@dataclasses.dataclass(frozen=True)
class _Root:
    """The root of a listing: `root / name` is the image of that name."""

    path: pathlib.Path
    places: dict[str, _Place]

    def __truediv__(self, name: str) -> _Place:
        return self.places[name]

    def __str__(self) -> str:
        return str(self.path)


def _examples(shard: pathlib.Path) -> list[tuple[str, _Place, str | None]]:
    """Name, place and class of each image of a shard, in its order."""
    found: dict[str, dict[str, _Place]] = {}
    try:
        with tarfile.open(shard, "r:") as archive:
            for member in archive:
                folder, _, base = member.name.rpartition("/")
                if not member.isfile() or base.startswith("."):
                    continue
                key, dot, ending = base.partition(".")
                place = _Place(shard, member.name, member.offset_data, member.size)
                found.setdefault(f"{folder}/{key}", {})[(dot + ending).lower()] = place
    except (tarfile.TarError, OSError) as error:
        raise InputError(
            f"shard '{shard}' cannot be read ({first_line(error)}): it is damaged, or packed by "
            "gzip; write it again, not packed."
        ) from error
    examples = []
    for key, files in found.items():
        images = [ending for ending in files if f".{ending.rpartition('.')[2]}" in EXTENSIONS]
        if len(images) > 1:
            raise InputError(
                f"'{files[images[0]]}' has {len(images)} images of one key ({', '.join(images)}): "
                "one is needed; write the shard without the others."
            )
        if images:
            label = next((files[one] for one in _LABELS if one in files), None)
            name = f"{shard.name}/{key.strip('/')}"
            examples.append((name, files[images[0]], None if label is None else _label(label)))
    return examples


def _label(place: _Place) -> str | None:
    if place.size > _MOST_LABEL:
        raise InputError(f"'{place}' has {place.size:,} bytes, which is no class: remove it.")
    try:
        text = place.read_bytes().decode().strip()
        if not place.name.lower().endswith(".json"):
            return text
        content = json.loads(text)
        found = [content[name] for name in _JSON_LABELS if name in content]
    except (ValueError, TypeError) as error:
        raise InputError(
            f"'{place}' cannot be read ({first_line(error)}): write it anew."
        ) from error
    return str(found[0]) if found else None


def _numbered(
    path: pathlib.Path, by_part: dict[str, list[str]], labels: dict[str, str]
) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    if not labels:
        return None, None
    missing = [name for names in by_part.values() for name in names if name not in labels]
    if missing:
        raise InputError(
            f"'{path}': image '{printable(missing[0])}' has no class, and others have: give it "
            "a .cls file, or remove those of the others."
        )
    kind = np.int64 if all(text.isdecimal() for text in labels.values()) else np.str_
    stored = {
        part: np.array([labels[name] for name in names]).astype(kind)
        for part, names in by_part.items()
    }
    numbers, class_names = class_labels(stored, dict.fromkeys(stored, f"the classes of '{path}'"))
    return np.concatenate(list(numbers.values())), class_names
