"""GANs that were never trained, as a checkpoint would hold them."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax.data import Dataset
from gan_jax.sampling.trained import TrainedGAN
from gan_jax.steps.state import GAN


def untrained_gan(generator, image_shape, latent_dim, *inputs, **fields):
    """A GAN that was never trained, as a checkpoint would hold it."""
    latents = jnp.zeros((1, latent_dim))
    variables = jax.jit(lambda: generator.init(jax.random.key(0), latents, *inputs, train=False))()
    config = ConfigDict({"seed": 3, "model": {"name": "made"}, "evaluation": {"batch_size": 4}})
    gan = GAN(generator, None, None, None, latent_dim, **fields)
    images = np.zeros((6, *image_shape), np.uint8)
    labels = np.array([0, 0, 0, 2, 2, 2], np.int32)  # none of class 1
    train = Dataset("made", "train", images=images, labels=labels, class_names=tuple("abc"))
    variables = jax.tree.map(np.asarray, variables)
    return TrainedGAN(config, gan, variables, 7, train, pathlib.Path("run"))
