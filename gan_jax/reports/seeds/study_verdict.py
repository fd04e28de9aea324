"""What a study came to, in sentences that its numbers support."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from gan_jax.config.study_plan import Question
from gan_jax.reports.result import Entry
from gan_jax.reports.seeds.statistics import CONFIDENCE
from gan_jax.reports.seeds.study import Outcome, accuracies, best_arms, differences
from gan_jax.reports.text import between, percentage, plural, points

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
        content: of study.json, see `gan_jax.reports.seeds.study.study_result`.
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
    sentences += [_best(row, content) for row in reversed(rows)]
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


def _best(row: dict[str, Any], content: dict[str, Any]) -> str:
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
