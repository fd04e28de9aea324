"""What looks at a GAN while it trains. A further evaluator is a class here and a line in a list.

Evaluators of one run share what is expensive: images are drawn once per step, and judged once.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
import pathlib
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax.config.members import Member
from gan_jax.config.saved import plain
from gan_jax.data import Dataset
from gan_jax.judging.class_agreement import judge_asked
from gan_jax.judging.collapse_meter import CollapseMeter
from gan_jax.judging.judge import Judge
from gan_jax.judging.suite import QUICK
from gan_jax.judging.textures.run import TextureMeter
from gan_jax.reports.class_pictures import picture
from gan_jax.runtime import parallel
from gan_jax.runtime.images import image_grid
from gan_jax.runtime.logs import read_history
from gan_jax.runtime.members_parallel import on_host
from gan_jax.sampling.classes import MOST_ROWS, asked_labels, draw_classes
from gan_jax.sampling.generate import generate_images, sample_latents
from gan_jax.steps.state import GAN
from gan_jax.training.collapse_guard import CollapseGuard
from gan_jax.training.task import SAMPLES, Evaluator, OncePerStep, Reading, look, resume

_SHOWN_IN_A_ROW = 12


@dataclasses.dataclass(frozen=True, eq=False)
class Sampler:
    """What a GAN draws at each evaluation, always of the same latents and classes.

    Attributes:
        gan: its static half.
        train: what it is trained on.
        seed: of latents and classes.
        settings: `config.evaluation`, which says how many.
    """

    gan: GAN
    train: Dataset
    seed: int
    settings: ConfigDict

    @functools.cached_property
    def latents(self) -> np.ndarray:
        """float32 [n, latent_dim]."""
        return sample_latents(self.seed, self.settings.num_samples, self.gan.latent_dim)

    @functools.cached_property
    def labels(self) -> np.ndarray | None:
        """Classes to draw, int32 [n]; None of an unconditional GAN."""
        count = self.settings.num_samples
        return asked_labels(self.gan, self.train, seed=self.seed, count=count)

    def draw(self, step: int, state: Any) -> np.ndarray:
        """Images of the averaged generator, uint8 [n, h, w, c]."""
        return generate_images(
            self.gan.generator,
            parallel.local_copy(state.ema),
            self.latents,
            labels=self.labels,
            batch_size=self.settings.batch_size,
        )

    def grid_of(self, images: np.ndarray, state: Any) -> np.ndarray:
        """A picture of some of them, by class if the GAN knows classes; uint8 [h, w, c]."""
        most = self.settings.grid
        if self.labels is None:
            return image_grid(images[:most])
        columns = max(most // min(self.gan.num_classes, MOST_ROWS), 1)
        rows = draw_classes(
            self.gan,
            parallel.local_copy(state.ema),
            self.train,
            self.latents[:columns],
            batch_size=self.settings.batch_size,
        )
        return picture(rows)


def gan_evaluators(
    config: ConfigDict,
    sampler: Sampler,
    draw: Callable[[int, Any], np.ndarray],
    *,
    judge: Judge | None,
    textures: TextureMeter | None,
    collapse: CollapseMeter | None,
    num_steps: int,
    workdir: pathlib.Path | None,
    name: str = "the generator",
) -> list[Evaluator]:
    """All that looks at one GAN: its pictures, and what measures its images.

    `draw` is `sampler.draw`, shared by whoever asks; for `num_steps`, `workdir` and `name` see
    `CollapseGuard`.
    """

    def pictures(step: int, state: Any) -> Reading:
        return Reading(pictures={SAMPLES: sampler.grid_of(draw(step, state), state)})

    def as_textures(step: int, state: Any) -> Reading:
        assert textures is not None
        numbers = textures.read(draw(step, state))
        return Reading(numbers, score=numbers["eval/texture_fd"])

    @OncePerStep
    def judgement(step: int, state: Any) -> Any:
        assert judge is not None
        return judge_asked(judge, draw(step, state), sampler.labels, sampler.train, families=QUICK)

    def judged(step: int, state: Any) -> Reading:
        numbers = judgement(step, state).summary()
        score = numbers["eval/fd_semantic"]
        return Reading(numbers, score=score, shown={"FD": score})

    evaluators: list[Evaluator] = [pictures]
    if textures is not None:
        evaluators.append(as_textures)
    if judge is not None:
        evaluators.append(judged)
    if collapse is not None:
        evaluators.append(
            CollapseGuard(
                plain(config.collapse),
                collapse,
                lambda step, state: judgement(step, state).features,
                num_steps=num_steps,
                workdir=workdir,
                name=name,
            )
        )
    return evaluators


@dataclasses.dataclass(frozen=True, eq=False)
class MemberView:
    """How the evaluators of one member see it.

    Attributes:
        member: which.
        draw: its images, of (step, state).
        evaluators: as of a single run of its seed.
        folder: the member's.
    """

    member: Member
    draw: Callable[[int, Any], np.ndarray]
    evaluators: Sequence[Evaluator]
    folder: pathlib.Path


class EachMember:
    """An evaluator that looks at each member of a sweep as a single run is looked at.

    Its numbers are means over the members that still train; its score is the mean of the best
    setting.
    """

    def __init__(self, views: Sequence[MemberView]) -> None:
        self._views = views

    def resume(self, step: int, history: list[dict]) -> Exception | None:
        """Gives each member's evaluators the member's own log."""
        for view in self._views:
            resume(view.evaluators, step, read_history(view.folder))
        return None

    def __call__(self, step: int, state: Any) -> Reading:
        """A reading of all members, with those of each in `members`."""
        diverged, ema = on_host(state.diverged), on_host(state.gans.ema)
        readings: dict[Member, Reading] = {}
        rows = []
        for view in self._views:
            index = view.member.index
            if diverged[index] >= 0:
                continue
            # What evaluators look at, on the host.
            own = SimpleNamespace(ema=jax.tree.map(operator.itemgetter(index), ema))
            readings[view.member] = look(view.evaluators, step, own)
            rows.append(view.draw(step, own)[:_SHOWN_IN_A_ROW])
        grid = {SAMPLES: image_grid(np.concatenate(rows), columns=len(rows[0]))} if rows else {}
        numbers = [reading.numbers for reading in readings.values()]
        names = numbers[0] if numbers else ()
        score = _best_setting(readings)
        return Reading(
            {name: float(np.mean([row[name] for row in numbers])) for name in names},
            grid,
            score=score,
            shown={} if score is None else {"FD": score},
            members={member.index: reading for member, reading in readings.items()},
        )


def _best_setting(readings: dict[Member, Reading]) -> float | None:
    """The lowest mean score of a setting's members."""
    by_setting: dict[Any, list[float]] = {}
    for member, reading in readings.items():
        if reading.score is not None:
            by_setting.setdefault(member.setting, []).append(reading.score)
    return min((float(np.mean(scores)) for scores in by_setting.values()), default=None)
