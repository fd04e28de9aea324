"""Which rows each of several distances is computed from: n a side, drawn by a seed."""

from __future__ import annotations

import dataclasses

import numpy as np

from gan_jax.errors import InputError


@dataclasses.dataclass(frozen=True, eq=False)
class Draw:
    """Row numbers int64 [n] of one draw; the null ones halve the same 2 n rows in every draw."""

    one: np.ndarray  # of the reference, as `other`, disjoint: the floor is their distance
    other: np.ndarray
    generated: np.ndarray  # of the generated rows: the value is their distance from `one`
    null_one: np.ndarray  # with `null_other`, for the spread between real rows; may be `one`
    null_other: np.ndarray


def draw_rows(num_reference: int, num_generated: int, *, num_splits: int, seed: int) -> list[Draw]:
    """`num_splits` draws of n = min(num_reference // 2, num_generated) >= 2 rows a side.

    A prefix of the list is the list of fewer draws.
    """
    if num_splits < 1:
        raise InputError(f"num_splits is {num_splits}; expected at least 1.")
    if num_reference < 4:
        raise InputError(
            f"the reference has {num_reference} images; a floor needs at least 4, two for each "
            "half. Give more real images."
        )
    if num_generated < 2:
        raise InputError(
            f"there are {num_generated} generated images; a Fréchet distance needs at least 2. "
            "Generate more."
        )
    size = min(num_reference // 2, num_generated)
    pool = np.random.default_rng([seed, 0, 0]).permutation(num_reference)[: 2 * size]
    draws = []
    for split in range(num_splits):
        one, other = _halves(np.arange(num_reference), size, [seed, split, 0])
        generated = np.random.default_rng([seed, split, 1]).permutation(num_generated)[:size]
        # Of a larger reference few rows are in two draws, and those tell how a row's part changes.
        null = (one, other) if size == num_reference // 2 else _halves(pool, size, [seed, split, 2])
        draws.append(Draw(one, other, generated, *null))
    return draws


def _halves(rows: np.ndarray, size: int, seed: list[int]) -> tuple[np.ndarray, np.ndarray]:
    order = rows[np.random.default_rng(seed).permutation(len(rows))]
    return order[:size], order[size : 2 * size]
