"""The order of rows by their content, so that no result depends on how a set lies on disk.

Sets on disk are usually sorted by class, so a prefix of one is a few classes. Here rows are ordered
by a hash of their bytes, which looks random and is the same for every order on disk.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np

_WORD = 8
_BLOCK_BYTES = 2**18  # of rows mixed at a time: they stay in the processor's cache


def content_keys(rows: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """A hash of each row's bytes, uint64 [n]; equal rows have equal keys.

    Each word of 8 bytes is mixed by the finaliser of SplitMix64 (Steele et al. 2014, "Fast
    splittable pseudorandom number generators", figure 17) under a random mask of its place, and
    the words of a row are summed: rows that differ share a key once in about 2**64 pairs, unless
    somebody wants them to.

    Args:
      rows: [n, ...] of any plain type: images, features or keys.
      seed: at least 0; another seed gives unrelated keys.
    """
    rows = np.asarray(rows)
    size = math.prod(rows.shape[1:]) * rows.itemsize
    words = max(-(-size // _WORD), 1)
    # Raw Philox numbers are the part of NumPy's random streams that never changes.
    masks = np.random.Philox(key=[seed, size]).random_raw(words)
    keys = np.empty(len(rows), np.uint64)
    step = max(_BLOCK_BYTES // (_WORD * words), 1)
    block, spare = (np.zeros((min(step, len(rows)), words), np.uint64) for _ in range(2))
    for start in range(0, len(rows), step):
        part = np.ascontiguousarray(rows[start : start + step])
        mixed = block[: len(part)]
        mixed[:, -1] = 0  # what the last word has beyond the row's end
        mixed.view(np.uint8)[:, :size] = part.reshape(len(part), -1).view(np.uint8)
        mixed ^= masks
        _mix(mixed, spare[: len(part)])
        keys[start : start + step] = mixed.sum(axis=1)
    return keys


def _mix(words: np.ndarray, spare: np.ndarray) -> None:
    """SplitMix64's finaliser, in place; `spare` is as large and is overwritten."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        words ^= np.right_shift(words, np.uint64(shift), out=spare)
        words *= np.uint64(factor)
    words ^= np.right_shift(words, np.uint64(31), out=spare)


def bytes_key(content: bytes) -> int:
    """A hash of bytes of any length, such as a file's, in [0, 2**64)."""
    return int.from_bytes(hashlib.blake2b(content, digest_size=_WORD).digest(), "little")


def content_order(rows: np.ndarray) -> np.ndarray:
    """The permutation int64 [n] that puts rows [n, ...] in the order of their content."""
    return np.argsort(content_keys(rows), kind="stable")


def order_of(rows: np.ndarray, in_order: bool) -> np.ndarray:
    """`content_order`, or for rows that are `in_order` already, the order that they are in.

    Features of the same images differ by rounding from machine to machine, and so does the order of
    their bytes. Who has the images orders these, and says so.
    """
    return np.arange(len(rows)) if in_order else content_order(rows)


def in_content_order(rows: np.ndarray) -> np.ndarray:
    """The rows [n, ...] in the order of their content: one order, whatever theirs was."""
    rows = np.asarray(rows)
    return rows[content_order(rows)]
