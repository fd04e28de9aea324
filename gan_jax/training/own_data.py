"""What to train for on images of one's own: the fields that a config leaves open.

`complete` chooses them from the data, so that what is trained, and what the run's config.json
holds, is a config like any other.
"""

from __future__ import annotations

import contextlib
import math
import pathlib
from typing import Any

from ml_collections import ConfigDict

from gan_jax.config import examples_a_step, open_fields
from gan_jax.config.counts import count_steps
from gan_jax.config.members import has_members
from gan_jax.data.survey import Survey, survey
from gan_jax.errors import InputError
from gan_jax.extractors.released import pack_place
from gan_jax.models.sizes import num_stages
from gan_jax.runtime.workdir import PACK, read_config

JUDGE = "judge"  # the recogniser's folder, in the run's

_SMALLEST, _LARGEST = 8, 256  # sides of images that the networks make
_KEPT = 64 * 64  # an image of so many pixels keeps its size,
_SHRUNK = 48 * 48  # and a larger one is brought to so many
_BATCH = 64
_HELD_OUT = 200  # images that the numbers are to rest on, where enough are left to learn from
_LEAST_OF_A_CLASS = 8  # training images, on average, from which a recogniser learns something
_FEW = 2000  # training images up to which the discriminator would soon know them by heart
_LOOKS = 4  # evaluations and checkpoints of a training
_MINUTES = 15.0  # of the GAN's training, on two CPU cores
# Seconds of one core of an Intel Xeon (Sapphire Rapids) for a step with a batch of 64: of the GAN,
# a pixel and a doubling after the first, at width 32; of the recogniser, a pixel.
_GAN_COST, _JUDGE_COST = 9.5e-5, 1.4e-4
_TWO_CORES = 1.8  # times as fast as one
_BY_HAND = (
    "By hand: --config.num_steps=N, --config.judge.train.num_steps=N (the recogniser's), "
    "--config.batch_size=N, --config.model.width=N, --config.dataset.image_size='(height,width)', "
    "--config.dataset.channels=1 or 3, --config.dataset.test_fraction=0.1; "
    "--config.judge.pack='' for no judge, --config.model.conditional='' for no classes."
)


def complete(config: ConfigDict, workdir: pathlib.Path) -> tuple[ConfigDict, str]:
    """Chooses the fields that a config leaves open, and says which.

    What is not open stays as it is. A run that was begun in the folder goes on with what was chosen
    then.

    Args:
        config: any; of a GAN's, `gan_jax.config.leave_open` has left fields open.
        workdir: the run's folder.

    Returns:
        The config without open fields, and what was found and chosen, in lines for the user: '' if
        nothing was open.

    Raises:
        InputError: data that cannot be read, or that are to be cut into crops.
    """
    if config.kind != "gan" or not open_fields(config):
        return config, ""
    if config.dataset.crops:
        raise InputError(
            f"config.dataset.crops is '{config.dataset.crops}', and configs/folder.py takes whole "
            "images: for crops of photographs take configs/texture_folder.py."
        )
    if begun := _begun(config, workdir):
        return begun, f"Sizes and steps are those that {workdir} was begun with."
    given = {name: value for name, value in config.dataset.items() if value is not None}
    found = survey(given)
    config = choose(config, found, workdir)
    return config, "\n".join([_found_text(found), _chosen_text(config, found), _BY_HAND])


def _begun(config: ConfigDict, workdir: pathlib.Path) -> ConfigDict | None:
    """The config with its open fields as in the run in the folder; None if there is none."""
    begun = None
    with contextlib.suppress(InputError):  # opening the folder says what is wrong
        begun = read_config(workdir)
    if begun is None or begun.kind != config.kind:
        return None
    config = config.copy_and_resolve_references()
    if not begun.judge.train:
        config.judge.train = ConfigDict()
    if config.judge.pack is None and pathlib.Path(begun.judge.pack).parts[-2:] == (JUDGE, PACK):
        config.judge.pack = _judge_pack(workdir)  # the folder may have been moved
    for field in open_fields(config):
        _set(config, field, _get(begun, field))
    return config


def choose(config: ConfigDict, found: Survey, workdir: pathlib.Path) -> ConfigDict:
    """The config with its open fields chosen for the data, as the constants of this module say.

    Args:
        config: a GAN's.
        found: the data.
        workdir: the run's folder; the recogniser that judges is trained in one within it.
    """
    config = config.copy_and_resolve_references()

    def set_open(field: str, value: Any) -> None:
        if field in open_fields(config):
            _set(config, field, value)

    set_open("dataset.name", found.name)
    set_open("dataset.image_size", _image_size(found))
    set_open("dataset.channels", found.channels if found.channels in (1, 3) else 0)
    set_open("dataset.test_fraction", _test_fraction(found.num_images))
    num_training = _num_training(config, found)
    num_classes = len(found.class_counts or ())
    set_open("model.conditional", "projection" if num_classes > 1 else "")
    judged = num_classes > 1 and num_training >= _LEAST_OF_A_CLASS * num_classes
    set_open("judge.pack", _judge_pack(workdir) if judged else "")
    few = num_training < _FEW
    set_open("augment.translation", 0.125 if few else 0.0)
    set_open("augment.cutout", 0.5 if few else 0.0)
    set_open("batch_size", _batch_size(num_training))
    pixels = math.prod(_size(config, found))
    set_open("model.width", 32 if pixels <= _SHRUNK else 24 if pixels <= _KEPT else 16)
    _check_given(config)
    steps = _MINUTES * 60 / _seconds_a_step(config, found)
    _set_steps(config, int(min(max(round(steps, -2), 1000), 5000)), num_training)
    if not config.judge.pack:
        config.judge.train = ConfigDict()
    if judge := config.judge.train:
        if judge.batch_size is None:
            judge.batch_size = _batch_size(num_training)
        epochs = 8 * num_training // judge.batch_size
        _set_steps(judge, min(max(epochs, 800), 5000), num_training)
        for name, value in config.dataset.items():
            if judge.dataset[name] is None:
                judge.dataset[name] = value
    return config


def _num_training(config: ConfigDict, found: Survey) -> int:
    held_out = found.num_test or round(config.dataset.test_fraction * found.num_images)
    return max(found.num_images - held_out, 1)


def _check_given(config: ConfigDict) -> None:
    """Raises InputError for what nothing can be chosen beside."""
    fields = ["batch_size", "discriminator_steps", "model.width"]
    for field in fields + ["judge.train.batch_size"] * bool(config.judge.train):
        value = _get(config, field)
        if value is not None and value < 1:
            raise InputError(f"config.{field} is {value}; expected a number above 0.")


def _size(config: ConfigDict, found: Survey) -> tuple[int, int]:
    """(height, width) of what is trained on; () in the config is for the size as stored."""
    return tuple(config.dataset.image_size) or found.size


def _image_size(found: Survey) -> tuple[int, int]:
    """(height, width) that the networks can make, of the aspect of the images."""
    height, width = found.size
    inside = all(_SMALLEST <= side <= _LARGEST for side in found.size)
    if not found.mixed and inside and height * width <= _KEPT:
        return height, width
    scale = min(math.sqrt(_SHRUNK / (height * width)), 1.0)
    # Multiples of 4 lose little of a pyramid of doublings, and of the aspect.
    height, width = (
        min(max(4 * round(side * scale / 4), _SMALLEST), _LARGEST) for side in found.size
    )
    return height, width


def _test_fraction(num_images: int) -> float:
    return round(min(max(_HELD_OUT / num_images, 0.1), 0.25), 2)


def _batch_size(num_training: int) -> int:
    """A power of two, at most half the training images."""
    return min(_BATCH, 2 ** max(int(math.log2(max(num_training, 2))) - 1, 1))


def _set_steps(config: ConfigDict, num_steps: int, num_training: int) -> None:
    """Sets what is open of the steps, unless epochs are given, and what comes a few times."""
    if config.num_steps is None:
        config.num_steps = num_steps if config.num_epochs is None else 0
    if config.num_epochs is None:
        config.num_epochs = 10.0  # not used
    every = max(-(-count_steps(config, num_training) // _LOOKS), 1)
    for section in (config.evaluation, config.checkpoint):
        if section.every is None:
            section.every = every


def _seconds_a_step(config: ConfigDict, found: Survey) -> float:
    """About how long a step of the GAN takes on two CPU cores."""
    size, share = _size(config, found), examples_a_step(config) / _BATCH
    layers = max(num_stages(*size) - 1, 1)
    width = (config.model.width / 32) ** 1.5
    return _GAN_COST * math.prod(size) * layers * width * share / _TWO_CORES


def _minutes(config: ConfigDict, found: Survey) -> int:
    """About how long the run takes on two CPU cores, with compiling and judging."""
    num_training = _num_training(config, found)
    seconds = _seconds_a_step(config, found) * count_steps(config, num_training)
    if _is_judge_to_be_trained(config):
        judge = config.judge.train
        step = _JUDGE_COST * math.prod(_size(judge, found)) * judge.batch_size / _BATCH
        seconds += step * count_steps(judge, num_training) / _TWO_CORES
    return 1 + math.ceil(seconds / 60)


def _is_judge_to_be_trained(config: ConfigDict) -> bool:
    return bool(config.judge.train) and not pack_place(config.judge.pack).exists()


def _found_text(found: Survey) -> str:
    classes = "without labels"
    if counts := found.class_counts:
        fewest, most = min(counts), max(counts)
        range_ = f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
        classes = f"in {len(counts):,} class{'es' * (len(counts) > 1)} of {range_}"
    size = f"{found.size[0]}x{found.size[1]} pixels (height x width)"
    size = f"of many sizes, about {size}" if found.mixed else f"of {size}"
    colour = {1: "grey", 3: "in colour"}.get(found.channels, f"of {found.channels} channels")
    parts = f", {found.num_test:,} of them in a test part" if found.num_test else ""
    return f"Found: {found.num_images:,} images {classes}{parts}, {size}, {colour}."


def _chosen_text(config: ConfigDict, found: Survey) -> str:
    num_training = _num_training(config, found)
    height, width = _size(config, found)
    colour = {0: "", 1: " in grey", 3: " in colour"}[config.dataset.channels]
    parts = [f"{height}x{width} pixels{colour}"]
    if not found.num_test:
        parts.append(f"{100 * config.dataset.test_fraction:.0f} % held out")
    if _is_judge_to_be_trained(config):
        steps = count_steps(config.judge.train, num_training)
        parts.append(f"a recogniser trained for {steps:,} steps to judge")
    elif config.judge.pack:
        parts.append(f"judged by {config.judge.pack}")
    else:
        parts.append("no judge")
    told = ", told the class" if config.model.conditional else ""
    steps = count_steps(config, num_training)
    parts.append(
        f"a GAN of width {config.model.width}{told}, trained for {steps:,} steps of "
        f"{config.batch_size} images"
    )
    text = f"Chosen: {'; '.join(parts)}."
    if config.model.name == "dcgan" and not has_members(config):
        text += f" About {_minutes(config, found)} minutes on two idle CPU cores."
    return text


def _judge_pack(workdir: pathlib.Path) -> str:
    return str(workdir / JUDGE / PACK)


def _get(config: ConfigDict, field: str) -> Any:
    for name in field.split("."):
        config = config[name]
    return config


def _set(config: ConfigDict, field: str, value: Any) -> None:
    section, _, name = field.rpartition(".")
    (_get(config, section) if section else config)[name] = value
