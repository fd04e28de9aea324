"""What is said of a set of images, whoever judged them: metrics, their protocol, and what it means.

A further kind of judge adds what its own pages need to a subclass.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from gan_jax.extractors.common import Features
from gan_jax.judging.entries import Entry


@dataclasses.dataclass(frozen=True, eq=False)
class Findings:
    """What every judgement has.

    Attributes:
        metrics: name to {'value', and where they exist 'floor', 'real', 'ci', 'n'}.
        protocol: what the numbers depend on, and why a family is missing.
        headline: see `gan_jax.judging.headline.make_headline`; {} of a quick judgement.
        flags: what a reader must know first, [{'name', 'text', 'apart'}].
    """

    metrics: dict[str, Entry]
    protocol: dict[str, Any]
    headline: dict[str, Any] = dataclasses.field(default_factory=dict, kw_only=True)
    flags: tuple[dict[str, Any], ...] = dataclasses.field(default=(), kw_only=True)

    @property
    def opening(self) -> dict[str, Any]:
        """What eval.json and a page open with: 'headline' and 'flags'."""
        return {"headline": self.headline, "flags": list(self.flags)}

    def content(self) -> dict[str, Any]:
        """Its part of eval.json."""
        return self.opening | {"metrics": self.metrics, "protocol": self.protocol}

    def summary(self) -> dict[str, float]:
        """The numbers for a log: 'eval/name', and 'eval/name_floor'."""
        rows = {}
        for name, entry in self.metrics.items():
            if isinstance(entry["value"], (int, float)):
                rows[f"eval/{name}"] = entry["value"]
                if entry.get("floor") is not None:
                    rows[f"eval/{name}_floor"] = entry["floor"]
        return rows


@dataclasses.dataclass(frozen=True, eq=False)
class Judgement(Findings):
    """What is said of images by the features of an extractor.

    Attributes:
        features: of the judged images, in the order in which they were given.
        influences: by metric, float64 [m]: what each reference image adds to its value, in the
            order of the reference's content; for comparisons of several judgements.
    """

    features: Features
    influences: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
