"""Judges many GANs of one run, each as a single run of its seed is judged, and all together."""

from __future__ import annotations

import dataclasses
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
from gan_jax.judging.class_agreement import judge_asked
from gan_jax.judging.judge import Judge
from gan_jax.reports.influences import INFLUENCES, save_influences
from gan_jax.reports.members import MembersReport, write_members_report
from gan_jax.reports.members_results import MemberResult, members_content
from gan_jax.reports.numbers_first import Tell, expendable, publish, quietly
from gan_jax.runtime import parallel
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.environment import describe_environment
from gan_jax.runtime.images import image_grid, save_png
from gan_jax.runtime.logs import read_history
from gan_jax.sampling.classes import asked_labels
from gan_jax.sampling.generate import generate_images, sample_latents
from gan_jax.steps.state import GAN

_SHOWN_SAMPLES = 100
_REPORTED_SAMPLES = 36


@dataclasses.dataclass(frozen=True, eq=False)
class Drawn:
    """What a member drew.

    Attributes:
        images: uint8 [n, h, w, c].
        labels: int32 [n], the classes that were asked for; None of an unconditional GAN.
    """

    images: np.ndarray
    labels: np.ndarray | None


def draw_member(
    config: ConfigDict, gan: GAN, ema: Any, member: Member, train: Dataset, count: int
) -> Drawn:
    """What one member draws of the latents, and classes, of a single run of its seed.

    Args:
        config: of the run.
        gan: of all members.
        ema: the averaged variables of all members, on the host, [members, ...].
        member: whose images.
        train: what it was trained on.
        count: how many images.
    """
    labels = asked_labels(gan, train, seed=member.seed, count=count)
    images = generate_images(
        gan.generator,
        jax.tree.map(lambda leaf: leaf[member.index], ema),
        sample_latents(member.seed, count, gan.latent_dim),
        labels=labels,
        batch_size=config.evaluation.batch_size,
    )
    return Drawn(images, labels)


@dataclasses.dataclass(frozen=True, eq=False)
class _Look:
    """What was seen of one member."""

    result: MemberResult
    samples: np.ndarray | None
    protocol: dict[str, Any]


def evaluate_members(
    workdir: pathlib.Path,
    *,
    config: ConfigDict,
    members: Sequence[Member],
    gan: GAN,
    ema: Any,
    diverged: np.ndarray,
    step: int,
    judge: Judge | None,
    train: Dataset,
    tell: Tell = quietly,
) -> None:
    """Writes eval.json of each member with its last pictures, eval.json of all, and report.html.

    The numbers of a member are those of a single run of its seed.

    Args:
        workdir: of the run.
        config: of the run.
        members: all.
        gan: what they have in common.
        ema: the averaged variables of all members, on the host, [members, ...].
        diverged: int [members], the steps done before each diverged, -1 for none.
        step: that the run ended at.
        judge: or None, and then there are pictures but no numbers.
        train: the images they were trained on.
        tell: takes what eval.json of all holds before the page is made.
    """
    looks, count = [], num_final_samples(config)
    for member in members:
        at = int(diverged[member.index])
        place = workdir / folder.MEMBERS / member.folder
        history = read_history(place)
        if at >= 0:
            looks.append(_Look(MemberResult(member, at, False, {}), None, {}))
            continue
        drawn = draw_member(config, gan, ema, member, train, count)
        metrics, protocol, content = {}, {}, {"metrics": {}, "protocol": {}}
        influences: dict[str, Any] = {}
        if judge is not None:
            judgement = judge_asked(
                judge,
                drawn.images,
                drawn.labels,
                train,
                families=None,
                training=train,
                complete=True,
            )
            content = judgement.content()
            metrics, protocol = judgement.metrics, judgement.protocol
            influences = {protocol["extractor_sha256"]: judgement.influences}
        collapsed = [row["eval/collapsed"] for row in history if "eval/collapsed" in row]
        result = MemberResult(member, None, bool(collapsed and collapsed[-1] == 1), metrics)
        looks.append(_Look(result, drawn.images[:_REPORTED_SAMPLES], protocol))
        if parallel.is_main_process():
            publish(
                place / folder.EVALUATION,
                content | {"protocol": protocol | {"step": step}},
                place / INFLUENCES,
            )
            with expendable(f"What lies beside {place / folder.EVALUATION}"):
                save_influences(place, influences)
                grid = image_grid(drawn.images[:_SHOWN_SAMPLES])
                save_png(place / folder.SAMPLES / "final.png", grid)
    if not parallel.is_main_process():
        return
    protocol = next((look.protocol for look in looks if look.protocol), {})
    content = members_content(
        [look.result for look in looks],
        protocol | {"step": step, "images": count},
    )
    page = workdir / folder.REPORT
    publish(workdir / folder.EVALUATION, content, page, tell=tell)
    with expendable(page.name):
        write_members_report(
            page,
            MembersReport(
                title=f"{config.model.name} on {train.name}",
                config=plain(config),
                content=content,
                histories=[
                    read_history(workdir / folder.MEMBERS / member.folder) for member in members
                ],
                samples=[look.samples for look in looks],
                environment=describe_environment(),
            ),
        )
