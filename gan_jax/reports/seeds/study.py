"""The study.json of an augmentation study, and in sentences: means, differences of paired arms.

Seeds are independent draws of subset, GAN and first weights. Test images are draws too, the same
for all seeds. A difference of two arms has one interval over both, and counts only if that leaves
zero out.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax.config.study_plan import Added, Arm, Pair, Question
from gan_jax.data.schema import Check, Unfit, fields, list_of, number, one_of, or_null, text, whole
from gan_jax.reports.result import Entry, Result, make_entry
from gan_jax.reports.seeds.statistics import CONFIDENCE, crossed_interval, summarise
from gan_jax.reports.text import between, percentage, plural, points

# What a cell holds that depends on the clock, or is of use for computing only.
_LEFT_OUT = ("seconds", "elapsed", "correct")


class Outcome(enum.StrEnum):
    """What a comparison shows."""

    BETTER = "better"
    WORSE = "worse"
    CANNOT_TELL = "cannot tell"


@dataclasses.dataclass(frozen=True)
class Difference:
    """One arm's accuracy less another's, over paired seeds.

    Attributes:
        interval: of the mean over other seeds and other test images, see `crossed_interval`; None
            of fewer than two seeds.
        outcome: better or worse if the interval lies on that side of zero.
    """

    values: tuple[float, ...]
    mean: float
    interval: tuple[float, float] | None
    outcome: Outcome

    def entry(self, size: int, arm: Arm, against: Arm, **more: Any) -> Entry:
        """It as study.json holds it; 'floor' is no difference."""
        return make_entry(
            self.mean,
            self.interval,
            len(self.values),
            floor=0.0,
            size=size,
            arm=arm.name,
            against=against.name,
            values=list(self.values),
            outcome=self.outcome.value,
            **more,
        )


def difference(correct: np.ndarray, against: np.ndarray, *, comparisons: int = 1) -> Difference:
    """The difference in accuracy of two arms.

    Args:
        correct: whether each test image was named correctly, bool [seeds, images].
        against: likewise of the other arm, of the same seeds.
        comparisons: among which this one was picked for its result: the interval is that of the
            Bonferroni correction for so many.
    """
    gain = correct.astype(np.float64) - against.astype(np.float64)
    values = gain.mean(axis=1)
    interval = crossed_interval(gain, comparisons=comparisons)
    return Difference(tuple(map(float, values)), float(values.mean()), interval, _outcome(interval))


def _outcome(interval: tuple[float, float] | None) -> Outcome:
    if interval is not None and interval[0] > 0:
        return Outcome.BETTER
    if interval is not None and interval[1] < 0:
        return Outcome.WORSE
    return Outcome.CANNOT_TELL


def cell_check(size: int, seed: int, arm: str, *, num_classes: int, num_test: int) -> Check:
    """What the file of a cell must hold."""
    digits = 2 * math.ceil(num_test / 8)
    needed = {
        "size": one_of(size),
        "seed": one_of(seed),
        "arm": one_of(arm),
        "accuracy": number(0, 1),
        "recall": list_of(or_null(number(0, 1)), num_classes, num_classes),
        "correct": text(digits),
        "real_images": whole(),
        "generated_images": whole(),
        "wanted_images": whole(),
        "steps": whole(1),
        "subset": text(200),
        "seconds": number(0),
        "elapsed": number(0),
    }

    def check(content: Any, name: str) -> None:
        fields(needed)(content, name)
        bits = content["correct"]
        if len(bits) != digits or not set(bits) <= set("0123456789abcdef"):
            raise Unfit(f"correct is not the {digits} hex digits of {num_test} images")

    return check


class CellResults:
    """The results of the cells that are done, by size, arm and seed.

    Args:
        results: what `GroupWork.run` gave.
    """

    def __init__(self, results: Sequence[dict[str, Any]], num_test: int) -> None:
        self._num_test = num_test
        self._by_arm: dict[tuple[int, str], dict[int, dict]] = {}
        for result in results:
            self._by_arm.setdefault((result["size"], result["arm"]), {})[result["seed"]] = result

    def of(self, size: int, arm: Arm) -> list[dict[str, Any]]:
        """The results of an arm, by seed."""
        return [row for _, row in sorted(self._by_arm.get((size, arm.name), {}).items())]

    def difference(
        self, size: int, arm: Arm, against: Arm, *, comparisons: int = 1
    ) -> Difference | None:
        """Over the seeds that both arms have; None if there are none."""
        ours, theirs = (self._by_arm.get((size, one.name), {}) for one in (arm, against))
        seeds = sorted(ours.keys() & theirs.keys())
        if not seeds:
            return None
        sides = (np.stack([self._bits(own[seed]) for seed in seeds]) for own in (ours, theirs))
        return difference(*sides, comparisons=comparisons)

    def _bits(self, result: dict[str, Any]) -> np.ndarray:
        packed = np.frombuffer(bytes.fromhex(result["correct"]), np.uint8)
        return np.unpackbits(packed, count=self._num_test).astype(bool)


def study_result(
    results: Sequence[dict[str, Any]],
    *,
    sizes: Sequence[int],
    arms: Sequence[Arm],
    pairs: Sequence[Pair],
    num_cells: int,
    protocol: dict[str, Any],
) -> Result:
    """What study.json holds, but for the verdict. Accuracies and recalls are in [0, 1].

    Its metrics are named 'accuracy/size/arm', 'difference/size/arm/against' and, of the arm with
    generated images that has the best mean, 'best/size/arm/against'; `n` counts seeds. It depends
    on no clock: the same cells give the same result.

    Args:
        pairs: what is compared at each size.
        num_cells: that there will be.
        protocol: of the study; its 'images' are the test images.
    """
    cells = CellResults(results, protocol["images"])
    done = [(size, arm, cells.of(size, arm)) for size in sizes for arm in arms]
    found: dict[str, Entry] = {}
    for size, arm, rows in done:
        if rows:
            found[f"accuracy/{size}/{arm.name}"] = _accuracy(size, arm, rows)
    for size in sizes:
        for pair in pairs:
            row = cells.difference(size, pair.arm, pair.against)
            if row is not None:
                key = f"difference/{size}/{pair.arm.name}/{pair.against.name}"
                found[key] = row.entry(size, pair.arm, pair.against, question=pair.question.value)
    for size in sizes:
        for classical in (False, True):
            found |= _best_entry(cells, size, [a for a in arms if a.classical == classical])
    count = sum(len(rows) for _, _, rows in done)
    kept = [
        {name: value for name, value in row.items() if name not in _LEFT_OUT}
        for _, _, rows in done
        for row in rows
    ]
    protocol = protocol | {"cells": num_cells, "cells_done": count}
    return Result(found, protocol, more={"cells": kept})


def accuracies(content: dict[str, Any]) -> list[Entry]:
    """The arms' entries in study.json."""
    return _of_kind(content, "accuracy")


def differences(content: dict[str, Any], question: Question) -> list[Entry]:
    """The entries of the comparisons that answer a question."""
    return [row for row in _of_kind(content, "difference") if row["question"] == question]


def best_arms(content: dict[str, Any]) -> list[Entry]:
    """The entries of the best arms against none."""
    return _of_kind(content, "best")


def _of_kind(content: dict[str, Any], kind: str) -> list[Entry]:
    return [row for name, row in content["metrics"].items() if name.startswith(f"{kind}/")]


def _best_entry(cells: CellResults, size: int, arms: Sequence[Arm]) -> dict[str, Entry]:
    """The arm with generated images that has the best mean, against none; {} of too few cells.

    It is picked by the test set, so its interval is corrected for the number it was picked from.
    """
    candidates = [arm for arm in arms if arm.added is not Added.NONE]
    seeds = [{row["seed"] for row in cells.of(size, arm)} for arm in candidates]
    without = {row["seed"] for row in cells.of(size, candidates[0].without)}
    if not without or any(own != without for own in seeds):
        return {}
    means = [np.mean([row["accuracy"] for row in cells.of(size, arm)]) for arm in candidates]
    best, count = candidates[int(np.argmax(means))], len(candidates)
    found = cells.difference(size, best, best.without, comparisons=count)
    assert found is not None
    entry = found.entry(size, best, best.without, candidates=count)
    return {f"best/{size}/{best.name}/{best.without.name}": entry}


def _accuracy(size: int, arm: Arm, rows: Sequence[dict[str, Any]]) -> Entry:
    summary = summarise([row["accuracy"] for row in rows])
    recalls = zip(*(row["recall"] for row in rows), strict=True)
    return summary.entry(
        std=summary.std,
        size=size,
        arm=arm.name,
        label=arm.label,
        seeds=[row["seed"] for row in rows],
        values=[row["accuracy"] for row in rows],
        recall=[None if None in own else float(np.mean(own)) for own in recalls],
        generated_images=[row["generated_images"] for row in rows],
        wanted_images=rows[0]["wanted_images"],
        steps=rows[0]["steps"],
    )


_FOUND = {
    Outcome.BETTER: "they help",
    Outcome.WORSE: "they harm",
    Outcome.CANNOT_TELL: "the study cannot tell whether they help",
}
_ASKED = {
    Question.CLASSICAL: "Classical augmentation against none",
    Question.LONGER: "Longer training on the same real images",
    Question.ADDING: "Generated images against the same training without them",
    Question.CONTROL: "Generated images against their GAN's compute spent on real images",
    Question.FILTERING: "Filtered generated images against unfiltered ones",
}


def verdict(content: dict[str, Any]) -> list[str]:
    """The sentences, the most important first; each says 'cannot tell' where that is so.

    Args:
        content: of study.json, see `study_result`.
    """
    protocol = content["protocol"]
    sentences = []
    if protocol["cells_done"] < protocol["cells"]:
        sentences.append(
            f"Not finished: {protocol['cells_done']} of {protocol['cells']} cells are done."
        )
    if len(protocol["seed"]) < 2:
        sentences.append(
            "With a single seed there is no telling a difference from chance: set "
            "config.num_seeds to 3 or more."
        )
    smallest = min(protocol["sizes"])
    rows = [row for row in best_arms(content) if row["size"] == smallest]
    sentences += [_best_sentence(row, content) for row in reversed(rows)]
    tallies = (_tally(differences(content, question), question) for question in Question)
    return sentences + [text for text in tallies if text]


def _tally(rows: Sequence[Entry], question: Question) -> str:
    """How the comparisons of a question came out, and which are clear; '' without any."""
    if not rows:
        return ""
    counts = Counter(row["outcome"] for row in rows)
    clear = len(rows) - counts[Outcome.CANNOT_TELL]
    text = f"{_ASKED[question]}: {plural(len(rows), 'comparison')}, "
    text += ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome) + "."
    for outcome in (Outcome.BETTER, Outcome.WORSE):
        named = [
            f"{row['arm']} against {row['against']} at {row['size']:,} "
            f"({points(row['value'])} points)"
            for row in rows
            if row["outcome"] == outcome
        ]
        if named:
            text += f" {outcome.value.capitalize()}: {'; '.join(named)}."
    if clear and len(rows) > 1:
        chance = (1 - CONFIDENCE) * len(rows)
        text += f" By chance alone up to about {chance:.1f} of them would seem clear."
    return text


def _best_sentence(row: dict[str, Any], content: dict[str, Any]) -> str:
    found = {arm["arm"]: arm for arm in accuracies(content) if arm["size"] == row["size"]}
    ours, theirs = found[row["arm"]], found[row["against"]]
    images = content["protocol"]["images"]
    none_passed = max(ours["generated_images"]) == 0
    way = f"{ours['label']} (none passed the filter)" if none_passed else ours["label"]
    base = "no augmentation" if row["against"] == "real" else "classical augmentation"
    if row["candidates"] > 1:
        way = f"the best of {row['candidates']} ways to add them ({way})"
    text = (
        f"Generated images, with {row['size']:,} real ones and {base}: {way} "
        f"takes accuracy on {images:,} real test images from {percentage(theirs['value'])} to "
        f"{percentage(ours['value'])}, {points(row['value'])} points"
    )
    if row["ci"] is None:
        return f"{text}, of one seed: the study cannot tell whether they help."
    over = f"95 %: {between(row['ci'], points)}, over {row['n']} seeds and the test images"
    corrected = ", corrected for the picking" if row["candidates"] > 1 else ""
    return f"{text} ({over}{corrected}): {_FOUND[Outcome(row['outcome'])]}."
