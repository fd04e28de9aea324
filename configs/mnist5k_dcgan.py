"""A small DCGAN on the built-in digits, without classes, penalties or anything else: a baseline.

    python train.py --config configs/mnist5k_dcgan.py

Its 8,000 steps were not run by a released judge. docs/leaderboard.md has it ('dcgan') after 1,000,
for three seeds.
"""

from gan_jax.config import gan_config


def get_config():
    config = gan_config()
    config.model.width = 32
    config.num_steps = 8000
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 1e-3
        optimizer.b2 = 0.99
    config.ema_half_life = 20_000.0
    config.evaluation.every = 2000
    config.checkpoint.every = 2000
    config.judge.pack = "mnist-v1"
    return config
