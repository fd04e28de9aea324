"""A GAN's run, from its data to its report; a sweep and super-resolution are kinds of it."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from ml_collections import ConfigDict

from gan_jax.config.counts import count_steps
from gan_jax.config.members import has_members
from gan_jax.judging.judge import Judge
from gan_jax.judging.textures.run import TextureMeter
from gan_jax.reports.metric_table import metric_table
from gan_jax.runtime import parallel
from gan_jax.runtime.logs import say
from gan_jax.runtime.members_parallel import on_host
from gan_jax.runtime.signals import StopSignal
from gan_jax.sampling.trained import TrainedGAN
from gan_jax.steps.state import GAN
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
from gan_jax.training.task import OncePerStep, Task


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


def kind_of_run(config: ConfigDict) -> type[GANRun | SuperResolutionRun | SweepRun]:
    """What makes a GAN's run from its config, training and test images and number of steps.

    Making it refuses what cannot be trained, before anything is written.
    """
    if has_members(config):
        return SweepRun
    return SuperResolutionRun if config.super_resolution.factor else GANRun


class GANRun(OneGAN):
    """The run of one GAN."""

    def train(self, workdir: pathlib.Path, judges: Sequence[Judge], stop: StopSignal) -> None:
        """Trains to the end from where the folder stands, and writes results and report."""
        config, train, num_steps = self.config, self.train_images, self.num_steps
        gan = self.begin(workdir, judges, stop)
        state = fit(self._task(gan, workdir, next(iter(judges), None)), stop, workdir)
        say("Evaluating, and writing the report ...")
        evaluation.evaluate_gan(
            workdir,
            trained=TrainedGAN(config, gan, on_host(state.ema), num_steps, train, workdir),
            judges=judges,
            held_out=self.test_images,
            textures=config.evaluation.textures,
            tell=lambda content: say(metric_table(content)),
        )

    def trial(self) -> Task:
        """The task to time a few steps of, without losses on frozen recognisers."""
        return self._task(self.gan, pathlib.Path(), None)

    def _task(self, gan: GAN, workdir: pathlib.Path, judge: Judge | None) -> Task:
        config = self.config
        sampler = Sampler(gan, self.train_images, config.seed, config.evaluation)
        evaluators = gan_evaluators(
            config,
            sampler,
            OncePerStep(sampler.draw),
            judge=judge,
            textures=TextureMeter(self.test_images) if config.evaluation.textures else None,
            collapse=collapse_meter_of(config, judge),
            num_steps=self.num_steps,
            workdir=workdir,
        )
        return self.task(gan, evaluators)
