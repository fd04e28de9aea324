"""The frozen recognisers in a GAN's loop: from a config to losses, and never the judge.

A generator that is trained on what a judge sees makes the judge's numbers better, whatever its
images are like. So the recogniser of a loss and the judge must be two networks: not one pack, not
copies of one, and not two trainings of one config, which give the same weights.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ml_collections import ConfigDict

from gan_jax.data import Dataset
from gan_jax.data.disk import path_of, write_json
from gan_jax.data.schema import map_of, read_checked
from gan_jax.errors import InputError
from gan_jax.extractors.extractor import Extractor
from gan_jax.extractors.identity import Identity, check_identity, refuse_judge
from gan_jax.extractors.pack import load_pack
from gan_jax.extractors.released import pack_place
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.parallel import is_main_process
from gan_jax.steps.generator_losses import FeatureMatching, FrozenFeatures, Perceptual
from gan_jax.steps.state import GAN

RECORD = "frozen.json"
_LOSSES: dict[str, type[FeatureMatching] | type[Perceptual]] = {
    "feature_matching": FeatureMatching,
    "super_resolution.perceptual": Perceptual,
}


def sections_of(config: ConfigDict) -> dict[str, ConfigDict]:
    """The sections of the frozen recognisers that a config has a loss on, by dotted name."""
    found = {"feature_matching": config.feature_matching}
    if config.super_resolution.factor:
        found["super_resolution.perceptual"] = config.super_resolution.perceptual
    return {name: part for name, part in found.items() if part.pack and part.weight}


def check_alone(config: ConfigDict) -> None:
    """Raises InputError for what is not trained with several seeds or a sweep at once."""
    if config.super_resolution.factor:
        what = f"config.super_resolution.factor is {config.super_resolution.factor}"
    elif sections_of(config):
        what = f"config.feature_matching.pack is '{config.feature_matching.pack}'"
    else:
        return
    raise InputError(
        f"{what}, which several seeds or a sweep in one program cannot do yet: train one GAN at a "
        "time (config.num_seeds=1 and no config.sweep)."
    )


def check_frozen(config: ConfigDict, train: Dataset, judges: Sequence[Identity]) -> None:
    """What can be known of the frozen recognisers before any training.

    Raises:
        InputError: a pack that is not there and has no config to make it, or does not fit the
            images; a layer that it has not; or one that is the judge.
    """
    for name, section in sections_of(config).items():
        if section.train and not _is_there(section):
            if pathlib.Path(section.pack).name != folder.PACK:
                raise InputError(
                    f"config.{name}.pack is '{section.pack}': a pack that is to be trained lies in "
                    f"its run's folder under the name '{folder.PACK}'."
                )
            identity = Identity.planned(section.pack, section.train)
        else:
            identity = Identity.of(_open(name, section, train), section.pack)
        _refuse(f"{name}.pack", identity, judges)


def with_frozen_losses(
    gan: GAN,
    config: ConfigDict,
    workdir: pathlib.Path,
    train: Dataset,
    judges: Sequence[Identity],
    train_recogniser: Callable[[ConfigDict, pathlib.Path], None],
) -> GAN:
    """The GAN with the losses on its frozen recognisers, which are trained first where need be.

    Which they are is kept in the run's folder, so that a run goes on with the same ones only.
    `train_recogniser` trains a CNN config in a folder, whose pack is then there.

    Raises:
        InputError: see `check_frozen`; or another pack than the run was begun with.
    """
    sections = sections_of(config)
    if not sections:
        return gan
    losses: list[FeatureMatching | Perceptual] = []
    identities = {}
    for name, section in sections.items():
        if section.train and not _is_there(section):
            train_recogniser(section.train, path_of(section.pack).parent)
        extractor = _open(name, section, train)
        identity = identities[name] = Identity.of(extractor, section.pack)
        _refuse(f"{name}.pack", identity, judges)
        features = FrozenFeatures.of(extractor, section.layer)
        losses.append(_LOSSES[name](features, float(section.weight)))
    _keep(workdir, identities)
    return dataclasses.replace(gan, generator_losses=(*gan.generator_losses, *losses))


def in_the_loop(workdir: pathlib.Path) -> dict[str, Any]:
    """For a protocol: {'in_the_loop': stamps by section} of a run; {} if there are none."""
    found = _read(workdir)
    return {"in_the_loop": {name: one.stamp for name, one in found.items()}} if found else {}


def refuse_judges(workdir: pathlib.Path, extractors: Iterable[Any]) -> None:
    """Raises InputError if one of the extractors was in the loop of the run in this folder."""
    judges = [Identity.of(extractor) for extractor in extractors]
    for name, identity in _read(workdir).items():
        _refuse(f"{name}.pack of the run", identity, judges)


def _refuse(name: str, identity: Identity, judges: Sequence[Identity]) -> None:
    for judge in judges:
        refuse_judge(f"config.{name}", identity, judge)


def _is_there(section: ConfigDict) -> bool:
    return pack_place(section.pack).exists()


def _open(name: str, section: ConfigDict, train: Dataset) -> Extractor:
    """The pack of a section, if it fits the images."""
    extractor = load_pack(section.pack)
    try:
        extractor.check_shape(train.image_shape)
        FrozenFeatures.of(extractor, section.layer)
    except InputError as error:
        raise InputError(f"config.{name}: {error}") from error
    return extractor


def _keep(workdir: pathlib.Path, identities: dict[str, Identity]) -> None:
    for name, known in _read(workdir).items():
        now = identities.get(name)
        if now is not None and now.digest != known.digest:
            raise InputError(
                f"config.{name}.pack was {known.stamp} when the run in '{workdir}' was begun, and "
                f"is now {now.stamp}: give back the pack that it was, or another --workdir."
            )
    if is_main_process():
        record = {
            name: {"stamp": one.stamp, "digest": one.digest, "training": one.training}
            for name, one in identities.items()
        }
        write_json(workdir / RECORD, record)


def _read(workdir: pathlib.Path) -> dict[str, Identity]:
    path = pathlib.Path(workdir) / RECORD
    if not path.exists():
        return {}
    advice = "put a copy of it back, or begin anew in another folder"
    content = read_checked(path, map_of(check_identity, most=100), advice)
    return {name: Identity(**entry) for name, entry in content.items()}
