"""What the runs of one GAN have in common."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
from ml_collections import ConfigDict

from gan_jax.config.build import build_gan
from gan_jax.data import Dataset
from gan_jax.extractors.identity import Identity
from gan_jax.judging.judge import Judge
from gan_jax.judging.textures.run import check_run
from gan_jax.runtime import parallel
from gan_jax.runtime.logs import say
from gan_jax.runtime.signals import StopSignal
from gan_jax.steps.state import GAN, GANState, create_gan_state
from gan_jax.steps.updates import UPDATES
from gan_jax.training.frozen import with_frozen_losses
from gan_jax.training.run_judge import train_shared_recogniser
from gan_jax.training.task import Evaluator, Pace, Task, single_task


class OneGAN:
    """A GAN of a config, checked before anything is written.

    Attributes:
        config, train_images, test_images, num_steps: of the run.
        plan: its devices.
        gan: its static half, without losses on frozen recognisers.
        step: its step, see `gan_jax.steps`.
        title: of the page that a stopped run leaves.
    """

    def __init__(self, config: ConfigDict, train: Dataset, test: Dataset, num_steps: int) -> None:
        if config.evaluation.textures:
            check_run(test)
        self.config, self.num_steps = config, num_steps
        self.train_images, self.test_images = train, test
        self.plan = parallel.make_plan(config.parallel, config.batch_size, config.num_devices)
        self.step = UPDATES[config.updates]
        self.gan = build_gan(
            config, train.image_shape, num_steps, num_classes=train.num_classes or 0
        )
        what = "enlarging" if config.super_resolution.factor else f"{config.model.name} on"
        self.title = f"{what} {train.name}"

    def begin(self, workdir: pathlib.Path, judges: Sequence[Judge], stop: StopSignal) -> GAN:
        """The GAN with all its losses; frozen recognisers are trained first where need be."""
        gan = with_frozen_losses(
            self.gan,
            self.config,
            workdir,
            self.train_images,
            [Identity.of(judge.extractor) for judge in judges],
            functools.partial(train_shared_recogniser, stop=stop),
        )
        say(
            f"Training the GAN '{self.config.model.name}' on {self.train_images} for "
            f"{self.num_steps:,} steps in {workdir}"
        )
        return gan

    def initial(self, gan: GAN) -> GANState:
        """The state before the first step."""
        key = jax.random.key(self.config.seed)
        return create_gan_state(gan, key, self.train_images.image_shape)

    def task(
        self,
        gan: GAN,
        evaluators: Sequence[Evaluator],
        *,
        step: Any = None,
        start: GANState | None = None,
        begin: int = 0,
        end: int | None = None,
    ) -> Task:
        """The training of `gan`, from the state `start` at the step `begin`, to the step `end`."""
        return single_task(
            self.config,
            state=lambda: self.initial(gan) if start is None else start,
            step=functools.partial(step or self.step, gan=gan),
            plan=self.plan,
            train=self.train_images,
            pace=Pace.of(self.config, end or self.num_steps, begin=begin),
            evaluators=evaluators,
        )
