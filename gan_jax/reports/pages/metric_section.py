"""The metrics of eval.json as a table of a page, each with what it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gan_jax.reports import page
from gan_jax.reports.text import NONE, between, count, number
from gan_jax.reports.words import ratio_text


def full_table(
    metrics: Mapping[str, Any],
    names: Sequence[str],
    meaning: Mapping[str, str],
    *,
    ratios: bool = True,
    training: bool = False,
) -> str:
    """A row for each metric that is a single number; '' without any.

    Args:
        names: of those to show, in order.
        meaning: of metrics that are known.
        ratios: whether a distance over its floor may be shown.
        training: whether what training images score has a column.
    """
    rows = []
    for name in names:
        entry = metrics[name]
        if not isinstance(entry, dict) or isinstance(entry.get("value"), (list, dict, str)):
            continue
        rows.append(
            [
                name,
                number(entry.get("value")),
                _real_text(entry),
                (ratio_text(entry, unit=" ×") if ratios else "") or NONE,
                *([number(entry.get("training"))] if training else []),
                between(entry.get("ci")),
                count(entry.get("n")),
                meaning.get(name, ""),
            ]
        )
    heads = ["", "value", "real images", "value / real", "95 % interval", "n images", ""]
    if training:
        heads.insert(4, "training images")
    return page.table(heads, rows, full=True)


def how_measured(protocol: Mapping[str, Any]) -> str:
    """The protocol below its heading; '' without one."""
    return page.heading("How it was measured") + page.list_of_facts(protocol) if protocol else ""


def _real_text(entry: Mapping[str, Any]) -> str:
    """What real images score, with the spread of a floor."""
    text = number(entry.get("floor", entry.get("real")))
    spread = entry.get("floor_spread")
    return f"{text} ± {number(spread, 2)}" if spread else text
