"""TODO"""

from configs import cnn_mnist
from gan_jax.config import gan_config


def get_config():
    config = gan_config()
    config.dataset.name = "tfds"
    config.dataset.tfds_name = "mnist"
    config.model.name = "article"
    config.model.latent_dim = 100
    config.model.initialization = "xavier"
    config.batch_size = 128
    config.num_epochs = 50.0
    config.generator_optimizer.learning_rate = 2e-4
    config.discriminator_optimizer.learning_rate = 2e-4
    config.generator_optimizer.b1 = 0.5
    config.discriminator_optimizer.b1 = 0.5
    config.judge.pack = "runs/cnn_mnist/pack"
    config.judge.train = cnn_mnist.get_config()
    config.evaluation.every = 2345
    config.evaluation.num_samples = 10_000
    return config
