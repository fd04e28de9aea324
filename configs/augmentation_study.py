"""Do generated images help to recognise digits, when there are few real ones?

    python train.py --config configs/augmentation_study.py

Measures recognition accuracy on 1,000 real test digits after learning from 100, 300, 1,000 or 3,000
real ones, by what is added to them: see docs/augmentation_study.md. 12 subsets, each with a
conditional GAN that sees nothing else (relativistic loss, R1 and R2, DiffAugment, 1,500 steps of 64
images) and 12 recognisers, each of 300 steps of 64 images; only the two controls take more steps.

For other data give --config.dataset.name=idx --config.dataset.path=DIR. For another GAN set
config.gan as in any GAN's config, such as configs/mnist_r3gan.py.

Measured on one of 2 cores of an AMD EPYC, JAX 0.10.2, seeds 0 to 2: 74 minutes. With 100 real
digits and classical augmentation, generated images that recognisers agree on take accuracy from
90.4 % to 92.3 % (cannot tell: -8.5 to +12.3 points over seeds); training for longer on the real
ones alone takes it to 93.0 %. From 300 real digits on, generated ones do nothing or harm. All
numbers: docs/augmentation_study.md.
"""

from configs import cnn_mnist5k
from gan_jax.config import study_config


def get_config():
    config = study_config()
    _set_recogniser(config.recogniser)
    _set_gan(config.gan)
    # Above what the GAN is expected to take, so that the controls have all of its compute.
    config.control.most = 6.0
    return config


def _set_recogniser(recogniser):
    """That of configs/cnn_mnist5k.py, with its augmentation, for 300 steps."""
    own = cnn_mnist5k.get_config()
    for name in ("model", "optimizer", "augment"):
        recogniser[name] = own[name]
    recogniser.batch_size = 64
    recogniser.num_steps = 300


def _set_gan(gan):
    """The best recipe of docs/leaderboard.md, with the augmentation of Zhao et al. (2020)."""
    gan.model.width = 32
    gan.model.discriminator_norm = "none"
    gan.loss = "relativistic"
    gan.r1_weight = gan.r2_weight = 1.0
    gan.num_steps = 1500
    for optimizer in (gan.generator_optimizer, gan.discriminator_optimizer):
        optimizer.learning_rate = 1e-3
        optimizer.b1 = 0.0
        optimizer.b2 = 0.99
    gan.ema_half_life = 20_000.0
    gan.augment.brightness = 0.5
    gan.augment.contrast = 0.5
    gan.augment.translation = 0.125
    gan.augment.cutout = 0.5
    gan.augment.fill = 0.0
