"""Fashion-MNIST by class: the best recipe of docs/leaderboard.md, for longer.

    python train.py --config configs/fashion_mnist_conditional.py

Data and judge as in configs/fashion_mnist.py. Relativistic loss with R1 and R2, class-conditional
batch normalisation and a projection discriminator (Miyato and Koyama 2018).

Its whole length was not run by a released judge. docs/leaderboard.md has the recipe
('relativistic_projection') after 64,000 images, for three seeds.
"""

from configs import recipes


def get_config():
    config = recipes.get_config("fashion_mnist.relativistic_projection")
    config.num_seeds = 1
    config.num_steps = 16_000
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.schedule = "cosine"
    config.ema_half_life = 20_000.0
    config.evaluation.every = 2000
    config.evaluation.num_samples = 5_000
    config.checkpoint.every = 2000
    return config
