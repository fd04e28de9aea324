"""A run of super-resolution: the pixel loss first, then it goes on alone, and the GAN beside it."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from gan_jax.config import num_final_samples
from gan_jax.config.build import pixel_only
from gan_jax.judging.judge import Judge
from gan_jax.reports.pages.super_resolution import super_resolution_text
from gan_jax.runtime import parallel
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.logs import say
from gan_jax.runtime.signals import StopSignal
from gan_jax.steps import generator_update
from gan_jax.steps.state import GAN, GANState, create_gan_state
from gan_jax.training.enlarged import HeldOut, hold_out, score, side_by_side, summary
from gan_jax.training.evaluate_super_resolution import PIXEL, WARM_UP, evaluate_super_resolution
from gan_jax.training.loop import fit
from gan_jax.training.one_gan import OneGAN
from gan_jax.training.task import SAMPLES, Pace, Reading, Task, single_task


class SuperResolutionRun(OneGAN):
    """The run of a GAN that enlarges.

    `warm_up_steps` with the pixel loss alone (as Ledig et al. 2017, section 3.2, begin) lead to two
    networks of `num_steps` steps each: one that goes on with it, in the folder 'pixel', and one
    that goes on as a GAN, with its optimiser anew, in the run's own folder. Each part resumes.
    """

    @property
    def title(self) -> str:
        """See `gan_jax.training.gan.KindOfRun`."""
        return f"enlarging {self.train_images.name}"

    def train(self, workdir: pathlib.Path, judges: Sequence[Judge], stop: StopSignal) -> None:
        """See `gan_jax.training.gan.KindOfRun`."""
        config, train, num_steps = self.config, self.train_images, self.num_steps
        gan = self.begin(workdir, judges, stop)
        hold = functools.partial(
            hold_out,
            self.test_images,
            gan,
            judges[0].extractor if judges else None,
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
        stage = functools.partial(stage, begin=warm_up, end=num_steps)
        contender = stage(workdir / PIXEL, alone, begun, generator_update)
        say(f"The GAN goes on from step {warm_up:,} to {num_steps:,}")
        fresh = gan.generator_optimizer.init(begun.generator.params)
        start = begun.replace(generator=begun.generator.replace(opt_state=fresh))
        state = stage(workdir, gan, start, self.step)
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

    def trial(self) -> Task:
        """See `gan_jax.training.gan.KindOfRun`; the pixel loss alone counts as the GAN's steps."""
        config, train = self.config, self.train_images
        return single_task(
            config,
            state=lambda: create_gan_state(
                self.gan, jax.random.key(config.seed), train.image_shape
            ),
            step=functools.partial(self.step, gan=self.gan),
            plan=self.plan,
            train=train,
            pace=Pace.of(config, 2 * self.num_steps - config.super_resolution.warm_up_steps),
            evaluators=[],
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
        config = self.config
        folder.open_workdir(place, config, write=parallel.is_main_process())
        task = single_task(
            config,
            state=lambda: start,
            step=functools.partial(step, gan=gan),
            plan=self.plan,
            train=self.train_images,
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
