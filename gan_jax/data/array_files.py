"""The one reader of .npz and .npy files: what they declare is checked before memory is taken.

It never unpickles, and reads an array only when it is asked for.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import math
import os
import pathlib
import struct
import warnings
import zipfile
from collections.abc import Iterator
from typing import Literal

import numpy as np

from gan_jax.data import machine
from gan_jax.data.disk import open_regular
from gan_jax.data.progress import read_into
from gan_jax.data.zips import open_member, open_zip
from gan_jax.errors import InputError, first_line

_MOST_HEADER = 10_000  # bytes, NumPy's own limit
_MOST_DIMENSIONS = 32
_LAST_LETTER = 0x10FFFF
_MOST_SIDE = 2**48  # of an empty array
_KINDS = "biufcUS"  # plain numbers and texts
_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_CHUNK = 2**22
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # of a file in a zip: the lengths of its name and extras
_LOCAL_MAGIC = b"PK\x03\x04"


@dataclasses.dataclass(frozen=True)
class Header:
    """Shape and type of a stored array, which fit the bytes that are there."""

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool  # the first axis varies fastest
    offset: int  # bytes before the values

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def order(self) -> Literal["F", "C"]:
        """How NumPy names the order of the values."""
        return "F" if self.fortran else "C"


class ArrayFile:
    """The arrays of an .npz file, a .npy file (key 'images'), or a folder of .npy files, by key.

    An array over `memory_limit` bytes (None for `machine.default_limit`) is memory-mapped, or
    refused where it is packed.

    Raises:
        InputError: not such a file, or damaged.
    """

    def __init__(self, path: pathlib.Path, memory_limit: int | None = None) -> None:
        self.path = path
        self._limit = machine.limit_or_default(memory_limit)
        self._members: dict[str, zipfile.ZipInfo] = {}
        self._files: dict[str, pathlib.Path] = {}
        if path.is_dir():
            self._files = {file.stem: file for file in array_files(path)}
        elif path.suffix.lower() == ".npy":
            self._files = {"images": path}
        else:
            with open_zip(path) as archive:
                self._members = {
                    member.filename.removesuffix(".npy"): member
                    for member in archive.infolist()
                    if member.filename.endswith(".npy")
                }

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of the arrays."""
        return tuple(self._files or self._members)

    def where(self, key: str) -> str:
        """The array's name in messages."""
        if self._members:
            return f"array '{key}' of '{self.path}'"
        return f"'{self._files[key]}'"

    def header(self, key: str) -> Header:
        """Shape and type of an array.

        Raises:
            InputError: damaged, pickled objects, more declared than there is, or encrypted.
        """
        with self._stored(key) as (file, held):
            return _header_of(file.read(_MOST_HEADER + 16), held, self.where(key))

    def read(self, key: str) -> np.ndarray:
        """The array: memory-mapped from a .npy file, in memory from an .npz file if it fits.

        Raises:
            InputError: as `header`; packed and over the memory limit; texts that are none.
        """
        array = self._read(key)
        if array.dtype.kind == "U" and array.size:  # NumPy itself fails on others
            letters = np.ascontiguousarray(array).view(array.dtype.str[0] + "u4")
            if letters.max() > _LAST_LETTER:
                raise InputError(f"{self.where(key)} holds no valid texts: write it again.")
        return array

    def _read(self, key: str) -> np.ndarray:
        where = self.where(key)
        if self._files:
            with _opened(self._files[key], where) as file:
                return _mapped(file, self.header(key), where)
        member = self._members[key]
        if member.file_size <= self._limit:
            return self._unpacked(key)
        if member.compress_type == zipfile.ZIP_STORED:
            return self._mapped_member(key)
        raise InputError(
            f"{where} takes {member.file_size / 2**20:,.1f} MiB, over dataset.memory_limit_mb "
            f"({self._limit / 2**20:,.1f} MiB), and a packed .npz file cannot be streamed: save it "
            "with numpy.savez, or as a .npy file (several in one folder, named by key), or raise "
            "the limit."
        )

    def _unpacked(self, key: str) -> np.ndarray:
        header = self.header(key)
        values = np.empty(header.nbytes, np.uint8)
        with self._stored(key) as (file, _):
            file.read(header.offset)
            filled = read_into(file, values, self.path.name)
            while file.read(_CHUNK):  # to the end, where the checksum is compared
                pass
        if filled < len(values):
            raise InputError(f"{self.where(key)} is cut short: copy or write it again.")
        if not header.nbytes:
            return np.empty(header.shape, header.dtype)
        return values.view(header.dtype).reshape(header.shape, order=header.order)

    @contextlib.contextmanager
    def _stored(self, key: str) -> Iterator[tuple[io.BufferedIOBase, int]]:
        """The array's file, open for reading, and how many bytes it holds."""
        where = self.where(key)
        if self._files:
            with _opened(self._files[key], where) as file:
                yield file, os.fstat(file.fileno()).st_size
            return
        member = self._members[key]
        with open_zip(self.path) as archive:
            with open_member(archive, member, where, member.file_size) as file:
                yield file, member.file_size

    def _mapped_member(self, key: str) -> np.ndarray:
        member, where = self._members[key], self.where(key)
        header = self.header(key)
        with _opened(self.path, where) as file:
            file.seek(member.header_offset)
            local = file.read(_LOCAL_HEADER.size)
            if len(local) < _LOCAL_HEADER.size or not local.startswith(_LOCAL_MAGIC):
                raise InputError(f"{where} is damaged: copy or write it again.")
            _, name, extra = _LOCAL_HEADER.unpack(local)
            start = member.header_offset + len(local) + name + extra
            return _mapped(file, dataclasses.replace(header, offset=header.offset + start), where)


def array_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """The .npy files right in a folder, sorted; InputError if it cannot be read."""
    try:
        return sorted(file for file in folder.iterdir() if file.suffix.lower() == ".npy")
    except OSError as error:
        raise InputError(f"folder '{folder}' cannot be read: {error.strerror}.") from error


def _opened(path: pathlib.Path, where: str) -> io.BufferedReader:
    try:
        return open_regular(path)
    except OSError as error:
        raise InputError(
            f"{where} cannot be read: {error.strerror}: mend that, or give another file."
        ) from error


def _header_of(start: bytes, held: int, where: str) -> Header:
    stream = io.BytesIO(start)
    try:
        version = np.lib.format.read_magic(stream)
        if version not in _READERS:
            raise ValueError(f"its format is version {version}, for tables")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shape, fortran, dtype = _READERS[version](stream, max_header_size=_MOST_HEADER)
    except Exception as error:  # every way in which a header can be damaged
        raise InputError(
            f"{where} cannot be read ({first_line(error)}): it must be a plain array of numbers, "
            "not pickled objects, in an undamaged file; write it again."
        ) from error
    if dtype.hasobject or dtype.kind not in _KINDS:
        raise InputError(
            f"{where} holds {dtype}: it must be a plain array of numbers, not "
            "pickled objects or a table; write it again."
        )
    header = Header(tuple(int(side) for side in shape), dtype, bool(fortran), stream.tell())
    there = held - header.offset
    if len(shape) > _MOST_DIMENSIONS or not all(0 <= side <= _MOST_SIDE for side in shape):
        declared = "which no array has"
    elif header.nbytes > there or (not dtype.itemsize and 0 not in shape):
        declared = f"{header.nbytes:,} bytes, and holds {there:,}"
    else:
        return header
    raise InputError(
        f"{where} declares shape {str(list(shape))[:100]} of {dtype}, {declared}: it is damaged or "
        "cut short; copy or write it again."
    )


def _mapped(file: io.BufferedReader, header: Header, where: str) -> np.ndarray:
    if not header.nbytes:
        return np.empty(header.shape, header.dtype)
    try:
        return np.memmap(file, header.dtype, "r", header.offset, header.shape, header.order)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{where} cannot be read ({first_line(error)}): copy or write it again."
        ) from error
