"""TODO"""

from gan_jax.config import cnn_config


def get_config():
    config = cnn_config()
    config.name = "cnn-fashion-mnist"
    config.dataset.name = "idx"
    config.dataset.path = "data/fashion_mnist"
    config.model.widths = (16, 32, 64)
    config.num_epochs = 5.0
    config.batch_size = 128
    config.optimizer.learning_rate = 3e-3
    config.optimizer.schedule = "cosine"
    config.optimizer.warmup_steps = 100
    config.augment.shift = 0.05
    config.augment.scale = 0.05
    config.augment.flip = True
    config.evaluation.every = 470
    return config
