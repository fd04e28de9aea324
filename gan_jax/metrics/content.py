"""The order of rows by their content, so that no result depends on how a set lies on disk.

Sets in folders and files are usually sorted by class: a prefix of one is a few classes, and a
seeded draw of row numbers is another draw once the rows are shuffled. What is drawn here is drawn
from rows in the order of a hash of their bytes, which looks random and is the same for every order
on disk.
"""

from __future__ import annotations

import hashlib

import numpy as np

_DIGEST_BYTES = 8


def content_keys(rows: np.ndarray, *, salt: bytes = b"") -> np.ndarray:
    """A hash of each row's bytes, uint64 [n]; equal rows have equal keys.

    Args:
      rows: [n, ...] of any plain type: images or features.
      salt: at most 16 bytes; another salt gives unrelated keys.
    """
    rows = np.asarray(rows)
    keys = np.empty(len(rows), np.uint64)
    for index, row in enumerate(rows):
        digest = hashlib.blake2b(
            np.ascontiguousarray(row), digest_size=_DIGEST_BYTES, salt=salt
        ).digest()
        keys[index] = int.from_bytes(digest, "little")
    return keys


def content_order(rows: np.ndarray) -> np.ndarray:
    """The permutation int64 [n] that puts rows [n, ...] in the order of their content."""
    return np.argsort(content_keys(rows), kind="stable")


def in_content_order(rows: np.ndarray) -> np.ndarray:
    """The rows [n, ...] in the order of their content: one order, whatever theirs was."""
    rows = np.asarray(rows)
    return rows[content_order(rows)]
