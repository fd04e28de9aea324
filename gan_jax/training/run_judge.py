"""The judge of a run: checked before any training, and trained first where there is none yet."""

from __future__ import annotations

import logging
import pathlib
from typing import Any

from ml_collections import ConfigDict

from gan_jax.data import Dataset, load
from gan_jax.data.disk import path_of
from gan_jax.errors import InputError
from gan_jax.extractors.channels import reading_channels
from gan_jax.extractors.extractor import Extractor
from gan_jax.extractors.pack import load_pack
from gan_jax.judging.judge import Judge, make_judge
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.logs import say
from gan_jax.runtime.signals import StopSignal
from gan_jax.training.recogniser import train_recogniser

_log = logging.getLogger(__name__)


def check_judge(config: ConfigDict, train: Dataset) -> Extractor | None:
    """What can be known of a run's judge before any training: that there is or can be one.

    Returns it if it is there already.

    Raises:
        InputError: a pack that cannot be trained, cannot be read, or does not fit the images.
    """
    if not config.judge.pack:
        return None
    pack = path_of(config.judge.pack)
    if config.judge.train and not pack.exists():
        if pack.name != folder.PACK:
            raise InputError(
                f"config.judge.pack is '{pack}': a pack that is to be trained lies in its run's "
                f"folder under the name '{folder.PACK}', such as 'runs/cnn_mnist5k/{folder.PACK}'."
            )
        load(config.judge.train.dataset, "train").require_classes()
        return None
    extractor = reading_channels(load_pack(pack), train)
    extractor.check_shape(train.image_shape)
    return extractor


def obtain_judge(
    config: ConfigDict, extractor: Extractor | None, reference: Dataset, stop: StopSignal
) -> Judge | None:
    """The judge of a GAN's run; its recogniser is trained first where there is no pack yet."""
    if not config.judge.pack:
        say(
            "No judge: config.judge.pack is empty, so it is tested whether the images differ from "
            "real ones, and not measured how good they are."
        )
        return None
    if extractor is None:
        pack = path_of(config.judge.pack)
        say(f"The judge is trained first: there is no pack in {pack} yet.")
        train_shared_recogniser(config.judge.train, pack.parent, stop)
        extractor = reading_channels(load_pack(pack), reference)
    judge = make_judge(extractor, reference, batch_size=config.evaluation.batch_size)
    say(f"Judge: {extractor.stamp}, {_accuracy_text(extractor.record)}reference {reference}")
    if judge.trained_on_reference:
        _log.warning("The judge was trained on the reference images: its numbers are too good.")
    return judge


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
