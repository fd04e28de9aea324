"""One texture GAN for brick, grass and gravel, to choose from and to mix across space."""

from configs import texture_brick


def get_config():
    config = texture_brick.get_config()
    config.dataset.photographs = ""
    config.model.num_textures = 3
    return config
