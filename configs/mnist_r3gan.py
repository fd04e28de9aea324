"""R3GAN (Huang et al. 2024) on the built-in digits, small enough for a patient CPU.

    python train.py --config configs/mnist_r3gan.py

Relativistic loss with R1 and R2 at every step, networks without normalisation, gamma, beta2 and the
average's half-life changing over a burn-in as in the paper on Stacked MNIST (appendix D, table 9).
Width and batch are not the paper's (768 and 512): on 2 CPU cores this takes hours, on a GPU minutes
are expected. For the same loss in less time give --config.model.name=dcgan
--config.model.width=32 --config.model.discriminator_norm=none.

Its 8,000 steps were not run: each takes 0.77 s of processor time. docs/leaderboard.md has it at
width 32 with one block per resolution (0.19 s; configs/recipes.py:mnist5k.r3gan), for 1,000 steps.
"""

from gan_jax.config import gan_config


def get_config():
    config = gan_config()
    config.model.name = "r3gan"
    config.model.width = 64
    config.model.halvings = 2
    config.loss = "relativistic"
    config.r1_weight = config.r2_weight = 1.0
    config.r1_weight_end = config.r2_weight_end = 0.1
    config.num_steps = 8000
    config.burn_in.images = 100_000
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.b1 = 0.0
        optimizer.b2 = 0.9
        optimizer.b2_end = 0.99
    config.ema_half_life_end = 20_000.0
    config.ema_half_life = 0.0
    config.evaluation.every = 1000
    config.judge.pack = "mnist-v1"
    return config
