"""TODO"""

from configs import cnn_fashion_mnist
from gan_jax.config import gan_config


def get_config():
    config = gan_config()
    config.dataset.name = "idx"
    config.dataset.path = "data/fashion_mnist"
    config.model.width = 64
    config.num_steps = 12_000
    config.generator_optimizer.learning_rate = 1e-3
    config.discriminator_optimizer.learning_rate = 1e-3
    config.generator_optimizer.b2 = 0.99
    config.discriminator_optimizer.b2 = 0.99
    config.ema_half_life = 20_000.0
    config.judge.pack = "runs/cnn_fashion_mnist/pack"
    config.judge.train = cnn_fashion_mnist.get_config()
    config.evaluation.every = 2000
    config.evaluation.num_samples = 5_000
    return config
