"""A DCGAN on full Fashion-MNIST, judged by the released fashion-v1.

    python train.py --config configs/fashion_mnist.py

Data: the four idx files in data/fashion_mnist, or elsewhere with --config.dataset.path=DIR.

Its 12,000 steps of 64 images were not run to their end. After 1,000, docs/leaderboard.md has the
same networks as 'dcgan', for three seeds.
"""

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
    config.judge.pack = "fashion-v1"
    config.evaluation.every = 2000
    config.evaluation.num_samples = 5_000
    return config
