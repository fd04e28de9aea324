"""Ours: gan_jax's networks and steps, as a run trains them, without the moving average.

The peers keep no moving average of the parameters, so ours is left out: its half-life is 0, and the
state holds none.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from benchmarks.peers.jax_trainer import jax_trainer
from benchmarks.peers.plain import count_flops, make_adam
from benchmarks.peers.serving import Trainer, serve
from benchmarks.works import Task
from gan_jax import steps
from gan_jax.data import machine
from gan_jax.models.article import ArticleDiscriminator, ArticleGenerator
from gan_jax.models.cnn import CNN
from gan_jax.models.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_jax.models.r3gan import R3GANDiscriminator, R3GANGenerator
from gan_jax.models.resnet import ResnetDiscriminator, ResnetGenerator
from gan_jax.runtime.compiler import options_of
from gan_jax.runtime.environment import describe_environment
from gan_jax.steps.losses import adversarial_loss
from gan_jax.steps.penalties import R1, R2
from gan_jax.steps.state import GAN, Recogniser, create_cnn_state, create_gan_state

Step = Callable[[Any, dict[str, Array], Array], tuple[Any, dict[str, Array]]]


def make_gan(task: Task) -> GAN:
    """The GAN of a work."""
    work, dtype = task.work, jnp.bfloat16 if task.dtype == "bfloat16" else None
    if work.model == "article":
        generator = ArticleGenerator(work.image_shape, dtype=dtype)
        discriminator = ArticleDiscriminator(dropout_rate=work.dropout_rate, dtype=dtype)
    elif work.model == "r3gan":
        generator = R3GANGenerator(work.image_shape, width=work.width, dtype=dtype)
        discriminator = R3GANDiscriminator(width=work.width, dtype=dtype)
    elif work.model == "resnet":
        generator = ResnetGenerator(work.image_shape, width=work.width, dtype=dtype)
        discriminator = ResnetDiscriminator(width=work.width, dtype=dtype)
    else:
        common = dict(width=work.width, kernel_size=work.kernel_size, dtype=dtype)
        generator = DCGANGenerator(work.image_shape, **common)
        discriminator = DCGANDiscriminator(norm=work.discriminator_norm, **common)
    adam = make_adam(work)
    pairs = ((R1, work.r1_weight), (R2, work.r2_weight))
    return GAN(
        generator, discriminator, adam, adam, work.latent_dim, adversarial_loss(work.loss),
        penalties=tuple(kind(weight) for kind, weight in pairs if weight), ema_half_life=0.0,
    )  # fmt: skip


def make_recogniser(task: Task) -> Recogniser:
    """The recogniser of a work."""
    work, dtype = task.work, jnp.bfloat16 if task.dtype == "bfloat16" else None
    network = CNN(work.num_classes, work.widths, work.dense, work.dropout_rate, dtype=dtype)
    return Recogniser(network, make_adam(work))


def create(task: Task, key: Array) -> Any:
    """The state before the first step."""
    shape = task.work.image_shape
    if task.work.is_gan:
        return create_gan_state(make_gan(task), key, shape).replace(ema={})
    return create_cnn_state(make_recogniser(task), key, shape).replace(ema={})


def make_step(task: Task) -> Step:
    """(state, batch, key) to (state, metrics) for the work and update of a task.

    Raises:
        ValueError: for an update that gan_jax does not have.
    """
    if not task.work.is_gan:
        return _without_average(
            functools.partial(steps.cnn_update, recogniser=make_recogniser(task))
        )
    names = {"alternating": "gan_step", "simultaneous": "simultaneous_step"}
    if task.update not in names:
        raise ValueError(f"gan_jax has no {task.update!r} update")
    if not hasattr(steps, names[task.update]):
        raise ValueError(f"this gan_jax has no gan_jax.steps.{names[task.update]}")
    return _without_average(
        functools.partial(getattr(steps, names[task.update]), gan=make_gan(task))
    )


def _without_average(step: Step) -> Step:
    def stepped(
        state: Any, batch: dict[str, Array], key: Array, *, axis_name: str | None = None
    ) -> tuple[Any, dict[str, Array]]:
        state, metrics = step(state, batch, key, axis_name=axis_name)
        return state.replace(ema={}), metrics

    return stepped


def parameter_counts(task: Task) -> dict[str, int]:
    """Trainable numbers by network."""
    state = jax.eval_shape(lambda: create(task, jax.random.key(0)))
    nets = (
        {"generator": state.generator, "discriminator": state.discriminator}
        if task.work.is_gan
        else {"recogniser": state.network}
    )
    return {
        name: sum(leaf.size for leaf in jax.tree.leaves(net.params)) for name, net in nets.items()
    }


def build(task: Task) -> Trainer:
    """The compiled step on random images."""
    if task.variant != "memory returned":
        machine.keep_freed_memory()  # as a run does
    step, name = make_step(task), "generator" if task.work.is_gan else "cross_entropy"

    def with_loss(state: Any, batch: dict[str, Array], key: Array) -> tuple[Any, Array]:
        state, metrics = step(state, batch, key)
        return state, metrics[f"loss/{name}"]

    state = create(task, jax.random.key(0))
    return jax_trainer(
        task,
        with_loss,
        state,
        parameter_counts(task),
        details=lambda: {"environment": describe_environment(), "work_flops": count_flops(task)},
        compiler_options=options_of(state),
    )


if __name__ == "__main__":
    serve(build)
