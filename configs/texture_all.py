"""One texture GAN for brick, grass and gravel, to choose from and to mix across space.

    python train.py --config configs/texture_all.py

Class-conditional: the label, which photograph a crop is of, chooses the generator's code and the
discriminator's embedding (`texture=0`, 1, 2 of `gan_jax.textures.sampling.sample_texture` are
brick, grass and gravel). Model and hardware are those of configs/texture_brick.py. Not measured:
only a few steps of it were run.
"""

from configs import texture_brick


def get_config():
    config = texture_brick.get_config()
    config.dataset.photographs = ""
    config.model.num_textures = 3
    config.model.conditional = "projection"
    return config
