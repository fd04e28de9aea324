"""A headline in words, for a page or a terminal. Imports nothing heavy."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

TOLD, NOT_TOLD, TOO_FEW = "told apart", "not told apart", "too few images"


@dataclasses.dataclass(frozen=True)
class Words:
    """A headline in words.

    Attributes:
        verdict: one or two sentences.
        note: what would have been noticed, and what not; '' if nothing is known of it.
        numbers: (value, meaning) pairs for large type; none where the images are too few.
        flags: what must be known before the rest.
    """

    verdict: str
    note: str = ""
    numbers: Sequence[tuple[str, str]] = ()
    flags: Sequence[str] = ()


def in_words(headline: Mapping[str, Any]) -> Words:
    """What `judging.headline.make_headline` found."""
    test = headline["test"]
    p = f"{test['p']:.2g}"
    sides = f"p = {p}; {test['n_fake']:,} images against {test['n_real']:,} real ones"
    verdict = {
        TOLD: f"Told from real images ({sides}).",
        NOT_TOLD: f"Not told from real images ({sides}).",
        TOO_FEW: f"Too few images to say how good they are ({sides}).",
    }[headline["verdict"]]
    chance = (p, "p: how often real images alone would look this different")
    note = noticed_text(headline) if "noticed" in headline else ""
    if headline["verdict"] == TOO_FEW:
        return Words(verdict, note)
    size = headline.get("size")
    if size is None:
        return Words(verdict, note, (chance,))
    told = headline["verdict"] == TOLD
    far = "As far from real as" if told else "No farther from real than"
    strength, broken = _strength(size, told), size["broken"]
    damage, pieces = size["damage"], ""
    large = f"{strength.replace('more than', '>')} {_UNITS[damage]}"
    numbers = [(large, "on real images would be as far from real"), chance]
    if broken is not None:
        whole = told and broken["share"] >= 1
        which = "that are all" if whole else f"of which {_share(broken, told)} are"
        pieces = f"real images {which} in shuffled pieces, or "
        share = percent(broken["share"]) if told else f"≤ {percent(broken['high'])}"
        numbers.insert(0, (share, "of real images in shuffled pieces would be as far from real"))
    verdict += f" {far} {pieces}real images with {_damage(strength, damage)}."
    return Words(verdict, note, numbers)


def agreement_text(parts: Sequence[Mapping[str, Any]]) -> str:
    """Whether several trained judges say the same of the same images; '' of fewer than two.

    Args:
        parts: each judge's part of eval.json, the headline's first. Controls are passed over.
    """
    parts = [part for part in parts if part.get("headline") and ratios_mean_something(part)]
    if len(parts) < 2:
        return ""
    headlines = [part["headline"] for part in parts]
    told = [headline["verdict"] == TOLD for headline in headlines]
    if len(set(told)) > 1:
        names = [
            [part["protocol"]["extractor"] for part, own in zip(parts, told) if own is side]
            for side in (True, False)
        ]
        return (
            f"The judges disagree: {' and '.join(names[0])} can tell the images from real ones, "
            f"{' and '.join(names[1])} cannot."
        )
    if not told[0]:
        return f"The {len(parts)} judges agree: none can tell the images from real ones."
    text = f"The {len(parts)} judges agree: each can tell the images from real ones"
    sizes = [headline.get("size") for headline in headlines]
    if None in sizes or len({size["damage"] for size in sizes}) > 1:
        return f"{text}."
    strengths = ", ".join(_strength(size, True) for size in sizes)
    damage = sizes[0]["damage"]
    return f"{text}. By them it is as far from real as {_damage(strengths, damage)}, in turn."


_NAMES = {"blur": "a blur", "noise": "noise"}
_UNITS = {"blur": "px blur", "noise": "noise"}
_AFTER = {"blur": " px", "noise": " of the range"}


def percent(share: float) -> str:
    """A share as a percentage with two digits at most."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def _strength(size: Mapping[str, Any], told: bool) -> str:
    if size["beyond"]:
        return f"more than {size['strength']:.2g}"
    return f"{size['strength' if told else 'high']:.2g}"


def _damage(strength: str, damage: str) -> str:
    return f"{_NAMES[damage]} of {strength}{_AFTER[damage]}"


def _share(broken: Mapping[str, float], told: bool) -> str:
    if not told:
        return percent(broken["high"])
    return f"{percent(broken['share'])} ({percent(broken['low'])} to {percent(broken['high'])})"


def noticed_text(headline: Mapping[str, Any]) -> str:
    """What the two-sample test would have noticed, in sentences."""
    found, damage = headline["noticed"], headline["ladder"]["damage"]
    strengths = headline["ladder"]["strengths"]
    text = f"With {found['n']:,} images a side the test "
    if found["strength"] is None:
        text += f"does not even notice {_damage(f'{strengths[-1]:.2g}', damage)}"
    else:
        weaker = [one for one in strengths if one < found["strength"]]
        misses = f" and misses {weaker[-1]:.2g}" if weaker else ""
        text += "notices " + _damage(f"{found['strength']:.2g}", damage) + misses
    if found["broken"] is not None:
        text += f", or {percent(found['broken'])} of images in shuffled pieces"
    text += "."
    if headline["verdict"] == TOO_FEW and found["needed"] and found["needed"] > found["n"]:
        count = round_up(2 * found["needed"])
        text += f" About {count:,} held-out images, and half as many to judge, would do."
    missing = headline.get("missing_class_noticed")
    if missing is not None:
        text += f" A class that is never drawn would {'' if missing else 'not '}be noticed."
    return text


def round_up(count: int) -> int:
    """A count with two significant digits, not below what it was."""
    unit = 10 ** max(len(str(count)) - 2, 0)
    return -(-count // unit) * unit


def ratios_mean_something(part: Mapping[str, Any]) -> bool:
    """Whether a distance over its floor may be shown: not of a control, nor of too few images."""
    names = {flag["name"] for flag in part.get("flags", ())}
    return not names & {"control", "too few"}


def ratio_text(entry: Mapping[str, Any], *, unit: str = "") -> str:
    """Value over floor, "" without one. Below 1 it is chance: nothing is better than real."""
    value, floor = entry.get("value"), entry.get("floor")
    if not isinstance(value, (int, float)) or not floor or not math.isfinite(value / floor):
        return ""
    ratio = value / floor
    return f"≤ 1{unit}" if ratio <= 1 else f"{ratio:,.{1 if ratio < 10 else 0}f}{unit}"
