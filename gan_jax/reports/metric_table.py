"""The numbers of eval.json as a table of text. Imports nothing heavy."""

from __future__ import annotations

from typing import Any

from gan_jax.reports.text import aligned
from gan_jax.reports.words import agreement_text, in_words, ratio_text, ratios_mean_something

_MOST_CLASSES = 100  # a longer histogram is left to the report


def metric_table(result: dict[str, Any]) -> str:
    """Flags, headline and numbers of eval.json as text."""
    top = [f"! {flag['text']}" for flag in result.get("flags", ())]
    if result.get("headline"):
        words = in_words(result["headline"])
        top += [line for line in (words.verdict, words.note) if line]
    ratios = ratios_mean_something(result)
    rows = []
    for name, entry in result["metrics"].items():
        if isinstance(entry["value"], list):
            continue
        ratio = ratio_text(entry) if ratios else ""
        value, floor, real = (_cell(entry.get(key)) for key in ("value", "floor", "real"))
        interval = " to ".join(map(_cell, entry.get("ci") or ()))
        rows.append((name, value, floor, ratio, real, interval, str(entry.get("n", ""))))
    heads = ("metric", "value", "floor", "ratio", "real", "95 % interval", "n")
    lines = aligned([heads, *rows]) if rows else []
    histogram = result["metrics"].get("class_histogram")
    if histogram and len(histogram["value"]) <= _MOST_CLASSES:
        lines.append(f"class_histogram  {histogram['value']}")
    for part in (result, *result.get("judges", ())):
        protocol = part["protocol"]
        if "extractor" not in protocol:
            continue
        line = (
            f"judge {protocol['extractor']} (gate {protocol.get('gate', 'not run')}), reference "
            f"{protocol['reference']} ({protocol['reference_split']}, "
            f"{protocol['reference_images']} images)"
        )
        if part is not result and ratios_mean_something(part):
            line += "".join(
                f"; {name} {entry['value']:.4g} = {ratio_text(entry)} x floor"
                for name, entry in part["metrics"].items()
                if entry.get("floor") and name.startswith("fd_")
            )
        lines.append(line)
    if agreement := agreement_text((result, *result.get("judges", ()))):
        lines.append(agreement)
    for name, reason in result["protocol"].get("skipped", {}).items():
        lines.append(f"not computed: {name}: {reason}")
    return "\n".join([*top, *lines])


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
