"""A trained GAN, read back from its run's folder."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import math
import pathlib
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax.config.build import Shape, build_gan
from gan_jax.config.counts import count_steps
from gan_jax.config.members import Member, build_members, has_members, member_config, members_of
from gan_jax.data import Dataset, load
from gan_jax.data.disk import path_of
from gan_jax.data.machine import memory
from gan_jax.errors import InputError, first_line
from gan_jax.runtime import startup
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.checkpoint import Checkpoints
from gan_jax.steps.members import MembersState, member_state
from gan_jax.steps.state import GAN, GANState, create_gan_state

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class TrainedGAN:
    """A GAN as a checkpoint holds it.

    Attributes:
        config: of its run, a ConfigDict.
        gan: the networks; `gan.generator` makes images.
        ema: the generator's averaged variables, for `gan.generator.apply`, on the host.
        step: of the checkpoint.
        train: the images that it was trained on.
        folder: where its log lies: the run's folder, or the member's in it.
        discriminator: the discriminator's variables, on the host.
    """

    config: Any
    gan: GAN
    ema: Any
    step: int
    train: Dataset
    folder: pathlib.Path
    discriminator: Any = None


def read_gan(
    workdir: str | pathlib.Path, checkpoint: str = "latest", member: int | None = None
) -> TrainedGAN:
    """The GAN of a run's folder, from the checkpoint 'latest', 'best' or of a step.

    Args:
        workdir: of the run.
        checkpoint: which; 'best' of a run of several GANs goes by the mean of its best setting.
        member: which one of a run of several GANs, from 0; its config is then that of a run which
            trains it alone.

    Raises:
        InputError: no such run, checkpoint or member, or the run of a recogniser.
    """
    workdir = path_of(workdir)
    config = folder.read_config(workdir)
    if config.kind == "study":
        raise InputError(
            f"'{workdir}' is a study: its GANs' runs lie in {workdir / folder.GANS}; give the "
            "folder of one of them."
        )
    if config.kind != "gan":
        raise InputError(
            f"'{workdir}' is the run of a recogniser, which train.py has evaluated: see "
            f"{workdir / folder.REPORT}. Give the folder of a GAN's run."
        )
    chosen = choose_member(config, member, workdir)
    startup.enable_compilation_cache(config.compilation_cache)
    train = load(config.dataset, "train")
    num_steps = count_steps(config, len(train))
    kind = {"num_steps": num_steps, "num_classes": train.num_classes or 0}
    with _as_described(workdir):
        if chosen is None:
            gan = build_gan(config, train.image_shape, **kind)
        else:
            gan, _ = build_members(config, members_of(config), train.image_shape, **kind)
        members = () if chosen is None else (len(members_of(config)),)
        gans = _template(gan, train.image_shape, members, workdir)
    template = gans if chosen is None else MembersState(gans, jnp.zeros(members, jnp.int32))
    if not (workdir / folder.CHECKPOINTS).is_dir():
        raise InputError(f"'{workdir}' has no checkpoints yet: train it first.")
    with Checkpoints(workdir / folder.CHECKPOINTS, read_only=True) as checkpoints:
        restored = checkpoints.restore(template, _chosen_step(checkpoints, checkpoint))
    if restored is None:
        raise InputError(f"'{workdir}' has no checkpoints yet: train it first.")
    step, state = restored
    if chosen is not None:
        config = member_config(config, chosen)
        gan = build_gan(config, train.image_shape, **kind)
        own = member_state(state, chosen.index)
        if int(own.diverged) >= 0:
            _log.warning(
                "%s diverged at step %d: this is what it was before.", chosen.name, own.diverged
            )
        state = own.gans
    place = _place(workdir, chosen)
    ema, discriminator = jax.tree.map(np.asarray, (state.ema, state.discriminator.variables()))
    return TrainedGAN(config, gan, ema, step, train, place, discriminator)


def result_folder(workdir: str | pathlib.Path, member: int | None = None) -> pathlib.Path:
    """Where the log and results of a run or of its member lie; errors as `read_gan`."""
    workdir = path_of(workdir)
    return _place(workdir, choose_member(folder.read_config(workdir), member, workdir))


def _place(workdir: pathlib.Path, member: Member | None) -> pathlib.Path:
    return workdir if member is None else workdir / folder.MEMBERS / member.folder


def choose_member(config: ConfigDict, member: int | None, workdir: pathlib.Path) -> Member | None:
    """The member of that number in a config's run; None for the run of a single GAN.

    Raises InputError for no such number of several GANs, or any number for a single one.
    """
    if not has_members(config):
        if member is not None:
            raise InputError(
                f"--member is {member}, and '{workdir}' is the run of a single GAN: leave it out."
            )
        return None
    members = members_of(config)
    if member is None or not 0 <= member < len(members):
        listed = ", ".join(f"{one.index} ({one.name})" for one in members[:30])
        listed += ", ..." if len(members) > 30 else ""
        given = "none was chosen" if member is None else f"--member is {member}"
        raise InputError(
            f"'{workdir}' holds {len(members)} GANs, and {given}: give --member=I, one of "
            f"{listed}. "
            f"What they came to together is in {workdir / folder.REPORT}."
        )
    return members[member]


@contextlib.contextmanager
def _as_described(workdir: pathlib.Path) -> Iterator[None]:
    """Turns what networks of impossible sizes raise into an InputError."""
    try:
        yield
    except InputError:
        raise
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        raise InputError(
            f"'{workdir / folder.CONFIG}' describes no networks that can be made "
            f"({first_line(error, kind=False)}): give the folder of another run, or mend the file."
        ) from error


def _template(
    gan: GAN, image_shape: Shape, members: tuple[int, ...], workdir: pathlib.Path
) -> GANState:
    """A state of zeros, if it fits into memory; `members` is () for one GAN, (n,) for n of them."""
    create = functools.partial(create_gan_state, gan, image_shape=image_shape)
    shapes = jax.eval_shape(create, jax.random.key(0))
    needed = math.prod(members) * sum(
        math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes)
    )
    if needed > memory():
        raise InputError(
            f"the networks that '{workdir / folder.CONFIG}' describes take {needed / 2**30:,.1f} "
            f"GiB with their optimisers, and this machine has {memory() / 2**30:.1f} GiB: take a "
            "larger one, or give the folder of another run."
        )
    zeros = jax.tree.map(lambda leaf: jnp.zeros((*members, *leaf.shape), leaf.dtype), shapes)
    return zeros.replace(step=jnp.zeros((), jnp.int32))


def _chosen_step(checkpoints: Checkpoints, name: str) -> int | None:
    if name == "latest":
        return None
    if name == "best":
        best = checkpoints.best_step()
        if best is None and checkpoints.steps():
            raise InputError(
                "--checkpoint best: no checkpoint of this run has a score (its evaluations fell on "
                "none, or it had no judge): give latest or a step, of "
                f"{', '.join(map(str, checkpoints.steps()))}."
            )
        return best
    if not name.isdigit():
        raise InputError(f"--checkpoint is {name!r}; expected 'latest', 'best' or a step.")
    return int(name)
