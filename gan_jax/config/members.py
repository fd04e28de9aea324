"""The members of a run: which seeds, and in a sweep which hyper-parameters, one config describes.

A setting is one choice of hyper-parameters; `config.num_seeds` members are trained of each, with
the seeds config.seed, config.seed + 1 and so on, the same for every setting.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterator, Sequence

from ml_collections import ConfigDict

from gan_jax.config.build import Shape, build_gan
from gan_jax.config.checks import value_of
from gan_jax.config.defaults import gan_config
from gan_jax.errors import InputError
from gan_jax.steps.hyperparameters import NotTraceable, differing_numbers
from gan_jax.steps.state import GAN

# Fields that may be 0 in one setting and above 0 in another: the penalty is then computed in all,
# and counts nothing in the former.
_WEIGHTS = ("r1_weight", "r2_weight", "gradient_penalty_weight", "dragan_weight", "lecam_weight")
_RATES = ("generator_optimizer.learning_rate", "discriminator_optimizer.learning_rate")


@dataclasses.dataclass(frozen=True)
class Setting:
    """One choice of hyper-parameters.

    Attributes:
        values: (name in config.sweep, value) of each that is swept; empty without a sweep.
    """

    values: tuple[tuple[str, float], ...]

    @property
    def name(self) -> str:
        """Such as 'gamma=0.25, learning_rate=0.001'; 'all seeds' without a sweep."""
        return ", ".join(f"{name}={value:.12g}" for name, value in self.values) or "all seeds"


@dataclasses.dataclass(frozen=True)
class Member:
    """One GAN of a run.

    Attributes:
        index: its place among all.
        seed: of its parameters, latents, dropout and order of the data.
        setting: its hyper-parameters.
    """

    index: int
    seed: int
    setting: Setting

    @property
    def name(self) -> str:
        """Such as 'gamma=0.25, seed 1'."""
        return f"{self.setting.name}, seed {self.seed}" if self.setting.values else self.label

    @property
    def label(self) -> str:
        """Its name within its setting: 'seed 1'."""
        return f"seed {self.seed}"

    @property
    def folder(self) -> str:
        """The name of its folder, such as '03_gamma=0.25_seed=1'."""
        parts = [f"{name}={value:.12g}" for name, value in self.setting.values]
        return "_".join([f"{self.index:02d}", *parts, f"seed={self.seed}"])


def has_members(config: ConfigDict) -> bool:
    """Whether a config describes several GANs: more than one seed, or a sweep."""
    return config.kind == "gan" and (config.num_seeds > 1 or bool(list(_swept(config.sweep))))


def settings_of(config: ConfigDict) -> list[Setting]:
    """The settings of a config: all combinations of the values in config.sweep.

    Raises InputError for values that are not distinct finite numbers, or names that contradict.
    """
    swept = list(_swept(config.sweep))
    for name, values in swept:
        _check_values(name, values)
    names = [name for name, _ in swept]
    fields = [field for name in names for field in _fields(config, name)]
    twice = sorted({field for field in fields if fields.count(field) > 1})
    if twice:
        raise InputError(
            f"config.sweep has {' and '.join(names)}, which set config.{twice[0]} twice: leave one "
            "of them out."
        )
    return [
        Setting(tuple(zip(names, map(float, values), strict=True)))
        for values in itertools.product(*(values for _, values in swept))
    ]


def members_of(config: ConfigDict) -> list[Member]:
    """The members of a config, setting by setting; errors as `settings_of`."""
    pairs = itertools.product(settings_of(config), range(config.num_seeds))
    return [
        Member(index, config.seed + number, setting)
        for index, (setting, number) in enumerate(pairs)
    ]


def member_config(config: ConfigDict, member: Member) -> ConfigDict:
    """The config of a run that trains this member alone."""
    alone = with_setting(config, member.setting)
    alone.seed = member.seed
    alone.num_seeds = 1
    return alone


def with_setting(config: ConfigDict, setting: Setting) -> ConfigDict:
    """A copy of the config with the setting's values in place, and no sweep."""
    changed = config.copy_and_resolve_references()
    changed.sweep = gan_config().sweep
    for name, value in setting.values:
        changed.update_from_flattened_dict(_numbers(config, name, value))
    return changed


def build_members(
    config: ConfigDict,
    members: Sequence[Member],
    image_shape: Shape,
    num_steps: int,
    *,
    num_classes: int = 0,
) -> tuple[GAN, dict[str, tuple[float, ...]]]:
    """The GANs of the members, each checked as if it were trained alone; see `build_gan`.

    Returns:
        What they have in common, with the numbers of the first setting; and the numbers in which
        they differ, by their place in the GAN, [members] each.

    Raises:
        InputError: a setting that cannot be trained, or one that changes more than numbers.
    """
    settings = list(dict.fromkeys(member.setting for member in members))
    configs = [with_setting(config, setting) for setting in settings]
    stand_ins = _stand_ins(configs)
    # With some number in the place of a 0, all settings are the same program.
    filled = [_filled(changed, stand_ins) for changed in configs]
    build = functools.partial(
        build_gan, image_shape=image_shape, num_steps=num_steps, num_classes=num_classes
    )
    gans = []
    for setting, changed in zip(settings, filled, strict=True):
        try:
            gans.append(build(changed))
        except InputError as error:
            raise InputError(f"with {setting.name}: {error}") from error
    values = {place: list(numbers) for place, numbers in _differing(gans).items()}
    for field, stand_in in stand_ins.items():
        doubled = filled[0].copy_and_resolve_references()
        doubled[field] = 2 * filled[0][field]
        for place in _differing([gans[0], build(doubled)]):
            values.setdefault(place, [stand_in] * len(settings))
            for row, changed in enumerate(configs):
                if changed[field] == 0:
                    values[place][row] = 0.0
    rows = [settings.index(member.setting) for member in members]
    return gans[0], {
        place: tuple(numbers[row] for row in rows) for place, numbers in values.items()
    }


def _differing(gans: Sequence[GAN]) -> dict[str, tuple[float, ...]]:
    try:
        return differing_numbers(gans)
    except NotTraceable as error:
        raise InputError(
            f"config.sweep changes more than a number of the training step ({error}), so its "
            "settings are not one program: train them one at a time."
        ) from error


def _stand_ins(configs: Sequence[ConfigDict]) -> dict[str, float]:
    """Weights that are 0 in some configs only, each with a value that it has in another."""
    found = {}
    for field in _WEIGHTS:
        values = [config[field] for config in configs]
        if 0 in values and any(values):
            found[field] = max(values)
    return found


def _filled(config: ConfigDict, stand_ins: dict[str, float]) -> ConfigDict:
    """A copy of the config in which the weights that are 0 have their stand-in's value."""
    filled = config.copy_and_resolve_references()
    for field, value in stand_ins.items():
        filled[field] = filled[field] or value
    return filled


def _swept(sweep: ConfigDict, prefix: str = "") -> Iterator[tuple[str, tuple[float, ...]]]:
    """(name, values) of what is swept, in alphabetical order, as config.json may have another."""
    for name in sorted(sweep):
        values = sweep[name]
        if isinstance(values, ConfigDict):
            yield from _swept(values, f"{prefix}{name}.")
        elif values:
            yield f"{prefix}{name}", values


def _check_values(name: str, values: Sequence[float]) -> None:
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    if not numbers or not all(map(math.isfinite, values)) or len(set(values)) < len(values):
        raise InputError(
            f"config.sweep.{name} is {values!r}; expected numbers, none twice, such as "
            f"--config.sweep.{name}=0.25,1,4."
        )


def _fields(config: ConfigDict, name: str) -> list[str]:
    """The fields of the config that a name in config.sweep sets."""
    if name == "learning_rate":
        return list(_RATES)
    if name != "gamma":
        return [name]
    fields = [field for field in ("r1_weight", "r2_weight") if config[field]]
    if not fields:
        raise InputError(
            "config.sweep.gamma is given, and config.r1_weight and config.r2_weight are 0: set "
            "those that gamma is to be the weight of to any number above 0."
        )
    return fields


def _numbers(config: ConfigDict, name: str, value: float) -> dict[str, float]:
    """What each field becomes.

    The discriminator's learning rate keeps its ratio to the generator's, and what a field ends at
    after the burn-in its ratio to what it begins with.
    """
    fields = _fields(config, name)
    numbers = dict.fromkeys(fields, value)
    if name == "learning_rate":
        generator, discriminator = (value_of(config, field) for field in fields)
        numbers[fields[1]] = value * (discriminator / generator)
    for field in fields:
        before, end = value_of(config, field), value_of(config, f"{field}_end")
        if end is not None and before:
            numbers[f"{field}_end"] = end * (numbers[field] / before)
    return numbers
