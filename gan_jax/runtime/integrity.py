"""Whether a saved state is as it was written, and why a file cannot be read or written."""

from __future__ import annotations

import errno
import os
import pathlib
import re
import zlib
from typing import Any

import jax
import numpy as np

from gan_jax.data.disk import in_words
from gan_jax.runtime.parallel import local_copy

_SOMETHING_IS_MISSING = (errno.ENOENT, errno.EISDIR, errno.ENOTDIR)


def state_checksum(tree: Any) -> int:
    """CRC-32 over the bytes of all leaves in tree order; each is whole in every process."""
    value = 0
    for leaf in jax.tree.leaves(local_copy(tree)):
        value = zlib.crc32(np.ascontiguousarray(leaf).view(np.uint8).data, value)
    return value


def file_checksums(folder: pathlib.Path) -> dict[str, int]:
    """CRC-32 of each file, by its path within the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): zlib.crc32(path.read_bytes()) for path in files}


def arrays_of(tree: Any) -> dict[str, str]:
    """Each array's dtype and shape in words, by its path in the tree."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): f"{leaf.dtype}{list(leaf.shape)}"
        for path, leaf in leaves
    }


def passing_reason(error: BaseException) -> str:
    """Why a file cannot be read or written now, if the error does not blame its contents; else ''.

    Such as too many open files, a disk's fault, or too little memory.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno and cause.errno not in _SOMETHING_IS_MISSING:
            return in_words(cause)
        if isinstance(cause, MemoryError) or "RESOURCE_EXHAUSTED" in str(cause):
            return "not enough memory"
        if found := re.search(r"OS error (\d+)", str(cause)):
            if int(found[1]) not in _SOMETHING_IS_MISSING:
                return os.strerror(int(found[1]))
        cause = cause.__cause__ or cause.__context__
    return ""
