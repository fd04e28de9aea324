"""Which crops show the same piece of a picture: they are not independent images.

A hundred crops of one photograph that overlap say no more than the few that would lie side by side.
They are found by their pixels alone: small square windows are hashed at every place of every image
(Rabin & Karp's rolling hash, in two dimensions), and a few are kept by their hash, so the same ones
in every image that shows them ("winnowing", Schleimer, Wilkerson & Aiken 2003). Only windows with
as many different values as they are wide count: flat or two-toned ones are found anywhere.

What is turned, mirrored or resized is not found again, nor is a common strip narrower than a
sixth of the side.
"""

from __future__ import annotations

import functools

import numpy as np

OVERLAPPING, FEW_PICTURES = "overlapping", "few pictures"
"""Names of flags: real crops that share pieces, and that are of few pictures though they do not."""

MOST_IMAGES = 1_000
"""That `independent_rows` looks at."""

_SMALLEST, _LARGEST = 6, 12  # sides of a window
_KEPT = 64  # windows an image, about
_ENTRIES_AT_ONCE = 1 << 20


def independent_rows(images: np.ndarray) -> np.ndarray:
    """Rows of images no two of which show the same piece, as many as are easily found: int64 [k].

    The image that overlaps fewest others is taken first, again and again. Of images without a
    window that counts, such as flat ones, the same share is taken.

    Args:
        images: uint8 [n, h, w, c] in the order of their content; the first 1,000 are looked at.
    """
    images = images[:MOST_IMAGES]
    keys, owners = _pieces(images)
    touching = np.zeros((len(images), len(images)), bool)
    _, number, times = np.unique(keys, return_inverse=True, return_counts=True)
    often = np.flatnonzero(times[number] > 1)
    often = often[np.argsort(number[often], kind="stable")]
    for group in np.split(owners[often], np.flatnonzero(np.diff(number[often])) + 1):
        touching[np.ix_(group, group)] = True
    np.fill_diagonal(touching, False)
    known = np.zeros(len(images), bool)
    known[owners] = True
    chosen = _apart(touching, known)
    unknown = np.flatnonzero(~known)
    share = len(chosen) / max(known.sum(), 1) if known.any() else 1.0
    return np.sort(np.concatenate([chosen, unknown[: round(share * len(unknown))]]))


def _apart(touching: np.ndarray, among: np.ndarray) -> np.ndarray:
    degree = touching.sum(axis=1)
    chosen = [np.flatnonzero(among & (degree == 0))]
    free = among & (degree > 0)
    while free.any():
        row = int(np.argmin(np.where(free, degree, len(degree))))
        chosen.append(np.array([row]))
        gone = free & touching[row]
        gone[row] = True
        free &= ~gone
        degree = degree - touching[:, gone].sum(axis=1)
    return np.concatenate(chosen).astype(np.int64)


def shows_piece_of(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Whether each of images [n, h, w, c], uint8, shares a piece with any of `others`: bool [n]."""
    keys, owners = _pieces(images)
    found = np.zeros(len(images), bool)
    found[owners[np.isin(keys, _pieces(others)[0])]] = True
    return found


def _pieces(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of windows, uint64 [p], and the image that each is of, int64 [p]."""
    count, height, width, channels = images.shape
    side = int(np.clip(min(height, width) // 6, _SMALLEST, _LARGEST))
    keys, owners = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
    if min(height, width) < side:
        return keys[0], owners[0]
    rng = np.random.Philox(key=[0, side])
    table = rng.random_raw(256 * channels).reshape(channels, 256)
    steps = rng.random_raw(2) | np.uint64(1)
    every = np.uint64(max((height - side + 1) * (width - side + 1) // _KEPT, 1))
    block = max(_ENTRIES_AT_ONCE // (height * width), 1)
    for start in range(0, count, block):
        part = images[start : start + block]
        values = functools.reduce(
            np.add, (table[channel][part[..., channel]] for channel in range(channels))
        )
        hashes = _rolled(_rolled(values, side, steps[0], 1), side, steps[1], 2)
        hashes ^= hashes >> np.uint64(29)  # its low digits alone are those of a sum
        image, top, left = np.nonzero(hashes % every == 0)
        places = np.arange(side)
        rows, columns = (top[:, None] + places)[:, :, None], (left[:, None] + places)[:, None]
        tones = part.sum(axis=-1, dtype=np.uint8)[image[:, None, None], rows, columns]
        there = np.zeros((len(image), 256), bool)
        np.put_along_axis(there, tones.reshape(-1, side * side).astype(np.int64), True, axis=1)
        kept = there.sum(axis=1) >= side
        keys.append(hashes[image, top, left][kept])
        owners.append(image[kept] + start)
    return np.concatenate(keys), np.concatenate(owners)


def _rolled(values: np.ndarray, side: int, step: np.uint64, axis: int) -> np.ndarray:
    """Sums of `side` neighbours along an axis, each times another power of `step`, modulo 2**64."""
    values = np.moveaxis(values, axis, 0)
    total = np.zeros_like(values[side - 1 :])
    for place in range(side):
        total *= step
        total += values[place : place + len(total)]
    return np.moveaxis(total, 0, axis)
