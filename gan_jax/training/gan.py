"""A GAN's run, from its data to its report; a sweep and super-resolution are kinds of it."""

from __future__ import annotations

import functools
import pathlib
from typing import Protocol

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax.config.build import build_gan, count_steps, gan_step_function
from gan_jax.config.members import has_members
from gan_jax.data import Dataset
from gan_jax.judging.judge import Judge
from gan_jax.judging.textures.meter import TextureMeter
from gan_jax.judging.textures.run import check_run
from gan_jax.reports.metric_table import metric_table
from gan_jax.runtime import parallel
from gan_jax.runtime.logs import say
from gan_jax.runtime.signals import StopSignal
from gan_jax.steps.state import GAN, create_gan_state
from gan_jax.training import evaluate_gan as evaluation
from gan_jax.training.collapse_guard import make_collapse_meter
from gan_jax.training.evaluators import Sampler, gan_evaluators
from gan_jax.training.frozen import check_frozen, with_frozen_losses
from gan_jax.training.loop import fit
from gan_jax.training.run_judge import check_judge, obtain_judge, train_shared_recogniser
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

    title: str
    """Of the page that a stopped run leaves."""

    def train(self, workdir: pathlib.Path, judge: Judge | None, stop: StopSignal) -> None:
        """Trains to the end from where the folder stands, and writes results and report."""


def train_gan(config: ConfigDict, workdir: pathlib.Path, stop: StopSignal) -> None:
    """Trains a GAN, several, or one that enlarges, and judges it; or goes on where it was left.

    Raises:
        InputError, TrainingDiverged, ModeCollapse, Interrupted: see `gan_jax.run.run`.
    """
    parts = load_parts(config)
    train, test = parts["train"], parts["test"]
    num_steps = count_steps(config, len(train))
    run: KindOfRun = _kind(config)(config, train, test, num_steps)
    extractor = check_judge(config, train)
    check_frozen(config, train, extractor)
    open_run(workdir, config, train, test)
    if is_finished(workdir, num_steps):
        return
    judge = obtain_judge(config, extractor, test, stop)
    with reported_if_stopped(workdir, config, run.title, num_steps):
        run.train(workdir, judge, stop)
    parallel.wait_for_all("report")
    say_where(workdir)


def _kind(config: ConfigDict) -> type[KindOfRun]:
    if has_members(config):
        return SweepRun
    return SuperResolutionRun if config.super_resolution.factor else GANRun


class GANRun:
    """The run of one GAN."""

    def __init__(self, config: ConfigDict, train: Dataset, test: Dataset, num_steps: int) -> None:
        if config.evaluation.textures:
            check_run(test)
        self._config, self._train, self._test, self._num_steps = config, train, test, num_steps
        self._plan = parallel.make_plan(config.parallel, config.batch_size, config.num_devices)
        self._step = gan_step_function(config.updates)
        self._gan = build_gan(
            config, train.image_shape, num_steps, num_classes=train.num_classes or 0
        )
        self.title = f"{config.model.name} on {train.name}"

    def train(self, workdir: pathlib.Path, judge: Judge | None, stop: StopSignal) -> None:
        """See `KindOfRun`."""
        config, train, num_steps = self._config, self._train, self._num_steps
        recogniser = functools.partial(train_shared_recogniser, stop=stop)
        extractor = judge.extractor if judge is not None else None
        gan = with_frozen_losses(self._gan, config, workdir, train, extractor, recogniser)
        say(
            f"Training the GAN '{config.model.name}' on {train} for {num_steps:,} steps in "
            f"{workdir}"
        )
        state = fit(self._task(gan, workdir, judge), stop, workdir)
        say("Evaluating, and writing the report ...")
        evaluation.evaluate_gan(
            workdir,
            config=config,
            gan=gan,
            ema=jax.tree.map(np.asarray, parallel.local_copy(state.ema)),
            step=num_steps,
            judges=[judge] if judge is not None else [],
            train=train,
            held_out=self._test,
            textures=config.evaluation.textures,
            tell=lambda content: say(metric_table(content)),
        )

    def _task(self, gan: GAN, workdir: pathlib.Path, judge: Judge | None) -> Task:
        config, train, num_steps = self._config, self._train, self._num_steps
        settings = config.evaluation
        sampler = Sampler.of(config, gan, train, config.seed)
        watched = judge is not None and config.collapse.action != "none"
        return single_task(
            config,
            state=lambda: create_gan_state(gan, jax.random.key(config.seed), train.image_shape),
            step=functools.partial(self._step, gan=gan),
            plan=self._plan,
            train=train,
            pace=Pace.of(config, num_steps),
            evaluators=gan_evaluators(
                config,
                sampler,
                OncePerStep(sampler.draw),
                judge=judge,
                textures=TextureMeter(self._test) if settings.textures else None,
                collapse=make_collapse_meter(judge, settings.num_samples) if watched else None,
                num_steps=num_steps,
                workdir=workdir,
            ),
        )
