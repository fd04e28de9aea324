"""The image files below a folder or in a zip, whichever it is, and what is passed over."""

from __future__ import annotations

import collections
import os
import pathlib
import re
from collections.abc import Iterator

from gan_jax.data.decode import EXTENSIONS, is_image
from gan_jax.data.disk import open_regular
from gan_jax.data.notices import notice
from gan_jax.data.zips import ZippedFiles
from gan_jax.errors import InputError

_NO_ENDING = re.compile(r"|\.[0-9]+")  # 'scan' and 'scan.0001'; other endings name other things
_MOST_LINKS = 1000  # to one folder: links in linked folders multiply
_MOST_TOLD = 8

Root = pathlib.Path | ZippedFiles


def open_root(path: pathlib.Path) -> Root:
    """A folder as it is, a zip as a folder; InputError for another file."""
    if path.is_dir():
        return path
    if path.suffix.lower() == ".zip":
        return ZippedFiles.open(path)
    raise InputError(f"'{path}' is a file: give the folder that holds the images.")


def subfolders(root: Root) -> list[str]:
    """The names of the folders right below, sorted and not hidden; InputError if unreadable."""
    if isinstance(root, ZippedFiles):
        return sorted({name.split("/")[0] for name in root.names() if "/" in name})
    return sorted(entry.name for entry in _entries(root) if _is_folder(entry))


def image_files(root: Root) -> list[str]:
    """The images below, relative to the root with '/', sorted; hidden ones are left out.

    An image has an ending of EXTENSIONS, or no ending and an image's content. A link counts as the
    file it leads to. The numbers of other files are logged, by their endings.
    """
    found: list[str] = []
    passed: collections.Counter[str] = collections.Counter()
    for name in root.names() if isinstance(root, ZippedFiles) else walk_files(root):
        ending = os.path.splitext(name)[1].lower()
        if ending in EXTENSIONS or (_NO_ENDING.fullmatch(ending) and is_image(root / name)):
            found.append(name)
        else:
            passed[ending] += 1
    if passed and found:
        notice(f"'{root}': passed over {_counts(passed)}, which are no images.")
    return sorted(found)


def walk_files(root: pathlib.Path) -> Iterator[str]:
    """All files below a folder, relative to it with '/', in no order; hidden ones are left out."""
    visits: collections.Counter[tuple[int, int]] = collections.Counter()
    stack: list[tuple[pathlib.Path, str, tuple[tuple[int, int], ...]]] = [(root, "", ())]
    while stack:
        folder, below, above = stack.pop()
        place = _place(folder)
        if place in above:  # a link back up would never end
            continue
        visits[place] += 1
        if visits[place] > _MOST_LINKS:
            raise InputError(
                f"folder '{folder}' is reached by more than {_MOST_LINKS:,} links: remove links."
            )
        for entry in _entries(folder):
            if _is_folder(entry):
                stack.append((folder / entry.name, f"{below}{entry.name}/", (*above, place)))
            else:
                _check_kind(entry)
                yield below + entry.name


def holds_images(root: pathlib.Path) -> bool:
    """Whether there is an image file anywhere below, by its ending."""
    return any(os.path.splitext(name)[1].lower() in EXTENSIONS for name in walk_files(root))


def _counts(passed: collections.Counter[str]) -> str:
    """'5 files (3 .txt, 2 without an ending)'."""
    most = passed.most_common(_MOST_TOLD)
    told = [f"{count:,} {ending or 'without an ending'}" for ending, count in most]
    if len(passed) > _MOST_TOLD:
        told.append("others")
    total = sum(passed.values())
    return f"{total:,} file{'s' if total > 1 else ''} ({', '.join(told)})"


def _place(folder: pathlib.Path) -> tuple[int, int]:
    try:
        status = os.stat(folder)
    except OSError as error:
        raise _unreadable(folder, error) from error
    return status.st_dev, status.st_ino


def _entries(folder: pathlib.Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise _unreadable(folder, error) from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        raise _unreadable(pathlib.Path(entry.path), error) from error


def _check_kind(entry: os.DirEntry[str]) -> None:
    """Raises InputError for what no image can be; a link to nothing too, if it is named as one."""
    if entry.is_file():
        return
    try:
        open_regular(entry.path).close()
    except OSError as error:
        if os.path.splitext(entry.name)[1].lower() not in EXTENSIONS:
            return
        raise InputError(
            f"image '{entry.path}' cannot be read: {error.strerror}: mend the link, or remove it."
        ) from error


def _unreadable(folder: pathlib.Path, error: OSError) -> InputError:
    return InputError(
        f"folder '{folder}' cannot be read: {error.strerror}. Its images would be "
        "missing: mend that, or move it elsewhere."
    )
