"""SNGAN (Miyato et al. 2018) on CIFAR-10, through TFDS.

    python train.py --config configs/cifar10_sngan.py --config.dataset.path=TFDS_FOLDER

Residual networks, spectral normalisation, hinge loss, five updates of the discriminator for each of
the generator, Adam 2e-4 (0, 0.9) falling linearly to 0. The published FID of 16.77 (mimicry) is of
Inception and 100,000 steps of a wider discriminator at low resolution; widths here double towards
the base. For a GPU. Without a judge: train a recogniser on cifar10 as configs/cnn_mnist.py does, or
judge by eval.py with Inception's weights.

Not run: the data could not be had here.
"""

from gan_jax.config import gan_config


def get_config():
    config = gan_config()
    config.dataset.name = "tfds"
    config.dataset.tfds_name = "cifar10"
    config.model.name = "resnet"
    config.model.latent_dim = 128
    config.model.width = 64
    config.model.discriminator_norm = "spectral"
    config.model.initialization = "xavier"
    config.loss = "hinge"
    config.discriminator_steps = 5
    config.num_steps = 100_000
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.b1 = 0.0
        optimizer.b2 = 0.9
        optimizer.schedule = "linear"
    config.evaluation.every = 5000
    config.checkpoint.every = 5000
    return config
