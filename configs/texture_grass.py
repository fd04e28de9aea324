"""The texture GAN of configs/texture_brick.py for what has no period: a photograph of grass.

    python train.py --config configs/texture_grass.py

It differs in five things: three doublings in place of four, so that a cell of noise has 8 pixels; a
discriminator of three scales; weaker R1 and R2; no plane waves; and texture matching
(`gan_jax/steps/texture_matching.py`). The photograph comes with scikit-image; for others see
configs/texture_folder.py.

Hardware: 2 CPU cores.

Measured on one core of an Intel Xeon that other work kept busy, JAX 0.10.2, seed 0: 2,793 s of
training (1,303 s on one core of an AMD EPYC). texture_fd at n = 1,200 per side: 0.192 (floor
0.026) against other crops of what it learned from, where a patchwork of the photograph's own pixels
scores 0.445, random phases 1.62, and real crops of one half of that part 0.206; 1.16 against
held-out crops, where real training crops score 1.16, the patchwork 0.797 and random phases 1.72. On
the AMD EPYC seeds 0 and 1 gave 0.186 and 0.197, and 1.04 and 0.967. docs/texture_results.md has n =
300 and the picture, docs/texture_experiments.md what was tried.
"""

from configs import texture_brick


def get_config():
    config = texture_brick.get_config()
    config.dataset.photographs = "grass"
    config.model.levels = 3
    config.model.num_waves = 0
    config.model.discriminator_width = 32
    config.model.discriminator_scales = 3
    config.r1_weight = config.r2_weight = 0.1
    config.texture_matching.weight = 10.0
    config.batch_size = 8
    config.num_steps = 10_000
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 2e-3
    config.ema_half_life = 1500.0
    config.evaluation.every = 2500
    config.checkpoint.every = 2500
    return config
