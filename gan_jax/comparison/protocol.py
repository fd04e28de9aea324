"""Whether results measure the same: what their protocols must agree in, and what may differ.

Two numbers can be compared only where extractor, layers, preprocessing, reference, number of images
and seed are the same: every field of the protocol has to agree but for those that a comparison is
about.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from gan_jax.comparison.results import Judgement, listed, shortened
from gan_jax.errors import InputError

# Fields of the protocol that may differ between runs, and why that is no harm.
MAY_DIFFER = {
    "step": "How long a run was trained is part of what is compared.",
    "samples": "Whose images were judged is what is compared.",
    "samples_fingerprint": "Whose images were judged is what is compared.",
    "images": "A Fréchet distance takes frechet_n of them, which agrees; a metric over all of them "
    "is not ranked where its n differs.",
    "reference": "A name only: the fingerprint of the reference images agrees.",
    "labels": "A conditional GAN is asked for classes in its training set's mix; others choose "
    "theirs.",
    "gate": "The gate may have been run on the extractor between two judgements.",
    "skipped": "What could not be computed of a run is missing in its column.",
    "training": "Only the metrics of copying look at training images.",
    "training_images": "Only the metrics of copying look at training images.",
    "gan_jax": "The definitions of metrics may differ between versions: judge all runs with one "
    "version before relying on a small difference.",
}
# These follow from the extractor's digest, which has to agree.
_FOLLOWING = {"extractor", "extractor_accuracy", "extractor_trained_on_reference"}
# A result that lacks one of these differs from one that has it; a field that is new in a later
# version and lacks in older results is only noted.
_STAMP = {
    "extractor_sha256",
    "layers",
    "preprocessing",
    "resize",
    "reference_fingerprint",
    "reference_split",
    "frechet_n",
    "frechet_halvings",
    "seed",
}
_ABSENT = "not recorded"
_LONGEST_VALUE = 90


def check_protocols(judged: Sequence[Judgement]) -> list[str]:
    """Notes on what could not be compared in the protocols of several runs by one judge.

    Raises:
        InputError: they do not measure the same; every field that differs is named.
    """
    fields = dict.fromkeys(field for one in judged for field in one.protocol)
    strict = [field for field in fields if field not in MAY_DIFFER and field not in _FOLLOWING]
    differing, notes = [], []
    for field in strict:
        lacking = [one.run for one in judged if field not in one.protocol]
        if lacking and field not in _STAMP:
            notes.append(
                f"Warning: {field} is not recorded in {listed(lacking)}, so it was not compared."
            )
        elif differ(one.protocol.get(field) for one in judged):
            differing.append(field)
    if differing:
        refuse(judged, differing)
    return notes


def refuse(judged: Sequence[Judgement], fields: Sequence[str]) -> NoReturn:
    """Raises InputError, which names these fields and the runs that have each value."""
    told = []
    for field in fields:
        values = [(one.run, one.protocol.get(field, _ABSENT)) for one in judged]
        told.append(f"{field} is {by_value(values)}")
    raise InputError(
        f"these results do not measure the same and cannot be compared: {'; '.join(told)}. Judge "
        "the runs again in one way (python eval.py --workdir RUN --extractor PACK), or compare "
        "only those that agree."
    )


def differ(values: Iterable[Any]) -> bool:
    """Whether JSON values are not all the same."""
    return len({_plain(value) for value in values}) > 1


def by_value(values: Iterable[tuple[str, Any]]) -> str:
    """'500 in a, b and 250 in c' of pairs (run, value)."""
    groups: dict[str, list[str]] = {}
    for run, value in values:
        groups.setdefault(_plain(value), []).append(run)
    return " and ".join(
        f"{shortened(value, _LONGEST_VALUE)} in {listed(runs)}" for value, runs in groups.items()
    )


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
