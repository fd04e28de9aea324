"""A texture GAN on one photograph of a brick wall, which then draws walls of any size.

python train.py --config configs/texture_brick.py
"""

from gan_jax.config import gan_config


def get_config():
    config = gan_config()
    config.dataset.name = "textures"
    config.dataset.photographs = "brick"
    config.dataset.image_size = (64, 64)
    config.model.name = "texture"
    config.model.latent_dim = 0
    config.model.width = 32
    config.model.discriminator_width = 16
    config.batch_size = 16
    config.updates = "simultaneous"
    config.num_steps = 4000
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 1e-3
        optimizer.b2 = 0.99
    config.ema_half_life = 5000.0
    config.evaluation.every = 1000
    config.evaluation.num_samples = 500
    config.evaluation.grid = 16
    return config
