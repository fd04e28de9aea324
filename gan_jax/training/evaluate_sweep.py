"""Judges many GANs of one run, each as a single run of its seed is judged, and all together."""

from __future__ import annotations

import dataclasses
import functools
import operator
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax.config import num_final_samples
from gan_jax.config.members import Member
from gan_jax.config.saved import plain
from gan_jax.data import Dataset
from gan_jax.judging.class_agreement import judge_by_each
from gan_jax.judging.judge import Judge
from gan_jax.reports.numbers_first import Tell, publish_result
from gan_jax.reports.page import About
from gan_jax.reports.pages.sweep import write_sweep_report
from gan_jax.reports.result import Result, make_protocol
from gan_jax.reports.seeds.sweep import MemberResult, sweep_result
from gan_jax.runtime import parallel
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.environment import describe_environment
from gan_jax.runtime.images import image_grid
from gan_jax.runtime.logs import read_history
from gan_jax.sampling.classes import asked_labels
from gan_jax.sampling.generate import generate_images, sample_latents
from gan_jax.steps.state import GAN
from gan_jax.training.image_results import SHOWN_SAMPLES

_REPORTED_SAMPLES = 36


def evaluate_sweep(
    workdir: pathlib.Path,
    *,
    config: ConfigDict,
    members: Sequence[Member],
    gan: GAN,
    ema: Any,
    diverged: np.ndarray,
    step: int,
    judges: Sequence[Judge],
    train: Dataset,
    tell: Tell,
) -> None:
    """Writes eval.json of each member with its last pictures, eval.json of all, and report.html.

    The numbers of a member are those of a single run of its seed.

    Args:
        gan: what the members have in common.
        ema: the averaged variables of all members, on the host, [members, ...].
        diverged: int [members], the steps done before each diverged, -1 for none.
        step: that the run ended at.
        judges: the first gives the numbers of all together; without any there are pictures only.
        train: the images they were trained on.
        tell: takes what eval.json of all holds before the page is made.
    """
    count, main = num_final_samples(config), parallel.is_main_process()
    results, histories, protocols = [], [], []
    samples: list[np.ndarray | None] = []
    unjudged = make_protocol(
        {},
        seed=[member.seed for member in members],
        images=count,
        preprocessing="uint8",
        reference=None,
    )
    for member in members:
        at = int(diverged[member.index])
        place = workdir / folder.MEMBERS / member.folder
        histories.append(read_history(place))
        if at >= 0:
            results.append(MemberResult(member, at, False, {}))
            samples.append(None)
            continue
        labels = asked_labels(gan, train, seed=member.seed, count=count)
        images = generate_images(
            gan.generator,
            jax.tree.map(operator.itemgetter(member.index), ema),
            sample_latents(member.seed, count, gan.latent_dim),
            labels=labels,
            batch_size=config.evaluation.batch_size,
        )
        found = Result({}, unjudged | {"step": step, "seed": member.seed})
        if judges:
            judgements = judge_by_each(judges, images, labels, train)
            found, *others = (Result.of(one, {"step": step}) for one in judgements)
            found = dataclasses.replace(found, judges=others)
            protocols.append(judgements[0].protocol)
        collapsed = [row["eval/collapsed"] for row in histories[-1] if "eval/collapsed" in row]
        warned = bool(collapsed and collapsed[-1] == 1)
        results.append(MemberResult(member, None, warned, found.metrics))
        samples.append(images[:_REPORTED_SAMPLES])
        if main:
            grid = image_grid(images[:SHOWN_SAMPLES])
            publish_result(place, found, pictures=functools.partial(dict, final=grid))
    if not main:
        return
    protocol = next(iter(protocols), unjudged) | {"step": step, "images": count}
    result = sweep_result(results, protocol)
    write = functools.partial(
        write_sweep_report,
        about=About(
            f"{config.model.name} on {train.name}",
            config=plain(config),
            environment=describe_environment(),
        ),
        content=result.content(),
        histories=histories,
        samples=samples,
    )
    publish_result(workdir, result, pages={folder.REPORT: write}, tell=tell)
