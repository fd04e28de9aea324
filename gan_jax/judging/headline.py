"""What a judgement comes to: could the judge tell the images from real ones, and how far are they?

Three questions in this order, none of which a larger or smaller number of images answers otherwise:
a permutation test (p), a distance as a strength on the ladder of damages, and the smallest damage
that the test would have noticed. Where that is no small one, the images are too few to say more.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from gan_jax import metrics
from gan_jax.judging.ladder import LEVEL, PLAIN, Ladder, middle_rung, noticed, size_of
from gan_jax.judging.view import View
from gan_jax.metrics.two_sample import permutation_test

TOLD, NOT_TOLD, TOO_FEW = "told apart", "not told apart", "too few images"
_MOST_PAIRS = 5_000
_Z = 1.96


def make_headline(
    real: View,
    fake: View,
    ladder: Ladder | None,
    *,
    classes: tuple[Any, Any] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """The headline as eval.json holds it.

    Args:
        real: the view of the reference, [m, d], in the order of its content.
        fake: that of the judged images, [k, d], likewise.
        ladder: of the reference; None of an extractor whose distances say nothing of quality, and
            then there is the test alone.
        classes: int [m] and [k], of both sides, where the judged images were asked for classes;
            images then change sides within their class only.
        seed: of the permutations and halves.

    Returns:
        'verdict', one of `TOLD`, `NOT_TOLD` and `TOO_FEW`; 'test' with 'p', 'statistic', 'n_real',
        'n_fake', 'permutations', 'within_classes'; and with a ladder 'distance' with 'value', 'ci'
        and 'n', 'size' with 'damage', 'unit', 'strength', 'low', 'high' and 'beyond', 'ladder' with
        'strengths' and 'distances', 'noticed' with 'strength', 'n' and 'needed'.
    """
    pool = real.pooled(fake)
    count = len(real.values)
    test = permutation_test(
        pool[:count],
        pool[count:],
        real_classes=None if classes is None else classes[0],
        fake_classes=None if classes is None else classes[1],
        gamma=1.0,
        seed=seed,
    )
    content: dict[str, Any] = {
        "verdict": TOLD if test.p <= LEVEL else NOT_TOLD,
        "test": dataclasses.asdict(test),
    }
    if ladder is None:
        return content
    found = metrics.kernel_distance(
        real.standardised(by=real)[:_MOST_PAIRS],
        fake.standardised(by=real)[:_MOST_PAIRS],
        gamma=1.0,
    )
    margin = _Z * found.standard_error
    low, middle, high = (size_of(ladder, found.value + side * margin) for side in (-1.0, 0.0, 1.0))
    seen = noticed(ladder, min(count // 2, len(fake.values)), seed=seed)
    if content["verdict"] == NOT_TOLD and not has_power(ladder, seen.strength):
        content["verdict"] = TOO_FEW
    return content | {
        "distance": {
            "value": found.value,
            "ci": [found.value - margin, found.value + margin],
            "n": min(len(fake.values), _MOST_PAIRS),
        },
        "size": {
            "damage": ladder.damage,
            "unit": ladder.unit,
            "strength": middle.strength,
            "low": low.strength,
            "high": high.strength,
            "beyond": middle.beyond,
        },
        "ladder": {
            "strengths": list(ladder.strengths),
            "distances": list(ladder.distances),
            "n": len(ladder.clean.values),
        },
        "noticed": dataclasses.asdict(seen),
    }


def has_power(ladder: Ladder, strength: float | None) -> bool:
    """Whether the smallest damage noticed is no stronger than the ladder's middle rung."""
    return strength is not None and strength <= ladder.strengths[middle_rung(ladder)]


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
    """What `make_headline` found, for a page or a terminal."""
    test = headline["test"]
    sides = f"{test['n_fake']:,} images against {test['n_real']:,} real ones"
    p = f"p {_p_text(test)}"
    verdict = {
        TOLD: f"Told from real images ({p}; {sides}).",
        NOT_TOLD: f"Not told from real images ({p}; {sides}).",
        TOO_FEW: f"Too few images to say how good they are ({p}; {sides}).",
    }[headline["verdict"]]
    size = headline.get("size")
    if size is None:
        return Words(verdict, "", ((_p_text(test).removeprefix("= "), _P_MEANING),))
    if headline["verdict"] == TOO_FEW:
        return Words(verdict, _noticed_text(headline), ())
    far = f"As far from real as real images with {_strength_text(size)}."
    if headline["verdict"] == NOT_TOLD:
        far = f"No farther from real than real images with {_amount(size['high'], size)}."
    numbers = ((_short(headline), "what real images would need to be as far from real"),)
    numbers += ((_p_text(test).removeprefix("= "), _P_MEANING),)
    return Words(f"{verdict} {far}", _noticed_text(headline), numbers)


_P_MEANING = "p: how often real images alone would look this different"


def _p_text(test: Mapping[str, Any]) -> str:
    return f"= {test['p']:.2g}"


def _amount(strength: float, size: Mapping[str, Any]) -> str:
    return f"{strength:.2g} {PLAIN.get(size['damage'], size['damage'])}"


def _strength_text(size: Mapping[str, Any]) -> str:
    if size["beyond"]:
        return f"more than {_amount(size['strength'], size)}, the most that was tried"
    return f"{_amount(size['strength'], size)} ({size['low']:.2g} to {size['high']:.2g})"


def _short(headline: Mapping[str, Any]) -> str:
    size = headline["size"]
    sign = "> " if size["beyond"] else ""
    if headline["verdict"] == NOT_TOLD:
        return f"≤ {size['high']:.2g} {_SHORT.get(size['damage'], size['damage'])}"
    return f"{sign}{size['strength']:.2g} {_SHORT.get(size['damage'], size['damage'])}"


_SHORT = {"blur": "px blur", "noise": "noise"}


def _noticed_text(headline: Mapping[str, Any]) -> str:
    found, size = headline["noticed"], headline["size"]
    weakest = found["strength"]
    n = f"{found['n']:,} images a side"
    if weakest is None:
        text = f"With {n} not even {_amount(headline['ladder']['strengths'][-1], size)} is noticed."
    else:
        weaker = [one for one in headline["ladder"]["strengths"] if one < weakest]
        misses = f" and misses {weaker[-1]:.2g}" if weaker else ""
        text = f"With {n} the test notices {_amount(weakest, size)}{misses}."
    if headline["verdict"] == TOO_FEW and found["needed"] and found["needed"] > found["n"]:
        held_out = round_up(2 * found["needed"])
        text += f" About {held_out:,} held-out images, and half as many to judge, would do."
    missing = headline.get("missing_class_noticed")
    if missing is not None:
        text += f" A class that is never drawn would {'' if missing else 'not '}be noticed."
    return text


def round_up(count: int) -> int:
    """A count with two significant digits, not below what it was."""
    unit = 10 ** max(len(str(count)) - 2, 0)
    return -(-count // unit) * unit


def flag_text(flags: Sequence[Mapping[str, Any]]) -> str:
    """Flags as sentences; '' without any."""
    return " ".join(flag["text"] for flag in flags)
