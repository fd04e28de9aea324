"""One texture GAN for brick, grass and gravel, to choose from and to mix across space.

    python train.py --config configs/texture_all.py

Class-conditional: the label says which photograph a crop is from, and chooses the generator's code
and the discriminator's embedding (`texture=0`, 1, 2 of `gan_jax.sampling.textures.sample_texture`
are brick, grass and gravel). Model and hardware are those of configs/texture_brick.py.

Measured on one of 2 cores of an AMD EPYC, JAX 0.10.2, seed 0: 1,265 s of training (3.2 steps/s),
texture_fd 0.169 (floor 0.038) against held-out crops of the three together. A generator for each is
better, most of all for grass: docs/texture_results.md has the numbers and the picture.
"""

from configs import texture_brick


def get_config():
    config = texture_brick.get_config()
    config.dataset.photographs = ""
    config.model.num_textures = 3
    config.model.conditional = "projection"
    config.r1_weight = config.r2_weight = 0.1
    config.texture_matching.weight = 10.0
    return config
