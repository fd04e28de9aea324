"""Numbers, intervals and tables as text, for pages and terminals. Imports nothing heavy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

NONE = "–"
"""Stands for what is not known."""


def number(value: float | None, digits: int = 3) -> str:
    """A number to `digits` significant digits, thousands grouped; '–' for None."""
    if value is None:
        return NONE
    value = float(value)
    if not math.isfinite(value):
        return "not finite"
    if value == 0:
        return "0"
    decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return f"{value:.1e}" if decimals > 6 else f"{value:,.{decimals}f}"


def percentage(share: float | None) -> str:
    """A share in [0, 1] as a percentage with one decimal; '–' for None."""
    if share is None:
        return NONE
    return f"{100 * float(share):.1f} %" if math.isfinite(share) else "not finite"


def points(share: float, decimals: int = 1) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * share:+.{decimals}f}"


def between(ci: Sequence[float] | None, form: Callable[[float], str] = number) -> str:
    """An interval such as '5.40 to 6.84'; '–' for None."""
    return NONE if ci is None else " to ".join(map(form, ci))


def count(value: int | None) -> str:
    """A whole number with thousands grouped; '–' for None and 0."""
    return f"{value:,}" if value else NONE


def plural(amount: int, word: str) -> str:
    """'1 seed', '2 seeds'."""
    return f"{amount:,} {word}{'' if amount == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Names in a sentence, six at most."""
    shown = ", ".join(names[:6])
    return f"{shown} and {len(names) - 6} more" if len(names) > 6 else shown


def shortened(text: str, most: int) -> str:
    """The beginning of a text that is longer than `most` characters, with an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """A table as lines of text; its first row is the heading."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
