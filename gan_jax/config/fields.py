"""What each field of a config may be: its range or its choices, and what to say of other values."""

from __future__ import annotations

import dataclasses
import math
import sys
from typing import Any

from gan_jax.config.build_networks import DTYPES, MODELS
from gan_jax.models.layers import DISCRIMINATOR_NORMS, INITIALIZATIONS, NORMS
from gan_jax.models.super_resolution import FACTORS, UPSAMPLINGS
from gan_jax.models.texture import MOST_LEVELS
from gan_jax.steps.generator_losses import PIXEL_KINDS
from gan_jax.steps.losses import LOSSES
from gan_jax.steps.schedules import DECAYS, SHAPES
from gan_jax.steps.updates import UPDATES

_ABOVE_0 = math.nextafter(0.0, 1.0)
_BELOW_1 = math.nextafter(1.0, 0.0)


@dataclasses.dataclass(frozen=True)
class Rule:
    """What a field may be.

    Attributes:
        low, high: the ends of its range, both in it; no range if low is None.
        choices: what it may be besides.
        expected: what is told of any other value; '' offers the choices.
    """

    low: float | None = None
    high: float = math.inf
    choices: tuple[Any, ...] = ()
    expected: str = ""

    def fits(self, value: Any) -> bool:
        """Whether a field may have this value."""
        return value in self.choices or (self.low is not None and self.low <= value <= self.high)


_FROM_0 = Rule(0, expected="0 or more")
_FROM_1 = Rule(1, expected="1 or more")
_POSITIVE = Rule(_ABOVE_0, expected="a number above 0")
_SHARE = Rule(0, 1, expected="a share from 0 to 1")
_PROBABILITY = Rule(0, 1, expected="0 to 1")
_BETWEEN_0_AND_1 = Rule(_ABOVE_0, _BELOW_1, expected="a number between 0 and 1")
_MOMENT = Rule(0, _BELOW_1, expected="0 or more, and less than 1")
_OPTIMIZER = {
    "learning_rate": _POSITIVE,
    "learning_rate_end": _FROM_0,
    "schedule": Rule(choices=tuple(DECAYS)),
    "b1": _MOMENT,
    "b2": _MOMENT,
    "b2_end": _MOMENT,
}


def _all(rule: Rule, section: str, *names: str) -> dict[str, Rule]:
    return {f"{section}.{name}".lstrip("."): rule for name in names}


# By dotted name, in the order in which they are checked. A config without a field is not asked.
FIELDS: dict[str, Rule] = {
    **_all(_POSITIVE, "", "batch_size", "steps_per_call", "log_every", "num_seeds"),
    **_all(_POSITIVE, "checkpoint", "every", "keep"),
    "seed": _FROM_0,
    "parallel": Rule(choices=("pmap", "jit")),
    "evaluation.every": Rule(0, expected="a number of steps, or 0 for the end only"),
    "evaluation.num_samples": Rule(
        4, expected="at least 4, as the Frechet distance needs, and hundreds to mean something"
    ),
    "evaluation.num_final_samples": Rule(
        4, choices=(0,), expected="at least 4, or 0 for as many as config.evaluation.num_samples"
    ),
    # Networks
    "model.name": Rule(choices=tuple(MODELS)),
    "model.dtype": Rule(choices=tuple(DTYPES)),
    "model.conditional": Rule(
        choices=("", "projection", "auxiliary"),
        expected="'projection' or 'auxiliary', or '' for a GAN without classes",
    ),
    "model.generator_norm": Rule(choices=NORMS),
    "model.discriminator_norm": Rule(choices=DISCRIMINATOR_NORMS),
    "model.discriminator_width": Rule(0, expected="1 or more, or 0 for that of config.model.width"),
    "model.initialization": Rule(choices=INITIALIZATIONS),
    **_all(_FROM_1, "model", "width", "kernel_size", "blocks", "expansion", "group_size"),
    **_all(_FROM_1, "model", "local_dim", "num_textures", "coarse_layers", "discriminator_scales"),
    **_all(_FROM_1, "model", "motion_dim", "frames_judged"),
    **_all(_FROM_0, "model", "halvings", "fine_dim", "num_waves"),
    "model.levels": Rule(
        1, MOST_LEVELS, expected=f"1 to {MOST_LEVELS} doublings of the noise, such as 4"
    ),
    # Losses and how they are followed
    "loss": Rule(choices=tuple(LOSSES)),
    "updates": Rule(choices=tuple(UPDATES)),
    "discriminator_steps": _FROM_1,
    "penalty_interval": Rule(1, expected="1 or more steps"),
    **_all(_FROM_0, "", "r1_weight", "r1_weight_end", "r2_weight", "r2_weight_end"),
    **_all(_FROM_0, "", "gradient_penalty_weight", "dragan_weight", "lecam_weight"),
    **_all(_FROM_0, "", "ema_half_life_end", "feature_matching.weight"),
    **{
        f"{section}.{name}": rule
        for section in (
            "optimizer",
            "generator_optimizer",
            "discriminator_optimizer",
            "super_resolution.optimizer",
        )
        for name, rule in _OPTIMIZER.items()
    },
    "burn_in.images": Rule(0, expected="0 or more images"),
    "burn_in.shape": Rule(choices=SHAPES),
    "texture_matching.weight": Rule(
        0, sys.float_info.max, expected="a number above 0, such as 100, or 0 for no such loss"
    ),
    **_all(_FROM_1, "texture_matching", "scales", "filters", "size"),
    # Augmentation
    "augment.translation": Rule(0, 0.5, expected="a fraction of the side from 0 to 0.5"),
    "augment.cutout": Rule(0, 1, expected="a fraction of the side from 0 to 1.0"),
    **_all(_FROM_0, "augment", "brightness", "saturation", "contrast"),
    **_all(_PROBABILITY, "augment", "probability", "probability_end"),
    "augment.adaptive.target": _BETWEEN_0_AND_1,
    "augment.adaptive.interval": Rule(1, expected="1 or more updates"),
    "augment.adaptive.images": Rule(_ABOVE_0, expected="a number of images above 0"),
    "augment.adaptive.limit": Rule(_ABOVE_0, 1, expected="above 0, and 1 at most"),
    # Collapse: `none` does nothing, `warn` says so, `stop` ends the run, `rollback` turns it back.
    "collapse.action": Rule(choices=("none", "warn", "stop", "rollback")),
    **_all(_SHARE, "collapse", "coverage", "vendi", "class_kl", "drop", "grace"),
    "collapse.patience": _POSITIVE,
    "collapse.rollbacks": _FROM_0,
    # Super-resolution
    "super_resolution.factor": Rule(
        choices=(0, *FACTORS), expected="2 or 4, or 0 for a generator that draws from latents"
    ),
    **_all(_FROM_1, "super_resolution", "width", "blocks"),
    "super_resolution.upsampling": Rule(choices=UPSAMPLINGS),
    "super_resolution.pixel_loss": Rule(choices=PIXEL_KINDS),
    **_all(_FROM_0, "super_resolution", "pixel_weight", "perceptual.weight"),
    "super_resolution.adversarial_weight": _POSITIVE,
    # A recogniser
    "layers.semantic": Rule(choices=("penultimate",), expected="'penultimate'"),
    # A study
    **_all(_POSITIVE, "", "mixed_ratio"),
    "filters.recognisers": _FROM_1,
    "filters.confidence": Rule(0, _BELOW_1, expected="a probability from 0 to below 1"),
    "filters.acceptance": Rule(_ABOVE_0, _BELOW_1, expected="a share between 0 and 1"),
    "control.extra_steps": Rule(0, expected="0 or more steps"),
    "control.most": Rule(1, expected="1 or more times config.recogniser.num_steps"),
}
