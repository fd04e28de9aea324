"""A recogniser trained on arrays in memory: many short trainings, one compiled step.

It is the training of `train.py`, the same step, order and loop, without a folder: nothing is
logged or saved. Batches are gathered on the host, so that sets of any size share a program.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import numpy as np
from ml_collections import ConfigDict
from scipy import special

from gan_jax.config.build import build_recogniser
from gan_jax.data import Dataset
from gan_jax.data.labels import check_count, int32_labels
from gan_jax.errors import InputError, Interrupted
from gan_jax.extractors.common import checked_images, shape_text
from gan_jax.judging.classification import Recognition, class_logits, recognise
from gan_jax.runtime import parallel
from gan_jax.runtime.feed import batch_of_rows, make_host_feed
from gan_jax.runtime.members_parallel import on_host
from gan_jax.runtime.signals import StopSignal
from gan_jax.steps import cnn_update
from gan_jax.steps.state import CNNState, Recogniser, create_cnn_state
from gan_jax.training.loop import fit
from gan_jax.training.task import Pace, Task


@dataclasses.dataclass(frozen=True, eq=False)
class FittedRecogniser:
    """A trained recogniser.

    Attributes:
        network: the module.
        variables: its averaged parameters and batch statistics, on the host.
        image_shape: (h, w, c) of the images it takes.
        result: what it makes of the test set that `fit_recogniser` was given, or None.
        batch_size: images a call.
    """

    network: nn.Module
    variables: Any
    image_shape: tuple[int, int, int]
    result: Recognition | None
    batch_size: int

    @property
    def tested(self) -> Recognition:
        """`result` of one that was given a test set, which is checked before any training."""
        assert self.result is not None
        return self.result

    @property
    def accuracy(self) -> float | None:
        """Share of the test set that it names correctly, in [0, 1]; None without a test set."""
        return None if self.result is None else self.result.accuracy

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """p(class | image), float32 [n, num_classes], of uint8 images [n, h, w, c].

        Raises:
            InputError: images of another dtype, size or number of channels.
        """
        images = checked_images(images)
        if images.shape[1:] != self.image_shape:
            raise InputError(
                f"the images are {shape_text(images.shape[1:])} and the recogniser was trained on "
                f"{shape_text(self.image_shape)} (height x width x channels): resize or convert "
                "them."
            )
        logits = class_logits(self.network, self.variables, images, batch_size=self.batch_size)
        return special.softmax(logits, axis=-1)

    def recognise(self, dataset: Dataset) -> Recognition:
        """What it makes of a labelled set; InputError without labels, or of another size."""
        _check_test(dataset, self.image_shape, self.network.num_classes)
        return recognise(self.network, self.variables, dataset, batch_size=self.batch_size)


def fit_recogniser(
    config: ConfigDict,
    images: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    *,
    num_steps: int,
    seed: int,
    test: Dataset | None = None,
    stop: StopSignal | None = None,
) -> FittedRecogniser:
    """Trains a recogniser on these images for so many steps.

    The step is compiled once for a config, a number of steps (the learning rate's schedule depends
    on it), a batch size and a size of images; the number of images and the seed do not matter.
    Fewer images than a batch are repeated in it, as often as each other within one.

    Args:
        config: from `config.cnn_config`; its model, optimizer, augment, label_smoothing,
            ema_half_life, batch_size, parallel, num_devices and steps_per_call count; its dataset,
            seed, num_steps and num_epochs do not.
        images: uint8 [n, h, w, c], n >= 1.
        labels: integers [n] in [0, num_classes). Classes may be missing.
        num_classes: that the network tells apart, at least 2.
        num_steps: updates, at least 1.
        seed: of the first weights, the order of the images, augmentation and dropout; at least 0.
        test: labelled images of the same size and classes, which play no part in the training; its
            result is in `result`.
        stop: of the caller, so that a signal ends the training; None leaves signals alone.

    Raises:
        InputError: arrays that do not belong together, or numbers out of range.
        TrainingDiverged: a loss is not finite.
        Interrupted: a signal came to `stop`; nothing of this training is kept.
    """
    images, labels = _checked(images, labels, num_classes)
    shape = images.shape[1:]
    if num_steps < 1 or seed < 0:
        raise InputError(f"num_steps is {num_steps} and seed {seed}: expected 1 or more, and >= 0.")
    if test is not None:
        _check_test(test, shape, num_classes)
    plan = parallel.make_plan(config.parallel, config.batch_size, config.num_devices)
    recogniser = build_recogniser(config, num_classes, num_steps)
    key = jax.random.key(seed)
    task = Task(
        state=lambda: parallel.replicate(_initial(recogniser, shape)(key), plan),
        inputs=lambda rollbacks: parallel.replicate(key, plan),
        feed=make_host_feed(
            Dataset("arrays", "train", images, labels=labels),
            plan,
            batch_size=config.batch_size,
            steps_per_call=config.steps_per_call,
            seed=seed,
        ),
        program=_compiled(recogniser, plan),
        pace=Pace(num_steps, config.batch_size),
    )
    try:
        state = fit(task, stop or StopSignal())
    except Interrupted as error:
        raise Interrupted(
            f"Stopped in the training of a recogniser (seed {seed}, {num_steps:,} steps), which "
            "begins anew; what was finished before is kept. The same command goes on from there.",
            error.signal_number,
        ) from error
    fitted = FittedRecogniser(
        network=recogniser.network,
        variables=on_host(state.ema),
        image_shape=shape,
        result=None,
        batch_size=config.evaluation.batch_size,
    )
    return fitted if test is None else dataclasses.replace(fitted, result=fitted.recognise(test))


@functools.lru_cache(maxsize=16)
def _compiled(recogniser: Recogniser, plan: parallel.Plan) -> Callable[..., Any]:
    step = functools.partial(cnn_update, recogniser=recogniser)
    return parallel.compile_steps(step, batch_of_rows, plan)


@functools.lru_cache(maxsize=16)
def _initial(recogniser: Recogniser, shape: tuple[int, int, int]) -> Callable[[Any], CNNState]:
    return jax.jit(lambda key: create_cnn_state(recogniser, key, shape))


def _checked(
    images: np.ndarray, labels: np.ndarray, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """uint8 images and int32 labels; InputError unless they are, and belong together."""
    images = checked_images(images)
    labels = int32_labels(np.asarray(labels), where="labels")
    check_count(len(labels), len(images), "labels")
    if labels.max() >= num_classes:
        raise InputError(
            f"labels go up to {labels.max()} and num_classes is {num_classes}: expected class "
            f"numbers from 0 to {num_classes - 1}."
        )
    return images, labels


def _check_test(test: Dataset, shape: tuple[int, int, int], num_classes: int) -> None:
    if test.labels is None or test.num_classes is None:
        raise InputError(f"{test.name} ({test.split}) has no labels to measure accuracy by.")
    if test.num_classes > num_classes:
        raise InputError(
            f"{test.name} ({test.split}) has {test.num_classes} classes, and the recogniser is "
            f"trained on {num_classes}: give both the same classes."
        )
    if test.image_shape != shape:
        raise InputError(
            f"{test.name} ({test.split}) holds images of {shape_text(test.image_shape)}, and the "
            f"recogniser is trained on {shape_text(shape)} (height x width x channels): bring them "
            "to one size."
        )
