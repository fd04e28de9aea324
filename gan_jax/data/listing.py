"""Which images of a folder belong to which part and class, by the names of its subfolders."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Callable

import numpy as np

from gan_jax.data.decode import EXTENSIONS
from gan_jax.data.notices import notice
from gan_jax.data.options import SourceOptions
from gan_jax.data.split import split_indices
from gan_jax.data.trees import Root, image_files, subfolders
from gan_jax.errors import InputError, printable

_PART_NAME = re.compile(
    r"(?P<training>train|training)|(?P<test>test|testing)|(?P<validation>val|valid|validation|dev)"
)
_AFTER_PART = re.compile(r"[-_. ]?(set|data|images|imgs|split)?$")
_DOMAIN = re.compile(r"(train|test|val)[-_. ]?([ab])", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Parts:
    """The subfolders of a folder that is divided: their names as they are spelled."""

    train: str
    test: str

    @classmethod
    def of(cls, root: Root) -> Parts | None:
        """Finds the parts by the usual names in any spelling: Train, training, test_set, val.

        What is called 'val' is the test part where there is no other. None if there are no parts.

        Raises:
            InputError: one part without the other, two names for one part, or the parts of two
                domains ('trainA' and 'trainB').
        """
        folders = subfolders(root)
        _refuse_domains(root, folders)
        named: dict[str | None, list[str]] = {"training": [], "test": [], "validation": []}
        others: list[str] = []
        for folder in folders:
            named.get(part_of(folder), others).append(folder)
        train, test, validation = named.values()
        held_out = test or validation
        if not (train or test or (validation and not others)):
            return None
        for names in (train, held_out):
            if len(names) > 1:
                raise InputError(
                    f"folder '{root}' has {_quoted(names)}, two names for one part: keep one of "
                    "them."
                )
        if not train or not held_out:
            raise _half(root, train, held_out)
        passed = others + (validation if test else [])
        if passed:
            notice(
                f"'{root}': {_quoted(train)} is for training and "
                f"{_quoted(held_out)} is held out; passed over {_quoted(passed)} beside them."
            )
        return cls(train[0], held_out[0])


@dataclasses.dataclass(frozen=True, eq=False)
class Listing:
    """The image files of a folder in sorted order, those for training before those for testing."""

    files: list[str]  # paths relative to the folder, with '/'
    labels: np.ndarray | None = None  # int32 [n] index into `class_names`
    class_names: tuple[str, ...] | None = None  # of the subfolders that hold images, sorted
    is_test: np.ndarray | None = None  # bool [n], of the test part; None where there are no parts

    @classmethod
    def of(cls, root: Root, find: Callable[[Root], list[str]] = image_files) -> Listing:
        """Lists what `find` gives of a folder, or of both its parts where it has them.

        Raises:
            InputError: as `Parts.of`; no image; images beside class folders; a class in the test
                part alone.
        """
        parts = Parts.of(root)
        if parts is None:
            return cls._of_part(root, find)
        train, test = (cls._of_part(root / part, find) for part in (parts.train, parts.test))
        files = [f"{parts.train}/{file}" for file in train.files]
        files += [f"{parts.test}/{file}" for file in test.files]
        is_test = np.arange(len(files)) >= len(train.files)
        if train.class_names is None and test.class_names is None:
            return cls(files, is_test=is_test)
        extra = sorted(set(test.class_names or ()) - set(train.class_names or ()))
        if extra or test.class_names is None:
            raise InputError(
                f"'{root / parts.test}' and '{root / parts.train}' have different classes "
                f"({', '.join(extra) or 'one has class folders, the other none'}): give both the "
                "same class folders."
            )
        assert train.class_names is not None
        assert train.labels is not None and test.labels is not None
        number = {name: label for label, name in enumerate(train.class_names)}
        test_labels = [number[test.class_names[label]] for label in test.labels]
        labels = np.concatenate([train.labels, np.array(test_labels, np.int32)])
        return cls(files, labels, train.class_names, is_test)

    @classmethod
    def _of_part(cls, root: Root, find: Callable[[Root], list[str]]) -> Listing:
        files = find(root)
        if not files:
            raise InputError(_no_images(root))
        loose = next((file for file in files if "/" not in file), None)
        nested = next((file for file in files if "/" in file), None)
        if loose and nested:
            raise InputError(
                f"folder '{root}' holds both images ('{loose}') and folders of images "
                f"('{nested}'): move the images into a class folder, or the folders elsewhere."
            )
        if loose:
            return cls(files)
        classes = [file.split("/")[0] for file in files]
        names = sorted(set(classes))
        empty = [folder for folder in subfolders(root) if folder not in set(names)]
        if empty:
            notice(
                f"'{root}': {_quoted(empty)} hold{'s' * (len(empty) == 1)} no "
                "images, and so no class is made of it."
            )
        number = {name: label for label, name in enumerate(names)}
        labels = np.array([number[name] for name in classes], np.int32)
        shown = tuple(printable(name) for name in names)
        if len(set(shown)) < len(shown):
            raise InputError(
                f"folder '{root}' has class folders whose names read the same ({_quoted(names)}): "
                "rename one."
            )
        return cls(files, labels, shown)

    def rows(
        self, split: str, options: SourceOptions, keys: Callable[[], np.ndarray]
    ) -> tuple[np.ndarray, str]:
        """The rows of a split, int64 [k], and its name: 'all' of a set that is not to be divided.

        `keys` and errors are those of `split_indices`, which divides a set without parts.
        """
        if self.is_test is None:
            split = split if options.divide else "all"
            rows = split_indices(
                keys, len(self.files), self.labels, split=split, test_fraction=options.test_fraction
            )
        elif split == "all":
            rows = np.arange(len(self.files))
        else:
            rows = np.flatnonzero(self.is_test == (split == "test"))
        return rows, split


def part_of(folder: str) -> str | None:
    """Which part the name of a folder or a split stands for: 'training', 'test', 'validation'."""
    match = _PART_NAME.fullmatch(_AFTER_PART.sub("", folder.lower()))
    return match and match.lastgroup


def _refuse_domains(root: Root, folders: list[str]) -> None:
    """Raises InputError for the parts of two domains, as unpaired image translation has them."""
    matches = {folder: match for folder in folders if (match := _DOMAIN.fullmatch(folder))}
    letters = [match[2] for match in matches.values()]
    if len({letter.lower() for letter in letters}) == 2:
        raise InputError(
            f"folder '{root}' has {_quoted(list(matches))}, the parts of two domains: give "
            f"one of these folders itself, or a folder with links 'train' and 'test' to the parts "
            f"of domain {letters[0]}."
        )


def _half(root: Root, train: list[str], test: list[str]) -> InputError:
    there, absent = (train[0], "test") if train else (test[0], "train")
    return InputError(
        f"folder '{root}' has a subfolder '{there}' but no '{absent}': add it, or give "
        f"'{root / there}' itself: all of it is then a reference, and of a run's dataset.path the "
        f"dataset.test_fraction is held out. If it is a class, call it '{there}_class'."
    )


def _no_images(root: Root) -> str:
    if isinstance(root, pathlib.Path) and any(root.glob("data_batch*")):
        return (
            f"folder '{root}' holds CIFAR's pickles, which are not read, as a pickle can run "
            "programs: give tfds:cifar10, or the images as PNG files, or as an .npz with x_train, "
            "y_train, x_test and y_test."
        )
    return (
        f"folder '{root}' holds no images: expected files ending in "
        f"{', '.join(sorted(EXTENSIONS))}, or subfolders of them."
    )


def _quoted(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
