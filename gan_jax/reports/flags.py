"""Flags: what a reader of a result must know before its numbers; those that its protocol tells.

A flag is {'name', 'text', 'apart'}: `apart` ones say that a result cannot be ranked with others,
because its images were not drawn, or are few over and over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gan_jax.reports.words import TOO_FEW

Flag = dict[str, Any]


def make_flag(name: str, text: str, *, apart: bool = False) -> Flag:
    """A flag; see the head of this file."""
    return {"name": name, "text": text, "apart": apart}


def judge_flags(
    headline: Mapping[str, Any],
    protocol: Mapping[str, Any],
    *,
    control: bool,
    share_trained_on: float,
) -> list[Flag]:
    """What the judge is, and whether the images are enough.

    Args:
        headline: from `judging.headline.make_headline`.
        protocol: of the judgement; its 'gate' counts.
        control: whether the judge has learnt nothing.
        share_trained_on: of the reference, the share that the judge was trained on.
    """
    flags = []
    if headline.get("verdict") == TOO_FEW:
        flags.append(make_flag("too few", "There are too few images for a judgement."))
    gate = str(protocol.get("gate", "not run"))
    if control:
        text = "The judge has learnt nothing (a control): its distances are no measure of quality."
        if "extractor" not in protocol:
            text = "Without a recogniser it is tested whether images differ from real ones, and not"
            text += " measured how good they are."
        flags.append(make_flag("control", text))
    elif gate.startswith("failed"):
        flags.append(
            make_flag("gate failed", f"The judge did not pass its degradation gate ({gate}).")
        )
    elif not gate.startswith("passed"):
        text = f"Whether the judge notices known damage is not known (gate {gate})."
        flags.append(make_flag("not gated", text))
    if share_trained_on > 0:
        text = f"The judge was trained on {share_trained_on:.0%} of the reference images."
        flags.append(make_flag("judge trained on the reference", text))
    return flags
