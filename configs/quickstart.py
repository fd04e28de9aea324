"""TODO"""

from configs import cnn_mnist5k
from gan_jax.config import gan_config


def get_config():
    config = gan_config()
    config.model.width = 32
    config.num_steps = 2500
    config.evaluation.every = 500
    config.checkpoint.every = 500
    config.judge.pack = "runs/cnn_mnist5k/pack"
    config.judge.train = cnn_mnist5k.get_config()
    return config
