"""Zip files, an .npz of arrays or a zip of images, read without trusting what they say."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import zipfile
from collections.abc import Iterator
from typing import cast

from gan_jax.data import machine
from gan_jax.data.disk import open_regular
from gan_jax.errors import InputError, first_line

_SKIPPED = "__MACOSX"  # what macOS adds to a zip
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_ENCRYPTED = 0x1
_MOST_PACKED = 1040  # deflate cannot shrink by more; images do not under other methods either
_ALWAYS_READ = 2**24  # bytes, however well they are packed


def open_zip(path: pathlib.Path) -> zipfile.ZipFile:
    """A zip whose list of contents could be read.

    Raises:
        InputError: no zip, a damaged one, or no regular file.
    """
    try:
        open_regular(path).close()
        return zipfile.ZipFile(path)
    except InputError:
        raise
    except Exception as error:  # every way in which a list of contents can be damaged
        raise InputError(
            f"'{path}' is no zip file (.npz is one), or a damaged one "
            f"({first_line(error)}): copy or write it again, with numpy.savez if it is of arrays."
        ) from error


@contextlib.contextmanager
def open_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, where: str, memory_limit: int | None = None
) -> Iterator[zipfile.ZipExtFile]:
    """A file in a zip, open for reading; `where` names it in messages, those on reading it too.

    It may unpack to `memory_limit` bytes, None for `machine.default_limit`.

    Raises:
        InputError: encrypted; packed by a method that Python does not know; larger than the limit;
            damaged.
    """
    limit = machine.limit_or_default(memory_limit)
    if member.flag_bits & _ENCRYPTED:
        raise InputError(f"{where} is encrypted: unpack it with its password, and give that.")
    if member.compress_type not in _METHODS:
        raise InputError(
            f"{where} is packed by zip's method {member.compress_type}, which is not known here: "
            "unpack it, or write it again with deflate (numpy.savez_compressed)."
        )
    if member.file_size > limit:
        raise InputError(
            f"{where} unpacks to {member.file_size / 2**20:,.1f} MiB, over dataset.memory_limit_mb "
            f"({limit / 2**20:,.1f} MiB): unpack it, or raise the limit."
        )
    if member.file_size > max(member.compress_size * _MOST_PACKED, _ALWAYS_READ):
        raise InputError(
            f"{where} claims to unpack from {member.compress_size:,} bytes to "
            f"{member.file_size:,}: no images are packed so well, so it is damaged or a trap; "
            "write it again unpacked, with numpy.savez."
        )
    try:
        with archive.open(member) as file:
            yield cast(zipfile.ZipExtFile, file)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # every way in which packed bytes can be damaged
        raise InputError(
            f"{where} cannot be unpacked ({first_line(error)}): it is damaged or of a kind that is "
            "not known here; copy or write it again."
        ) from error


@dataclasses.dataclass(frozen=True)
class ZippedFiles:
    """A zip of images as a folder, or a file or folder in it: `root / name` as with a path.

    `inner` is the place in the zip at `path`, '' for all of it. Several threads may read from it.
    """

    path: pathlib.Path
    archive: zipfile.ZipFile
    inner: str = ""

    @classmethod
    def open(cls, path: pathlib.Path) -> ZippedFiles:
        """Opens a zip, or the one folder in it that holds everything; InputError as `open_zip`."""
        root = cls(path, open_zip(path))
        tops = {name.split("/")[0] for name in root.names()}
        if len(tops) == 1 and all("/" in name for name in root.names()):
            return root / tops.pop()
        return root

    def __truediv__(self, name: str) -> ZippedFiles:
        return dataclasses.replace(self, inner=f"{self.inner}/{name}".strip("/"))

    def __str__(self) -> str:
        return f"{self.path}/{self.inner}".rstrip("/")

    def names(self) -> list[str]:
        """The files below this place, relative to it, hidden ones left out."""
        start = f"{self.inner}/" if self.inner else ""
        return [
            name.removeprefix(start)
            for name in self.archive.namelist()
            if name.startswith(start) and not name.endswith("/")
            if not any(map(_hidden, name.removeprefix(start).split("/")))
        ]

    def read_bytes(self) -> bytes:
        """The content of the file at this place; InputError as `open_member`."""
        with open_member(self.archive, self.archive.getinfo(self.inner), str(self)) as file:
            return file.read()


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == _SKIPPED
