"""A run of many GANs at once: seeds, and in a sweep hyper-parameters, in one program."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax.config import examples_a_step
from gan_jax.config.members import Member, build_members, members_of
from gan_jax.config.saved import plain
from gan_jax.data import Dataset
from gan_jax.errors import InputError
from gan_jax.judging.judge import Judge
from gan_jax.reports.seeds.sweep import sweep_table
from gan_jax.runtime import parallel
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.feed import make_members_feed
from gan_jax.runtime.logs import say
from gan_jax.runtime.members_parallel import (
    compile_members,
    make_members_plan,
    on_host,
    place_members,
)
from gan_jax.runtime.memory import check_memory
from gan_jax.runtime.signals import StopSignal
from gan_jax.steps.members import MemberInputs, create_members_state
from gan_jax.steps.updates import UPDATES
from gan_jax.training.collapse_guard import collapse_meter_of
from gan_jax.training.evaluate_sweep import evaluate_sweep
from gan_jax.training.evaluators import EachMember, MemberView, Sampler, gan_evaluators
from gan_jax.training.frozen import check_alone
from gan_jax.training.loop import fit
from gan_jax.training.task import OncePerStep, Pace, Task

# Parameters, their gradients and both moments live beside the state while it is changed.
_COPIES = 2


class SweepRun:
    """The run of several GANs: seeds, and settings of hyper-parameters."""

    def __init__(self, config: ConfigDict, train: Dataset, test: Dataset, num_steps: int) -> None:
        del test
        check_alone(config)
        self._config, self._train, self._num_steps = config, train, num_steps
        self._members = tuple(members_of(config))
        self._refuse_what_ends_all()
        self._gan, self._values = build_members(
            config, self._members, train.image_shape, num_steps, num_classes=train.num_classes or 0
        )
        self._plan = make_members_plan(
            config.parallel, len(self._members), config.batch_size, config.num_devices
        )
        self._check_memory()
        self.title = f"{len(self._members)} GANs {config.model.name} on {train.name}"

    def train(self, workdir: pathlib.Path, judges: Sequence[Judge], stop: StopSignal) -> None:
        """Trains to the end from where the folder stands, and writes results and report."""
        config, members, train = self._config, self._members, self._train
        say(
            f"Training {len(members)} GANs '{config.model.name}' on {train} for "
            f"{self._num_steps:,} steps in {workdir}: {describe_members(members)}"
        )
        state = fit(self._task(workdir, next(iter(judges), None)), stop, workdir)
        say("Evaluating, and writing the report ...")
        evaluate_sweep(
            workdir,
            config=config,
            members=members,
            gan=self._gan,
            ema=on_host(state.gans.ema),
            diverged=on_host(state.diverged),
            step=self._num_steps,
            judges=judges,
            train=train,
            tell=lambda content: say(sweep_table(content)),
        )

    def trial(self) -> Task:
        """The task to time a few steps of."""
        return self._task(pathlib.Path(), None)

    def _task(self, workdir: pathlib.Path, judge: Judge | None) -> Task:
        config, train, plan = self._config, self._train, self._plan
        gan, seeds = self._gan, [member.seed for member in self._members]
        feed = make_members_feed(
            train,
            plan.plan,
            batch_size=examples_a_step(config),
            steps_per_call=config.steps_per_call,
            seeds=seeds,
            batch_shared=plan.layout == "batch",
        )
        inputs = MemberInputs(
            jnp.stack([jax.random.key(seed) for seed in seeds]),
            {place: jnp.asarray(np.array(numbers)) for place, numbers in self._values.items()},
        )
        return Task(
            state=lambda: place_members(create_members_state(gan, seeds, train.image_shape), plan),
            inputs=lambda rollbacks: parallel.replicate(inputs, plan.plan),
            feed=feed,
            program=compile_members(gan, UPDATES[config.updates], feed.fetch, plan),
            pace=Pace.of(config, self._num_steps),
            evaluators=[EachMember(self._views(workdir, judge))],
            members=self._members,
            kept={folder.CONFIG: plain(config)},
        )

    def _views(self, workdir: pathlib.Path, judge: Judge | None) -> list[MemberView]:
        config = self._config
        meter = collapse_meter_of(config, judge)
        views = []
        for member in self._members:
            sampler = Sampler(self._gan, self._train, member.seed, config.evaluation)
            draw = OncePerStep(sampler.draw)
            evaluators = gan_evaluators(
                config,
                sampler,
                draw,
                judge=judge,
                textures=None,
                collapse=meter,
                num_steps=self._num_steps,
                workdir=None,
                name=member.name,
            )
            place = workdir / folder.MEMBERS / member.folder
            views.append(MemberView(member, draw, evaluators, place))
        return views

    def _refuse_what_ends_all(self) -> None:
        config, count = self._config, len(self._members)
        if config.collapse.action in ("stop", "rollback"):
            raise InputError(
                f"config.collapse.action is '{config.collapse.action}' with {count} GANs in one "
                "run: what ends or turns back one of them would do so with all. Set it to 'warn'; "
                "a collapse is then reported for each."
            )
        if config.evaluation.textures:
            raise InputError(
                f"config.evaluation.textures is set with {count} GANs in one run: judge them as "
                "textures one by one, with python eval.py --workdir RUN --member=0 --texture."
            )

    def _check_memory(self) -> None:
        """Raises InputError if the members' states alone do not fit into the devices."""
        gan, seeds = self._gan, [member.seed for member in self._members]
        shapes = jax.eval_shape(
            lambda: create_members_state(gan, seeds[:1], self._train.image_shape)
        )
        one = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))
        devices = self._plan.plan.local_devices
        copies = 1 if self._plan.layout == "members" else len(devices)
        check_memory(
            _COPIES * one * len(seeds) * copies,
            devices,
            f"{len(seeds)} GANs of {one / 2**20:,.0f} MiB each",
            "lower config.num_seeds, or give config.sweep fewer values",
        )


def describe_members(members: Sequence[Member]) -> str:
    """Such as '3 settings x 2 seeds (0 to 1)'."""
    settings = list(dict.fromkeys(member.setting for member in members))
    seeds = sorted({member.seed for member in members})
    text = f"seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"
    if settings[0].values:
        text = f"{len(settings)} settings x {len(seeds)} ({text})"
    return text
