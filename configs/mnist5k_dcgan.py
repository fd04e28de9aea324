"""A small DCGAN on the built-in digits, without classes, penalties or anything else: a baseline.

    python train.py --config configs/mnist5k_dcgan.py

Measured on 2 shared cores of an AMD EPYC, JAX 0.10.2, seed 0: 262 s of training (31 steps/s; 320 s
at a busier time of the day). 2,000 samples; Frechet distances at n = 500 per side, judge's accuracy
98.5 %: fd_semantic 9.16 (3.7 x its floor), fd_texture 2.17 (2.3 x), confidence 0.863, rarest digit
5.55 %, class_kl 0.054. Shifting what the discriminator sees (config.augment.translation) made the
distances worse at 6,000 steps.

These numbers are by a judge from before packs were released (docs/released.md): compare them with
each other only.
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
