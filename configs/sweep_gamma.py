"""Which gamma for my data? R1's weight over factors of 4, two seeds each, in one program.

    python train.py --config configs/sweep_gamma.py

On the built-in digits. For yours add --config.dataset.name=folder --config.dataset.path=DIR and a
judge of your own (--config.judge.pack=PACK, or '' for pictures only). report.html draws the Frechet
distance against gamma and names the best. Confirm it with more seeds and steps:

    python train.py --config configs/sweep_gamma.py --config.num_seeds=4 --config.num_steps=8000 \\
        --config.sweep.gamma=0.25,0.5,1 --workdir runs/finer

Measured on one core of an Intel Xeon whose other core was busy, JAX 0.10.2, seeds 0 and 1, 8
minutes: gamma 4 has the lowest fd_semantic, and the report cannot tell it from 0.06 to 1.
docs/seeds.md has the table, by mnist-v1@650cce96.
"""

from configs import mnist5k_dcgan


def get_config():
    config = mnist5k_dcgan.get_config()
    config.model.width = 16
    config.model.discriminator_norm = "none"  # R1 looks at single images
    config.r1_weight = 1.0  # the penalty that gamma is of
    config.sweep.gamma = (0.0625, 0.25, 1.0, 4.0)
    config.num_seeds = 2
    config.num_steps = 1500
    config.ema_half_life = 5_000.0
    config.evaluation.every = 500
    config.checkpoint.every = 500
    return config
