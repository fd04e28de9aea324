"""Fashion-MNIST by class: the best recipe of docs/recipes.md, for as long as it goes on improving.

    python train.py --config configs/fashion_mnist_conditional.py

Data and judge as in configs/fashion_mnist.py. Relativistic loss with R1 and R2, class-conditional
batch normalisation and a projection discriminator (Miyato and Koyama 2018).

Not measured yet.
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
