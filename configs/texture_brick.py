"""A texture GAN on one photograph of a brick wall, which then draws walls of any size.

    python train.py --config configs/texture_brick.py

It sees crops of 64 x 64 pixels only. `gan_jax.texture_sampling.sample_texture` draws any size from
the trained generator, edges that meet included. Needs scikit-image for the photograph; other
photographs that come with it: --config.dataset.photographs=grass, gravel.

Hardware: 2 CPU cores. Two networks of 0.73 and 0.17 million parameters.

Measured on 2 shared cores of an AMD EPYC, JAX 0.10.2, seed 0: 341 s of training (8.6 steps/s), 500
samples against held-out crops, n = 300 a side: texture_fd 5.35 (training crops 0.37, floor 0.051);
1024 x 1024 pixels are drawn in 1 s. Joints have the right distance, width and grey, but end here
and there in the middle of a brick, as no pixel knows of noise farther than about 40 pixels away; a
faint grain of one pixel, which the photograph does not have, makes most of the distance. Grass is
harder, see docs/textures.md.
"""

from gan_jax.config import gan_config


def get_config():
    config = gan_config()
    config.dataset.name = "textures"
    config.dataset.photographs = "brick"
    config.dataset.image_size = (64, 64)
    config.model.name = "texture"
    config.model.latent_dim = 0
    config.model.width = 32
    config.model.discriminator_width = 16
    config.model.coarse_layers = 3
    config.model.refined = True
    config.model.pooled_logits = False
    config.model.discriminator_norm = "none"
    config.model.initialization = "xavier"
    config.loss = "relativistic"
    config.r1_weight = config.r2_weight = 1.0
    config.batch_size = 16
    config.updates = "simultaneous"
    config.num_steps = 4000
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 1e-3
        optimizer.b1 = 0.0
        optimizer.b2 = 0.99
        optimizer.schedule = "cosine"
    config.ema_half_life = 5000.0
    config.evaluation.every = 1000
    config.evaluation.num_samples = 500
    config.evaluation.grid = 16
    config.evaluation.textures = True
    return config
