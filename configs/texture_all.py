"""One texture GAN for brick, grass and gravel, to choose from and to mix across space.

    python train.py --config configs/texture_all.py

The generator picks one of three codes from its latents, and a code holds for all of an image. The
networks see no labels: which code draws which photograph is up to the training, and it may give a
photograph two codes or mix two in one. Look at all three (`texture=0`, 1, 2 of
`gan_jax.texture_sampling.sample_texture`) before you rely on them. Model and hardware are those of
configs/texture_brick.py. Not measured: only a few steps of it were run.
"""

from configs import texture_brick


def get_config():
    config = texture_brick.get_config()
    config.dataset.photographs = ""
    config.model.num_textures = 3
    return config
