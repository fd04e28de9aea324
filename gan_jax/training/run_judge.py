"""The judges of a run: checked before any training, and trained first where they are not there."""

from __future__ import annotations

import logging
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from gan_jax.data import Dataset, load
from gan_jax.data.disk import path_of
from gan_jax.errors import InputError
from gan_jax.extractors.identity import Identity
from gan_jax.extractors.pack import load_pack
from gan_jax.extractors.parts import reading_parts
from gan_jax.extractors.released import is_released, pack_place, released_names
from gan_jax.judging.judge import Judge, make_judge
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.logs import say
from gan_jax.runtime.signals import StopSignal
from gan_jax.training.recogniser import train_recogniser

_log = logging.getLogger(__name__)


def recipes(config: ConfigDict) -> dict[str, ConfigDict]:
    """The judges of a run by their names in `config.judge.pack`, each with the config to train it.

    That config is empty where the run's has none; a released pack is there and needs none.
    """
    judge = config.judge
    packs = [pack for pack in map(str.strip, judge.pack.split(",")) if pack]
    beside = [pack for pack in packs if not is_released(pack)][1:] if judge.train_beside else []
    return {pack: judge.train_beside if pack in beside else judge.train for pack in packs}


def check_judges(config: ConfigDict, train: Dataset) -> dict[str, Any]:
    """What can be known of a run's judges before any training: that there are or can be some.

    Returns the extractor of each by its name in `config.judge.pack`, None for one that is still to
    be trained.

    Raises:
        InputError: a pack that cannot be trained, cannot be read, or does not fit the images.
    """
    found: dict[str, Any] = {}
    by_pack = recipes(config)
    for pack, recipe in by_pack.items():
        if recipe and not pack_place(pack).exists():
            twins = [name for name, one in found.items() if one is None and by_pack[name] is recipe]
            _check_trainable(recipe, pack, twins)
            found[pack] = None
            continue
        extractor = reading_parts(load_pack(pack), train)
        extractor.check_shape(train.image_shape)
        found[pack] = extractor
    return found


def _check_trainable(recipe: ConfigDict, pack: str, twins: Sequence[str]) -> None:
    if pathlib.Path(pack).name != folder.PACK:
        raise InputError(
            f"config.judge.pack is '{pack}': a pack that is to be trained lies in its run's "
            f"folder under the name '{folder.PACK}', such as 'runs/cnn_mnist5k/{folder.PACK}'. A "
            f"released one has one of the names {', '.join(released_names())}."
        )
    if twins:
        raise InputError(
            f"config.judge.pack names '{twins[0]}' and '{pack}', neither is there yet, and one "
            "config would make the same network of both: train them one by one, with seeds of "
            "their own, or give the second's config as config.judge.train_beside."
        )
    load(recipe.dataset, "train").require_classes()


def identities(config: ConfigDict, extractors: Mapping[str, Any]) -> list[Identity]:
    """The identities of the judges that `check_judges` found."""
    return [
        Identity.planned(pack, recipe)
        if extractors[pack] is None
        else Identity.of(extractors[pack], pack)
        for pack, recipe in recipes(config).items()
    ]


def obtain_judges(
    config: ConfigDict, extractors: Mapping[str, Any], reference: Dataset, stop: StopSignal
) -> list[Judge]:
    """The judges of a GAN's run; a recogniser is trained first where its pack is not there yet."""
    if not extractors:
        say(
            "No judge: config.judge.pack is empty, so it is tested whether the images differ from "
            "real ones, and not measured how good they are."
        )
    by_pack = recipes(config)
    judges: list[Judge] = []
    for name, extractor in extractors.items():
        if extractor is None:
            pack = path_of(name)
            say(f"A judge is trained first: there is no pack in {pack} yet.")
            train_shared_recogniser(by_pack[name], pack.parent, stop)
            extractor = reading_parts(load_pack(pack), reference)
        judge = make_judge(extractor, reference, batch_size=config.evaluation.batch_size)
        title = "Judge beside it" if judges else "Judge"
        say(f"{title}: {extractor.stamp}, {_accuracy_text(extractor.record)}reference {reference}")
        if judge.share_trained_on > 0:
            _log.warning(
                "The judge %s was trained on the reference images: its numbers are too good.",
                extractor.stamp,
            )
        judges.append(judge)
    return judges


def train_shared_recogniser(config: ConfigDict, workdir: pathlib.Path, stop: StopSignal) -> None:
    """Trains a recogniser that other runs may want too: waits while one of them trains it."""
    told = False

    def waiting(holder: str) -> None:
        nonlocal told
        if not told:
            say(f"Waiting: {workdir} is in use by {holder}.")
        told = True

    with folder.held_by_all(workdir, waiting=waiting):
        train_recogniser(config, workdir, stop)


def _accuracy_text(record: dict[str, Any]) -> str:
    if record["accuracy"] is None:
        return ""
    return f"accuracy {record['accuracy']:.2%} on {record['num_test']:,} test images; "
