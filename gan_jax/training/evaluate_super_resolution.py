"""Enlarged held-out images in numbers: a run's network against what is easier to have."""

from __future__ import annotations

import pathlib
from typing import Any

import jax
import numpy as np

from gan_jax.config.build import pixel_only
from gan_jax.config.counts import count_steps
from gan_jax.config.saved import plain
from gan_jax.data import Dataset
from gan_jax.errors import InputError
from gan_jax.reports.class_pictures import NamedRows
from gan_jax.reports.numbers_first import Tell, command_to_judge, publish_result
from gan_jax.reports.page import About
from gan_jax.reports.pages.super_resolution import write_super_resolution_report
from gan_jax.reports.result import Result, make_protocol
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.checkpoint import Checkpoints
from gan_jax.runtime.environment import describe_environment
from gan_jax.runtime.logs import read_history
from gan_jax.runtime.parallel import is_main_process
from gan_jax.sampling.trained import TrainedGAN
from gan_jax.steps.state import GAN, create_gan_state
from gan_jax.training.enlarged import SEED, HeldOut, examples, side_by_side
from gan_jax.training.frozen import in_the_loop

WARM_UP, PIXEL = "warm_up", "pixel"  # folders in that of the run
BICUBIC, PIXEL_LOSS, ADVERSARIAL, ORIGINAL = "bicubic", "pixel loss", "adversarial", "original"


def evaluate_super_resolution(
    out: pathlib.Path,
    *,
    trained: TrainedGAN,
    pixel: tuple[GAN, Any],
    held_out: HeldOut,
    tell: Tell,
    again: str = "",
) -> dict[str, Any]:
    """Writes eval.json, a picture and report.html into `out`; returns what eval.json holds.

    Headline, flags and metrics are the adversarial network's. Under 'contenders' stand the metrics
    of all, under 'headlines' their headlines, with those of the originals themselves, which is what
    a perfect network would get; under 'differences' the adversarial network's less each rival's.

    Args:
        pixel: the same network with the pixel loss alone, and its averaged variables.
        held_out: images to enlarge.
        tell: takes what eval.json holds before picture and page are made.
        again: the command that makes these again; '' for that which judges the run.

    Raises:
        InputError: eval.json cannot be written; its content has been told.
    """
    run, train = trained.folder, trained.train
    images = {
        BICUBIC: held_out.interpolated(),
        PIXEL_LOSS: held_out.enlarged(*pixel),
        ADVERSARIAL: held_out.enlarged(trained.gan, trained.ema),
        ORIGINAL: held_out.originals,
    }
    measured = {
        name: held_out.measure(found, train=train, complete=True) for name, found in images.items()
    }
    ours = measured[ADVERSARIAL]
    more = {
        "contenders": {name: found.entries for name, found in measured.items()},
        "headlines": {name: found.headline for name, found in measured.items() if found.headline},
        "differences": {
            name: held_out.differences(ours, measured[name]) for name in (BICUBIC, PIXEL_LOSS)
        },
    }
    protocol = _protocol(held_out, train, {"step": trained.step} | in_the_loop(run))
    result = Result(ours.entries, protocol, ours.headline, ours.flags, more=more)
    if not is_main_process():
        return result.content()

    enlarged = [images[name] for name in (BICUBIC, PIXEL_LOSS, ADVERSARIAL)]

    def pictures() -> dict[str, np.ndarray]:
        return {"final": side_by_side(held_out, enlarged)}

    def page(path: pathlib.Path) -> None:
        about = About(
            f"x{held_out.factor} on {train.name}",
            config=plain(trained.config),
            history=read_history(run),
            environment=describe_environment(),
        )
        names = (f"given (1/{held_out.factor})", *images)
        rows = NamedRows(names, examples(held_out, enlarged))
        write_super_resolution_report(path, about, result.content(), rows)

    again, pages = again or command_to_judge(run), {folder.REPORT: page}
    return publish_result(out, result, pictures=pictures, pages=pages, tell=tell, again=again)


def _protocol(held_out: HeldOut, train: Dataset, about: dict[str, Any]) -> dict[str, Any]:
    judge = held_out.judge
    return make_protocol(
        {
            "task": "super-resolution",
            "factor": held_out.factor,
            "downscaling": "area average, not rounded to 8 bits",
            "interpolation": "Pillow, bicubic",
            **({} if judge is None else judge.describe()),
            "training": train.name,
            "training_fingerprint": train.fingerprint,
            **about,
        },
        seed=SEED,
        images=len(held_out.originals),
        preprocessing="uint8" if judge is None else judge.extractor.record["preprocessing"],
        reference=held_out.others,
    )


def read_pixel(trained: TrainedGAN) -> tuple[GAN, Any]:
    """The network with the pixel loss alone of a finished run, and its averaged variables.

    Raises:
        InputError: the run has not come to it yet.
    """
    config, train = trained.config, trained.train
    place = trained.folder / PIXEL / folder.CHECKPOINTS
    network = pixel_only(trained.gan, config, count_steps(config, len(train)))
    template = create_gan_state(network, jax.random.key(config.seed), train.image_shape)
    restored = None
    if place.is_dir():
        with Checkpoints(place, read_only=True) as checkpoints:
            restored = checkpoints.restore(template)
    if restored is None:
        raise InputError(
            f"'{trained.folder}' has no network of the pixel loss alone yet: train it first."
        )
    return network, jax.tree.map(np.asarray, restored[1].ema)
