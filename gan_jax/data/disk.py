"""Files and folders that appear whole or not at all, and paths as a person writes them.

What is written lies beside its place under a name of its own, `.NAME.RANDOM.new`, until it is
complete; then it is renamed, once. Its writer holds a lock on it, so what a killed writer left is
known from what another one is writing, and the next who opens the folder clears it away.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import pathlib
import shutil
import stat
from collections.abc import Iterator
from typing import IO, Any

from gan_jax.errors import InputError, first_line

_ENDING = ".new"
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def path_of(text: str | os.PathLike[str]) -> pathlib.Path:
    """The path that a person wrote, with `~` as the home folder.

    Raises:
        InputError: it begins with `~`, and there is no such home.
    """
    path = pathlib.Path(text)
    try:
        if path.parts[:1] == ("~",) and os.environ.get("HOME") == "":
            raise RuntimeError
        return path.expanduser()
    except RuntimeError as error:
        raise InputError(
            f"'{text}' begins with ~, and the home folder is not known here: set HOME, or give a "
            "path from the root."
        ) from error


def open_folder(text: str | os.PathLike[str], flag: str) -> pathlib.Path:
    """The folder for results: made, probed, and cleared of what killed writers left.

    Raises:
        InputError: it is a file, or nothing can be written there; names the flag, such as '--out'.
    """
    folder = path_of(text)
    if folder.is_file():
        raise InputError(f"{flag} '{folder}' cannot be written: it is a file, not a folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        clear_leftovers(folder)
        with _temporary(folder / "probe", "xb") as file:
            os.unlink(file.name)
    except OSError as error:
        raise InputError(
            f"{flag} '{folder}' cannot be written: {in_words(error)}. Give another folder."
        ) from error
    return folder


def open_file(text: str | os.PathLike[str], flag: str) -> pathlib.Path:
    """The file for a result, its folder as by `open_folder`; InputError for a folder."""
    path = path_of(text)
    if path.is_dir():
        raise InputError(f"{flag} '{path}' is a folder: give the name of a file.")
    open_folder(path.parent, flag)
    return path


def in_words(error: OSError) -> str:
    """What an error of the disk says, with its file if it names one, in one line."""
    reason = error.strerror or first_line(error, kind=False)
    name = error.filename
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    return reason if not isinstance(name, str) or name.endswith(_ENDING) else f"{reason} ({name})"


@contextlib.contextmanager
def new_file(path: pathlib.Path, *, text: bool = False, sync: bool = True) -> Iterator[IO[Any]]:
    """An open file that takes its place at `path` when the block ends without an error.

    It replaces a file or link there. It takes text as UTF-8 if `text`, else bytes. `sync`: whether
    it is on the disk, safe from a power cut, when this returns.
    """
    with _temporary(path, "x" if text else "xb") as file:
        yield file
        file.flush()
        if sync:
            os.fsync(file.fileno())
        os.replace(file.name, path)
    if sync:
        _sync_folder(path.parent)


@contextlib.contextmanager
def new_folder(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder to write to that takes its place at `path` when the block ends without an error.

    It replaces what is there; for a moment nothing is, so a killed caller must be able to make it
    again. Parents are made. Its files are on the disk when this returns.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(path.parent)
    made = _hidden(path)
    made.mkdir()
    descriptor = os.open(made, os.O_RDONLY)
    try:
        _lock(descriptor)
        yield made
        for inner in sorted(made.rglob("*"), reverse=True):
            _sync(inner)
        os.fsync(descriptor)
        if path.is_dir() and not path.is_symlink() and any(path.iterdir()):
            remove_folder(path)
        os.rename(made, path)
        _sync_folder(path.parent)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    finally:
        os.close(descriptor)


def remove_folder(path: pathlib.Path) -> None:
    """Removes a folder; a kill in the middle leaves none that looks whole."""
    hidden = _hidden(path)
    os.rename(path, hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def write_bytes(path: pathlib.Path, content: bytes, *, sync: bool = True) -> None:
    """Writes a file whole or not at all."""
    with new_file(path, sync=sync) as file:
        file.write(content)


def write_text(path: pathlib.Path, content: str, *, sync: bool = True) -> None:
    """Writes a text as UTF-8, whole or not at all."""
    write_bytes(path, content.encode("utf-8", "backslashreplace"), sync=sync)


def write_json(path: pathlib.Path, content: dict[str, Any]) -> None:
    """Writes a JSON file whole or not at all; ValueError for a number that is not finite."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def open_regular(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Opens a regular file for reading; never waits, as opening a pipe does.

    Raises:
        InputError: a folder, pipe, socket or device.
        OSError: it cannot be opened.
    """
    kind = stat.S_IFMT(os.stat(path).st_mode)
    if kind == stat.S_IFREG:
        file = os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb")
        kind = stat.S_IFMT(os.fstat(file.fileno()).st_mode)  # it may be another by now
        if kind == stat.S_IFREG:
            return file
        file.close()
    raise InputError(
        f"'{path}' is {_KINDS.get(kind, 'something else')} where a file was expected: "
        "remove it, or put the file there."
    )


def read_json(path: pathlib.Path) -> dict[str, Any]:
    """The object in a JSON file; InputError if it cannot be read, is damaged or no object."""
    try:
        with open_regular(path) as file:
            content = json.loads(file.read().decode("utf-8"))
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {in_words(error)}.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"'{path}' is damaged ({first_line(error, kind=False)}): mend it, or remove it."
        ) from error
    if not isinstance(content, dict):
        raise InputError(
            f"'{path}' holds a JSON {type(content).__name__}; expected an object. Mend it, or "
            "remove it."
        )
    return content


def clear_leftovers(*folders: pathlib.Path) -> None:
    """Removes what killed writers left in folders; nothing that is still being written."""
    for path in (path for folder in folders for path in folder.glob(f".*{_ENDING}")):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            if _lock(descriptor):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _temporary(path: pathlib.Path, mode: str) -> Iterator[IO[Any]]:
    """A file under a hidden name, locked; removed if it is still there at the end."""
    hidden = _hidden(path)
    encoding, errors = (None, None) if "b" in mode else ("utf-8", "backslashreplace")
    file = open(hidden, mode, encoding=encoding, errors=errors)
    try:
        with file:
            _lock(file.fileno())
            yield file
    except OSError as error:
        if error.filename is None:  # of writing, which knows no name
            error.filename = os.fspath(path)
        raise
    finally:
        hidden.unlink(missing_ok=True)


def _hidden(path: pathlib.Path) -> pathlib.Path:
    name = os.fsencode(path.name)[:160].decode("utf-8", "replace")
    return path.with_name(f".{name}.{os.urandom(8).hex()}{_ENDING}")


def _lock(descriptor: int) -> bool:
    """Locks an open file for as long as it is open; False if another has it, or none can."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sync(path: pathlib.Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: pathlib.Path) -> None:
    with contextlib.suppress(OSError):  # some disks sync no folders
        _sync(folder)
