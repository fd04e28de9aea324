"""What is trained: static definitions (GAN, Recogniser) and the arrays that training changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import optax
from jax import Array

from gan_jax.steps.adaptive import AdaptiveProbability
from gan_jax.steps.axis import named_key
from gan_jax.steps.losses import NON_SATURATING, AdversarialLoss
from gan_jax.steps.penalties import LeCam, Penalty
from gan_jax.steps.schedules import Schedule

Params = Any
Collections = dict[str, Any]
Augmentation = Callable[[Array, Array], Array]


class GeneratorLoss(Protocol):
    """A further loss of the generator, see `gan_jax.steps.generator_losses`."""

    @property
    def name(self) -> str: ...

    @property
    def weight(self) -> float: ...

    def __call__(self, fake: Array, real: Array, axis_name: str | None = None) -> Array: ...


@dataclasses.dataclass(frozen=True)
class GAN:
    """The static half of a GAN: hashable, bound to the steps with `functools.partial`.

    Attributes:
        generator: latents [n, latent_dim], or what `conditioning` gives, to images [n, h, w, c] in
            [-1, 1]; called with `train=`.
        discriminator: images to logits [n], high for real; called with `train=`.
        generator_optimizer, discriminator_optimizer: optax transformations.
        latent_dim: length of the standard normal latents.
        loss: the pair of adversarial losses.
        penalties: of gradients, added to the discriminator's loss, each with a `name`; they look
            at single examples, so they need a discriminator without batch normalisation. Fields of
            theirs, such as `weight`, may be a `Schedule`.
        penalty_interval: steps from one update with the penalties to the next; they then count
            that many times (Karras et al. 2020, "Analyzing and improving the image quality of
            StyleGAN", section 3.1).
        lecam: a penalty on logits against their own moving averages, or None.
        augment: (images, keys [n]) to images, before the discriminator on real and generated
            images in both updates, or None. A field `probability` may be a `Schedule` or an
            `AdaptiveProbability`.
        ema_half_life: images after which a parameter's weight in the moving average has halved;
            0 keeps no average (the last parameters are used). It may be a `Schedule`.
        ema_rampup: the half-life is at most this fraction of the images seen, so that early
            parameters are forgotten (Karras et al. 2020, "Training generative adversarial networks
            with limited data", training loop).
        accumulation: parts that a batch is cut into, whose gradients are averaged, so that a batch
            takes the memory of a part.
        discriminator_steps: updates of the discriminator before each of the generator's, in
            `gan_step`: its batch is cut into that many, of real images that are used once each.
        num_classes: 0, or how many classes both networks are told of: they then take labels,
            int32 [n], after the latents or images, and a discriminator with an auxiliary classifier
            returns class logits [n, num_classes] beside its logits.
        auxiliary_weight: of the auxiliary classifier's cross entropy in both losses.
        conditioning: real images [n, h, w, c] to what the generator is given in place of latents,
            such as the same images made small; None for latents.
        generator_losses: added to the generator's: (generated, real images, axis name) to a mean
            [], each with a `name` and a `weight`. Generated image i belongs to real image i where
            there is a conditioning.
        adversarial_weight: of the generator's adversarial loss; with 0 `generator_update` does not
            ask the discriminator at all.
    """

    generator: nn.Module
    discriminator: nn.Module
    generator_optimizer: optax.GradientTransformation
    discriminator_optimizer: optax.GradientTransformation
    latent_dim: int
    loss: AdversarialLoss = NON_SATURATING
    penalties: tuple[Penalty, ...] = ()
    penalty_interval: int = 1
    lecam: LeCam | None = None
    augment: Augmentation | None = None
    ema_half_life: float | Schedule = 10_000.0
    ema_rampup: float = 0.05
    accumulation: int = 1
    discriminator_steps: int = 1
    num_classes: int = 0
    auxiliary_weight: float = 0.0
    conditioning: Callable[[Array], Array] | None = None
    generator_losses: tuple[GeneratorLoss, ...] = ()
    adversarial_weight: float = 1.0


@dataclasses.dataclass(frozen=True)
class Recogniser:
    """The static half of a CNN classifier; bound to `cnn_update` like `GAN` to its steps.

    Attributes:
        network: images [n, h, w, c] in [-1, 1] to a dict with 'logits' [n, classes].
        optimizer: optax transformation.
        augment: (images, keys [n]) to images, or None.
        label_smoothing: in [0, 1).
        ema_half_life: in images, see `GAN`.
        ema_rampup: see `GAN`.
    """

    network: nn.Module
    optimizer: optax.GradientTransformation
    augment: Augmentation | None = None
    label_smoothing: float = 0.0
    ema_half_life: float = 0.0
    ema_rampup: float = 0.05


class NetState(flax.struct.PyTreeNode):
    """One network in training: parameters, other collections (batch statistics), optimiser."""

    params: Params
    collections: Collections
    opt_state: optax.OptState

    def variables(self) -> dict[str, Any]:
        """What `module.apply` takes."""
        return {"params": self.params, **self.collections}


class GANState(flax.struct.PyTreeNode):
    """A GAN in training.

    Attributes:
        step: int32, generator updates done.
        generator, discriminator: the two networks.
        ema: moving average of the generator's variables (parameters and batch statistics).
    """

    step: Array
    generator: NetState
    discriminator: NetState
    ema: dict[str, Any]


class FollowingGANState(GANState):
    """A GAN whose loss follows what it sees: a class of its own, so that others save no more.

    Attributes:
        averages: scalars by who follows them: 'lecam', 'augment'.
    """

    averages: dict[str, Any]


def averages_of(state: GANState) -> dict[str, Any]:
    """The averages of a state whose GAN follows some."""
    assert isinstance(state, FollowingGANState)
    return state.averages


class CNNState(flax.struct.PyTreeNode):
    """A recogniser in training: updates done, the network, and the average of its variables."""

    step: Array
    network: NetState
    ema: dict[str, Any]


def changing_probability(gan: GAN) -> Schedule | AdaptiveProbability | None:
    """The probability of augmentation if it changes while the GAN trains."""
    probability = getattr(gan.augment, "probability", None)
    return probability if isinstance(probability, Schedule | AdaptiveProbability) else None


def create_net_state(
    module: nn.Module, optimizer: optax.GradientTransformation, key: Array, *inputs: Array
) -> NetState:
    """Initialises a network for inputs of these shapes and dtypes."""
    keys = {"params": named_key(key, "params"), "dropout": named_key(key, "dropout")}
    variables = jax.jit(lambda: module.init(keys, *inputs, train=False))()
    collections = {name: value for name, value in variables.items() if name != "params"}
    return NetState(variables["params"], collections, optimizer.init(variables["params"]))


def create_gan_state(gan: GAN, key: Array, image_shape: tuple[int, ...]) -> GANState:
    """The state before the first step, for images of shape (h, w, c)."""
    labels = (jnp.zeros((1,), jnp.int32),) if gan.num_classes else ()
    images = jnp.zeros((1, *image_shape), jnp.float32)
    inputs = jnp.zeros((1, gan.latent_dim), jnp.float32)
    if gan.conditioning is not None:
        inputs = gan.conditioning(images)
    generator = create_net_state(
        gan.generator, gan.generator_optimizer, named_key(key, "generator"), inputs, *labels
    )
    discriminator = create_net_state(
        gan.discriminator,
        gan.discriminator_optimizer,
        named_key(key, "discriminator"),
        images,
        *labels,
    )
    ema = jax.tree.map(jnp.copy, generator.variables())
    parts = (jnp.zeros((), jnp.int32), generator, discriminator, ema)
    averages = {}
    if gan.lecam is not None:
        averages["lecam"] = {side: jnp.zeros((), jnp.float32) for side in ("real", "fake")}
    probability = changing_probability(gan)
    if isinstance(probability, AdaptiveProbability):
        averages["augment"] = probability.start()
    return FollowingGANState(*parts, averages) if averages else GANState(*parts)


def create_cnn_state(recogniser: Recogniser, key: Array, image_shape: tuple[int, ...]) -> CNNState:
    """The state before the first step, for images of shape (h, w, c)."""
    network = create_net_state(
        recogniser.network, recogniser.optimizer, key, jnp.zeros((1, *image_shape), jnp.float32)
    )
    return CNNState(jnp.zeros((), jnp.int32), network, jax.tree.map(jnp.copy, network.variables()))


def update_ema(
    ema: Any,
    variables: Any,
    *,
    step: Array,
    batch_size: int,
    half_life: float | Array,
    rampup: float,
) -> Any:
    """One step of the moving average: decay * ema + (1 - decay) * variables.

    The decay is 0.5 ** (batch_size / half_life), where the half-life is counted in images and is at
    most `rampup` times the images seen before this step, so it does not depend on the batch size.
    A half-life of 0 gives `variables`.
    """
    if not isinstance(half_life, Array) and half_life == 0:
        return variables
    seen = step.astype(jnp.float32) * batch_size
    effective = jnp.minimum(jnp.float32(half_life), rampup * seen) if rampup else half_life
    decay = jnp.where(effective > 0, 0.5 ** (batch_size / jnp.maximum(effective, 1e-8)), 0.0)
    return jax.tree.map(
        lambda old, new: new + decay.astype(new.dtype) * (old - new), ema, variables
    )
