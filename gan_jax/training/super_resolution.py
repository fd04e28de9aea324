"""A run of super-resolution: the pixel loss first, then it goes on alone, and the GAN beside it."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Sequence
from typing import Any

from gan_jax.config import num_final_samples
from gan_jax.config.build import pixel_only
from gan_jax.judging.judge import Judge
from gan_jax.reports.pages.super_resolution import super_resolution_text
from gan_jax.runtime import parallel
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.logs import say
from gan_jax.runtime.members_parallel import on_host
from gan_jax.runtime.signals import StopSignal
from gan_jax.sampling.trained import TrainedGAN
from gan_jax.steps import generator_update
from gan_jax.steps.state import GAN, GANState
from gan_jax.training.enlarged import HeldOut, hold_out, score, side_by_side, summary
from gan_jax.training.evaluate_super_resolution import PIXEL, WARM_UP, evaluate_super_resolution
from gan_jax.training.loop import fit
from gan_jax.training.one_gan import OneGAN
from gan_jax.training.task import SAMPLES, Reading, Task


class SuperResolutionRun(OneGAN):
    """The run of a GAN that enlarges.

    `warm_up_steps` with the pixel loss alone (as Ledig et al. 2017, section 3.2, begin) lead to two
    networks of `num_steps` steps each: one that goes on with it, in the folder 'pixel', and one
    that goes on as a GAN, with its optimiser anew, in the run's own folder. Each part resumes.
    """

    def train(self, workdir: pathlib.Path, judges: Sequence[Judge], stop: StopSignal) -> None:
        """Trains all parts from where their folders stand, and writes results and report."""
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
        begun = self.initial(alone)
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
            trained=TrainedGAN(config, gan, state.ema, num_steps, train, workdir),
            pixel=(alone, contender.ema),
            held_out=final,
            tell=lambda content: say(super_resolution_text(content)),
        )

    def trial(self) -> Task:
        """See `gan_jax.training.gan.GANRun`; the pixel loss alone counts as the GAN's steps."""
        warm_up = self.config.super_resolution.warm_up_steps
        return self.task(self.gan, [], end=2 * self.num_steps - warm_up)

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
        folder.open_workdir(place, self.config, write=parallel.is_main_process())
        evaluators = [functools.partial(_enlargement, gan, held_out)]
        task = self.task(gan, evaluators, step=step, start=start, begin=begin, end=end)
        # On the host, as a step's state is given away, and two parts begin with one.
        return on_host(fit(task, stop, place))


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
