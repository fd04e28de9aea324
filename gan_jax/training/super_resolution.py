"""A run of super-resolution: the pixel loss first, then it goes on alone, and the GAN beside it."""

from __future__ import annotations

import functools
import pathlib
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax.config import num_final_samples
from gan_jax.config.build import build_gan, gan_step_function
from gan_jax.config.build_super_resolution import pixel_only
from gan_jax.data import Dataset
from gan_jax.judging.judge import Judge
from gan_jax.judging.textures.run import check_run
from gan_jax.reports.pages.super_resolution import super_resolution_text
from gan_jax.runtime import parallel
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.logs import say
from gan_jax.runtime.signals import StopSignal
from gan_jax.steps import generator_update
from gan_jax.steps.state import GAN, GANState, create_gan_state
from gan_jax.training.enlarged import HeldOut, hold_out, score, side_by_side, summary
from gan_jax.training.evaluate_super_resolution import PIXEL, WARM_UP, evaluate_super_resolution
from gan_jax.training.frozen import with_frozen_losses
from gan_jax.training.loop import fit
from gan_jax.training.run_judge import train_shared_recogniser
from gan_jax.training.task import SAMPLES, Pace, Reading, single_task


class SuperResolutionRun:
    """The run of a GAN that enlarges.

    `warm_up_steps` with the pixel loss alone (as Ledig et al. 2017, section 3.2, begin) lead to two
    networks of `num_steps` steps each: one that goes on with it, in the folder 'pixel', and one
    that goes on as a GAN, with its optimiser anew, in the run's own folder. Each part resumes.
    """

    def __init__(self, config: ConfigDict, train: Dataset, test: Dataset, num_steps: int) -> None:
        if config.evaluation.textures:
            check_run(test)
        self._config, self._train, self._test, self._num_steps = config, train, test, num_steps
        self._plan = parallel.make_plan(config.parallel, config.batch_size, config.num_devices)
        self._step = gan_step_function(config.updates)
        self._gan = build_gan(
            config, train.image_shape, num_steps, num_classes=train.num_classes or 0
        )
        self.title = f"enlarging {train.name}"

    def train(self, workdir: pathlib.Path, judge: Judge | None, stop: StopSignal) -> None:
        """See `gan_jax.training.gan.KindOfRun`."""
        config, train, num_steps = self._config, self._train, self._num_steps
        recogniser = functools.partial(train_shared_recogniser, stop=stop)
        extractor = judge.extractor if judge is not None else None
        gan = with_frozen_losses(self._gan, config, workdir, train, extractor, recogniser)
        say(
            f"Training the GAN '{config.model.name}' on {train} for {num_steps:,} steps in "
            f"{workdir}"
        )
        hold = functools.partial(
            hold_out,
            self._test,
            gan,
            extractor,
            batch_size=config.evaluation.batch_size,
        )
        # Textures take seconds each time, so they wait for the end.
        quick = hold(count=config.evaluation.num_samples, textures=False)
        # Made before the training, so that images which cannot be compared are refused now.
        final = hold(count=num_final_samples(config), textures=config.evaluation.textures)
        stage = functools.partial(self._stage, stop=stop, held_out=quick)
        warm_up = config.super_resolution.warm_up_steps
        alone = pixel_only(gan, config, num_steps)
        begun = create_gan_state(alone, jax.random.key(config.seed), train.image_shape)
        if warm_up:
            say(f"Warm-up: {warm_up:,} steps of the pixel loss alone")
            begun = stage(workdir / WARM_UP, alone, begun, generator_update, begin=0, end=warm_up)
        say(f"The pixel loss alone goes on to step {num_steps:,}, to be compared with")
        bounds = dict(begin=warm_up, end=num_steps)
        contender = stage(workdir / PIXEL, alone, begun, generator_update, **bounds)
        say(f"The GAN goes on from step {warm_up:,} to {num_steps:,}")
        fresh = gan.generator_optimizer.init(begun.generator.params)
        start = begun.replace(generator=begun.generator.replace(opt_state=fresh))
        state = stage(workdir, gan, start, self._step, **bounds)
        say("Evaluating, and writing the report ...")
        evaluate_super_resolution(
            workdir,
            run=workdir,
            config=config,
            gan=gan,
            ema=state.ema,
            step=num_steps,
            pixel=(alone, contender.ema),
            held_out=final,
            train=train,
            tell=lambda content: say(super_resolution_text(content)),
        )

    def _stage(
        self,
        place: pathlib.Path,
        gan: GAN,
        start: GANState,
        step: Any,
        *,
        begin: int,
        end: int,
        stop: StopSignal,
        held_out: HeldOut,
    ) -> GANState:
        """Trains `gan` from step `begin` to `end` in a folder of its own; the state on the host."""
        config = self._config
        folder.open_workdir(place, config, write=parallel.is_main_process())
        task = single_task(
            config,
            state=lambda: start,
            step=functools.partial(step, gan=gan),
            plan=self._plan,
            train=self._train,
            pace=Pace.of(config, end, begin=begin),
            evaluators=[functools.partial(_enlargement, gan, held_out)],
        )
        # On the host, as a step's state is given away, and two parts begin with one.
        return jax.tree.map(np.asarray, parallel.local_copy(fit(task, stop, place)))


def _enlargement(gan: GAN, held_out: HeldOut, step: int, state: GANState) -> Reading:
    """An evaluator: held-out images, enlarged."""
    images = held_out.enlarged(gan, parallel.local_copy(state.ema))
    entries = held_out.measure(images).entries
    return Reading(
        summary(entries),
        {SAMPLES: side_by_side(held_out, [held_out.interpolated(), images])},
        score=score(entries),
        shown={"PSNR": entries["psnr"]["value"]},
    )
