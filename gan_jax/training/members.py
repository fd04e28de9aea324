"""A run of many GANs at once: seeds, and in a sweep hyper-parameters, in one program."""

from __future__ import annotations

import dataclasses
import functools
import logging
import pathlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax.config import examples_a_step
from gan_jax.config.build import gan_step_function
from gan_jax.config.members import Member, MemberGANs, build_members, members_of
from gan_jax.config.saved import plain
from gan_jax.data import Dataset
from gan_jax.errors import InputError
from gan_jax.judging.class_agreement import judge_asked
from gan_jax.judging.judge import Judge
from gan_jax.judging.suite import QUICK
from gan_jax.reports.numbers_first import Tell, quietly
from gan_jax.runtime import parallel
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.feed import make_members_feed
from gan_jax.runtime.images import image_grid, save_png
from gan_jax.runtime.logs import read_history
from gan_jax.runtime.memory import check_memory
from gan_jax.steps.members import MemberInputs, MembersState, create_members_state
from gan_jax.training import loop
from gan_jax.training.collapse_guard import CollapseWatch, make_watches
from gan_jax.training.evaluate_members import Drawn, draw_member, evaluate_members
from gan_jax.training.members_logs import MemberLogs, MembersRecorder
from gan_jax.training.members_parallel import (
    MembersPlan,
    compile_members,
    make_members_plan,
    on_host,
    place_members,
)
from gan_jax.training.session import Session, say

_log = logging.getLogger(__name__)
_SHOWN_IN_A_ROW = 12
# Parameters, their gradients and both moments live beside the state while it is changed.
_COPIES = 2


@dataclasses.dataclass(frozen=True)
class Crew:
    """Who is trained, and where.

    Attributes:
        members: all of them.
        plan: what each device does.
        networks: what they train.
    """

    members: tuple[Member, ...]
    plan: MembersPlan
    networks: MemberGANs


def make_crew(config: ConfigDict, train: Dataset, num_steps: int) -> Crew:
    """The members of a config, checked before anything is made.

    Raises:
        InputError: settings that cannot be trained, or not together.
    """
    members = tuple(members_of(config))
    if config.collapse.action in ("stop", "rollback"):
        raise InputError(
            f"config.collapse.action is '{config.collapse.action}' with {len(members)} GANs in one "
            "run: what ends or turns back one of them would do so with all. Set it to 'warn'; a "
            "collapse is then reported for each."
        )
    if config.evaluation.textures:
        raise InputError(
            f"config.evaluation.textures is set with {len(members)} GANs in one run: judge them as "
            "textures one by one, with python eval.py --workdir RUN --member=0 --texture."
        )
    networks = build_members(
        config, members, train.image_shape, num_steps, num_classes=train.num_classes or 0
    )
    plan = make_members_plan(config.parallel, len(members), config.batch_size, config.num_devices)
    crew = Crew(members, plan, networks)
    _check_memory(crew, train)
    return crew


def _check_memory(crew: Crew, train: Dataset) -> None:
    """Raises InputError if the members' states alone do not fit into the devices."""
    seeds = [member.seed for member in crew.members]
    shapes = jax.eval_shape(
        lambda: create_members_state(crew.networks.gan, seeds[:1], train.image_shape)
    )
    one = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))
    devices = crew.plan.plan.local_devices
    copies = 1 if crew.plan.layout == "members" else len(devices)
    check_memory(
        _COPIES * one * len(seeds) * copies,
        devices,
        f"{len(seeds)} GANs of {one / 2**20:,.0f} MiB each",
        "lower config.num_seeds, or give config.sweep fewer values",
    )


def train_members(
    config: ConfigDict,
    workdir: pathlib.Path,
    crew: Crew,
    stop: loop.StopSignal,
    *,
    train: Dataset,
    judge: Judge | None,
    num_steps: int,
    tell: Tell = quietly,
) -> None:
    """Trains all members to the end, or goes on where they were left, and reports on them.

    Args:
        config: of the run.
        workdir: its folder, opened.
        crew: its members.
        stop: a signal to end at.
        train: images to train on.
        judge: or None.
        num_steps: of the whole run.
        tell: takes what eval.json holds before the page is made.

    Raises:
        InputError: a set that would be streamed, or a folder that cannot be used.
        TrainingDiverged: no member is left.
        Interrupted: SIGTERM or Ctrl-C, after saving.
    """
    members, plan = crew.members, crew.plan
    gan = crew.networks.gan
    seeds = [member.seed for member in members]
    say(
        f"Training {len(members)} GANs '{config.model.name}' on {train} for {num_steps:,} steps in "
        f"{workdir}: {describe_members(members)}"
    )
    feed = make_members_feed(
        train,
        plan.plan,
        batch_size=examples_a_step(config),
        steps_per_call=config.steps_per_call,
        seeds=seeds,
        batch_shared=plan.layout == "batch",
    )
    start = place_members(create_members_state(gan, seeds, train.image_shape), plan)
    inputs = MemberInputs(
        jnp.stack([jax.random.key(seed) for seed in seeds]),
        {place: jnp.asarray(np.array(numbers)) for place, numbers in crew.networks.values.items()},
    )
    step = gan_step_function(config.updates)
    with Session(config, workdir, start, num_steps) as session:
        with MemberLogs(workdir, members, session.start) as logs:
            watcher = _Watcher(config, crew, judge, num_steps, train, session, logs)
            state = session.run(
                inputs,
                plan=plan.plan,
                feed=feed,
                compiled=compile_members(gan, step, feed.fetch, plan),
                stop=stop,
                evaluate=watcher.evaluate,
                recorder=functools.partial(
                    MembersRecorder,
                    members,
                    on_host(session.state.diverged),
                    logs=logs,
                ),
            )
    say("Evaluating, and writing the report ...")
    evaluate_members(
        workdir,
        config=config,
        members=members,
        gan=gan,
        ema=on_host(state.gans.ema),
        diverged=on_host(state.diverged),
        step=num_steps,
        judge=judge,
        train=train,
        tell=tell,
    )
    parallel.wait_for_all("report")


def describe_members(members: Sequence[Member]) -> str:
    """Such as '3 settings x 2 seeds (0 to 1)'."""
    settings = list(dict.fromkeys(member.setting for member in members))
    seeds = sorted({member.seed for member in members})
    text = f"seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"
    if settings[0].values:
        text = f"{len(settings)} settings x {len(seeds)} ({text})"
    return text


class _Watcher:
    """Looks at every member at each evaluation: pictures, the judge, the mode-collapse meter."""

    def __init__(
        self,
        config: ConfigDict,
        crew: Crew,
        judge: Judge | None,
        num_steps: int,
        train: Dataset,
        session: Session,
        logs: MemberLogs,
    ) -> None:
        self._config, self._crew, self._judge = config, crew, judge
        self._session, self._logs = session, logs
        self._train = train
        self._watches: list[CollapseWatch] = []
        self._warned = [False] * len(crew.members)
        if judge is not None and config.collapse.action != "none":
            self._watches = make_watches(
                plain(config.collapse),
                judge,
                len(crew.members),
                num_samples=config.evaluation.num_samples,
                num_steps=num_steps,
            )
            for watch, place in zip(self._watches, logs.folders, strict=True):
                watch.resume(session.start, read_history(place))

    def evaluate(self, step: int, state: MembersState) -> loop.Evaluation:
        """Of the members that are still training; ranked by the best setting's mean."""
        diverged, ema = on_host(state.diverged), on_host(state.gans.ema)
        rows: dict[Member, dict[str, float]] = {}
        pictures = []
        for member in self._crew.members:
            if diverged[member.index] >= 0:
                continue
            drawn = draw_member(
                self._config,
                self._crew.networks.gan,
                ema,
                member,
                self._train,
                self._config.evaluation.num_samples,
            )
            pictures.append(drawn.images[:_SHOWN_IN_A_ROW])
            numbers = self._look(step, member, drawn)
            self._logs.loggers[member.index].scalars(step, numbers)
            if numbers:
                rows[member] = numbers
        if parallel.is_main_process() and pictures:
            grid = image_grid(np.concatenate(pictures), columns=len(pictures[0]))
            save_png(self._logs.folders[0].parents[1] / folder.SAMPLES / _picture(step), grid)
            self._session.logger.image(step, "samples", grid)
        if not rows:
            return loop.Evaluation({})
        names = dict.fromkeys(name for numbers in rows.values() for name in numbers)
        means = {name: float(np.mean([row[name] for row in rows.values()])) for name in names}
        by_setting: dict = {}
        for member, numbers in rows.items():
            by_setting.setdefault(member.setting, []).append(numbers["eval/fd_semantic"])
        score = min(float(np.mean(scores)) for scores in by_setting.values())
        self._session.progress.update(step, {"FD": score})
        return loop.Evaluation(means, score)

    def _look(self, step: int, member: Member, drawn: Drawn) -> dict[str, float]:
        if parallel.is_main_process():
            grid = image_grid(drawn.images[: self._config.evaluation.grid])
            save_png(self._logs.folders[member.index] / folder.SAMPLES / _picture(step), grid)
            self._logs.loggers[member.index].image(step, "samples", grid)
        if self._judge is None:
            return {}
        judgement = judge_asked(
            self._judge, drawn.images, drawn.labels, self._train, families=QUICK
        )
        numbers = judgement.summary()
        if not self._watches:
            return numbers
        watch = self._watches[member.index]
        numbers |= watch.read(step, judgement.features)
        collapse = watch.collapse()
        if collapse and not self._warned[member.index]:
            _log.warning(
                "%s has collapsed, from step %s to %s: %s.",
                member.name,
                f"{collapse.since:,}",
                f"{step:,}",
                "; ".join(collapse.findings),
            )
        self._warned[member.index] = collapse is not None
        return numbers


def _picture(step: int) -> str:
    return f"step_{step:07d}.png"
