"""A small GAN and its judge in seconds: to see that everything works, not to draw well.

python train.py --config configs/smoke.py
"""

from gan_jax.config import cnn_config, gan_config


def get_config():
    config = gan_config()
    config.dataset.image_size = (16, 16)
    config.model.width = 8
    config.model.latent_dim = 16
    config.batch_size = 32
    config.num_steps = 60
    config.steps_per_call = 10
    config.log_every = 20
    config.evaluation.every = 30
    config.evaluation.num_samples = 200
    config.evaluation.batch_size = 200
    config.evaluation.grid = 36
    config.checkpoint.every = 20
    config.judge.pack = "runs/smoke_cnn/pack"
    config.judge.train = _judge()
    return config


def _judge():
    config = cnn_config()
    config.name = "cnn-smoke"
    config.dataset.image_size = (16, 16)
    config.model.widths = (8, 16)
    config.model.dense = 32
    config.batch_size = 64
    config.num_steps = 120
    config.steps_per_call = 10
    config.log_every = 40
    config.checkpoint.every = 60
    config.optimizer.learning_rate = 1e-2
    config.optimizer.schedule = "cosine"
    return config
