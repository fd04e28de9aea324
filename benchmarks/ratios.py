"""The arithmetic of a comparison in turns."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

Rows = Sequence[float]


def neighbour_ratios(ours: Rows, theirs: Rows, position: int, count: int) -> list[float]:
    """Our rate by a peer's, once a round.

    Args:
        ours: rates of our turns: one between any two turns of peers, one before and one after all.
        theirs: rates of the peer's turns, one a round.
        position: the peer's place in the round, from 0.
        count: how many peers there are.

    Returns:
        one ratio a round; a turn of the peer is compared with the mean of the two of ours around
        it, so that a steady drift of the machine cancels.

    Raises:
        ValueError: where the turns do not make such rounds.
    """
    if len(ours) != len(theirs) * count + 1 or not 0 <= position < count:
        raise ValueError(
            f"{len(theirs)} rounds of {count} peers have {len(theirs) * count + 1} turns of ours, "
            f"not {len(ours)}"
        )
    before = ours[position::count]
    after = ours[position + 1 :: count]
    return [(a + b) / 2 / c for a, b, c in zip(before, after, theirs)]


def summary(values: Rows) -> dict[str, Any]:
    """Median and quartiles (inclusive method); of one value that value.

    Raises:
        ValueError: for no values.
    """
    if not values:
        raise ValueError("there is nothing to take the median of")
    low, middle, high = (
        statistics.quantiles(values, n=4, method="inclusive")
        if len(values) > 1
        else [values[0]] * 3
    )
    return {"median": middle, "quartiles": [low, high]}
