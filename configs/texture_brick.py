"""A texture GAN on one photograph of a brick wall, which then draws walls of any size.

    python train.py --config configs/texture_brick.py

It sees only crops of 64 x 64 pixels. `gan_jax.sampling.textures.sample_texture` draws any size from
the trained generator, also with edges that meet. The photograph comes with scikit-image, and so
does gravel (--config.dataset.photographs=gravel). For grass take configs/texture_grass.py.

Hardware: 2 CPU cores.

Measured on one core of an Intel Xeon that other work kept busy, JAX 0.10.2, seed 0: 1,357 s of
training, texture_fd at n = 300 per side: 0.518 against held-out crops (training crops 0.361, floor
0.052; the best texture made without training 4.68), 0.379 against other crops of what it learned
from (floor 0.064). Some joints end in the middle of a brick. Of gravel it makes pebbles without
edges (1.13). docs/texture_results.md has the pictures, docs/texture_experiments.md what was tried.
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
