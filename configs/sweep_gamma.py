"""Which gamma for my data? R1's weight over factors of 4, two seeds each, in one program.

    python train.py --config configs/sweep_gamma.py

on the built-in digits; for yours add --config.dataset.name=folder --config.dataset.path=DIR and a
judge of your own (--config.judge.pack=PACK, or '' for pictures only). report.html draws the Frechet
distance against gamma and names the best; take it with more seeds and steps:

    python train.py --config configs/sweep_gamma.py --config.num_seeds=4 --config.num_steps=8000 \\
        --config.sweep.gamma=0.25,0.5,1 --workdir runs/finer
"""

from configs import cnn_mnist5k
from gan_jax.config import gan_config


def get_config():
    config = gan_config()
    config.model.width = 16
    config.model.discriminator_norm = "none"  # R1 looks at single images
    config.r1_weight = 1.0  # the penalty that gamma is of
    config.sweep.gamma = (0.0625, 0.25, 1.0, 4.0)
    config.num_seeds = 2
    config.num_steps = 1500
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 1e-3
        optimizer.b2 = 0.99
    config.ema_half_life = 5_000.0
    config.evaluation.every = 500
    config.checkpoint.every = 500
    config.judge.pack = "runs/cnn_mnist5k/pack"
    config.judge.train = cnn_mnist5k.get_config()
    return config
