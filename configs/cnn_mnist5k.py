"""TODO"""

from gan_jax.config import cnn_config


def get_config():
    config = cnn_config()
    config.name = "cnn-mnist5k"
    config.model.widths = (16, 32, 64)
    config.num_epochs = 8.0
    config.batch_size = 64
    config.evaluation.every = 125
    config.optimizer.learning_rate = 3e-3
    config.optimizer.schedule = "cosine"
    config.optimizer.warmup_steps = 50
    config.augment.shift = 0.08
    config.augment.rotation = 12.0
    config.augment.scale = 0.12
    config.augment.shear = 8.0
    return config
