"""R3GAN (Huang et al. 2024, appendix D, table 9) on CIFAR-10, through TFDS.

    python train.py --config configs/cifar10_r3gan.py --config.dataset.path=TFDS_FOLDER

The paper's width, batch, learning rates, gamma, beta2, half-life and probability of augmentation
over its burn-in of 20 million images, 250 million in all (four days on eight L40; FID 1.96). The
augmentation is DiffAugment's colour, translation and cutout, not the paper's set. For several large
GPUs; to try it on one, give --config.model.width=256 --config.batch_size=128. Without a judge: see
configs/cifar10_sngan.py.

Not run: the data could not be had here.
"""

from gan_jax.config import gan_config

_IMAGES = 250_000_000


def get_config():
    config = gan_config()
    config.dataset.name = "tfds"
    config.dataset.tfds_name = "cifar10"
    config.model.name = "r3gan"
    config.model.width = 768
    config.loss = "relativistic"
    config.r1_weight = config.r2_weight = 0.05
    config.r1_weight_end = config.r2_weight_end = 0.005
    config.batch_size = 512
    config.num_steps = _IMAGES // config.batch_size
    config.burn_in.images = 20_000_000
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 2e-4
        optimizer.learning_rate_end = 5e-5
        optimizer.b1 = 0.0
        optimizer.b2 = 0.9
        optimizer.b2_end = 0.99
    config.ema_half_life = 0.0
    config.ema_half_life_end = 5_000_000.0
    config.augment.brightness = 0.5
    config.augment.saturation = 1.0
    config.augment.contrast = 0.5
    config.augment.translation = 0.125
    config.augment.cutout = 0.5
    config.augment.fill = 0.0
    config.augment.probability = 0.0
    config.augment.probability_end = 0.55
    config.evaluation.every = 5000
    config.checkpoint.every = 5000
    return config
