"""Whether results measure the same: what their protocols must agree in, and what may differ.

Two numbers can be compared only where extractor, layers, preprocessing, reference and seed are the
same: every field of the protocol has to agree but for those that a comparison is about.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from gan_jax.reports.comparison.results import Judgement
from gan_jax.reports.text import listed, shortened

# Fields of the protocol that may differ between runs, and why that is no harm.
MAY_DIFFER = {
    "step": "How long a run was trained is part of what is compared.",
    "samples": "Whose images were judged is what is compared.",
    "samples_fingerprint": "Whose images were judged is what is compared.",
    "images": "A metric that moves with n is not ranked where its n differs.",
    "frechet_n": "A metric that moves with n is not ranked where its n differs.",
    "modes_n": "A metric that moves with n is not ranked where its n differs.",
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
    "frechet_halvings",
    "seed",
    "task",
}
_ABSENT = "not recorded"
_LONGEST_VALUE = 90
_DIGEST = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{56}\b")


def in_groups(judgements: Iterable[Judgement]) -> list[list[Judgement]]:
    """Judgements that measure the same, together: each joins the first group that it fits."""
    groups: list[list[Judgement]] = []
    for one in judgements:
        fitting = (group for group in groups if not any(_differing(one, o) for o in group))
        group = next(fitting, None)
        if group is None:
            groups.append([one])
        else:
            group.append(one)
    return groups


def why_apart(judged: Sequence[Judgement]) -> str:
    """The fields in which judgements do not measure the same, and the runs that have each value."""
    pairs = itertools.combinations(judged, 2)
    fields = list(dict.fromkeys(field for pair in pairs for field in _differing(*pair)))
    if "extractor_sha256" in fields:  # layers and preprocessing follow from it
        fields = ["extractor", *(f for f in fields if f.startswith("reference"))]
    return "; ".join(
        f"{f} is {by_value((one.run, one.protocol.get(f, _ABSENT)) for one in judged)}"
        for f in fields
    )


def unrecorded(judged: Sequence[Judgement]) -> list[str]:
    """Warnings of fields that could not be compared, as not every protocol has them."""
    lacking = {
        field: [one.run for one in judged if field not in one.protocol] for field in _strict(judged)
    }
    return [
        f"Warning: {field} is not recorded in {listed(runs)}, so it was not compared."
        for field, runs in lacking.items()
        if runs
    ]


def _strict(judged: Sequence[Judgement]) -> list[str]:
    fields = dict.fromkeys(field for one in judged for field in one.protocol)
    return [field for field in fields if field not in MAY_DIFFER and field not in _FOLLOWING]


def _differing(one: Judgement, other: Judgement) -> list[str]:
    a, b = one.protocol, other.protocol
    return [
        field
        for field in _strict((one, other))
        if (field in _STAMP or (field in a and field in b)) and a.get(field) != b.get(field)
    ]


def differ(values: Iterable[Any]) -> bool:
    """Whether JSON values are not all the same."""
    return len({_plain(value) for value in values}) > 1


def by_value(values: Iterable[tuple[str, Any]]) -> str:
    """'500 in a, b and 250 in c' of pairs (run, value)."""
    groups: dict[str, list[str]] = {}
    for run, value in values:
        groups.setdefault(_DIGEST.sub(r"\1…", _plain(value)), []).append(run)
    return " and ".join(
        f"{shortened(value, _LONGEST_VALUE)} in {listed(runs)}" for value, runs in groups.items()
    )


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
