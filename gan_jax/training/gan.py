"""A GAN's run, from its data to its report; a sweep and super-resolution are kinds of it."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable, Sequence
from typing import Protocol

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax.config.counts import count_steps
from gan_jax.config.members import has_members
from gan_jax.judging.judge import Judge
from gan_jax.judging.textures.run import TextureMeter
from gan_jax.reports.metric_table import metric_table
from gan_jax.runtime import parallel
from gan_jax.runtime.logs import say
from gan_jax.runtime.signals import StopSignal
from gan_jax.steps.state import GAN, create_gan_state
from gan_jax.training import evaluate_gan as evaluation
from gan_jax.training.collapse_guard import collapse_meter_of
from gan_jax.training.evaluators import Sampler, gan_evaluators
from gan_jax.training.frozen import check_frozen
from gan_jax.training.loop import fit
from gan_jax.training.one_gan import OneGAN
from gan_jax.training.run_judge import check_judges, identities, obtain_judges
from gan_jax.training.running import (
    is_finished,
    load_parts,
    open_run,
    reported_if_stopped,
    say_where,
)
from gan_jax.training.super_resolution import SuperResolutionRun
from gan_jax.training.sweep import SweepRun
from gan_jax.training.task import OncePerStep, Pace, Task, single_task


class KindOfRun(Protocol):
    """One kind of a GAN's run, made of config, training and test images and number of steps.

    Making it refuses what cannot be trained, before anything is written.
    """

    @property
    def title(self) -> str:
        """Of the page that a stopped run leaves."""
        ...

    def train(self, workdir: pathlib.Path, judges: Sequence[Judge], stop: StopSignal) -> None:
        """Trains to the end from where the folder stands, and writes results and report."""
        ...

    def trial(self) -> Task:
        """The task to time a few steps of. Frozen recognisers in the loss are left out of it."""
        ...


def train_gan(config: ConfigDict, workdir: pathlib.Path, stop: StopSignal) -> None:
    """Trains a GAN, several, or one that enlarges, and judges it; or goes on where it was left.

    Raises:
        InputError, TrainingDiverged, ModeCollapse, Interrupted: see `gan_jax.run.run`.
    """
    train, test = load_parts(config)
    num_steps = count_steps(config, len(train))
    run = kind_of_run(config)(config, train, test, num_steps)
    extractors = check_judges(config, train)
    check_frozen(config, train, identities(config, extractors))
    open_run(workdir, config, train, test)
    if is_finished(workdir, num_steps):
        return
    judges = obtain_judges(config, extractors, test, stop)
    with reported_if_stopped(workdir, config, run.title, num_steps):
        run.train(workdir, judges, stop)
    parallel.wait_for_all("report")
    say_where(workdir)


def kind_of_run(config: ConfigDict) -> Callable[..., KindOfRun]:
    """What makes a GAN's run from its config, training and test images and number of steps."""
    if has_members(config):
        return SweepRun
    return SuperResolutionRun if config.super_resolution.factor else GANRun


class GANRun(OneGAN):
    """The run of one GAN."""

    @property
    def title(self) -> str:
        """See `KindOfRun`."""
        return f"{self.config.model.name} on {self.train_images.name}"

    def train(self, workdir: pathlib.Path, judges: Sequence[Judge], stop: StopSignal) -> None:
        """See `KindOfRun`."""
        config, num_steps = self.config, self.num_steps
        gan = self.begin(workdir, judges, stop)
        judge = next(iter(judges), None)
        state = fit(self._task(gan, workdir, judge), stop, workdir)
        say("Evaluating, and writing the report ...")
        evaluation.evaluate_gan(
            workdir,
            config=config,
            gan=gan,
            ema=jax.tree.map(np.asarray, parallel.local_copy(state.ema)),
            step=num_steps,
            judges=judges,
            train=self.train_images,
            held_out=self.test_images,
            textures=config.evaluation.textures,
            tell=lambda content: say(metric_table(content)),
        )

    def trial(self) -> Task:
        """See `KindOfRun`."""
        return self._task(self.gan, pathlib.Path(), None)

    def _task(self, gan: GAN, workdir: pathlib.Path, judge: Judge | None) -> Task:
        config, train, num_steps = self.config, self.train_images, self.num_steps
        sampler = Sampler.of(config, gan, train, config.seed)
        return single_task(
            config,
            state=lambda: create_gan_state(gan, jax.random.key(config.seed), train.image_shape),
            step=functools.partial(self.step, gan=gan),
            plan=self.plan,
            train=train,
            pace=Pace.of(config, num_steps),
            evaluators=gan_evaluators(
                config,
                sampler,
                OncePerStep(sampler.draw),
                judge=judge,
                textures=TextureMeter(self.test_images) if config.evaluation.textures else None,
                collapse=collapse_meter_of(config, judge),
                num_steps=num_steps,
                workdir=workdir,
            ),
        )
