"""A headline in words, for a page or a terminal. Imports nothing heavy."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

TOLD, NOT_TOLD, TOO_FEW = "told apart", "not told apart", "too few images"


@dataclasses.dataclass(frozen=True)
class Words:
    """A headline in words.

    Attributes:
        verdict: one or two sentences.
        note: what would have been noticed, and what not; '' if nothing is known of it.
        numbers: (value, meaning) pairs for large type; none where the images are too few.
    """

    verdict: str
    note: str
    numbers: tuple[tuple[str, str], ...]


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
    size = headline.get("size")
    if size is None:
        return Words(verdict, _noticed_text(headline) if "noticed" in headline else "", (chance,))
    if headline["verdict"] == TOO_FEW:
        return Words(verdict, _noticed_text(headline), ())
    told = headline["verdict"] == TOLD
    strength, share = _strength(size, told), _share(size["broken"], told)
    far = "As far from real as" if told else "No farther from real than"
    verdict += f" {far} real images with {_amount_text(strength, size['damage'])}"
    if size["broken"] is not None:
        verdict += f", or with {share} of them in shuffled pieces"
    numbers = [
        (_large(strength, _SHORT[size["damage"]]), "on real images would be as far from real")
    ]
    if size["broken"] is not None:
        meaning = "of real images in shuffled pieces would be as far from real"
        numbers.append((_large(share, ""), meaning))
    return Words(f"{verdict}.", _noticed_text(headline), (*numbers, chance))


_PLAIN = {"blur": "pixels of blur", "noise": "of the range as noise"}
_SHORT = {"blur": "px blur", "noise": "noise"}


def _strength(size: Mapping[str, Any], told: bool) -> str:
    """'0.33 (0.32 to 0.34)', or one end alone."""
    if size["beyond"]:
        return f"more than {size['strength']:.2g}"
    if not told:
        return f"{size['high']:.2g}"
    return f"{size['strength']:.2g} ({size['low']:.2g} to {size['high']:.2g})"


def _share(broken: Mapping[str, float] | None, told: bool) -> str:
    if broken is None:
        return ""
    low, share, high = (f"{100 * broken[end]:.2g}" for end in ("low", "share", "high"))
    if broken["share"] >= 1:
        return "all"
    return f"{share} % ({low} to {high})" if told else f"{high} %"


def _amount_text(strength: str, damage: str) -> str:
    return (
        f"{strength} {_PLAIN[damage]}"
        if "(" not in strength
        else (f"{strength.partition(' (')[0]} {_PLAIN[damage]} ({strength.partition(' (')[2]}")
    )


def _large(text: str, unit: str) -> str:
    """For large type: without the interval."""
    text = text.partition(" (")[0].replace("more than", ">")
    return f"{text} {unit}".strip()


def _noticed_text(headline: Mapping[str, Any]) -> str:
    found, damage = headline["noticed"], headline["ladder"]["damage"]
    strengths = headline["ladder"]["strengths"]
    n = f"With {found['n']:,} images a side the test"
    if found["strength"] is None:
        text = f"{n} does not even notice {strengths[-1]:.2g} {_PLAIN[damage]}"
    else:
        weaker = [one for one in strengths if one < found["strength"]]
        misses = f" and misses {weaker[-1]:.2g}" if weaker else ""
        text = f"{n} notices {found['strength']:.2g} {_PLAIN[damage]}{misses}"
    if found["broken"] is not None:
        text += f"; it notices {100 * found['broken']:.2g} % of images in shuffled pieces"
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
