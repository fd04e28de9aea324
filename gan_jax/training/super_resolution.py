"""A run of super-resolution: the pixel loss first, then it goes on alone, and the GAN beside it."""

from __future__ import annotations

import functools
import pathlib
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax.config import num_final_samples
from gan_jax.config.build import gan_step_function
from gan_jax.config.build_super_resolution import pixel_only
from gan_jax.data import Dataset
from gan_jax.reports.numbers_first import Tell, quietly
from gan_jax.runtime import parallel
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.images import save_png
from gan_jax.steps import generator_update
from gan_jax.steps.state import GAN, GANState, create_gan_state
from gan_jax.training import loop
from gan_jax.training.evaluate_super_resolution import (
    PIXEL,
    WARM_UP,
    HeldOut,
    evaluate_super_resolution,
    hold_out,
    score,
    side_by_side,
    summary,
)
from gan_jax.training.session import Session, say


def train_super_resolution(
    config: ConfigDict,
    workdir: pathlib.Path,
    stop: loop.StopSignal,
    gan: GAN,
    *,
    train: Dataset,
    test: Dataset,
    extractor: Any,
    num_steps: int,
    tell: Tell = quietly,
) -> None:
    """Trains and evaluates.

    `warm_up_steps` with the pixel loss alone (as Ledig et al. 2017, section 3.2, begin) lead to two
    networks of `num_steps` steps each: one that goes on with it, in the folder 'pixel', and one
    that goes on as a GAN, with its optimiser anew, in the run's own folder. Each part resumes.

    Args:
        config: with `super_resolution.factor` set.
        workdir: the run's folder.
        stop: ends the training after saving.
        gan: with all of its losses.
        train: training images.
        test: held-out images.
        extractor: the judge's, or None.
        num_steps: of the run in all, the warm-up included.
        tell: takes what eval.json holds before picture and page are made.
    """
    warm_up = config.super_resolution.warm_up_steps
    hold = functools.partial(
        hold_out, test, gan, extractor, batch_size=config.evaluation.batch_size
    )
    quick = hold(count=config.evaluation.num_samples, textures=False)  # they take seconds each time
    # Made before the training, so that images which cannot be compared are refused now.
    final = hold(count=num_final_samples(config), textures=config.evaluation.textures)
    alone = pixel_only(gan, config, num_steps)
    plan = parallel.make_plan(config.parallel, config.batch_size, config.num_devices)
    key = jax.random.key(config.seed)

    def stage(place: pathlib.Path, own: GAN, start: GANState, step: Any, bounds: tuple[int, int]):
        begin, end = bounds
        folder.open_workdir(place, config, write=parallel.is_main_process())
        state = parallel.replicate(start, plan)
        with Session(config, place, state, end, begin=begin) as session:
            state = session.fit(
                key,
                plan=plan,
                dataset=train,
                stop=stop,
                evaluate=functools.partial(_evaluate, session, place, own, quick),
                step=functools.partial(step, gan=own),
            )
        # On the host, as a step's state is given away, and two parts begin with one.
        return jax.tree.map(np.asarray, parallel.local_copy(state))

    begun = create_gan_state(alone, key, train.image_shape)
    if warm_up:
        say(f"Warm-up: {warm_up:,} steps of the pixel loss alone")
        begun = stage(workdir / WARM_UP, alone, begun, generator_update, (0, warm_up))
    say(f"The pixel loss alone goes on to step {num_steps:,}, to be compared with")
    contender = stage(workdir / PIXEL, alone, begun, generator_update, (warm_up, num_steps))
    say(f"The GAN goes on from step {warm_up:,} to {num_steps:,}")
    fresh = gan.generator_optimizer.init(begun.generator.params)
    start = begun.replace(generator=begun.generator.replace(opt_state=fresh))
    state = stage(workdir, gan, start, gan_step_function(config.updates), (warm_up, num_steps))
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
        tell=tell,
    )


def _evaluate(
    session: Session,
    place: pathlib.Path,
    gan: GAN,
    held_out: HeldOut,
    step: int,
    state: GANState,
) -> loop.Evaluation:
    images = held_out.enlarged(gan, parallel.local_copy(state.ema))
    entries = held_out.measure(images).entries
    if parallel.is_main_process():
        grid = side_by_side(held_out, [held_out.interpolated(), images])
        save_png(place / folder.SAMPLES / f"step_{step:07d}.png", grid)
        session.logger.image(step, "samples", grid)
    session.progress.update(step, {"PSNR": entries["psnr"]["value"]})
    return loop.Evaluation(summary(entries), score(entries))
