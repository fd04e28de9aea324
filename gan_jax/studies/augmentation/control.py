"""The control: the GAN's compute is spent on training with real images instead."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from gan_jax.data.schema import fields, list_of, map_of, number, whole


@dataclasses.dataclass(frozen=True)
class Extra:
    """The extra steps of the controls, the same in all groups.

    Attributes:
        plain: with real images as they are.
        classical: with classical augmentation, whose step takes longer.
        asked: (plain, classical) steps that the GAN's compute would buy without the limit.
        measured: the seconds that this follows from; empty if the config gives the steps.
    """

    plain: int
    classical: int
    asked: tuple[int, int]
    measured: dict[str, float]

    def of(self, *, classical: bool) -> int:
        """The extra steps with or without classical augmentation."""
        return self.classical if classical else self.plain


def extra_steps(
    config: ConfigDict,
    gan_step_seconds: Sequence[float],
    plain_step_seconds: Sequence[float],
    classical_step_seconds: Sequence[float],
) -> Extra:
    """The GAN's training time in steps of the recogniser, at most what the config allows.

    From medians of the measured times, as a busy machine makes some too long. The filters' time
    does not count.
    """
    steps, control = config.recogniser.num_steps, config.control
    limit = math.floor(control.most * steps) - steps
    if control.extra_steps:
        extra = min(control.extra_steps, limit)
        return Extra(extra, extra, (control.extra_steps, control.extra_steps), {})
    seconds = {
        "gan_step": float(np.median(gan_step_seconds)),
        "plain_step": float(np.median(plain_step_seconds)),
        "classical_step": float(np.median(classical_step_seconds)),
    }
    gan = config.gan.num_steps * seconds["gan_step"]
    asked = tuple(round(gan / seconds[f"{kind}_step"]) for kind in ("plain", "classical"))
    return Extra(min(asked[0], limit), min(asked[1], limit), asked, seconds)


def to_plain(extra: Extra) -> dict[str, Any]:
    """The steps as JSON values."""
    return dataclasses.asdict(extra) | {"asked": list(extra.asked)}


def check_plain(content: Any, name: str) -> None:
    """Raises `gan_jax.data.schema.Unfit` unless this is what `to_plain` gives."""
    needed = {"plain": whole(), "classical": whole(), "asked": list_of(whole(), 2, 2)}
    fields(needed | {"measured": map_of(number(0), 10)}, closed=True)(content, name)


def from_plain(content: dict[str, Any]) -> Extra:
    """The inverse of `to_plain`."""
    return Extra(**{**content, "asked": tuple(content["asked"])})
