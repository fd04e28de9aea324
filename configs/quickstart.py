"""TODO"""

from configs import cnn_mnist5k
from gan_jax.config import gan_config


def get_config():
    config = gan_config()
    config.model.width = 32
    config.num_steps = 4000
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 1e-3
        optimizer.b2 = 0.99
    config.ema_half_life = 20_000.0
    config.evaluation.every = 1000
    config.checkpoint.every = 1000
    config.judge.pack = "runs/cnn_mnist5k/pack"
    config.judge.train = cnn_mnist5k.get_config()
    return config
